#include "common/store/sql/rows.h"

const struct store_rows sql_store_rows = {
    .messages = &sql_message_rows,
    .batches = &sql_batch_rows,
    .incoming = &sql_incoming_rows,
    .opt_outs = &sql_opt_out_rows,
    .events = &sql_event_rows,
    .devices = &sql_device_rows,
    .readings = &sql_reading_rows,
    .access = &sql_access_rows,
    .webhooks = &sql_webhook_rows,
    .limits = &sql_limit_rows,
    .idempotency = &sql_idempotency_rows,
    .admin = &sql_admin_rows,
};
