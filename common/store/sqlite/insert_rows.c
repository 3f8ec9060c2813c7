/* New messages, one by one and in groups. */
#include "common/store/sql/message_rows.h"
#include "common/store/sqlite/database.h"
#include "common/store/sqlite/own_rows.h"

static const struct message_id no_batch;

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

/* An empty text is NULL. */
static void bind_text(sqlite3_stmt *insert, int at, const char *text)
{
    if (text && *text)
        sqlite3_bind_text(insert, at, text, -1, SQLITE_STATIC);
}

/* Binds a NEW_ROW from the parameter `at` on. Returns the one after it. */
static int bind_new_row(sqlite3_stmt *insert, int at, const struct message *message, int64_t seq)
{
    sqlite3_bind_int64(insert, at++, seq);
    sqlite3_bind_blob(insert, at++, message->id.bytes, MESSAGE_ID_BYTES, SQLITE_STATIC);
    if (!request_id_is_none(&message->request_id))
        sqlite3_bind_blob(insert, at, message->request_id.bytes, REQUEST_ID_BYTES, SQLITE_STATIC);
    at++;
    sqlite3_bind_int64(insert, at++, message->segments);
    sqlite3_bind_int64(insert, at++, message_id_time_ms(&message->id));
    bind_text(insert, at++, message->phone_number);
    sqlite3_bind_int64(insert, at++, message->encoding);
    bind_text(insert, at++, message->text);
    return at;
}

/* *taken: another message has the key of a row, and nothing was inserted. */
static enum error run_insert(struct store_database *database, enum statement_id id, bool *taken)
{
    struct statement *insert = &database->handle.statements[id];
    enum error error = ERROR_NONE;
    *taken = false;
    if (!statement_may_run(&database->handle, insert))
        return ERROR_STORE_UNAVAILABLE;
    int code = sqlite3_step(insert->stmt);
    *taken = code == SQLITE_CONSTRAINT_PRIMARYKEY;
    if (code != SQLITE_DONE && !*taken)
        error = statement_fail(&database->handle, code, statement_sql(id));
    statement_reset(insert);
    return error;
}

static enum error insert_plain(struct store_database *database, const struct message *message,
                               int64_t seq, bool *taken)
{
    struct statement *insert = get(database, INSERT_MESSAGE);
    bind_new_row(insert->stmt, 1, message, seq);
    return run_insert(database, INSERT_MESSAGE, taken);
}

static void bind_number(sqlite3_stmt *insert, int at, int64_t value)
{
    if (value != 0)
        sqlite3_bind_int64(insert, at, value);
}

/* Binds an OPTIONS_ROW from the parameter `at` on. Returns the one after it. */
static int bind_options_row(sqlite3_stmt *insert, int at, const struct message *message,
                            const struct message_place *place, int64_t seq)
{
    const struct message_options *options = &message->options;
    bool has_batch = !message_id_equal(&message->batch_id, &no_batch);
    at = bind_new_row(insert, at, message, seq);
    bind_text(insert, at++, options->target.device_id);
    bind_text(insert, at++, options->target.device_group);
    bind_number(insert, at++, options->target.sim);
    bind_number(insert, at++, options->priority);
    bind_number(insert, at++, options->send_at_ms);
    bind_number(insert, at++, options->expires_at_ms);
    bind_number(insert, at++, options->no_delivery_report);
    bind_number(insert, at++, options->content);
    bind_number(insert, at++, options->data_port);
    bind_text(insert, at++, options->reference);
    if (has_batch)
        sqlite3_bind_blob(insert, at, message->batch_id.bytes, MESSAGE_ID_BYTES, SQLITE_STATIC);
    at++;
    bind_text(insert, at++, place->lane);
    bind_number(insert, at++, *place->lane ? place->rank_ms : 0);
    bind_number(insert, at++, place->due_at_ms);
    return at;
}

static enum error insert_with_options(struct store_database *database,
                                      const struct message *message,
                                      const struct message_place *place, int64_t seq, bool *taken)
{
    struct statement *insert = get(database, INSERT_MESSAGE_WITH_OPTIONS);
    bind_options_row(insert->stmt, 1, message, place, seq);
    return run_insert(database, INSERT_MESSAGE_WITH_OPTIONS, taken);
}

