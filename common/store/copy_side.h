/*
 * One side of a copy (copy.h): what a backend offers to read all its rows, or to be filled with another's. Private to this folder.
 *
 * A relation is the name of a table or another text that may follow FROM. Each function but close gives false with the problem, after
 * which only close may follow. One thread.
 */
#ifndef COMMON_STORE_COPY_SIDE_H
#define COMMON_STORE_COPY_SIDE_H

#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COPY_MAX_COLUMNS = 96, COPY_NAME_SIZE = 64, COPY_SQL_SIZE = 16384 };

struct copy_value {
    enum { COPY_NULL, COPY_INTEGER, COPY_REAL, COPY_TEXT, COPY_BYTES } kind;
    int64_t integer;
    double real;
    const char *bytes; /* of a text, too; borrowed until the next row */
    size_t length;
};

struct copy_columns {
    char names[COPY_MAX_COLUMNS][COPY_NAME_SIZE];
    size_t count;
};

struct copy_end; /* each side completes it */

/* What went wrong, first. */
struct copy_failure {
    enum error error;
    char *problem; /* of STORE_ERROR_SIZE */
};

enum copy_role { COPY_SOURCE, COPY_TARGET };

struct copy_side {
    /* Has the database alone until it is closed. A source has this program's schema; a target gets it, and has no rows. */
    bool (*open)(const char *location, enum copy_role role, struct copy_failure *failure,
                 struct copy_end **end);
    /* Undoes what was not committed. NULL is allowed. */
    void (*close)(struct copy_end *end);

    bool (*list_tables)(struct copy_end *end, struct copy_columns *names);
    /* The columns of a relation. */
    bool (*list_columns)(struct copy_end *end, const char *relation, struct copy_columns *columns);

    /* The rows of a relation. *more is false after the last; then another read may begin. */
    bool (*begin_read)(struct copy_end *end, const char *relation,
                       const struct copy_columns *columns);
    bool (*read_row)(struct copy_end *end, struct copy_value values[], bool *more);

    /* Of a target. What a fresh schema has in the table is replaced. */
    bool (*begin_write)(struct copy_end *end, const char *table,
                        const struct copy_columns *columns);
    bool (*write_row)(struct copy_end *end, const struct copy_value values[]);
    bool (*end_write)(struct copy_end *end);
    /* After all tables: what is derived from them, and what numbers the next rows. */
    bool (*finish)(struct copy_end *end, int64_t last_event_id);
    /* ERROR_OUTCOME_UNKNOWN: it may be there, or not. */
    bool (*commit)(struct copy_end *end);

    /* Of a source: no gateway starts with it from then on. `name` is of the target; `kept` (STORE_COPY_PLACE_SIZE) gets what the
       source is called then. And back; where that fails the problem says so. */
    bool (*set_aside)(struct copy_end *end, const char *name, char *kept);
    bool (*take_back)(struct copy_end *end);

    /* Of people: the database without what is secret (STORE_COPY_PLACE_SIZE). */
    void (*name)(const struct copy_end *end, char *name);
};

/* For sides: false, after setting the failure unless there is one. */
bool copy_fail(struct copy_failure *failure, enum error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For sides: adds the quoted names to the text, with commas between. */
void copy_add_names(char sql[COPY_SQL_SIZE], const struct copy_columns *columns);

#endif
