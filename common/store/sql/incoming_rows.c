/* Incoming SMS, for the verbs. */
#include "common/store/sql/incoming_rows.h"
#include "common/base/log.h"
#include "common/store/sql/backend.h"
#include "common/store/sql/rows.h"

enum error incoming_rows_read(const struct statement *row, struct incoming_sms *sms)
{
    *sms = (struct incoming_sms){
        .sim = (unsigned)statement_integer(row, FIELD_SIM),
        .received_at_ms = statement_integer(row, FIELD_RECEIVED_AT_MS),
        .encoding = (enum sms_encoding)statement_integer(row, FIELD_ENCODING),
        .segments = (unsigned)statement_integer(row, FIELD_SEGMENTS),
        .kind = (enum incoming_kind)statement_integer(row, FIELD_KIND),
    };
    if (!statement_id(row, FIELD_ID, &sms->id))
        return ERROR_INTERNAL;
    statement_text(row, FIELD_DEVICE_ID, sms->device_id, sizeof(sms->device_id));
    statement_text(row, FIELD_RECEIVED_ID, sms->received_id, sizeof(sms->received_id));
    statement_text(row, FIELD_SENDER, sms->sender, sizeof(sms->sender));
    statement_text(row, FIELD_RECIPIENT, sms->recipient, sizeof(sms->recipient));
    sms->text = statement_copy_text(row, FIELD_TEXT);
    return sms->text ? ERROR_NONE : ERROR_INTERNAL;
}

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static enum error find(struct store_database *database, const char *device_id,
                       const char *received_id, struct incoming_sms *sms, bool *found)
{
    struct statement *select = get(database, FIND_RECEIVED);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    statement_bind_text(select, FIELD_RECEIVED_ID, received_id);
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found)
        error = incoming_rows_read(select, sms);
    statement_reset(select);
    return error;
}

/* *taken: another one has that key. */
static enum error insert_at(struct store_database *database, const struct incoming_sms *sms,
                            int64_t seq, bool *taken)
{
    struct statement *insert = get(database, INSERT_INCOMING);
    statement_bind_integer(insert, FIELD_SEQ, seq);
    statement_bind_id(insert, FIELD_ID, &sms->id);
    statement_bind_text(insert, FIELD_DEVICE_ID, sms->device_id);
    statement_bind_text(insert, FIELD_RECEIVED_ID, sms->received_id);
    statement_bind_text(insert, FIELD_SENDER, sms->sender);
    statement_bind_text(insert, FIELD_RECIPIENT, sms->recipient);
    if (sms->sim != 0)
        statement_bind_integer(insert, FIELD_SIM, sms->sim);
    if (sms->received_at_ms != 0)
        statement_bind_integer(insert, FIELD_RECEIVED_AT_MS, sms->received_at_ms);
    statement_bind_integer(insert, FIELD_ENCODING, sms->encoding);
    statement_bind_integer(insert, FIELD_SEGMENTS, sms->segments);
    statement_bind_integer(insert, FIELD_KIND, sms->kind);
    statement_bind_text(insert, FIELD_TEXT, sms->text);
    enum error error = statement_run(&database->handle, insert);
    *taken = error == ERROR_NONE && statement_changes(&database->handle) == 0;
    return error;
}

/* The key may be taken by an id that another process made at the same time: the next key is used then. */
static enum error insert(struct store_database *database, const struct incoming_sms *sms)
{
    int64_t seq = message_id_seq(&sms->id);
    bool taken;
    enum error error = insert_at(database, sms, seq, &taken);
    if (error == ERROR_NONE && taken && seq < INT64_MAX)
        error = insert_at(database, sms, seq + 1, &taken);
    if (error != ERROR_NONE || !taken)
        return error;
    log_error("the id of an incoming SMS is taken");
    return ERROR_INTERNAL;
}

/* Runs a statement on the oldest, before then. */
static enum error run_on_old(struct store_database *database, enum statement_id id,
                             int64_t before_ms, int64_t limit, int64_t *count)
{
    struct message_id first = message_id_first_at(MAX(before_ms, (int64_t)0));
    struct statement *statement = get(database, id);
    statement_bind_integer(statement, FIELD_SEQ, message_id_seq(&first));
    statement_bind_integer(statement, FIELD_LIMIT, limit);
    enum error error = statement_run(&database->handle, statement);
    *count = error == ERROR_NONE ? statement_changes(&database->handle) : 0;
    return error;
}

static enum error remove_texts(struct store_database *database, int64_t before_ms, int64_t limit,
                               int64_t *count)
{
    return run_on_old(database, REMOVE_INCOMING_TEXTS, before_ms, limit, count);
}

static enum error remove_old(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count)
{
    return run_on_old(database, REMOVE_INCOMING, before_ms, limit, count);
}

const struct incoming_rows sql_incoming_rows = {
    .find = find,
    .insert = insert,
    .remove_texts = remove_texts,
    .remove_old = remove_old,
};
