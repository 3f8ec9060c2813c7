/* Counts, pauses, and the database itself, in memory. */
#include "common/store/memory/memory.h"

#include <stdlib.h>
#include <string.h>

static struct memory_accepted row_of(const struct accepted_key *key)
{
    struct memory_accepted row = {.kind = key->kind, .period = key->period};
    strcpy(row.name, key->name);
    return row;
}

static int64_t find_count(const struct store_database *database, const struct accepted_key *key)
{
    struct memory_accepted row = row_of(key);
    const struct memory_accepted *found = table_find(&database->tables->accepted, &row);
    return found ? found->count : 0;
}

static enum error find_accepted(struct store_database *database, const struct accepted_key *key,
                                int64_t *count)
{
    *count = find_count(database, key);
    return ERROR_NONE;
}

static enum error add_accepted(struct store_database *database, const struct accepted_key *key,
                               int64_t delta)
{
    struct memory_accepted row = row_of(key);
    row.count = find_count(database, key) + delta;
    return table_put(&database->tables->accepted, &database->undo,
                     table_copy_row(&row, sizeof(row)));
}

static enum error add_accepted_below(struct store_database *database,
                                     const struct accepted_key *key, int64_t most, bool *added)
{
    *added = find_count(database, key) < most;
    return *added ? add_accepted(database, key, 1) : ERROR_NONE;
}

static enum error sum_accepted(struct store_database *database, enum accepted_kind kind,
                               int64_t first, int64_t last, int64_t *count)
{
    const struct table *accepted = &database->tables->accepted;
    struct memory_accepted key = {.kind = kind, .period = first};
    *count = 0;
    for (size_t i = table_lower_bound(accepted, &key); i < accepted->count; i++) {
        const struct memory_accepted *row = accepted->rows[i];
        if (row->kind != kind || row->period > last)
            break;
        *count += row->count;
    }
    return ERROR_NONE;
}

static enum error remove_accepted(struct store_database *database, enum accepted_kind kind,
                                  int64_t before_period, int64_t limit, int64_t *count)
{
    struct table *accepted = &database->tables->accepted;
    struct memory_accepted key = {.kind = kind, .period = INT64_MIN};
    size_t index = table_lower_bound(accepted, &key);
    enum error error = ERROR_NONE;
    for (*count = 0; *count < limit && error == ERROR_NONE && index < accepted->count; ++*count) {
        struct memory_accepted *row = accepted->rows[index];
        if (row->kind != kind || row->period >= before_period)
            break;
        error = table_remove(accepted, &database->undo, row); /* the next one takes its place */
    }
    return error;
}

static enum error find_device_use(struct store_database *database, const char *device_id,
                                  struct device_use *use, bool *found)
{
    const struct device_use *row = table_find(&database->tables->device_uses, device_id);
    *found = row;
    if (row)
        *use = *row;
    return ERROR_NONE;
}

static enum error save_device_use(struct store_database *database, const struct device_use *use)
{
    return table_put(&database->tables->device_uses, &database->undo,
                     table_copy_row(use, sizeof(*use)));
}

void memory_read_sending(const struct memory_tables *tables, struct store_sending *sending)
{
    const struct table *table = &tables->sending;
    *sending = table->count > 0 ? *(const struct store_sending *)table->rows[0]
                                : (struct store_sending){0};
}

static enum error find_sending(struct store_database *database, struct store_sending *sending)
{
    memory_read_sending(database->tables, sending);
    return ERROR_NONE;
}

static enum error save_sending(struct store_database *database, const struct store_sending *sending)
{
    return table_put(&database->tables->sending, &database->undo,
                     table_copy_row(sending, sizeof(*sending)));
}

const struct limit_rows memory_limit_rows = {
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

/* ---- The database itself: no schema, no disk, no log ---- */

static enum error check(struct store_database *database, struct store_probe *probe)
{
    (void)database;
    probe->schema = probe->disk = probe->log = ERROR_NONE;
    probe->durability = STORE_DURABILITY_NONE;
    return ERROR_NONE;
}

static enum error write_probe(struct store_database *database, int64_t now_ms)
{
    (void)database, (void)now_ms;
    return ERROR_NONE;
}

static enum error reclaim_space(struct store_database *database, bool *more)
{
    (void)database;
    *more = false;
    return ERROR_NONE;
}

/* No commit is in doubt. */
static bool was_committed(struct store_database *database, int64_t transaction)
{
    (void)database, (void)transaction;
    return false;
}

const struct admin_rows memory_admin_rows = {
    .check = check,
    .write_probe = write_probe,
    .reclaim_space = reclaim_space,
    .turn_is_over = memory_turn_is_over,
    .was_committed = was_committed,
};
