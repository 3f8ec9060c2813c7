/*
 * A table of the memory backend: rows in the order of their keys, and what it takes to undo their changes.
 *
 * A row is never changed in place: a new row of the same key replaces it. The old row is kept until the transaction
 * commits, and returns if the transaction is rolled back. One thread at a time.
 */
#ifndef COMMON_STORE_MEMORY_TABLE_H
#define COMMON_STORE_MEMORY_TABLE_H

#include "common/base/base.h"
#include "common/base/error.h"

struct table {
    /* Set once */
    /* A key is a row with only its key filled in. */
    int (*compare)(const void *row, const void *key);
    /* Frees a row and what it does not share with `other`, which took its place; NULL: the row was removed. `undone`:
       the row is the newer of the two. */
    void (*free_row)(void *row, const void *other, bool undone);
    /* For tables that share these rows: called after every change. Or NULL. */
    void (*changed)(struct table *table, void *before, void *after);
    MUST_CHECK bool (*reserve)(struct table *table); /* gives them the same capacity; or NULL */

    void **rows; /* the first; there may be room before it, so that both ends are cheap */
    size_t count;
    void **allocated;
    size_t capacity;
};

struct undo_log {
    struct table_change {
        struct table *table;
        void *before, *after; /* NULL: none */
    } * changes;
    size_t count, capacity;
};

/* The row of that key; NULL without one. Borrowed until the row changes. */
void *table_find(const struct table *table, const void *key);

/* The index of the first row that is not before the key; table->count without one. */
size_t table_lower_bound(const struct table *table, const void *key);

/* A copy of a row, to be changed and then put; NULL without memory. */
void *table_copy_row(const void *row, size_t bytes);

/* Inserts the row, or replaces the row of its key. The table owns `row` from then on, also after an error.
   ERROR_INTERNAL: no memory, also where `row` is NULL. */
MUST_CHECK enum error table_put(struct table *table, struct undo_log *log, void *row);
MUST_CHECK enum error table_remove(struct table *table, struct undo_log *log, void *row);

/* Undoes the changes that were made since log->count was `mark`; frees all rows that were replaced or removed. */
void undo_log_roll_back(struct undo_log *log, size_t mark);
void undo_log_commit(struct undo_log *log);

/* Frees the rows; frees the log. */
void table_fini(struct table *table);
void undo_log_fini(struct undo_log *log);

/* For tables that share the rows of another table: no undo log, nothing is freed. There must be room. */
MUST_CHECK bool table_reserve(struct table *table, size_t capacity);
void table_insert_shared(struct table *table, void *row);
void table_remove_shared(struct table *table, const void *row);

#endif
