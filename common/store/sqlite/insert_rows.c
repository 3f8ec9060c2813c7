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

/* The statements for 1, 2, 4 … rows. */
static const enum statement_id group_inserts[] = {INSERT_MESSAGE,     INSERT_2_MESSAGES,
                                                  INSERT_4_MESSAGES,  INSERT_8_MESSAGES,
                                                  INSERT_16_MESSAGES, INSERT_32_MESSAGES};
_Static_assert(1 << (ARRAY_LENGTH(group_inserts) - 1) == INSERT_MAX_WAITING, "the largest group");

/* Inserts 1 << power messages by one statement. */
static enum error insert_group(struct store_database *database, struct store_write *const writes[],
                               unsigned power, bool *taken)
{
    struct statement *insert = get(database, group_inserts[power]);
    int at = 1;
    for (size_t i = 0; i < (size_t)1 << power; i++) {
        const struct message *message = writes[i]->enqueue.message;
        at = bind_new_row(insert->stmt, at, message, message_id_seq(&message->id));
    }
    return run_insert(database, group_inserts[power], taken);
}

static enum error insert_each(struct store_database *database, struct store_write *const writes[],
                              size_t count)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        writes[i]->result = message_rows_insert(database, writes[i]->enqueue.message, NULL);
        if (writes[i]->result != ERROR_NONE)
            error = transaction_refund(&database->transaction, writes[i]);
    }
    return error;
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
    struct store_write *const *writes = database->waiting;
    size_t count = database->waiting_count;
    enum error error = ERROR_NONE;
    database->waiting_count = 0;
    for (size_t i = 0, size; i < count && error == ERROR_NONE; i += size) {
        unsigned power = ARRAY_LENGTH(group_inserts) - 1;
        while ((size = (size_t)1 << power) > count - i)
            power--;
        bool one_by_one = true;
        if (size > 1)
            error = insert_group(database, writes + i, power, &one_by_one);
        if (one_by_one && error == ERROR_NONE)
            error = insert_each(database, writes + i, size);
    }
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = insert_key_of(database, writes[i]);
    if (error == ERROR_NONE && sqlite3_get_autocommit(database->handle.db))
        error = ERROR_INTERNAL; /* a failure has rolled the transaction back */
    return error;
}

enum { OPTIONS_GROUP_SIZE = 8 };

/* Inserts OPTIONS_GROUP_SIZE messages by one statement. */
static enum error insert_group_with_options(struct store_database *database,
                                            const struct message messages[],
                                            const struct message_place places[], bool *taken)
{
    struct statement *insert = get(database, INSERT_MESSAGES_WITH_OPTIONS);
    int at = 1;
    for (size_t i = 0; i < OPTIONS_GROUP_SIZE; i++)
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
        size = MIN(count - i, (size_t)OPTIONS_GROUP_SIZE);
        if (size == OPTIONS_GROUP_SIZE)
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
    if (database->waiting_count == INSERT_MAX_WAITING) {
        enum error error = insert_rows_waiting(database);
        database->transaction.lost |= error != ERROR_NONE;
        if (error != ERROR_NONE)
            return error;
    }
    database->waiting[database->waiting_count++] = database->enqueue;
    return ERROR_NONE;
}
