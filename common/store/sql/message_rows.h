/* The rows of messages, for the files that have the functions of struct message_rows. */
#ifndef COMMON_STORE_SQL_MESSAGE_ROWS_H
#define COMMON_STORE_SQL_MESSAGE_ROWS_H

#include "common/store/sql/backend.h"

/* From the current row of a select: its columns ROW_COLUMNS; its options; its content (ERROR_INTERNAL without memory for the
   text). */
void message_rows_read(const struct statement *select, struct message_row *row);
void message_rows_read_options(const struct statement *select, struct message_options *options);
MUST_CHECK enum error message_rows_read_content(const struct statement *row,
                                                struct message *message);

/* Appends up to `limit` rows of a select with ROW_COLUMNS and :limit, whose other parameters are bound. */
MUST_CHECK enum error message_rows_read_list(struct store_database *database,
                                             struct statement *select, size_t limit,
                                             struct message_row list[], size_t *count);

MUST_CHECK enum error message_rows_find(struct store_database *database,
                                        const struct message_id *id, struct message_row *row,
                                        bool *found);

/* Inserts one message. The key may be taken by an id that another process made at the same time: the next key is used then. */
MUST_CHECK enum error message_rows_insert(struct store_database *database,
                                          const struct message *message,
                                          const struct message_place *place);

/* :lane, :rank_ms and :due_at_ms. */
void message_rows_bind_place(struct statement *statement, const struct message_place *place);

/* Whether it enters or leaves the queue, or a device: only then its lane, attempt and device change. */
bool message_rows_moves(const struct message_row *before, const struct message_row *after);

/* change_rows.c of the backend. See struct message_rows. */
enum error change_rows_one(struct store_database *database, const struct message_row *before,
                           const struct message_row *after, enum transition_reason reason,
                           const struct message_error *error);
enum error change_rows_add_to_count(struct store_database *database, enum message_status status,
                                    int64_t delta);

/* insert_rows.c of the backend. *taken: another message has the key, and nothing was inserted. `place` is NULL without options. */
MUST_CHECK enum error insert_rows_at(struct store_database *database, const struct message *message,
                                     const struct message_place *place, int64_t seq, bool *taken);
/* New messages. See struct message_rows. */
enum error insert_rows_one(struct store_database *database, const struct message *message,
                           const struct message_place *place);
enum error insert_rows_many(struct store_database *database, const struct message messages[],
                            const struct message_place places[], size_t count);

/* purge_rows.c of the backend. See struct message_rows. */
enum error purge_rows(struct store_database *database, const struct message_row rows[],
                      size_t count, int64_t *newest_event);

/* queue_rows.c: what waits to be sent. See struct message_rows. */
MUST_CHECK enum error queue_rows_read_one(const struct statement *select, struct due_message *due);
enum error queue_rows_read_due(struct store_database *database, struct statement *select,
                               size_t limit, struct due_message due[], size_t *count);
enum error queue_rows_list_due(struct store_database *database, int64_t expired_at_ms, size_t limit,
                               struct due_message due[], size_t *count);
enum error queue_rows_find_lane(struct store_database *database, const char *after,
                                char lane[LANE_SIZE]);
enum error queue_rows_list_lane(struct store_database *database, const char *lane,
                                int64_t expired_at_ms, size_t limit, struct lane_entry entries[],
                                size_t *count);
enum error queue_rows_load_due(struct store_database *database, int64_t seq,
                               struct due_message *due);
enum error queue_rows_list_waited(struct store_database *database, int64_t now_ms,
                                  int64_t latest_retry_ms, bool only_retried, size_t limit,
                                  struct message_row rows[], size_t *count);
enum error queue_rows_list_expired(struct store_database *database, int64_t now_ms, size_t limit,
                                   struct message_row rows[], size_t *count);
enum error queue_rows_find_last_device(struct store_database *database, const char *phone_number,
                                       int64_t since_ms, char device_id[DEVICE_ID_SIZE],
                                       unsigned *sim);

#endif
