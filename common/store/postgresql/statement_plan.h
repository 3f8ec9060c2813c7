/* What is known of a statement, over all connections: its text, its parameters, and what is bound to them. */
#ifndef COMMON_STORE_POSTGRESQL_STATEMENT_PLAN_H
#define COMMON_STORE_POSTGRESQL_STATEMENT_PLAN_H

#include "common/store/postgresql/statement.h"
#include "common/store/postgresql/value.h"

enum { MAX_PARAMETERS = 64 };

struct statement_plan {
    char *sql; /* with numbered parameters */
    int parameter_count;
    bool has_types;
    struct prefetch_scope scope;
    Oid types[MAX_PARAMETERS];
    struct value values[MAX_PARAMETERS];
    unsigned char parameters[FIELD_TOTAL]; /* the number, from 1 on; 0: none */
    unsigned char columns[FIELD_TOTAL];
};

/* With numbered parameters. NULL without memory. */
struct statement_plan *statement_plan_make(enum statement_id id);
void statement_plan_free(struct statement_plan *plan);
void statement_plan_map_columns(struct statement_plan *plan, const PGresult *description);

/* For the log. */
const char *statement_name(enum statement_id id);

/* Of the current row. */
int64_t statement_integer_at(const struct statement *statement, int column);

#endif
