/*
 * The events of the gateway, in one sequence: the transitions of messages, and what happens to devices, batches, sending
 * and webhooks. An event is written in the transaction of what it tells.
 *
 * Ids ascend over all events, and none is given twice, also after a purge or the restore of a backup; there may be gaps. They
 * ascend in the order of the commits, because one transaction writes at a time and takes its ids while it does: a read that sees
 * an event sees all that have a lower id. So a follower keeps one number, the id up to which it has seen them,
 * and misses none. A reader sees an event once it is committed.
 *
 * A new message has no event: its creator has the answer. The events of a message go with it, also when it is erased;
 * others after the retention of events.
 */
#ifndef COMMON_STORE_EVENTS_H
#define COMMON_STORE_EVENTS_H

#include "common/base/error.h"
#include "common/model/event_types.h"
#include "common/model/incoming_sms.h"

struct store_reader;

enum {
    STORE_EVENT_SUBJECT_SIZE = 64,
    STORE_EVENT_DETAIL_SIZE = 1024,
    /* A page with a filter ends after it has looked at so many events that may not match. */
    STORE_MAX_EVENTS_EXAMINED = 1000,
};

struct store_event {
    int64_t id;
    enum event_type type;
    int64_t at_ms;                  /* wall */
    char device_id[DEVICE_ID_SIZE]; /* "": no device was involved */

    /* Of a message (its type is one of EVENT_MESSAGE_BITS); otherwise zero. `text` is the message's, and
       "" once retention has removed it. */
    struct message_id message_id;
    int64_t number; /* within the message: 2, 3, ... */
    enum message_status status;
    unsigned attempt;
    enum transition_reason reason;
    char error_code[MESSAGE_ERROR_CODE_SIZE];    /* "": none */
    char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* "": none */
    char phone_number[PHONE_NUMBER_SIZE];
    char reference[MESSAGE_REFERENCE_SIZE]; /* "": none */
    struct message_id batch_id;             /* nil: none */

    /* Of others: the id that event_type_subject names, and a JSON object with what else is told; owned. "", NULL:
       none. */
    char subject[STORE_EVENT_SUBJECT_SIZE];
    char *detail;

    /* Owned; NULL: it was not asked for, or the event has none. Of an SMS, sent or received. */
    char *text;
    enum sms_encoding encoding;
};

/* Which events. A filter that is not set (0, nil, "") lets everything through. */
struct store_event_query {
    int64_t after; /* the id up to which the caller has seen them; 0: from the first */
    size_t limit;  /* at least 1 */
    bool with_text;
    /* Of all texts of a page, which ends before the event that would exceed it but has at least one; 0: no bound. */
    size_t max_text_bytes;

    uint32_t types;               /* bits of enum event_type */
    struct message_id message_id; /* its events; fast, wherever they are */
    struct message_id batch_id;   /* those of its messages, and its own */
    char device_id[DEVICE_ID_SIZE];
    /* Of a device that is in the group now, or of a message that may only be sent by that group. */
    char device_group[DEVICE_GROUP_SIZE];
};

struct store_event_page {
    struct store_event *events; /* ascending by id */
    size_t count;
    /* Up to which id it looked, for `after` of the next page: with a filter it may be beyond the last event, and there may
       be none. */
    int64_t last;
    bool more; /* there are ids after that */
};

/* One consistent view. The caller does store_event_page_fini, also after an error. */
MUST_CHECK enum error store_list_events(struct store_reader *reader,
                                        const struct store_event_query *query,
                                        struct store_event_page *page);
void store_event_page_fini(struct store_event_page *page);
void store_event_fini(struct store_event *event);

/* *newest: the last id that was given, also if that event is gone; 0: none was. *oldest: from this id on retention has removed
   none: a follower that has seen those before it misses none, but for those of messages that were erased by request.
   *oldest <= *newest + 1. */
MUST_CHECK enum error store_read_event_range(struct store_reader *reader, int64_t *oldest,
                                             int64_t *newest);

/* For a backend: what is told of an incoming SMS, which is still there. False without memory. */
MUST_CHECK bool store_event_add_incoming(struct store_event *event, const struct incoming_sms *sms,
                                         bool with_text);

/* Whether the query has a filter. */
bool store_event_query_has_filter(const struct store_event_query *query);

#endif
