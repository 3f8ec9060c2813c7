/* What others have left in the store for a broker to do: it polls, because each kind is the state of a row. */
#ifndef COMMON_STORE_WORK_H
#define COMMON_STORE_WORK_H

#include "common/access/device_token.h"
#include "common/base/error.h"
#include "common/model/device.h"
#include "common/model/message.h"
#include "common/model/message_ref.h"
#include "common/store/events.h"

struct store_reader;

enum {
    STORE_WORK_PAGE = 256,
    STORE_CONFIGURED_PAGE = 32,
    STORE_MOST_STUCK = 2000, /* because their pages of the database stay in memory */
};

/* A message in flight that a client no longer wants. */
struct store_cancel_request {
    struct message_ref ref;
    char device_id[DEVICE_ID_SIZE];
};

/* A connected device whose token was revoked since it connected. It is found until it connects again or disconnects. */
struct store_revoked_device {
    char device_id[DEVICE_ID_SIZE];
    int64_t connection_epoch;
    enum device_token_revocation revocation; /* of its last token */
};

/* A connection whose device has a newer one, on another broker. It is found until it has ended. */
struct store_superseded_connection {
    char device_id[DEVICE_ID_SIZE];
    int64_t connection_epoch;
};

/* A connected device about which an operator has decided something; or a polled one that has said something else of its SIMs or
   its battery. */
struct store_configured_device {
    char device_id[DEVICE_ID_SIZE];
    struct device_traits traits;
};

/* The work of one broker: of each list a page, after the place that the last page ended at. Another kind of work joins as a
   list with a cursor of its own: store_reads.c moves the cursors, the backends' work_queries.c fill the pages, and the broker's
   core/work.c passes on what was found. */
struct store_work {
    struct message_id broker; /* the instance that asks; only its own devices are looked at */
    bool follows; /* the events of messages are asked for: where others move them (core/polled.h) */
    int64_t stuck_for_ms; /* 0: stuck messages are not counted */

    /* Where the pages begin; all zero: at the beginning. Moved to the last of each page, for the next. */
    struct message_id cancel_cursor;
    char revoked_cursor[DEVICE_ID_SIZE], superseded_cursor[DEVICE_ID_SIZE];
    int64_t configured_cursor; /* the number of the last decision that was found */
    int64_t
        moves_cursor; /* the id up to which they were seen; without `follows`, the newest there is */

    /* Out */
    struct store_cancel_request cancel_requests[STORE_WORK_PAGE]; /* the oldest messages first */
    size_t cancel_count;
    struct store_revoked_device revoked[STORE_WORK_PAGE]; /* by device id */
    size_t revoked_count;
    struct store_superseded_connection superseded[STORE_WORK_PAGE]; /* by device id */
    size_t superseded_count;
    /* In the order of the decisions. */
    struct store_configured_device configured[STORE_CONFIGURED_PAGE];
    size_t configured_count;
    struct store_event_page moves; /* the caller does store_event_page_fini after success */
    bool more;                     /* a list may have another page */
    /* By status, the messages that have neither finished nor changed for stuck_for_ms. Only the first STORE_MOST_STUCK that
       are queued and as many that are in flight are looked at. */
    int64_t stuck[MESSAGE_STATUS_COUNT];
    /* Where stuck_for_ms is set: queued messages by what they wait for. */
    int64_t waiting[MESSAGE_WAIT_COUNT];
};

/* A read (store.h), in one consistent view. After an error the cursors are as before, and nothing else is valid. */
MUST_CHECK enum error store_poll_work(struct store_reader *reader, struct store_work *work);

#endif
