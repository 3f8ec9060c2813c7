/*
 * How the verbs reach the rows of a database. A backend implements these functions; they decide nothing.
 *
 * A verb first finds the rows it is about, then decides on the structs, then writes. SQLite runs a statement for each
 * function, the memory backend follows pointers. A backend for which each call would be a round trip can load
 * the rows of a whole batch beforehand, answer the finds from them, and write the changes when the batch ends:
 * within a transaction a find sees what was written before.
 *
 * All functions run inside the transaction of a batch, on its thread. An error ends the write (store_backend.h,
 * run_batch); it has been logged. Lists give up to `limit` rows into an array of the caller's, and *count. Times are
 * wall-clock milliseconds.
 */
#ifndef COMMON_STORE_VERBS_ROWS_H
#define COMMON_STORE_VERBS_ROWS_H

#include "common/model/token_use.h"
#include "common/store/store.h"

struct store_database;

/* ---- Messages ---- */

/* Where a message is queued; queue_place.h decides it. */
struct message_place {
    char lane[LANE_SIZE];
    int64_t rank_ms;   /* the order within the lane; in the lane "" it is that of seq */
    int64_t due_at_ms; /* in LANE_WAITING: until then */
};

/* A message in a lane. */
struct lane_entry {
    int64_t seq, rank_ms;
};

/* What the verbs decide about a message on: all but its number and its text. */
struct message_row {
    int64_t seq; /* the backend's key of the row; orders messages by their creation */
    struct message_id id;
    struct request_id request_id;
    enum message_status status;
    unsigned attempt;
    int64_t event_count;            /* with the event that it was queued, which is the row itself */
    char device_id[DEVICE_ID_SIZE]; /* that has it, or had it last; "": none, or it went back */
    unsigned device_sim;            /* by which that says it sends it; 0: it has not said */
    struct message_id journal;      /* zero: offered to none */
    unsigned segments;
    unsigned failures;       /* attempts that sent nothing, and counted */
    unsigned proved_attempt; /* the last attempt that is proved to have sent nothing */
    bool cancel_requested;
    int64_t report_seq;    /* of the last report that changed this attempt; -1: none */
    int64_t retry_at_ms;   /* not due before, after a failure; 0: at once */
    int64_t updated_at_ms; /* of its last event */
    /* The last time of each status; 0: never, but for `queued` where it means: when it was created. */
    int64_t reached_at_ms[MESSAGE_STATUS_COUNT];
    struct message_options options; /* but the reference */
    struct message_id batch_id;     /* nil: none */
    struct message_place place;     /* while it is queued */
};

/* What goes into the row and into the event; texts may be NULL. */
struct message_error {
    const char *code, *text;
};

/* A message that can be claimed: the message has its id, number, text (owned), encoding, segments, options. */
struct due_message {
    struct message_row row;
    struct message message;
};

enum { ROWS_MOST_EXPIRED = 4096 };

struct message_rows {
    /* A new message, created at its id's time. `place` NULL: it has neither options nor a batch, and is queued in
       the lane "". ERROR_INTERNAL: a message has its id. */
    enum error (*insert)(struct store_database *database, const struct message *message,
                         const struct message_place *place);
    /* New messages with a batch, each as by insert. */
    enum error (*insert_many)(struct store_database *database, const struct message messages[],
                              const struct message_place places[], size_t count);
    enum error (*find)(struct store_database *database, const struct message_id *id,
                       struct message_row *row, bool *found);

    /* Replaces `before` with `after` and appends the event that after->event_count numbers: its status, attempt,
       device, reason, error and updated_at_ms. With `error` NULL the event has no error and the row keeps its own.
       ERROR_INTERNAL: status and attempt are no longer those of `before`. */
    enum error (*change)(struct store_database *database, const struct message_row *before,
                         const struct message_row *after, enum transition_reason reason,
                         const struct message_error *error);

