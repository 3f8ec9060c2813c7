/* New messages: many in one statement, which has an array for each column. */
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/own_rows.h"
#include "common/store/postgresql/value.h"
#include "common/store/sql/message_rows.h"

/* The columns of all messages, and then those of messages with options. */
static const struct {
    enum field field;
    enum value_type type;
} columns[] = {
    {FIELD_SEQ, TYPE_INT8},           {FIELD_ID, TYPE_BYTEA},
    {FIELD_REQUEST_ID, TYPE_BYTEA},   {FIELD_SEGMENTS, TYPE_INT4},
    {FIELD_UPDATED_AT_MS, TYPE_INT8}, {FIELD_PHONE_NUMBER, TYPE_TEXT},
    {FIELD_ENCODING, TYPE_INT2},      {FIELD_TEXT, TYPE_TEXT},
    {FIELD_TARGET_DEVICE, TYPE_TEXT}, {FIELD_TARGET_GROUP, TYPE_TEXT},
    {FIELD_TARGET_SIM, TYPE_INT2},    {FIELD_PRIORITY, TYPE_INT2},
    {FIELD_SEND_AT_MS, TYPE_INT8},    {FIELD_EXPIRES_AT_MS, TYPE_INT8},
    {FIELD_NO_REPORT, TYPE_INT2},     {FIELD_CONTENT, TYPE_INT2},
    {FIELD_DATA_PORT, TYPE_INT4},     {FIELD_REFERENCE, TYPE_TEXT},
    {FIELD_BATCH_ID, TYPE_BYTEA},     {FIELD_LANE, TYPE_TEXT},
    {FIELD_RANK_MS, TYPE_INT8},       {FIELD_DUE_AT_MS, TYPE_INT8},
};
enum { PLAIN_COLUMNS = 8 };
_Static_assert(ARRAY_LENGTH(columns) <= ARRAY_LENGTH(((struct store_database *)0)->arrays),
               "an array for each");

static size_t begin_arrays(struct store_database *database, bool with_options, size_t count)
{
    size_t column_count = with_options ? ARRAY_LENGTH(columns) : PLAIN_COLUMNS;
    for (size_t i = 0; i < column_count; i++) {
        if (database->arrays[i].max_length == 0)
            buffer_init(&database->arrays[i], INT32_MAX);
        array_begin(&database->arrays[i], columns[i].type, count);
    }
    return column_count;
}

/* ---- The columns of one message ---- */

struct appender {
    struct buffer *array;
    size_t column;
};

static void add_integer(struct appender *to, int64_t value)
{
    array_add_integer(to->array++, columns[to->column++].type, value);
}

static void add_number(struct appender *to, int64_t value)
{
    if (value != 0) {
        add_integer(to, value);
        return;
    }
    to->column++;
    array_add_null(to->array++);
}

static void add_bytes(struct appender *to, bool any, const void *bytes, size_t length)
{
    to->column++;
    if (any)
        array_add_bytes(to->array++, bytes, length);
    else
        array_add_null(to->array++);
}

static void add_text(struct appender *to, const char *text)
{
    add_bytes(to, text && *text, text, text ? strlen(text) : 0);
}

static void add_plain(struct appender *to, const struct message *message, int64_t seq)
{
    add_integer(to, seq);
    add_bytes(to, true, message->id.bytes, MESSAGE_ID_BYTES);
    add_bytes(to, !request_id_is_none(&message->request_id), message->request_id.bytes,
              REQUEST_ID_BYTES);
    add_integer(to, message->segments);
    add_integer(to, message_id_time_ms(&message->id));
    add_text(to, message->phone_number);
    add_integer(to, message->encoding);
    add_text(to, message->text);
}

static void add_options(struct appender *to, const struct message *message,
                        const struct message_place *place)
{
    static const struct message_id none;
    const struct message_options *options = &message->options;
    add_text(to, options->target.device_id);
    add_text(to, options->target.device_group);
    add_number(to, options->target.sim);
    add_number(to, options->priority);
    add_number(to, options->send_at_ms);
    add_number(to, options->expires_at_ms);
    add_number(to, options->no_delivery_report);
    add_number(to, options->content);
    add_number(to, options->data_port);
    add_text(to, options->reference);
    add_bytes(to, !message_id_equal(&message->batch_id, &none), message->batch_id.bytes,
              MESSAGE_ID_BYTES);
    add_text(to, place->lane);
    add_number(to, *place->lane ? place->rank_ms : 0);
    add_number(to, place->due_at_ms);
}

