/* The reads of a store in SQL; store_backend.h specifies them. */
#ifndef COMMON_STORE_SQL_QUERIES_H
#define COMMON_STORE_SQL_QUERIES_H

#include "common/store/sql/backend.h"
#include "common/store/store_backend.h"

/* message_queries.c */
enum error queries_find_message(struct store_database_reader *reader, const struct message_id *id,
                                struct message *message);
enum error queries_read_history(struct store_database_reader *reader, const struct message_id *id,
                                int64_t after, size_t limit, struct message_event **events,
                                size_t *count);
enum error queries_list_messages(struct store_database_reader *reader,
                                 const struct store_query *query, struct store_page *page);

/* batch_queries.c */
enum error queries_find_batch(struct store_database_reader *reader, const struct message_id *id,
                              struct store_batch *batch);
enum error queries_list_batches(struct store_database_reader *reader,
                                const struct message_id *before, size_t limit,
                                struct store_batch batches[], size_t *count);
enum error queries_find_external_batch(struct store_database_reader *reader,
                                       const char *external_id, struct store_batch *batch);
enum error queries_read_external_id(struct store_database_reader *reader,
                                    const struct message_id *batch_id,
                                    char external_id[STORE_EXTERNAL_ID_SIZE]);
enum error queries_list_external_batches(struct store_database_reader *reader,
                                         const struct store_external_query *query,
                                         struct store_batch batches[], size_t *count,
                                         int64_t *total);

/* inbox_queries.c */
enum error queries_find_incoming(struct store_database_reader *reader, const struct message_id *id,
                                 struct incoming_sms *sms);
enum error queries_list_inbox(struct store_database_reader *reader,
                              const struct store_inbox_query *query, struct store_inbox_page *page);
/* event_queries.c */
enum error queries_list_events(struct store_database_reader *reader,
                               const struct store_event_query *query,
                               struct store_event_page *page);
enum error queries_read_event_range(struct store_database_reader *reader, int64_t *oldest,
                                    int64_t *newest);

/* opt_out_rows.c */
enum error queries_find_opt_out(struct store_database_reader *reader, const char *phone_number,
                                struct opt_out *opt_out, bool *found);
enum error queries_list_opt_outs(struct store_database_reader *reader, const char *after,
                                 size_t limit, struct opt_out opt_outs[], size_t *count);

/* access_queries.c */
enum error queries_find_key(struct store_database_reader *reader, const char *id,
                            struct api_key *key, bool *found);
enum error queries_list_keys(struct store_database_reader *reader, struct api_key **keys,
                             size_t *count);
enum error queries_find_token(struct store_database_reader *reader, const char *id,
                              struct device_token *token, bool *found);
enum error queries_find_hook(struct store_database_reader *reader,
                             const unsigned char hook_hash[SECRET_HASH_BYTES],
                             struct polled_device *device, bool *found);
enum error queries_list_tokens(struct store_database_reader *reader, struct device_token **tokens,
                               size_t *count);

/* webhook_queries.c */
enum error queries_read_webhook_news(struct store_database_reader *reader,
                                     struct store_webhook_news *news);
enum error queries_list_webhooks(struct store_database_reader *reader, struct webhook **webhooks,
                                 size_t *count);
enum error queries_find_webhook(struct store_database_reader *reader, const char *id,
                                struct webhook *webhook, bool *found);
enum error queries_list_due_deliveries(struct store_database_reader *reader, const char *webhook_id,
                                       int64_t now_ms, size_t limit,
                                       struct webhook_delivery **deliveries, size_t *count);
enum error queries_list_deliveries(struct store_database_reader *reader,
                                   const struct store_delivery_query *query,
                                   struct webhook_delivery **deliveries, size_t *count);

/* device_queries.c */
enum error queries_find_device(struct store_database_reader *reader, const char *device_id,
                               struct store_device *device, bool *found);
enum error queries_device_is_known(struct store_database_reader *reader, const char *device_id,
                                   bool *known);
enum error queries_group_is_known(struct store_database_reader *reader, const char *group,
                                  bool *known);