    /* Without an event: a message that no device has gets device_id, attempt and journal of `row`. */
    enum error (*assign)(struct store_database *database, const struct message_row *row);
    /* Without an event: a queued message moves to row->place, and has row->retry_at_ms. */
    enum error (*set_place)(struct store_database *database, const struct message_row *row);
    /* Without an event: an accepted or sending message is cancelled when it returns, and its device is asked for that. */
    enum error (*request_cancel)(struct store_database *database, const struct message_row *row);
    /* Without an event: report_seq of a message that is `accepted`. */
    enum error (*set_confirmed)(struct store_database *database, const struct message_row *row);
    enum error (*remove)(struct store_database *database,
                         const struct message_row *row); /* and its events */
    /* What retention removes, with its events: these at once, or later when no read finds them. *newest_event: the highest id of
       theirs, or 0. */
    enum error (*purge)(struct store_database *database, const struct message_row rows[],
                        size_t count, int64_t *newest_event);

    /* The number, text (owned), encoding, segments, options and resent_as; and maybe the id. */
    enum error (*read_content)(struct store_database *database, const struct message_row *row,
                               struct message *message);
    enum error (*set_resent)(struct store_database *database, const struct message_row *row,
                             const struct message_id *new_id);

    /* Queued in the lane ""; oldest first. `expired_at_ms` not 0: without those that have expired by then, and maybe
       only of the first ROWS_MOST_EXPIRED. */
    enum error (*list_due)(struct store_database *database, int64_t expired_at_ms, size_t limit,
                           struct due_message due[], size_t *count);
    /* The first lane with messages whose name is after `lane`; "" without one. */
    enum error (*find_lane)(struct store_database *database, const char *after,
                            char lane[LANE_SIZE]);
    /* The first messages of another lane, by rank; expired_at_ms as above. */
    enum error (*list_lane)(struct store_database *database, const char *lane,
                            int64_t expired_at_ms, size_t limit, struct lane_entry entries[],
                            size_t *count);
    enum error (*load_due)(struct store_database *database, int64_t seq, struct due_message *due);
    /* In LANE_WAITING: due at `now_ms`, the first due first. Also those whose retry_at_ms is after
       `latest_retry_ms`: a wrong clock wrote it. only_retried: those that have been dispatched before. */
    enum error (*list_waited)(struct store_database *database, int64_t now_ms,
                              int64_t latest_retry_ms, bool only_retried, size_t limit,
                              struct message_row rows[], size_t *count);
    /* Queued or `dispatched`, with expires_at_ms at or before `now_ms`; the first expired first. */
    enum error (*list_expired)(struct store_database *database, int64_t now_ms, size_t limit,
                               struct message_row rows[], size_t *count);
    /* The device of the newest message to that number that left the queue, if that was changed since then; ""
       without one. And its SIM: that by which it says that it was sent, or that was asked for; 0: it is not known. */
    enum error (*find_last_device)(struct store_database *database, const char *phone_number,
                                   int64_t since_ms, char device_id[DEVICE_ID_SIZE], unsigned *sim);
    /* `accepted` or `sending`, and not changed since `before_ms`. */
    enum error (*list_silent)(struct store_database *database, int64_t before_ms, size_t limit,
                              struct message_row rows[], size_t *count);
    /* `dispatched`, and not changed since `before_ms`. */
    enum error (*list_offered)(struct store_database *database, int64_t before_ms, size_t limit,
                               struct message_row rows[], size_t *count);
    /* `dispatched` to devices on that broker. */
    enum error (*list_offered_by)(struct store_database *database, const struct message_id *broker,
                                  size_t limit, struct message_row rows[], size_t *count);
    /* Queued, to that number, among about the next `most` queued messages with seq > after. *reached: up to which seq
       that was looked for; OPT_OUT_CANCELLED: to the end. */
    enum error (*list_queued_to)(struct store_database *database, const char *phone_number,
                                 int64_t after, int64_t most, size_t limit,
                                 struct message_row rows[], size_t *count, int64_t *reached);
    /* In flight, to that number, without a cancel request, among the newest `most` messages to it that left the
       queue. */
    enum error (*list_in_flight_to)(struct store_database *database, const char *phone_number,
                                    int64_t most, size_t limit, struct message_row rows[],
                                    size_t *count);
    /* In flight on that device, the last changed first; of those that changed together, the newest. */
    enum error (*list_in_flight)(struct store_database *database, const char *device_id,
                                 size_t limit, struct message_row rows[], size_t *count);
    /* Queued or in flight, with seq > after; in the order of seq. All messages are looked at. */
    enum error (*list_open)(struct store_database *database, int64_t after, size_t limit,
                            struct message_row rows[], size_t *count);
    /* Finished, created and last changed before `before_ms`; oldest first. */
    enum error (*list_finished)(struct store_database *database, int64_t before_ms, size_t limit,
                                struct message_row rows[], size_t *count);

