/* Which tables are copied between SQLite and PostgreSQL, and from where each has its rows. Private to this folder. */
#ifndef COMMON_STORE_COPY_TABLES_H
#define COMMON_STORE_COPY_TABLES_H

#include <stdbool.h>

struct copied_table {
    const char *target; /* its table */
    const char *
        source; /* a relation of the source; NULL: no rows are copied, why is said in copy_tables.c */
};

/* In this order; a name of NULL ends them. Every table of the target is in its list: a test holds that. */
extern const struct copied_table copy_to_postgresql[], copy_to_sqlite[];

/* A relation with the column id: that of the last event. */
extern const char copy_last_event_in_sqlite[], copy_last_event_in_postgresql[];

/* Whether the target computes that column. */
bool copy_is_computed(const char *table, const char *column);

/* Whether that table says nothing that a copy could overwrite: it has rows in a fresh schema, or once a gateway was started. */
bool copy_may_replace(const char *table);

#endif
