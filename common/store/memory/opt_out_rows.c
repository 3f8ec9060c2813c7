/* Recipients that have opted out, in memory. */
#include "common/store/memory/memory.h"

#include <string.h>

static enum error any(struct store_database *database, bool *any)
{
    *any = database->tables->opt_outs.count > 0;
    return ERROR_NONE;
}

static enum error find(struct store_database *database, const char *phone_number,
                       struct opt_out_row *row, bool *found)
{
    const struct opt_out_row *stored = table_find(&database->tables->opt_outs, phone_number);
    *found = stored;
    if (stored)
        *row = *stored;
    return ERROR_NONE;
}

static enum error find_unfinished(struct store_database *database, struct opt_out_row *row,
                                  bool *found)
{
    const struct table *table = &database->tables->opt_outs;
    *found = false;
    for (size_t i = 0; i < table->count && !*found; i++) {
        *row = *(const struct opt_out_row *)table->rows[i];
        *found = row->cancel_after != OPT_OUT_CANCELLED;
    }
    return ERROR_NONE;
}

static enum error save(struct store_database *database, const struct opt_out_row *row)
{
    return table_put(&database->tables->opt_outs, &database->undo,
                     table_copy_row(row, sizeof(*row)));
}

static enum error remove_opt_out(struct store_database *database, const char *phone_number,
                                 bool *removed)
{
    struct table *table = &database->tables->opt_outs;
    struct opt_out_row *row = table_find(table, phone_number);
    *removed = row;
    return row ? table_remove(table, &database->undo, row) : ERROR_NONE;
}

const struct opt_out_rows memory_opt_out_rows = {
    .any = any,
    .find = find,
    .find_unfinished = find_unfinished,
    .save = save,
    .remove = remove_opt_out,
};

/* ---- Reads ---- */

void memory_read_opt_out(const struct memory_tables *tables, const char *phone_number,
                         struct opt_out *opt_out, bool *found)
{
    const struct opt_out_row *row = table_find(&tables->opt_outs, phone_number);
    *found = row;
    if (row)
        *opt_out = row->opt_out;
}

void memory_list_opt_outs(const struct memory_tables *tables, const char *after, size_t limit,
                          struct opt_out opt_outs[], size_t *count)
{
    const struct table *table = &tables->opt_outs;
    *count = 0;
    for (size_t i = table_lower_bound(table, after); i < table->count && *count < limit; i++) {
        const struct opt_out_row *row = table->rows[i];
        if (strcmp(row->opt_out.phone_number, after) != 0)
            opt_outs[(*count)++] = row->opt_out;
    }
}
