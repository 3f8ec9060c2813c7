/* New messages: many in one statement. */
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/own_rows.h"
#include "common/store/sql/message_rows.h"

enum { PLAIN_COLUMNS = 8, OPTION_COLUMNS = 14 };

/* ---- The columns of one message ---- */

static void add_plain(struct records *added, const struct message *message, int64_t seq)
{
    bool has_request = !request_id_is_none(&message->request_id);
    records_add_integer(added, TYPE_INT8, seq);
    records_add_bytes(added, TYPE_BYTEA, message->id.bytes, MESSAGE_ID_BYTES);
    records_add_bytes(added, TYPE_BYTEA, has_request ? message->request_id.bytes : NULL,
                      REQUEST_ID_BYTES);
    records_add_integer(added, TYPE_INT4, message->segments);
    records_add_integer(added, TYPE_INT8, message_id_time_ms(&message->id));
    records_add_text(added, message->phone_number);
    records_add_integer(added, TYPE_INT2, message->encoding);
    records_add_text(added, message->text);
}

static void add_options(struct records *added, const struct message *message,
                        const struct message_place *place)
{
    const struct message_options *options = &message->options;
    records_add_text(added, options->target.device_id);
    records_add_text(added, options->target.device_group);
    records_add_number(added, TYPE_INT2, options->target.sim);
    records_add_number(added, TYPE_INT2, options->priority);
    records_add_number(added, TYPE_INT8, options->send_at_ms);
    records_add_number(added, TYPE_INT8, options->expires_at_ms);
    records_add_number(added, TYPE_INT2, options->no_delivery_report);
    records_add_number(added, TYPE_INT2, options->content);
    records_add_number(added, TYPE_INT4, options->data_port);
    records_add_text(added, options->reference);
    records_add_id_if_any(added, &message->batch_id);
    records_add_text(added, place->lane);
    records_add_number(added, TYPE_INT8, *place->lane ? place->rank_ms : 0);
    records_add_number(added, TYPE_INT8, place->due_at_ms);
}

/* ---- Statements ---- */

static void begin_messages(struct store_database *database, bool with_options)
{
    records_begin(&database->added, with_options ? database->types.new_message_with_options
                                                 : database->types.new_message);
}

static void add_message(struct store_database *database, const struct message *message,
                        const struct message_place *place, int64_t seq)
{
    struct records *added = &database->added;
    records_begin_row(added, place ? PLAIN_COLUMNS + OPTION_COLUMNS : PLAIN_COLUMNS);
    add_plain(added, message, seq);
    if (place)
        add_options(added, message, place);
    records_end_row(added);
}

/* NULL without memory. */
static struct statement *bind_messages(struct store_database *database, enum statement_id id)
{
    const struct buffer *bytes = &database->added.bytes;
    struct statement *insert = statement_get(&database->handle, id);
    statement_bind_blob(insert, FIELD_MESSAGES, bytes->data, (int)bytes->length);
    return bytes->failed ? NULL : insert;
}

enum error insert_rows_at(struct store_database *database, const struct message *message,
                          const struct message_place *place, int64_t seq, bool *taken)
{
    int64_t inserted = 0;
    begin_messages(database, place);
    add_message(database, message, place, seq);
    struct statement *insert = bind_messages(database, place ? INSERT_MESSAGES_WITH_OPTIONS
                                                             : INSERT_MESSAGES);
    enum error error = insert ? statement_read_integer(&database->handle, insert, &inserted)
                              : ERROR_INTERNAL;
    *taken = error == ERROR_NONE && inserted == 0;
    return error;
}

/* Only sent: if a key is taken the transaction fails, and its second attempt is careful. */
static enum error send_messages(struct store_database *database, enum statement_id id)
{
    struct statement *insert = bind_messages(database, id);
    return insert ? statement_run(&database->handle, insert) : ERROR_INTERNAL;
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
    begin_messages(database, false);
    for (size_t i = 0; i < count; i++) {
        const struct message *message = database->waiting[i]->enqueue.message;
        add_message(database, message, NULL, message_id_seq(&message->id));
    }
    database->waiting_count = 0;
    database->enqueue = NULL; /* its key is inserted now */
    enum error error = send_messages(database, ADD_MESSAGES);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = insert_key_of(database, database->waiting[i]);
    return error;
}

enum error insert_rows_many(struct store_database *database, const struct message messages[],
                            const struct message_place places[], size_t count)
{
    enum error error = ERROR_NONE;
    if (!database->is_careful) {
        begin_messages(database, true);
        for (size_t i = 0; i < count; i++)
            add_message(database, &messages[i], &places[i], message_id_seq(&messages[i].id));
        return send_messages(database, ADD_MESSAGES_WITH_OPTIONS);
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
