#include "common/store/copy_tables.h"

#include <stddef.h>
#include <string.h>

/* The sequence that numbers events. */
#define LAST_EVENT_ID "CASE WHEN s.is_called THEN s.last_value ELSE 0 END"

const char copy_last_event_in_sqlite[] = "last_event";
const char copy_last_event_in_postgresql[] = "(SELECT " LAST_EVENT_ID
                                             " AS id FROM event_id s) AS last_event";

/* Counts are those of the rows. Brokers and leases go with all others: a broker that did not end is ended by the next, which
   returns what it had offered. */
#define IN_BOTH                                                                                    \
    {"batch", "batch"}, {"gateway_event", "gateway_event"}, {"incoming", "incoming"},              \
        {"opt_out", "opt_out"}, {"broker", "broker"}, {"lease", "lease"}, {"device", "device"},    \
        {"superseded", "superseded"}, {"device_group", "device_group"},                            \
        {"device_reading", "device_reading"}, {"api_key", "api_key"}, {"pairing", "pairing"},      \
        {"ticket", "ticket"}, {"device_token", "device_token"},                                    \
        {"polled_device", "polled_device"}, {"token_use", "token_use"},                            \
        {"token_identity", "token_identity"}, {"webhook", "webhook"},                              \
        {"last_webhook_change", "last_webhook_change"}, {"webhook_delivery", "webhook_delivery"},  \
        {"accepted", "accepted"}, {"device_use", "device_use"}, {"sending", "sending"},            \
    {                                                                                              \
        "idempotency", "idempotency"                                                               \
    }

const struct copied_table copy_to_postgresql[] = {
    {"message", "message"},
    {"message_state",
     "(SELECT *, text <> '' AS has_text, CASE WHEN status >= 6 THEN status END AS rare"
     " FROM message)"},
    {"message_event", "message_event"},
    IN_BOTH,
    {"message_count", "(SELECT status, 0 AS part, count(*) AS count FROM message GROUP BY status)"},
    {"removed_event", "(SELECT only_row, removed AS id FROM last_event)"},
    {"last_configuration",
     "(SELECT 1 AS only_row, coalesce(max(configured), 0) AS number FROM device)"},
    {"schema_version", NULL}, /* the target's own */
    {"writer", NULL},         /* of processes that run */
    {0},
};

const struct copied_table copy_to_sqlite[] = {
    {"message", "message JOIN message_state USING (seq, phone_number)"},
    /* Those of messages that are gone stay until their partition is dropped. */
    {"message_event",
     "(SELECT * FROM message_event WHERE message_seq IN (SELECT seq FROM message)) AS kept"},
    IN_BOTH,
    {"message_count",
     "(SELECT s.status, count(m.seq) AS count FROM generate_series(0, 9) AS s (status)"
     " LEFT JOIN message_state m ON m.status = s.status GROUP BY s.status) AS counts"},
    {"last_event", "(SELECT r.only_row, " LAST_EVENT_ID
                   " AS id, r.id AS removed FROM event_id s, removed_event r) AS events"},
    {"idempotency_by_key", NULL}, /* computed */
    {"idempotency_state", NULL},  /* computed */
    {"origin", NULL},             /* the target's own */
    {"probe", NULL},              /* says nothing */
    {0},
};

bool copy_is_computed(const char *table, const char *column)
{
    return strcmp(table, "idempotency") == 0 && strcmp(column, "key_hash") == 0;
}

bool copy_may_replace(const char *table)
{
    static const char *const tables[] = {"message_count", "last_event",
                                         "removed_event", "last_webhook_change",
                                         "sending",       "last_configuration",
                                         "probe",         "idempotency_state",
                                         "broker",        "lease",
                                         "writer",        "schema_version",
                                         "origin"};
    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        if (strcmp(tables[i], table) == 0)
            return true;
    }
    return false;
}