    /* updated_at_ms of messages in flight that is after `latest_ms` becomes `now_ms`. */
    enum error (*correct_future)(struct store_database *database, int64_t latest_ms,
                                 int64_t now_ms);
    /* Removes texts of messages that finished before then, oldest first; *count of them. */
    enum error (*remove_texts)(struct store_database *database, int64_t before_ms, int64_t limit,
                               int64_t *count);
    /* Adds to the number of messages in that status, which the backend keeps. */
    enum error (*add_to_count)(struct store_database *database, enum message_status status,
                               int64_t delta);
    /* When the oldest message that is due, and that any device may have, was last changed; *since_ms stays where
       there is none. */
    enum error (*read_queued_since)(struct store_database *database, int64_t now_ms,
                                    int64_t *since_ms);
};

/* ---- Events that are not of messages ---- */

struct event_row {
    enum event_type type;
    const char *device_id, *subject; /* NULL, "": none */
    const char *detail;              /* a JSON object; NULL: none */
};

struct event_rows {
    /* With the next id of the sequence that message_rows.change takes its ids from. */
    enum error (*insert)(struct store_database *database, const struct event_row *event,
                         int64_t now_ms);
    /* An event of that type for each device that is on the broker; *count of them. */
    enum error (*insert_for_broker)(struct store_database *database, enum event_type type,
                                    const struct message_id *broker, int64_t now_ms,
                                    int64_t *count);
    /* Removes those of before then among the first `limit`; *count of them, and the id of the last, or 0. */
    enum error (*remove_old)(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count, int64_t *last_id);
    /* The next ids are greater than this one. For a database that no other process has open. */
    enum error (*skip_ids)(struct store_database *database, int64_t id);
    /* Retention has removed the event of that id; whether others with lower ids are there does not count. */
    enum error (*note_removed)(struct store_database *database, int64_t id);
};

/* ---- Devices and brokers ---- */

struct lease_row {
    struct message_id holder; /* a broker's instance */
    int64_t until_ms;
};

struct device_connection {
    int64_t epoch;  /* of its newest connection */
    bool connected; /* to a broker, which may have died since: */
    struct message_id broker;
    bool revoked;     /* it is to be closed: the device's token is another one since, or none */
    bool battery_low; /* an event has told so, and it is not well charged since */
};

struct device_rows {
    /* What decides which messages it may have, and its connection, if that is not NULL; all zero for a device that is not
       known. */
    enum error (*find_traits)(struct store_database *database, const char *device_id,
                              struct device_traits *traits, struct device_connection *connection);
    /* Why it is given no message. `connect` and `disconnect` clear it. */
    enum error (*set_wait)(struct store_database *database, const char *device_id,
                           enum message_wait_reason reason, int64_t until_ms);
    /* A device that is not there yet is added. */
    enum error (*add)(struct store_database *database, const char *device_id, int64_t now_ms);
    enum error (*find_configuration)(struct store_database *database, const char *device_id,
                                     struct device_configuration *configuration, bool *found);
    /* Replaces it, and numbers the change: list_configured finds it. */
    enum error (*save_configuration)(struct store_database *database, const char *device_id,
                                     const struct device_configuration *configuration);
    /* Numbers a change of what a polled device says, which its broker is to know. */
    enum error (*number_change)(struct store_database *database, const char *device_id);
    /* The last message that it did not send. */
    enum error (*save_error)(struct store_database *database, const char *device_id,
                             const struct device_error *last_error);

