/*
 * A table of the memory backend: rows in the order of their keys, and what it takes to undo their changes.
 *
 * A row is never changed in place. Whoever changes one puts a new row of the same key in its place; the old one is kept
 * until the transaction commits, and put back if it is rolled back. One thread at a time.
 */
#ifndef COMMON_STORE_MEMORY_TABLE_H
#define COMMON_STORE_MEMORY_TABLE_H

#include "common/base/base.h"
#include "common/base/error.h"

struct table {
    /* Set once */
    int (*compare)(const void *row,
                   const void *key); /* a key is a row of which only the key is filled in */
    /* Frees a row that `other` has replaced (NULL: it was removed), with what the other does not share. `undone`: the
       row was the newer of the two. */
    void (*free_row)(void *row, const void *other, bool undone);
    /* Another order of the same rows: told of every change. Or NULL. */
    void (*changed)(struct table *table, void *before, void *after);
    MUST_CHECK bool (*reserve)(
        struct table *table); /* room for as many as this table has room for; or NULL */

    void **rows; /* the first one; there may be room before it, so that both ends are cheap */
    size_t count;
    void **allocated;
    size_t capacity;
};

struct undo_log {
    struct table_change {
        struct table *table;
        void *before, *after; /* NULL: there was none, there is none */
    } * changes;
    size_t count, capacity;
};

/* The row of that key; NULL without one. Borrowed until the row changes. */
void *table_find(const struct table *table, const void *key);

/* The index of the first row that is not before the key; table->count without one. */
size_t table_lower_bound(const struct table *table, const void *key);

/* A copy of a row, to be changed and put; NULL without memory. */
void *table_copy_row(const void *row, size_t bytes);

/* Inserts the row, or replaces the one of its key. `row` is the table's from then on, also after ERROR_INTERNAL, which
   means that there is no memory; it may be NULL, for the same. */
MUST_CHECK enum error table_put(struct table *table, struct undo_log *log, void *row);
MUST_CHECK enum error table_remove(struct table *table, struct undo_log *log, void *row);

/* Makes the changes since log->count was `mark` undone; or frees what all of them have replaced. */
void undo_log_roll_back(struct undo_log *log, size_t mark);
void undo_log_commit(struct undo_log *log);

/* Frees the rows, or the log. */
void table_fini(struct table *table);
void undo_log_fini(struct undo_log *log);

/* For tables that share the rows of another one: without an undo log, and without freeing. There must be room. */
MUST_CHECK bool table_reserve(struct table *table, size_t capacity);
void table_insert_shared(struct table *table, void *row);
void table_remove_shared(struct table *table, const void *row);

#endif
