/* Counts of accepted messages and of segments given to devices, and whether sending is paused. */
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"
#include "common/store/sql/rows.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static enum error run(struct store_database *database, struct statement *statement)
{
    return statement_run(&database->handle, statement);
}

static struct statement *get_accepted(struct store_database *database, enum statement_id id,
                                      const struct accepted_key *key)
{
    struct statement *statement = get(database, id);
    statement_bind_integer(statement, FIELD_KIND, key->kind);
    statement_bind_integer(statement, FIELD_PERIOD, key->period);
    statement_bind_text(statement, FIELD_NAME, key->name);
    return statement;
}

static enum error find_accepted(struct store_database *database, const struct accepted_key *key,
                                int64_t *count)
{
    *count = 0;
    return statement_read_integer(&database->handle, get_accepted(database, FIND_ACCEPTED, key),
                                  count);
}

static enum error add_accepted(struct store_database *database, const struct accepted_key *key,
                               int64_t delta)
{
    struct statement *upsert = get_accepted(database, ADD_ACCEPTED, key);
    statement_bind_integer(upsert, FIELD_DELTA, delta);
    return run(database, upsert);
}

static enum error add_accepted_below(struct store_database *database,
                                     const struct accepted_key *key, int64_t most, bool *added)
{
    struct statement *upsert = get_accepted(database, ADD_ACCEPTED_BELOW, key);
    statement_bind_integer(upsert, FIELD_LIMIT, most);
    enum error error = statement_step(&database->handle, upsert, added);
    statement_reset(upsert);
    return error;
}

static enum error sum_accepted(struct store_database *database, enum accepted_kind kind,
                               int64_t first, int64_t last, int64_t *count)
{
    struct statement *select = get(database, SUM_ACCEPTED);
    statement_bind_integer(select, FIELD_KIND, kind);
    statement_bind_integer(select, FIELD_FIRST, first);
    statement_bind_integer(select, FIELD_END, last);
    return statement_read_integer(&database->handle, select, count);
}

static enum error remove_accepted(struct store_database *database, enum accepted_kind kind,
                                  int64_t before_period, int64_t limit, int64_t *count)
{
    struct statement *delete = get(database, REMOVE_ACCEPTED);
    statement_bind_integer(delete, FIELD_KIND, kind);
    statement_bind_integer(delete, FIELD_END, before_period);
    statement_bind_integer(delete, FIELD_LIMIT, limit);
    enum error error = run(database, delete);
    *count = error == ERROR_NONE ? statement_changes(&database->handle) : 0;
    return error;
}

enum { SPENT_BYTES = SEND_BUDGET_SLOTS * 4 };

static void write_spent(const struct send_budget *budget, unsigned char bytes[SPENT_BYTES])
{
    for (int i = 0; i < SPENT_BYTES; i++)
        bytes[i] = (unsigned char)(budget->spent[i / 4] >> (8 * (i % 4)));
}

static void read_spent(const unsigned char bytes[SPENT_BYTES], struct send_budget *budget)
{
    for (int i = 0; i < SPENT_BYTES; i++)
        budget->spent[i / 4] |= (uint32_t)bytes[i] << (8 * (i % 4));
}

void sql_read_use(const struct statement *row, struct device_use *use)
{
    unsigned char spent[SPENT_BYTES];
    *use = (struct device_use){
        .day = statement_integer(row, FIELD_DAY),
        .in_day = statement_integer(row, FIELD_IN_DAY),
        .budget = {.window_ms = statement_integer(row, FIELD_WINDOW_MS),
                   .slot = statement_integer(row, FIELD_SLOT),
                   .not_before_ms = statement_integer(row, FIELD_NOT_BEFORE_MS)},
    };
    statement_bytes(row, FIELD_SPENT, spent, SPENT_BYTES);
    read_spent(spent, &use->budget);
    statement_text(row, FIELD_DEVICE_ID, use->device_id, sizeof(use->device_id));
}

static enum error find_device_use(struct store_database *database, const char *device_id,
                                  struct device_use *use, bool *found)
{
    struct statement *select = get(database, FIND_DEVICE_USE);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found)
        sql_read_use(select, use);
    statement_reset(select);
    return error;
}

static enum error save_device_use(struct store_database *database, const struct device_use *use)
{
    struct statement *upsert = get(database, SAVE_DEVICE_USE);
    unsigned char spent[SPENT_BYTES];
    write_spent(&use->budget, spent);
    statement_bind_text(upsert, FIELD_DEVICE_ID, use->device_id);
    statement_bind_integer(upsert, FIELD_DAY, use->day);
    statement_bind_integer(upsert, FIELD_IN_DAY, use->in_day);
    statement_bind_integer(upsert, FIELD_WINDOW_MS, use->budget.window_ms);
    statement_bind_integer(upsert, FIELD_SLOT, use->budget.slot);
    statement_bind_blob(upsert, FIELD_SPENT, spent, SPENT_BYTES);
    statement_bind_integer(upsert, FIELD_NOT_BEFORE_MS, use->budget.not_before_ms);
    return run(database, upsert);
}

static enum error find_sending(struct store_database *database, struct store_sending *sending)
{
    return queries_find_sending(&database->handle, FIND_SENDING, sending);
}

static enum error save_sending(struct store_database *database, const struct store_sending *sending)
{
    struct statement *update = get(database, SAVE_SENDING);
    statement_bind_integer(update, FIELD_PAUSED_SINCE_MS, sending->paused_since_ms);
    statement_bind_text(update, FIELD_REASON, sending->reason);
    return run(database, update);
}

const struct limit_rows sql_limit_rows = {
    .find_accepted = find_accepted,
    .add_accepted = add_accepted,
    .add_accepted_below = add_accepted_below,
    .sum_accepted = sum_accepted,
    .remove_accepted = remove_accepted,
    .find_device_use = find_device_use,
    .save_device_use = save_device_use,
    .find_sending = find_sending,
    .save_sending = save_sending,
};