enum error insert_rows_at(struct store_database *database, const struct message *message,
                          const struct message_place *place, int64_t seq, bool *taken)
{
    return place ? insert_with_options(database, message, place, seq, taken)
                 : insert_plain(database, message, seq, taken);
}

/* Inserts the waiting messages: a full group. */
static enum error insert_group(struct store_database *database, bool *taken)
{
    struct statement *insert = get(database, INSERT_MESSAGES);
    int at = 1;
    for (size_t i = 0; i < INSERT_GROUP_SIZE; i++) {
        const struct message *message = database->waiting[i]->enqueue.message;
        at = bind_new_row(insert->stmt, at, message, message_id_seq(&message->id));
    }
    return run_insert(database, INSERT_MESSAGES, taken);
}

/* A message that could not be inserted has no key either. */
static enum error insert_key_of(struct store_database *database, const struct store_write *write)
{
    const struct store_idempotency *idempotency = write->enqueue.idempotency;
    return idempotency && write->result == ERROR_NONE
               ? idempotency_rows_insert(database, idempotency, database->transaction.now_ms)
               : ERROR_NONE;
}

enum error insert_rows_waiting(struct store_database *database)
{
    size_t count = database->waiting_count;
    enum error error = ERROR_NONE;
    bool one_by_one = true;
    database->waiting_count = 0;
    if (count == INSERT_GROUP_SIZE)
        error = insert_group(database, &one_by_one);
    for (size_t i = 0; i < count && one_by_one && error == ERROR_NONE; i++) {
        struct store_write *write = database->waiting[i];
        write->result = message_rows_insert(database, write->enqueue.message, NULL);
        if (write->result != ERROR_NONE)
            error = transaction_refund(&database->transaction, write);
    }
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = insert_key_of(database, database->waiting[i]);
    if (error == ERROR_NONE && sqlite3_get_autocommit(database->handle.db))
        error = ERROR_INTERNAL; /* a failure has rolled the transaction back */
    return error;
}

/* Inserts INSERT_GROUP_SIZE messages by one statement. */
static enum error insert_group_with_options(struct store_database *database,
                                            const struct message messages[],
                                            const struct message_place places[], bool *taken)
{
    struct statement *insert = get(database, INSERT_MESSAGES_WITH_OPTIONS);
    int at = 1;
    for (size_t i = 0; i < INSERT_GROUP_SIZE; i++)
        at = bind_options_row(insert->stmt, at, &messages[i], &places[i],
                              message_id_seq(&messages[i].id));
    return run_insert(database, INSERT_MESSAGES_WITH_OPTIONS, taken);
}

enum error insert_rows_many(struct store_database *database, const struct message messages[],
                            const struct message_place places[], size_t count)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0, size; i < count && error == ERROR_NONE; i += size) {
        bool one_by_one = true;
        size = MIN(count - i, (size_t)INSERT_GROUP_SIZE);
        if (size == INSERT_GROUP_SIZE)
            error = insert_group_with_options(database, messages + i, places + i, &one_by_one);
        for (size_t j = i; j < i + size && one_by_one && error == ERROR_NONE; j++)
            error = message_rows_insert(database, &messages[j], &places[j]);
    }
    return error;
}

/* Inserts at once, or with others of the transaction. A message that the schema would refuse must not fail a group. */
enum error insert_rows_one(struct store_database *database, const struct message *message,
                           const struct message_place *place)
{
    if (!database->enqueue || place)
        return message_rows_insert(database, message, place);
    if (!message->text || !*message->text || !*message->phone_number)
        return ERROR_INTERNAL;
    if (database->waiting_count == INSERT_GROUP_SIZE) {
        enum error error = insert_rows_waiting(database);
        database->transaction.lost |= error != ERROR_NONE;
        if (error != ERROR_NONE)
            return error;
    }
    database->waiting[database->waiting_count++] = database->enqueue;
    return ERROR_NONE;
}
