/* The rows of SQLite, for the verbs: verbs/rows.h, a file for each. */
#ifndef COMMON_STORE_SQLITE_ROWS_H
#define COMMON_STORE_SQLITE_ROWS_H

#include "common/store/sqlite/statement.h"
#include "common/store/verbs/rows.h"

extern const struct message_rows sqlite_message_rows;
extern const struct batch_rows sqlite_batch_rows;
extern const struct incoming_rows sqlite_incoming_rows;
extern const struct event_rows sqlite_event_rows;
extern const struct opt_out_rows sqlite_opt_out_rows;
extern const struct device_rows sqlite_device_rows;
extern const struct reading_rows sqlite_reading_rows;
extern const struct access_rows sqlite_access_rows;
extern const struct webhook_rows sqlite_webhook_rows;
extern const struct limit_rows sqlite_limit_rows;
extern const struct idempotency_rows sqlite_idempotency_rows;
extern const struct admin_rows sqlite_admin_rows;

/* Inserts the new messages that wait for others, each with its idempotency key; one that fails sets its write's result.
   On an error the transaction is lost. */
MUST_CHECK enum error insert_rows_waiting(struct store_database *database);

/* At once, whatever waits. On an error the row may be there: what the write has done is undone, or the transaction is lost. */
MUST_CHECK enum error idempotency_rows_insert(struct store_database *database,
                                              const struct store_idempotency *idempotency,
                                              int64_t now_ms);

/* Merges some of the newest keys into their index, at the end of a transaction that has used them. */
MUST_CHECK enum error idempotency_rows_flush(struct store_database *database);

/* The id of a new event, which is database->last_event_id then. */
MUST_CHECK enum error event_rows_next_id(struct store_database *database);
/* The id of the newest event, also one of this transaction. */
MUST_CHECK enum error event_rows_last_id(struct store_database *database, int64_t *event_id);

/* Writes the id of the last event of the transaction. */
MUST_CHECK enum error event_rows_flush(struct store_database *database);

/* The columns of TRAITS, and of a device's configuration. */
MUST_CHECK enum error sqlite_read_polled(const struct statement *row, struct polled_device *device);
/* Battery and charging, where -1 is NULL: common/model/device.h. */
void sqlite_read_power(const struct statement *row, double *battery_level, int *charging);
void sqlite_bind_power(struct statement *change, double battery_level, int charging);

void sqlite_read_traits(const struct statement *row, struct device_traits *traits);
void sqlite_read_configuration(const struct statement *row,
                               struct device_configuration *configuration);

/* Of the tables webhook and webhook_delivery. */
void sqlite_read_webhook(const struct statement *row, struct webhook *webhook);
void sqlite_read_delivery(const struct statement *row, struct webhook_delivery *delivery);

/* Of the table device_use; a row without one reads as no use. */
void sqlite_read_use(const struct statement *row, struct device_use *use);

/* access_queries.c: a row with the columns of a key, into a struct api_key. */
MUST_CHECK enum error sqlite_read_key(const struct statement *row, void *item);

#endif