    /* Zero where the device never connected. */
    enum error (*find_connection)(struct store_database *database, const char *device_id,
                                  struct device_connection *connection);
    enum error (*set_battery_low)(struct store_database *database, const char *device_id,
                                  bool battery_low);
    /* The device is connected to that broker, with that epoch; one that is not there yet is added. */
    enum error (*connect)(struct store_database *database, const char *device_id,
                          int64_t connection_epoch, const struct device_info *info,
                          const struct message_id *broker, int64_t now_ms);
    /* The same of one that is there, and stays as it has described itself. */
    enum error (*connect_polled)(struct store_database *database, const char *device_id,
                                 int64_t connection_epoch, const struct message_id *broker,
                                 int64_t now_ms);
    enum error (*update)(struct store_database *database, const char *device_id,
                         const struct device_info *info, int64_t now_ms);
    /* Members of enum polled_member alone. */
    enum error (*describe)(struct store_database *database, const char *device_id, unsigned set,
                           const struct device_info *info, int64_t now_ms);
    /* It was seen at `now_ms`, where it was not after `before_ms`. */
    enum error (*touch)(struct store_database *database, const char *device_id, int64_t before_ms,
                        int64_t now_ms);
    enum error (*find_polled)(struct store_database *database, const char *device_id,
                              struct polled_device *device, bool *found);
    /* Adds it, or replaces the one of that device. */
    enum error (*save_polled)(struct store_database *database, const struct polled_device *device);
    enum error (*remove_polled)(struct store_database *database, const char *device_id);
    enum error (*disconnect)(struct store_database *database, const char *device_id,
                             int64_t now_ms);
    enum error (*disconnect_all)(struct store_database *database, const struct message_id *broker,
                                 int64_t now_ms);

    /* A connection that another one, on another broker, has superseded, and that its own broker is to end: store_poll_work
       finds it until it is forgotten, alone or with all others of its broker. */
    enum error (*add_superseded)(struct store_database *database, const char *device_id,
                                 int64_t connection_epoch, const struct message_id *broker);
    enum error (*forget_superseded)(struct store_database *database, const char *device_id,
                                    int64_t connection_epoch);
    enum error (*forget_all_superseded)(struct store_database *database,
                                        const struct message_id *broker);

    /* Until it connects or disconnects, store_poll_work finds the device, if it is connected. */
    enum error (*mark_revoked)(struct store_database *database, const char *device_id);

    enum error (*find_broker)(struct store_database *database, const char *name,
                              struct message_id *instance, bool *found);
    /* Adds it, or replaces the one of that name. */
    enum error (*save_broker)(struct store_database *database, const char *name,
                              const struct message_id *instance, int64_t lease_until_ms);
    enum error (*remove_broker)(struct store_database *database, const struct message_id *instance);
    /* One whose lease ended before `ended_before_ms`, or ends after `latest_ms`: a wrong clock wrote it. */
    enum error (*find_ended_broker)(struct store_database *database, int64_t ended_before_ms,
                                    int64_t latest_ms, struct message_id *instance, bool *found);
    /* One, other than `but`, that devices are connected to, and that never had a lease. */
    enum error (*find_lost_broker)(struct store_database *database, const struct message_id *but,
                                   struct message_id *instance, bool *found);

    /* What one broker does for all. */
    enum error (*find_lease)(struct store_database *database, const char *name,
                             struct lease_row *lease, bool *found);
    /* Adds it, or replaces the one of that name. */
    enum error (*save_lease)(struct store_database *database, const char *name,
                             const struct lease_row *lease);
    enum error (*remove_leases_of)(struct store_database *database,
                                   const struct message_id *holder);
};

struct reading_rows {
    /* The one of the STORE_READING_EVERY_MS that `at_ms` is in. */
    enum error (*find)(struct store_database *database, const char *device_id, int64_t at_ms,
                       struct store_reading *reading, bool *found);
    /* Adds it, or replaces the one of that time. */
    enum error (*save)(struct store_database *database, const char *device_id,
                       const struct store_reading *reading);
    /* Removes up to `limit` of before then, of all devices; *count of them. */
    enum error (*remove_old)(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count);
};

