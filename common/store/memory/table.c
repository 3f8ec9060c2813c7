#include "common/store/memory/table.h"

#include "common/base/grow_list.h"

#include <stdlib.h>
#include <string.h>

size_t table_lower_bound(const struct table *table, const void *key)
{
    size_t low = 0, high = table->count;
    /* Most requests are about the newest row, or a newer one. */
    if (high > 0 && table->compare(table->rows[high - 1], key) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->compare(table->rows[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void *table_find(const struct table *table, const void *key)
{
    size_t index = table_lower_bound(table, key);
    bool found = index < table->count && table->compare(table->rows[index], key) == 0;
    return found ? table->rows[index] : NULL;
}

void *table_copy_row(const void *row, size_t bytes)
{
    void *copy = malloc(bytes);
    if (copy)
        memcpy(copy, row, bytes);
    return copy;
}

static void slide_to_front(struct table *table)
{
    if (table->count > 0)
        memmove(table->allocated, table->rows, table->count * sizeof(*table->rows));
    table->rows = table->allocated;
}

bool table_reserve(struct table *table, size_t capacity)
{
    if (capacity <= table->capacity)
        return true;
    slide_to_front(table);
    void **rows = reallocarray(table->allocated, capacity, sizeof(*rows));
    if (!rows)
        return false;
    table->allocated = table->rows = rows;
    table->capacity = capacity;
    return true;
}

/* A quarter stays free, so that the rows need not slide at every insertion. */
static bool grow(struct table *table)
{
    if (table->count < table->capacity - table->capacity / 4)
        return true;
    return table_reserve(table, MAX(16, 2 * table->capacity)) &&
           (!table->reserve || table->reserve(table));
}

/* Moves the shorter part of the rows. */
static void insert_at(struct table *table, size_t index, void *row)
{
    void **end = table->allocated + table->capacity;
    if (index < table->count / 2 && table->rows > table->allocated) {
        table->rows--;
        memmove(table->rows, table->rows + 1, index * sizeof(*table->rows));
    } else {
        if (table->rows + table->count == end)
            slide_to_front(table);
        memmove(table->rows + index + 1, table->rows + index,
                (table->count - index) * sizeof(*table->rows));
    }
    table->rows[index] = row;
    table->count++;
}

static void remove_at(struct table *table, size_t index)
{
    table->count--;
    if (index < table->count / 2) {
        memmove(table->rows + 1, table->rows, index * sizeof(*table->rows));
        table->rows++;
    } else {
        memmove(table->rows + index, table->rows + index + 1,
                (table->count - index) * sizeof(*table->rows));
    }
}

void table_insert_shared(struct table *table, void *row)
{
    insert_at(table, table_lower_bound(table, row), row);
}

void table_remove_shared(struct table *table, const void *row)
{
    remove_at(table, table_lower_bound(table, row));
}

/* Replaces `before` with `after`; one of the two may be NULL. There is room. */
static void apply(struct table *table, void *before, void *after)
{
    size_t index = table_lower_bound(table, before ? before : after);
    if (!before)
        insert_at(table, index, after);
    else if (!after)
        remove_at(table, index);
    else
        table->rows[index] = after;
    if (table->changed)
        table->changed(table, before, after);
}

static bool note_change(struct undo_log *log, struct table_change change)
{
    if (log->count == log->capacity) {
        void *changes = grow_list(log->changes, &log->capacity, sizeof(*log->changes));
        if (!changes)
            return false;
        log->changes = changes;
    }
    log->changes[log->count++] = change;
    return true;
}

enum error table_put(struct table *table, struct undo_log *log, void *row)
{
    if (!row)
        return ERROR_INTERNAL;
    void *before = table_find(table, row);
    if (!grow(table) || !note_change(log, (struct table_change){table, before, row})) {
        table->free_row(row, before, true);
        return ERROR_INTERNAL;
    }
    apply(table, before, row);
    return ERROR_NONE;
}

enum error table_remove(struct table *table, struct undo_log *log, void *row)
{
    if (!note_change(log, (struct table_change){table, row, NULL}))
        return ERROR_INTERNAL;
    apply(table, row, NULL);
    return ERROR_NONE;
}

void undo_log_roll_back(struct undo_log *log, size_t mark)
{
    while (log->count > mark) {
        struct table_change *change = &log->changes[--log->count];
        apply(change->table, change->after, change->before);
        if (change->after)
            change->table->free_row(change->after, change->before, true);
    }
}

void undo_log_commit(struct undo_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        struct table_change *change = &log->changes[i];
        if (change->before)
            change->table->free_row(change->before, change->after, false);
    }
    log->count = 0;
}

void table_fini(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        table->free_row(table->rows[i], NULL, false);
    free(table->allocated);
}

void undo_log_fini(struct undo_log *log)
{
    free(log->changes);
}
