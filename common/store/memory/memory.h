/*
 * The memory backend, for tests and the simulation: its databases end with the process.
 *
 * The rows are in tables (table.h). Stores of one process that open the same name share them. A lock is held for each
 * batch and each read, so a read sees all of a transaction or nothing.
 */
#ifndef COMMON_STORE_MEMORY_MEMORY_H
#define COMMON_STORE_MEMORY_MEMORY_H

#include "common/store/memory/table.h"
#include "common/store/store_backend.h"
#include "common/store/verbs/transaction.h"

#include <pthread.h>

/* ---- Rows ---- */

/* An event after the first, which is the message's row itself. The texts follow the struct in memory. */
struct memory_event {
    struct memory_event *older;
    int64_t id;
    enum message_status status;
    unsigned attempt;
    enum transition_reason reason;
    int64_t at_ms;
    const char *device_id, *error_code, *error_text; /* "": none */
};

/* Key: row.seq. Older and newer versions of a row share the text and the events. */
struct memory_message {
    struct message_row row;
    char phone_number[PHONE_NUMBER_SIZE];
    char *text;
    enum sms_encoding encoding;
    struct message_id resent_as;
    struct memory_event *newest_event;
    const struct memory_event *error; /* the event with the message's error; NULL: none */
};

/* An event of the gateway's sequence. Key: id. */
struct memory_any_event {
    int64_t id;
    /* Of a message: the message has it. */
    const struct memory_event *of_message; /* NULL: it is none of a message */
    int64_t message_seq, number;
    /* Of others. The detail follows the struct in memory; NULL: none. */
    enum event_type type;
    int64_t at_ms;
    char device_id[DEVICE_ID_SIZE];
    char subject[STORE_EVENT_SUBJECT_SIZE];
    const char *detail;
};

/* Key: id. */
struct memory_batch {
    struct message_id id;
    int64_t created_at_ms;
    char key_id[SECRET_ID_SIZE];
    char external_id[STORE_EXTERNAL_ID_SIZE];
    int64_t count;
};

/* Key: seq. */
struct memory_incoming {
    int64_t seq; /* message_id_seq of its id, or one more where another has that */
    struct incoming_sms sms;
};

/* Key: device_id. */
struct memory_device {
    char device_id[DEVICE_ID_SIZE];
    struct device_info info;
    int64_t connection_epoch;
    bool battery_low;
    bool connected;
    struct message_id broker; /* while it is connected */
    bool revoked;             /* its token was revoked since it connected */
    int64_t connected_at_ms, last_seen_at_ms;
    struct device_configuration configuration;
    int64_t configured; /* the number of the last change of it; 0: none */
    struct device_error last_error;
    enum message_wait_reason wait_reason;
    int64_t wait_until_ms;
};

/* Key: device_id, slot. */
struct memory_reading {
    char device_id[DEVICE_ID_SIZE];
    int64_t slot; /* at_ms / STORE_READING_EVERY_MS */
    struct store_reading reading;
};

/* Key: name. */
struct memory_broker {
    char name[BROKER_NAME_SIZE];
    struct message_id instance;
    int64_t lease_until_ms;
};

/* Key: name. */
struct memory_lease {
    char name[BROKER_NAME_SIZE];
    struct lease_row lease;
};

/* Key: device_id, connection_epoch. */
struct memory_superseded {
    char device_id[DEVICE_ID_SIZE];
    int64_t connection_epoch;
    struct message_id broker;
};

/* Key: code_hash. */
struct memory_pairing {
    unsigned char code_hash[SECRET_HASH_BYTES];
    struct pairing_row pairing;
};

/* Key: hash. */
struct memory_ticket {
    unsigned char hash[SECRET_HASH_BYTES];
    struct ticket_row ticket;
};

/* Key: token_id. */
struct memory_token_use {
    char token_id[SECRET_ID_SIZE];
    struct token_use use;
};

/* Key: token_id, identity. */
struct memory_identity {
    char token_id[SECRET_ID_SIZE];
    char identity[TOKEN_IDENTITY_SIZE];
    int64_t seen_at_ms;
};