/* ---- API keys, pairing codes, device tokens, tickets ---- */

struct pairing_row {
    char device_id[DEVICE_ID_SIZE]; /* "": the device chooses */
    struct device_groups groups;    /* that the device gets; none: it keeps those that it has */
    int64_t expires_at_ms;
};

struct ticket_row {
    char key_id[SECRET_ID_SIZE]; /* "": none */
    int64_t expires_at_ms;
};

struct access_rows {
    enum error (*insert_key)(struct store_database *database, const struct api_key *key);
    /* *changed: there is such a key, and it was active. */
    enum error (*revoke_key)(struct store_database *database, const char *id, int64_t now_ms,
                             bool *changed);

    enum error (*find_key_by_hash)(struct store_database *database,
                                   const unsigned char hash[SECRET_HASH_BYTES], struct api_key *key,
                                   bool *found);
    enum error (*remove_key)(struct store_database *database, const char *id);
    /* Removes up to `limit` sessions and links that expired before then. */
    enum error (*remove_ended_sessions)(struct store_database *database, int64_t before_ms,
                                        int64_t limit);

    enum error (*insert_pairing)(struct store_database *database,
                                 const unsigned char code_hash[SECRET_HASH_BYTES],
                                 const struct pairing_row *pairing);
    /* Removes the code that it finds. */
    enum error (*take_pairing)(struct store_database *database,
                               const unsigned char code_hash[SECRET_HASH_BYTES],
                               struct pairing_row *pairing, bool *found);
    enum error (*remove_expired_pairings)(struct store_database *database, int64_t now_ms);
    enum error (*remove_pairings_of)(struct store_database *database, const char *device_id);

    enum error (*insert_token)(struct store_database *database, const struct device_token *token);
    /* The id of the device's active token; "" without one. */
    enum error (*find_active_token)(struct store_database *database, const char *device_id,
                                    char id[SECRET_ID_SIZE]);
    enum error (*revoke_token)(struct store_database *database, const char *id,
                               enum device_token_revocation reason, int64_t now_ms);

    /* Zero where nothing is known of the token. */
    enum error (*find_token_use)(struct store_database *database, const char *token_id,
                                 struct token_use *use);
    enum error (*save_token_use)(struct store_database *database, const char *token_id,
                                 const struct token_use *use);
    /* The identity was seen with the token at that time. */
    enum error (*save_identity)(struct store_database *database, const char *token_id,
                                const char *identity, int64_t now_ms);
    /* Removes identities last seen before then, and all but the `keep` last seen. */
    enum error (*trim_identities)(struct store_database *database, const char *token_id,
                                  int64_t before_ms, int64_t keep);
    /* The number of identities, and whether that one is among them. */
    enum error (*count_identities)(struct store_database *database, const char *token_id,
                                   const char *identity, int64_t *count, bool *known);
    /* Use and identities of all tokens of a device. */
    enum error (*remove_token_use_of)(struct store_database *database, const char *device_id);

    enum error (*insert_ticket)(struct store_database *database,
                                const unsigned char hash[SECRET_HASH_BYTES],
                                const struct ticket_row *ticket);
    /* Removes the ticket that it finds. */
    enum error (*take_ticket)(struct store_database *database,
                              const unsigned char hash[SECRET_HASH_BYTES],
                              struct ticket_row *ticket, bool *found);
    enum error (*remove_expired_tickets)(struct store_database *database, int64_t now_ms);
};

/* ---- Limits ---- */

struct accepted_key {
    enum accepted_kind kind;
    int64_t period;
    const char *name; /* of the key, the recipient; "" */
};

/* Segments given to a device: on a day, and for its send budget. That has no burst in the database. */
struct device_use {
    char device_id[DEVICE_ID_SIZE];
    int64_t day, in_day;
    struct send_budget budget;
};

