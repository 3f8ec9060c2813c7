/* Recipients that have opted out: for the verbs, and the reads. */
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"
#include "common/store/sql/rows.h"

#include <string.h>

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static void read_opt_out(const struct statement *row, struct opt_out *opt_out)
{
    *opt_out = (struct opt_out){
        .since_ms = statement_integer(row, FIELD_AT_MS),
        .source = (enum opt_out_source)statement_integer(row, FIELD_KIND),
    };
    statement_text(row, FIELD_PHONE_NUMBER, opt_out->phone_number, sizeof(opt_out->phone_number));
    statement_text(row, FIELD_TEXT, opt_out->keyword, sizeof(opt_out->keyword));
}

/* *found: the select has a row, which is read. */
static enum error read_row(struct store_database *database, struct statement *select,
                           struct opt_out_row *row, bool *found)
{
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found) {
        read_opt_out(select, &row->opt_out);
        row->cancel_after = statement_is_null(select, FIELD_AFTER)
                                ? OPT_OUT_CANCELLED
                                : statement_integer(select, FIELD_AFTER);
    }
    statement_reset(select);
    return error;
}

static enum error any(struct store_database *database, bool *any)
{
    int64_t number = 0;
    enum error error = statement_read_integer(&database->handle, get(database, ANY_OPT_OUT),
                                              &number);
    *any = number != 0;
    return error;
}

static enum error find(struct store_database *database, const char *phone_number,
                       struct opt_out_row *row, bool *found)
{
    struct statement *select = get(database, FIND_OPT_OUT_ROW);
    statement_bind_text(select, FIELD_PHONE_NUMBER, phone_number);
    return read_row(database, select, row, found);
}

static enum error find_unfinished(struct store_database *database, struct opt_out_row *row,
                                  bool *found)
{
    return read_row(database, get(database, FIND_UNFINISHED_OPT_OUT), row, found);
}

static enum error save(struct store_database *database, const struct opt_out_row *row)
{
    struct statement *insert = get(database, SAVE_OPT_OUT);
    statement_bind_text(insert, FIELD_PHONE_NUMBER, row->opt_out.phone_number);
    statement_bind_integer(insert, FIELD_AT_MS, row->opt_out.since_ms);
    statement_bind_integer(insert, FIELD_KIND, row->opt_out.source);
    statement_bind_text(insert, FIELD_TEXT, row->opt_out.keyword);
    if (row->cancel_after != OPT_OUT_CANCELLED)
        statement_bind_integer(insert, FIELD_AFTER, row->cancel_after);
    return statement_run(&database->handle, insert);
}

static enum error remove_opt_out(struct store_database *database, const char *phone_number,
                                 bool *removed)
{
    struct statement *delete = get(database, DELETE_OPT_OUT);
    statement_bind_text(delete, FIELD_PHONE_NUMBER, phone_number);
    enum error error = statement_run(&database->handle, delete);
    *removed = error == ERROR_NONE && statement_changes(&database->handle) == 1;
    return error;
}

const struct opt_out_rows sql_opt_out_rows = {
    .any = any,
    .find = find,
    .find_unfinished = find_unfinished,
    .save = save,
    .remove = remove_opt_out,
};

/* ---- Reads ---- */

enum error queries_find_opt_out(struct store_database_reader *reader, const char *phone_number,
                                struct opt_out *opt_out, bool *found)
{
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, FIND_OPT_OUT);
    statement_bind_text(select, FIELD_PHONE_NUMBER, phone_number);
    enum error error = statement_step(&reader->handle, select, found);
    if (error == ERROR_NONE && *found)
        read_opt_out(select, opt_out);
    statement_reset(select);
    reader_end(reader);
    return error;
}

enum error queries_list_opt_outs(struct store_database_reader *reader, const char *after,
                                 size_t limit, struct opt_out opt_outs[], size_t *count)
{
    bool row;
    *count = 0;
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, LIST_OPT_OUTS);
    statement_bind_text(select, FIELD_PHONE_NUMBER, after);
    statement_bind_integer(select, FIELD_LIMIT, (int64_t)limit);
    enum error error = statement_step(&reader->handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(&reader->handle, select, &row))
        read_opt_out(select, &opt_outs[(*count)++]);
    statement_reset(select);
    reader_end(reader);
    return error;
}
