/* Transactions of the memory backend. */
#include "common/store/memory/memory.h"

static const struct store_rows rows = {
    .messages = &memory_message_rows,
    .batches = &memory_batch_rows,
    .incoming = &memory_incoming_rows,
    .opt_outs = &memory_opt_out_rows,
    .events = &memory_event_rows,
    .devices = &memory_device_rows,
    .readings = &memory_reading_rows,
    .access = &memory_access_rows,
    .webhooks = &memory_webhook_rows,
    .limits = &memory_limit_rows,
    .idempotency = &memory_idempotency_rows,
    .admin = &memory_admin_rows,
};

void memory_database_init(struct store_database *database, struct memory_tables *tables,
                          const struct store_options *options)
{
    *database = (struct store_database){.tables = tables};
    transaction_init(&database->transaction, database, &rows, options);
}

void memory_database_fini(struct store_database *database)
{
    transaction_fini(&database->transaction);
    undo_log_fini(&database->undo);
}

void memory_begin(struct store_database *database, int64_t now_ms)
{
    transaction_reset(&database->transaction, now_ms);
}

void memory_run(struct store_database *database, struct store_write *write)
{
    size_t mark = database->undo.count;
    write->result = transaction_run_write(&database->transaction, write);
    if (write->result != ERROR_NONE)
        undo_log_roll_back(&database->undo, mark);
}

void memory_roll_back(struct store_database *database)
{
    undo_log_roll_back(&database->undo, 0);
    database->transaction.transition_count = 0;
}

enum error memory_commit(struct store_database *database)
{
    enum error error = database->transaction.lost ? ERROR_INTERNAL
                                                  : transaction_flush(&database->transaction);
    if (error != ERROR_NONE) {
        memory_roll_back(database);
        return error;
    }
    undo_log_commit(&database->undo);
    transaction_committed(&database->transaction);
    return ERROR_NONE;
}
