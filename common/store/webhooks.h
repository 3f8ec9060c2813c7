/*
 * Webhooks: the URLs that are told of events, and what became of each delivery. The sender is the program that delivers
 * (api-fcgi/webhook/); there is one at a time.
 *
 * A webhook has a cursor, and rows of single deliveries. Every event up to the cursor that the webhook wants was
 * delivered, given up, or has a row that waits; the sender goes on behind the cursor. Only STORE_REDELIVER sets the cursor
 * back, or keeps it where it is, and counts that in `rewound`: a sender that did not know of it cannot move the cursor over
 * what is to be delivered again. The cursor passes over events of the type webhook.test, which are delivered by their rows alone.
 */
#ifndef COMMON_STORE_WEBHOOKS_H
#define COMMON_STORE_WEBHOOKS_H

#include "common/access/secret.h"
#include "common/base/error.h"
#include "common/model/message.h"

struct store_reader;

enum {
    STORE_MAX_WEBHOOKS = 64,
    STORE_MAX_NOTED_DELIVERIES = 256,
    WEBHOOK_URL_SIZE = 2049,
    WEBHOOK_DESCRIPTION_SIZE = 257,
    WEBHOOK_ERROR_SIZE = 256,
    WEBHOOK_EXTERNAL_ID_SIZE = 37,
    WEBHOOK_SECRET_OVERLAP_MS =
        86400000, /* how long the secret before the last rotation is used too */
};

/* How it goes with a webhook, as its sender knows it. The sender writes it and reads it again after a restart. */
struct webhook_health {
    int64_t failures;         /* tries in a row that were not answered with 2xx */
    int64_t failing_since_ms; /* the first of them; 0: the last try succeeded, or there was none */
    int64_t next_try_ms;      /* while it rests after failures; 0: it does not */
    int64_t last_try_at_ms;   /* 0: never */
    int64_t last_success_at_ms;          /* 0: never */
    int last_status;                     /* HTTP; 0: no answer */
    char last_error[WEBHOOK_ERROR_SIZE]; /* of the last try; "": it succeeded */
};

/* What a delivery looks like. The numbers are the database's. */
enum webhook_form {
    WEBHOOK_STANDARD, /* Standard Webhooks 1.0 */
    WEBHOOK_SMSGATE,  /* as SMSGate's app posts: events and signature of deploy/SMSGATE.md */
};

struct webhook {
    char id[WEBHOOK_ID_SIZE];
    enum webhook_form form;
    char external_id[WEBHOOK_EXTERNAL_ID_SIZE]; /* a program's own name for it; "": none */
    char url[WEBHOOK_URL_SIZE];
    uint32_t types;                       /* the events that it wants, bits by type; 0: all */
    char device_group[DEVICE_GROUP_SIZE]; /* only events of its devices; "": of all */
    char device_id[DEVICE_ID_SIZE];       /* only events of this device; "": of all */
    bool with_text;                       /* texts of messages are in its events */
    char description[WEBHOOK_DESCRIPTION_SIZE];
    bool enabled;
    char disabled_reason[WEBHOOK_ERROR_SIZE]; /* why the sender disabled it; "": it did not */
    char secret[WEBHOOK_SECRET_SIZE];
    char old_secret[WEBHOOK_SECRET_SIZE]; /* the one before; "": none */
    int64_t old_secret_until_ms;          /* until when it signs too */
    int64_t created_at_ms, updated_at_ms; /* wall, like the others */
    int64_t
        changed; /* the number of the last change by people, over all webhooks, or that it was disabled */
    int64_t rewound; /* how often the cursor was set back */
    int64_t cursor;  /* an event id */
    struct webhook_health health;
};

/* The numbers are the database's. */
enum webhook_delivery_state {
    WEBHOOK_DELIVERY_WAITING,
    WEBHOOK_DELIVERY_DELIVERED,
    WEBHOOK_DELIVERY_GIVEN_UP,
    WEBHOOK_DELIVERY_STATE_COUNT,
};

const char *webhook_delivery_state_name(enum webhook_delivery_state state);

/* The delivery of one event to one webhook, with its tries so far. */
struct webhook_delivery {
    int64_t event_id;
    unsigned event_type; /* enum event_type */
    int64_t event_at_ms;
    struct message_id message_id; /* of an event of a message; otherwise nil */
    enum webhook_delivery_state state;
    unsigned tries;
    bool was_hurried;                    /* one of them did not wait its time */
    int64_t created_at_ms;               /* the store sets it */
    int64_t next_try_ms;                 /* while it waits */
    int64_t last_try_at_ms;              /* 0: not tried */
    int last_status;                     /* HTTP; 0: no answer */
    char last_error[WEBHOOK_ERROR_SIZE]; /* "": none */
    int64_t requested; /* the webhook's change that asks for it once more; 0: none since a note */
};

/* ---- Writes: the payloads of struct store_write ---- */

