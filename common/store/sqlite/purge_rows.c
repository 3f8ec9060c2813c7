/* What retention removes: a message after the other. */
#include "common/store/sql/message_rows.h"
#include "common/store/sql/rows.h"
#include "common/store/sqlite/database.h"

static enum error purge_one(struct store_database *database, const struct message_row *row,
                            int64_t *newest_event)
{
    int64_t id = 0;
    struct statement *select = statement_get(&database->handle, FIND_NEWEST_EVENT);
    statement_bind_integer(select, FIELD_SEQ, row->seq);
    enum error error = statement_read_integer(&database->handle, select, &id);
    *newest_event = MAX(*newest_event, id);
    return error == ERROR_NONE ? sql_message_rows.remove(database, row) : error;
}

enum error purge_rows(struct store_database *database, const struct message_row rows[],
                      size_t count, int64_t *newest_event)
{
    enum error error = ERROR_NONE;
    *newest_event = 0;
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = purge_one(database, &rows[i], newest_event);
    return error;
}