/* The id of an API key, or a phone number. */
enum { MEMORY_NAME_SIZE = 64 };
_Static_assert((int)MEMORY_NAME_SIZE >= (int)SECRET_ID_SIZE, "room for both");
_Static_assert((int)MEMORY_NAME_SIZE >= (int)PHONE_NUMBER_SIZE, "room for both");

/* Key: kind, period, name. */
struct memory_accepted {
    enum accepted_kind kind;
    int64_t period;
    char name[MEMORY_NAME_SIZE];
    int64_t count;
};

/* Key: key_id, key. */
struct memory_idempotency {
    char key_id[SECRET_ID_SIZE];
    char key[STORE_IDEMPOTENCY_KEY_SIZE];
    unsigned char request_hash[SECRET_HASH_BYTES];
    int64_t created_at_ms;
    int status;
    char location[STORE_LOCATION_SIZE];
    char *answer;
    size_t answer_length;
};

/* The only row of its table. */
struct memory_number {
    int64_t number;
};

/* Key: webhook_id, delivery.event_id. */
struct memory_delivery {
    char webhook_id[WEBHOOK_ID_SIZE];
    struct webhook_delivery delivery;
};

struct memory_tables {
    struct table messages;
    struct table messages_in[MESSAGE_STATUS_COUNT]; /* the same rows, by status */
    struct table events;
    int64_t last_event_id; /* also of a transaction that was rolled back */
    struct table batches;
    struct table opt_outs; /* struct opt_out_row, by phone_number */
    struct table incoming;
    struct table incoming_by_device; /* the same rows, by device_id and received_id */
    struct table devices;
    struct table readings;
    struct table brokers;
    struct table leases;
    struct table superseded;
    struct table keys; /* struct api_key, by id */
    struct table pairings;
    struct table tickets;
    struct table tokens; /* struct device_token, by id */
    struct table polled; /* struct polled_device, by device_id */
    struct table token_uses;
    struct table identities;
    struct table accepted;
    struct table webhooks; /* struct webhook, by id */
    struct table deliveries;
    struct table webhook_changes; /* struct memory_number: of the last change of a webhook */
    struct table device_uses;     /* struct device_use, by device_id */
    struct table idempotency;
    struct table sending;        /* struct store_sending: one row, or none before the first pause */
    struct table removed_events; /* the highest id that retention removed: one row, or none */
};

void memory_tables_init(struct memory_tables *tables);
void memory_tables_fini(struct memory_tables *tables);

/* The message of that id; NULL without one. */
struct memory_message *memory_find_message(const struct memory_tables *tables,
                                           const struct message_id *id);

/* Whether the device is connected to a broker that is alive. */
bool memory_is_connected(const struct memory_tables *tables, const struct memory_device *device,
                         int64_t now_ms);

struct device_traits memory_traits_of(const struct memory_device *device);

/* Until when the device is connected, or was: its broker's lease. 0: it is on no broker. */
int64_t memory_lease_of(const struct memory_tables *tables, const struct memory_device *device);

/* Whether the device is connected to that broker, alive or not. */
bool memory_is_on_broker(const struct memory_tables *tables, const char *device_id,
                         const struct message_id *instance);

/* As in work.h. */
void memory_count_stuck(const struct memory_tables *tables, int64_t since_ms,
                        int64_t counts[MESSAGE_STATUS_COUNT]);
/* As in rows.h; the statistics need it too. */
void memory_read_queued_since(const struct memory_tables *tables, int64_t now_ms,
                              int64_t *since_ms);

void memory_read_sending(const struct memory_tables *tables, struct store_sending *sending);

/* ---- Events: event_rows.c ---- */

/* Adds an event of a message, or removes it, from the sequence. */
MUST_CHECK enum error memory_put_message_event(struct store_database *database, int64_t seq,
                                               int64_t number, struct memory_event *event);
MUST_CHECK enum error memory_remove_message_events(struct store_database *database,
                                                   const struct memory_event *newest);

/* ---- Of struct message_rows: queue_rows.c, and the content of a message ---- */