/* A new webhook. In: form, external_id, url, types, device_group, device_id, with_text, description, enabled, secret; the rest is
   zero. Out: all of it. Its cursor is the newest event. Where another one has its external id, that is given the new url, types,
   device_id and with_text instead, and keeps the rest. ERROR_TOO_MANY_WEBHOOKS: there are STORE_MAX_WEBHOOKS. */
struct store_create_webhook {
    struct webhook *webhook;
};

/* Replaces what is set. A webhook that becomes enabled, or gets another URL, is tried at once. */
struct webhook_change {
    bool sets_url, sets_types, sets_device_group, sets_with_text, sets_description, sets_enabled,
        sets_secret; /* the one before is used until WEBHOOK_SECRET_OVERLAP_MS have passed */
    struct webhook values;
};

/* ERROR_WEBHOOK_NOT_FOUND. */
struct store_change_webhook {
    char id[WEBHOOK_ID_SIZE];
    const struct webhook_change *change;
    bool may_read_texts;     /* if not: ERROR_SCOPE_MISSING for what would send texts elsewhere */
    struct webhook *webhook; /* out: as it is now */
};

/* The webhook is gone with the commit; STORE_PURGE removes its deliveries. ERROR_WEBHOOK_NOT_FOUND. */
struct store_remove_webhook {
    char id[WEBHOOK_ID_SIZE];
};

/* A `webhook.test` event for that webhook alone: it is delivered by its row, not by the cursor. ERROR_WEBHOOK_NOT_FOUND,
   ERROR_WEBHOOK_DISABLED. */
struct store_test_webhook {
    char id[WEBHOOK_ID_SIZE];
    int64_t event_id, event_at_ms; /* out */
};

/*
 * Events are delivered once more, also those that were: one, or all from a time on. An event that the cursor has not reached is
 * delivered anyway. What the sender has sent by then, and notes later, does not count. ERROR_WEBHOOK_NOT_FOUND;
 * ERROR_EVENT_NOT_FOUND: that event is not there.
 */
struct store_redeliver {
    char id[WEBHOOK_ID_SIZE];
    int64_t event_id; /* 0: all from since_ms on */
    bool is_since;    /* the caller's */
    int64_t
        since_ms; /* wall, as events are dated: a clock that was set back meanwhile makes that inexact */
    int64_t first_event; /* out: the first of them; 0: there is none */
};

/*
 * What the sender did for one webhook, in one transaction. The cursor only grows. ERROR_WEBHOOK_NOT_FOUND: it was removed.
 *
 * Where the cursor was set back since the sender read the webhook, it stays, and of the deliveries behind it only those
 * count of which a row waits: the others come once more. A delivery that was asked for since then stays as it is. Where
 * people changed the webhook, its health stays and it is not disabled.
 */
struct store_note_deliveries {
    char webhook_id[WEBHOOK_ID_SIZE];
    int64_t changed, rewound; /* of the webhook, as it was read */
    int64_t cursor;           /* the new one */
    const struct webhook_health *health;
    const struct webhook_delivery
        *deliveries;     /* each replaces the row of its event, if there is one */
    size_t count;        /* up to STORE_MAX_NOTED_DELIVERIES */
    const char *disable; /* the reason to disable it; NULL: it stays enabled */
    bool disabled;       /* out: it is disabled by this write */
    bool stale; /* out: it was changed or set back since it was read; it must be read again */
};

/* ---- Reads: see store.h ---- */

/* What tells a sender cheaply whether there is something new. */
struct store_webhook_news {
    int64_t changed; /* the number of the last change of any webhook */
    int64_t newest_event;
};

MUST_CHECK enum error store_read_webhook_news(struct store_reader *reader,
                                              struct store_webhook_news *news);

/* All webhooks, with their secrets, oldest first. The caller does store_free_webhooks, also after an error. */
MUST_CHECK enum error store_list_webhooks(struct store_reader *reader, struct webhook **webhooks,
                                          size_t *count);

/* Leaves no secret in the memory. NULL: nothing. */
void store_free_webhooks(struct webhook *webhooks, size_t count);
MUST_CHECK enum error store_find_webhook(struct store_reader *reader, const char *id,
                                         struct webhook *webhook, bool *found);

/* Deliveries of a webhook that wait, and whose next try is due at `now_ms` (INT64_MAX: all), the first due first; at most
   `limit`. The caller frees *deliveries, also after an error. */
MUST_CHECK enum error store_list_due_deliveries(struct store_reader *reader, const char *webhook_id,
                                                int64_t now_ms, size_t limit,
                                                struct webhook_delivery **deliveries,
                                                size_t *count);

struct store_delivery_query {
    char webhook_id[WEBHOOK_ID_SIZE];
    int state;      /* enum webhook_delivery_state; -1: any */
    int64_t before; /* only of events before that id; 0: of all */
    size_t limit;
};

/* Newest event first. The caller frees *deliveries, also after an error. */
MUST_CHECK enum error store_list_deliveries(struct store_reader *reader,
                                            const struct store_delivery_query *query,
                                            struct webhook_delivery **deliveries, size_t *count);

#endif
