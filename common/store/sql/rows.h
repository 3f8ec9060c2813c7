/* The rows of a store in SQL, for the verbs: verbs/rows.h, a file for each. Some are the backend's own. */
#ifndef COMMON_STORE_SQL_ROWS_H
#define COMMON_STORE_SQL_ROWS_H

#include "common/store/sql/backend.h"
#include "common/store/verbs/rows.h"

extern const struct message_rows sql_message_rows;
extern const struct batch_rows sql_batch_rows;
extern const struct incoming_rows sql_incoming_rows;
extern const struct event_rows sql_event_rows;
extern const struct opt_out_rows sql_opt_out_rows;
extern const struct device_rows sql_device_rows;
extern const struct reading_rows sql_reading_rows;
extern const struct access_rows sql_access_rows;
extern const struct webhook_rows sql_webhook_rows;
extern const struct limit_rows sql_limit_rows;
extern const struct idempotency_rows sql_idempotency_rows;
extern const struct admin_rows sql_admin_rows;
/* All of them. */
extern const struct store_rows sql_store_rows;

/* Event rows of the backend: binds the id of a new event where the statement does not make it itself. */
MUST_CHECK enum error event_rows_bind_next_id(struct store_database *database,
                                              struct statement *insert);
/* As of struct event_rows. */
enum error event_rows_skip_ids(struct store_database *database, int64_t id);
enum error event_rows_insert_for_broker(struct store_database *database, enum event_type type,
                                        const struct message_id *broker, int64_t now_ms,
                                        int64_t *count);
/* The id of the newest event, also one of this transaction. */
MUST_CHECK enum error event_rows_last_id(struct store_database *database, int64_t *event_id);

/* The columns of TRAITS, and of a device's configuration. */
MUST_CHECK enum error sql_read_polled(const struct statement *row, struct polled_device *device);
/* Battery and charging, where -1 is NULL: common/model/device.h. */
void sql_read_power(const struct statement *row, double *battery_level, int *charging);
void sql_bind_power(struct statement *change, double battery_level, int charging);
void sql_read_traits(const struct statement *row, struct device_traits *traits);
void sql_read_configuration(const struct statement *row,
                            struct device_configuration *configuration);

/* Of the tables webhook and webhook_delivery. */
void sql_read_webhook(const struct statement *row, struct webhook *webhook);
void sql_read_delivery(const struct statement *row, struct webhook_delivery *delivery);

/* Of the table device_use; a row without one reads as no use. */
void sql_read_use(const struct statement *row, struct device_use *use);

/* access_queries.c: a row with the columns of a key, into a struct api_key. */
MUST_CHECK enum error sql_read_key(const struct statement *row, void *item);

#endif