struct limit_rows {
    /* 0 where nothing was counted. */
    enum error (*find_accepted)(struct store_database *database, const struct accepted_key *key,
                                int64_t *count);
    enum error (*add_accepted)(struct store_database *database, const struct accepted_key *key,
                               int64_t delta);
    /* Adds one where the count is below `most`; *added tells. */
    enum error (*add_accepted_below)(struct store_database *database,
                                     const struct accepted_key *key, int64_t most, bool *added);
    /* The sum of a kind over the periods from first to last. */
    enum error (*sum_accepted)(struct store_database *database, enum accepted_kind kind,
                               int64_t first, int64_t last, int64_t *count);
    /* Removes up to `limit` counts of periods before that one; *count of them. */
    enum error (*remove_accepted)(struct store_database *database, enum accepted_kind kind,
                                  int64_t before_period, int64_t limit, int64_t *count);

    enum error (*find_device_use)(struct store_database *database, const char *device_id,
                                  struct device_use *use, bool *found);
    enum error (*save_device_use)(struct store_database *database, const struct device_use *use);

    enum error (*find_sending)(struct store_database *database, struct store_sending *sending);
    enum error (*save_sending)(struct store_database *database,
                               const struct store_sending *sending);
};

/* ---- Idempotency ---- */

struct idempotency_rows {
    /* The request that has the key: its hash, and in idempotency->answer what it was answered with. */
    enum error (*find)(struct store_database *database, struct store_idempotency *idempotency,
                       unsigned char request_hash[SECRET_HASH_BYTES], bool *found);
    /* No request has the key: the write has looked for it, and does nothing after this. The row is not there without
       what the write creates, also where that is inserted later in the transaction. */
    enum error (*insert)(struct store_database *database,
                         const struct store_idempotency *idempotency, int64_t now_ms);
    /* Removes up to `limit` of those that were inserted before then; *count of them. */
    enum error (*remove_old)(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count);
};

/* ---- The database itself ---- */

struct admin_rows {
    /* Whether the schema, the disk and the log allow new messages: ERROR_NONE, or what prevents it. */
    enum error (*check)(struct store_database *database, struct store_probe *probe);
    enum error (*write_probe)(struct store_database *database, int64_t now_ms);
    /* Gives free space back to the file system, a little at a time. */
    enum error (*reclaim_space)(struct store_database *database, bool *more);
    /* Whether the transaction has taken its time, and other stores wait to write: what can be left is left. */
    bool (*turn_is_over)(struct store_database *database);
    /* Of an earlier transaction of this writer, by its number (store_write.transaction): it is known by now, and was committed. */
    bool (*was_committed)(struct store_database *database, int64_t transaction);
};

/* ---- Batches of messages ---- */

struct batch_rows {
    /* But the counts. ERROR_INTERNAL: a batch has its id. */
    enum error (*insert)(struct store_database *database, const struct store_batch *batch);
    enum error (*find)(struct store_database *database, const struct message_id *id, bool *found);
    /* Whether a batch has that external id. */
    enum error (*find_external)(struct store_database *database, const char *external_id,
                                bool *found);
    /* Its messages with seq > after, oldest first. */
    enum error (*list_messages)(struct store_database *database, const struct message_id *id,
                                int64_t after, size_t limit, struct message_row rows[],
                                size_t *count);
    /* Whether one of its messages is not finished: looked for among the newest first. */
    enum error (*find_open)(struct store_database *database, const struct message_id *id,
                            bool *found);
    enum error (*count_statuses)(struct store_database *database, const struct message_id *id,
                                 int64_t counts[MESSAGE_STATUS_COUNT]);
    /* Removes the batch if none of its messages is left. */
    enum error (*remove_empty)(struct store_database *database, const struct message_id *id);
};

/* ---- Incoming SMS ---- */

struct incoming_rows {
    /* The one that the device has named so; `sms` is then the caller's to fini. */
    enum error (*find)(struct store_database *database, const char *device_id,
                       const char *received_id, struct incoming_sms *sms, bool *found);
    /* ERROR_INTERNAL: one has its id. */
    enum error (*insert)(struct store_database *database, const struct incoming_sms *sms);
    /* Of those whose id is from before then, the oldest first: removes texts, or all of it; *count of them. */
    enum error (*remove_texts)(struct store_database *database, int64_t before_ms, int64_t limit,
                               int64_t *count);
    enum error (*remove_old)(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count);
};

