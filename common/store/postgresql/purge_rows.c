/* What retention removes: many in a statement, and most of their events when their partition is dropped. */
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/value.h"
#include "common/store/sql/message_rows.h"

static struct statement *get(struct store_database *database, enum statement_id id,
                             const struct buffer *seqs)
{
    struct statement *statement = statement_get(&database->handle, id);
    statement_bind_blob(statement, FIELD_SEQ, seqs->data, (int)seqs->length);
    return statement;
}

static enum error purge(struct store_database *database, const struct buffer *seqs,
                        int64_t *newest_event)
{
    struct handle *handle = &database->handle;
    enum error error = statement_read_integer(handle, get(database, FIND_NEWEST_EVENT, seqs),
                                              newest_event);
    if (error == ERROR_NONE)
        error = statement_run(handle, get(database, PURGE_EVENTS, seqs));
    return error == ERROR_NONE ? statement_run(handle, get(database, PURGE_MESSAGES, seqs)) : error;
}

enum error purge_rows(struct store_database *database, const struct message_row rows[],
                      size_t count, int64_t *newest_event)
{
    struct buffer seqs;
    buffer_init(&seqs, INT32_MAX);
    array_begin(&seqs, TYPE_INT8, count);
    for (size_t i = 0; i < count; i++)
        array_add_integer(&seqs, TYPE_INT8, rows[i].seq);
    *newest_event = 0;
    enum error error = seqs.failed ? ERROR_INTERNAL : purge(database, &seqs, newest_event);
    buffer_fini(&seqs);
    return error;
}