enum error memory_read_content(struct store_database *database, const struct message_row *row,
                               struct message *message);
enum error memory_list_due(struct store_database *database, int64_t expired_at_ms, size_t limit,
                           struct due_message due[], size_t *count);
enum error memory_find_lane(struct store_database *database, const char *after,
                            char lane[LANE_SIZE]);
enum error memory_list_lane(struct store_database *database, const char *lane,
                            int64_t expired_at_ms, size_t limit, struct lane_entry entries[],
                            size_t *count);
enum error memory_load_due(struct store_database *database, int64_t seq, struct due_message *due);
enum error memory_list_waited(struct store_database *database, int64_t now_ms,
                              int64_t latest_retry_ms, bool only_retried, size_t limit,
                              struct message_row rows[], size_t *count);
enum error memory_list_expired(struct store_database *database, int64_t now_ms, size_t limit,
                               struct message_row rows[], size_t *count);
enum error memory_list_queued_to(struct store_database *database, const char *phone_number,
                                 int64_t after, int64_t most, size_t limit,
                                 struct message_row rows[], size_t *count, int64_t *reached);
enum error memory_find_last_device(struct store_database *database, const char *phone_number,
                                   int64_t since_ms, char device_id[DEVICE_ID_SIZE], unsigned *sim);

/* With a text of its own. False, and nothing to free, without memory. */
MUST_CHECK bool memory_copy_incoming(const struct incoming_sms *sms, struct incoming_sms *copy);

/* ---- Reads, as in store.h; the caller has the lock ---- */

MUST_CHECK enum error memory_read_message(const struct memory_tables *tables,
                                          const struct message_id *id, struct message *message);
MUST_CHECK enum error memory_read_history(const struct memory_tables *tables,
                                          const struct message_id *id, int64_t after, size_t limit,
                                          struct message_event **events, size_t *count);
void memory_list_batches(const struct memory_tables *tables, const struct message_id *before,
                         size_t limit, struct store_batch batches[], size_t *count);
enum error memory_find_external_batch(const struct memory_tables *tables, const char *external_id,
                                      struct store_batch *batch);
void memory_read_external_id(const struct memory_tables *tables, const struct message_id *batch_id,
                             char external_id[STORE_EXTERNAL_ID_SIZE]);
void memory_list_external_batches(const struct memory_tables *tables,
                                  const struct store_external_query *query,
                                  struct store_batch batches[], size_t *count, int64_t *total);
MUST_CHECK enum error memory_read_batch(const struct memory_tables *tables,
                                        const struct message_id *id, struct store_batch *batch);
MUST_CHECK enum error memory_list_messages(const struct memory_tables *tables,
                                           const struct store_query *query,
                                           struct store_page *page);
MUST_CHECK enum error memory_read_incoming(const struct memory_tables *tables,
                                           const struct message_id *id, struct incoming_sms *sms);
MUST_CHECK enum error memory_list_inbox(const struct memory_tables *tables,
                                        const struct store_inbox_query *query,
                                        struct store_inbox_page *page);
MUST_CHECK enum error memory_list_events(const struct memory_tables *tables,
                                         const struct store_event_query *query,
                                         struct store_event_page *page);
void memory_read_event_range(const struct memory_tables *tables, int64_t *oldest, int64_t *newest);
void memory_read_opt_out(const struct memory_tables *tables, const char *phone_number,
                         struct opt_out *opt_out, bool *found);
void memory_list_opt_outs(const struct memory_tables *tables, const char *after, size_t limit,
                          struct opt_out opt_outs[], size_t *count);
MUST_CHECK enum error memory_list_keys(const struct memory_tables *tables, struct api_key **keys,
                                       size_t *count);
bool memory_read_hook(const struct memory_tables *tables,
                      const unsigned char hook_hash[SECRET_HASH_BYTES],
                      struct polled_device *device);
MUST_CHECK enum error memory_list_tokens(const struct memory_tables *tables,
                                         struct device_token **tokens, size_t *count);