enum error queries_list_devices(struct store_database_reader *reader,
                                const struct store_device_query *query,
                                struct store_device_page *page);

/* reading_rows.c */
enum error queries_list_readings(struct store_database_reader *reader, const char *device_id,
                                 int64_t from_ms, struct store_reading readings[STORE_MAX_READINGS],
                                 size_t *count);

/* work_queries.c */
enum error queries_summarize_devices(struct store_database_reader *reader,
                                     const struct message_target *target,
                                     struct store_device_summary *summary);
enum error queries_count_lanes(struct store_database_reader *reader, int64_t most,
                               struct store_lane_count counts[STORE_MAX_LANE_COUNTS], size_t *count,
                               int64_t *retried, int64_t *scheduled, int64_t *queued);
enum error queries_poll_work(struct store_database_reader *reader, struct store_work *work);

/* activity_queries.c */
enum error queries_list_happenings(struct store_database_reader *reader,
                                   enum store_activity_kind kind, int64_t from_ms, size_t limit,
                                   struct store_happening rows[], size_t *count);
enum error queries_find_times(struct store_database_reader *reader, int64_t seq,
                              struct store_message_times *times, bool *found);
enum error queries_count_accepted(struct store_database_reader *reader,
                                  const struct store_accepted_query *query, int64_t *count);

/* statistics.c */
enum error queries_read_sending(struct store_database_reader *reader,
                                struct store_sending *sending);
enum error queries_read_statistics(struct store_database_reader *reader, int64_t stuck_for_ms,
                                   struct store_statistics *statistics);

/* The backend's: the sizes of the database, of its log and of their disk. 0: unknown. */
void handle_read_space(struct handle *handle, struct store_statistics *statistics);

/* On any handle, with FIND_SENDING or READ_SENDING. */
MUST_CHECK enum error queries_find_sending(struct handle *handle, enum statement_id id,
                                           struct store_sending *sending);
/* On a reader's handle. */
MUST_CHECK enum error queries_read_stuck(struct handle *handle, int64_t since_ms,
                                         int64_t counts[MESSAGE_STATUS_COUNT]);
/* Adds the counts in the rows of a select to those of their statuses. */
MUST_CHECK enum error queries_read_counts(struct handle *handle, struct statement *select,
                                          int64_t counts[MESSAGE_STATUS_COUNT]);

/* For the struct store_backend of each. */
#define SQL_QUERIES                                                                                \
    .find_message = queries_find_message, .read_history = queries_read_history,                    \
    .find_batch = queries_find_batch, .list_batches = queries_list_batches,                        \
    .find_external_batch = queries_find_external_batch,                                            \
    .read_external_id = queries_read_external_id,                                                  \
    .list_external_batches = queries_list_external_batches,                                        \
    .list_messages = queries_list_messages, .find_incoming = queries_find_incoming,                \
    .list_inbox = queries_list_inbox, .list_events = queries_list_events,                          \
    .read_event_range = queries_read_event_range, .find_opt_out = queries_find_opt_out,            \
    .list_opt_outs = queries_list_opt_outs, .find_key = queries_find_key,                          \
    .list_keys = queries_list_keys, .find_token = queries_find_token,                              \
    .find_hook = queries_find_hook, .list_tokens = queries_list_tokens,                            \
    .read_webhook_news = queries_read_webhook_news, .list_webhooks = queries_list_webhooks,        \
    .find_webhook = queries_find_webhook, .list_due_deliveries = queries_list_due_deliveries,      \
    .list_deliveries = queries_list_deliveries, .read_sending = queries_read_sending,              \
    .list_devices = queries_list_devices, .summarize_devices = queries_summarize_devices,          \
    .count_lanes = queries_count_lanes, .poll_work = queries_poll_work,                            \
    .find_device = queries_find_device, .device_is_known = queries_device_is_known,                \
    .group_is_known = queries_group_is_known, .list_readings = queries_list_readings,              \
    .list_happenings = queries_list_happenings, .find_times = queries_find_times,                  \
    .count_accepted = queries_count_accepted, .read_statistics = queries_read_statistics

#endif