static void add_message(struct store_database *database, const struct message *message,
                        const struct message_place *place, int64_t seq)
{
    struct appender to = {database->arrays, 0};
    add_plain(&to, message, seq);
    if (place)
        add_options(&to, message, place);
}

/* ---- Statements ---- */

static struct statement *bind_arrays(struct store_database *database, enum statement_id plain,
                                     enum statement_id with_options, size_t column_count,
                                     bool *failed)
{
    struct statement *insert = statement_get(&database->handle,
                                             column_count == PLAIN_COLUMNS ? plain : with_options);
    *failed = false;
    for (size_t i = 0; i < column_count; i++) {
        const struct buffer *array = &database->arrays[i];
        *failed |= array->failed;
        statement_bind_blob(insert, columns[i].field, array->data, (int)array->length);
    }
    return insert;
}

enum error insert_rows_at(struct store_database *database, const struct message *message,
                          const struct message_place *place, int64_t seq, bool *taken)
{
    bool failed;
    size_t column_count = begin_arrays(database, place, 1);
    add_message(database, message, place, seq);
    struct statement *insert = bind_arrays(database, INSERT_MESSAGES, INSERT_MESSAGES_WITH_OPTIONS,
                                           column_count, &failed);
    int64_t inserted = 0;
    enum error error = failed ? ERROR_INTERNAL
                              : statement_read_integer(&database->handle, insert, &inserted);
    *taken = error == ERROR_NONE && inserted == 0;
    return error;
}

/* Only sent: if a key is taken the transaction fails, and its second attempt is careful. */
static enum error send_arrays(struct store_database *database, size_t column_count)
{
    bool failed;
    struct statement *insert = bind_arrays(database, ADD_MESSAGES, ADD_MESSAGES_WITH_OPTIONS,
                                           column_count, &failed);
    return failed ? ERROR_INTERNAL : statement_run(&database->handle, insert);
}

static enum error insert_key_of(struct store_database *database, const struct store_write *write)
{
    const struct store_idempotency *idempotency = write->enqueue.idempotency;
    return idempotency
               ? sql_idempotency_rows.insert(database, idempotency, database->transaction.now_ms)
               : ERROR_NONE;
}

enum error insert_rows_waiting(struct store_database *database)
{
    size_t count = database->waiting_count;
    if (count == 0)
        return ERROR_NONE;
    size_t column_count = begin_arrays(database, false, count);
    for (size_t i = 0; i < count; i++) {
        const struct message *message = database->waiting[i]->enqueue.message;
        add_message(database, message, NULL, message_id_seq(&message->id));
    }
    database->waiting_count = 0;
    database->enqueue = NULL; /* its key is inserted now */
    enum error error = send_arrays(database, column_count);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = insert_key_of(database, database->waiting[i]);
    return error;
}

enum error insert_rows_many(struct store_database *database, const struct message messages[],
                            const struct message_place places[], size_t count)
{
    enum error error = ERROR_NONE;
    if (!database->is_careful) {
        size_t column_count = begin_arrays(database, true, count);
        for (size_t i = 0; i < count; i++)
            add_message(database, &messages[i], &places[i], message_id_seq(&messages[i].id));
        return send_arrays(database, column_count);
    }
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = message_rows_insert(database, &messages[i], &places[i]);
    return error;
}

static bool has_waiting(const struct store_database *database, int64_t seq)
{
    size_t i = 0;
    while (i < database->waiting_count &&
           message_id_seq(&database->waiting[i]->enqueue.message->id) != seq)
        i++;
    return i < database->waiting_count;
}

/* Inserts at once, or with others of the transaction. */
enum error insert_rows_one(struct store_database *database, const struct message *message,
                           const struct message_place *place)
{
    if (!database->enqueue || place || database->is_careful)
        return message_rows_insert(database, message, place);
    if (!message->text || !*message->text || !*message->phone_number)
        return ERROR_INTERNAL; /* what the schema refuses must not fail the others */
    if (has_waiting(database, message_id_seq(&message->id)))
        return handle_fail(
            &database->handle); /* the second attempt, which is careful, tells the two apart */
    database->waiting[database->waiting_count++] = database->enqueue;
    return ERROR_NONE;
}