void memory_read_webhook_news(const struct memory_tables *tables, struct store_webhook_news *news);
MUST_CHECK enum error memory_list_webhooks(const struct memory_tables *tables,
                                           struct webhook **webhooks, size_t *count);
MUST_CHECK enum error memory_list_due_deliveries(const struct memory_tables *tables,
                                                 const char *webhook_id, int64_t now_ms,
                                                 size_t limit, struct webhook_delivery **deliveries,
                                                 size_t *count);
MUST_CHECK enum error memory_list_deliveries(const struct memory_tables *tables,
                                             const struct store_delivery_query *query,
                                             struct webhook_delivery **deliveries, size_t *count);
MUST_CHECK enum error memory_list_devices(const struct memory_tables *tables, int64_t now_ms,
                                          const struct store_device_query *query,
                                          struct store_device_page *page);
void memory_summarize_devices(const struct memory_tables *tables,
                              const struct message_target *target,
                              struct store_device_summary *summary);
void memory_count_lanes(const struct memory_tables *tables,
                        struct store_lane_count counts[STORE_MAX_LANE_COUNTS], size_t *count,
                        int64_t *retried, int64_t *scheduled, int64_t *queued);
void memory_poll_work(const struct memory_tables *tables, int64_t now_ms, struct store_work *work);
MUST_CHECK enum error memory_read_device(const struct memory_tables *tables, int64_t now_ms,
                                         const char *device_id, struct store_device *device,
                                         bool *found);
void memory_list_readings(const struct memory_tables *tables, const char *device_id,
                          int64_t from_ms, struct store_reading readings[STORE_MAX_READINGS],
                          size_t *count);
bool memory_device_is_known(const struct memory_tables *tables, const char *device_id);
bool memory_group_is_known(const struct memory_tables *tables, const char *group);
void memory_list_happenings(const struct memory_tables *tables, enum store_activity_kind kind,
                            int64_t from_ms, size_t limit, struct store_happening rows[],
                            size_t *count);
void memory_find_times(const struct memory_tables *tables, int64_t seq,
                       struct store_message_times *times, bool *found);
int64_t memory_count_accepted(const struct memory_tables *tables,
                              const struct store_accepted_query *query);
MUST_CHECK enum error memory_read_statistics(const struct memory_tables *tables,
                                             int64_t low_battery_percent, int64_t stuck_since_ms,
                                             int64_t now_ms, struct store_statistics *statistics);

/* ---- Transactions; the caller has the lock ---- */

struct store_database {
    struct memory_tables *tables;
    struct undo_log undo;
    struct store_transaction transaction;

    /* memory.c */
    struct memory *memory; /* NULL: no other store has the tables */
    int64_t (*wall_ms)(void);
    int64_t turn_us, turn_ends_us; /* the second: monotonic */
};

/* The tables are the caller's, and outlive the database. */
void memory_database_init(struct store_database *database, struct memory_tables *tables,
                          const struct store_options *options);
void memory_database_fini(struct store_database *database);

/* memory_begin; memory_run for each write, which sets its result; then memory_commit or memory_roll_back, at any later
   time. A write that fails changes nothing. After an error of memory_commit the transaction is rolled back. */
void memory_begin(struct store_database *database, int64_t now_ms);
void memory_run(struct store_database *database, struct store_write *write);
MUST_CHECK enum error memory_commit(struct store_database *database);
void memory_roll_back(struct store_database *database);

/* memory.c; as of struct admin_rows. */
bool memory_turn_is_over(struct store_database *database);

extern const struct message_rows memory_message_rows;
extern const struct batch_rows memory_batch_rows;
extern const struct incoming_rows memory_incoming_rows;
extern const struct event_rows memory_event_rows;
extern const struct opt_out_rows memory_opt_out_rows;
extern const struct device_rows memory_device_rows;
extern const struct reading_rows memory_reading_rows;
extern const struct access_rows memory_access_rows;
extern const struct webhook_rows memory_webhook_rows;
extern const struct limit_rows memory_limit_rows;
extern const struct idempotency_rows memory_idempotency_rows;
extern const struct admin_rows memory_admin_rows;

#endif