/* ---- Webhooks ---- */

struct webhook_rows {
    enum error (*count)(struct store_database *database, size_t *count);
    enum error (*insert)(struct store_database *database, const struct webhook *webhook);
    enum error (*find)(struct store_database *database, const char *id, struct webhook *webhook,
                       bool *found);
    /* That with this external id, which is not "". */
    enum error (*find_external)(struct store_database *database, const char *external_id,
                                struct webhook *webhook, bool *found);
    /* Replaces all of it but form and external_id. */
    enum error (*save)(struct store_database *database, const struct webhook *webhook);
    /* Replaces cursor and health. */
    enum error (*save_progress)(struct store_database *database, const struct webhook *webhook);
    /* It is gone; its deliveries stay for remove_deliveries. */
    enum error (*remove)(struct store_database *database, const char *id);
    /* Gives the next number of a change. */
    enum error (*next_change)(struct store_database *database, int64_t *number);
    /* The id of the newest event, also one of this transaction. */
    enum error (*find_newest_event)(struct store_database *database, int64_t *event_id);

    /* The first event from that id on, in *delivery: its id, type, time and message. */
    enum error (*find_event)(struct store_database *database, int64_t from_id,
                             struct webhook_delivery *delivery, bool *found);
    /* Of the event of that id, what it is about; "": it is a message's, or not there. */
    enum error (*find_event_subject)(struct store_database *database, int64_t event_id,
                                     char subject[STORE_EVENT_SUBJECT_SIZE]);

    enum error (*find_delivery)(struct store_database *database, const char *webhook_id,
                                int64_t event_id, struct webhook_delivery *delivery, bool *found);
    /* Adds it, or replaces all of it but created_at_ms. */
    enum error (*save_delivery)(struct store_database *database, const char *webhook_id,
                                const struct webhook_delivery *delivery);
    /* Deliveries that wait, of events behind that one, but of tests. */
    enum error (*remove_waiting)(struct store_database *database, const char *webhook_id,
                                 int64_t after);
    /* Deliveries that wait are due. */
    enum error (*hurry_deliveries)(struct store_database *database, const char *webhook_id,
                                   int64_t now_ms);
    /* Removes up to `limit`, of webhooks that are gone, and of those that do not wait and were last tried before then;
       *count of them. */
    enum error (*remove_deliveries)(struct store_database *database, int64_t before_ms,
                                    int64_t limit, int64_t *count);
};

/* ---- Recipients that have opted out ---- */

enum { OPT_OUT_CANCELLED = -1 };

struct opt_out_row {
    struct opt_out opt_out;
    /* The queued messages with a greater seq are still to be looked at for one to this number; OPT_OUT_CANCELLED: none. */
    int64_t cancel_after;
};

struct opt_out_rows {
    enum error (*any)(struct store_database *database, bool *any);
    enum error (*find)(struct store_database *database, const char *phone_number,
                       struct opt_out_row *row, bool *found);
    /* One whose messages are still to be looked for. */
    enum error (*find_unfinished)(struct store_database *database, struct opt_out_row *row,
                                  bool *found);
    /* Adds it, or replaces the one of that number. */
    enum error (*save)(struct store_database *database, const struct opt_out_row *row);
    enum error (*remove)(struct store_database *database, const char *phone_number, bool *removed);
};

struct store_rows {
    const struct message_rows *messages;
    const struct batch_rows *batches;
    const struct incoming_rows *incoming;
    const struct opt_out_rows *opt_outs;
    const struct event_rows *events;
    const struct device_rows *devices;
    const struct reading_rows *readings;
    const struct access_rows *access;
    const struct webhook_rows *webhooks;
    const struct limit_rows *limits;
    const struct idempotency_rows *idempotency;
    const struct admin_rows *admin;
};

#endif
