#include "common/store/postgresql/statement_plan.h"

#include "common/store/postgresql/partitions.h"
#include "common/store/postgresql/server_clock.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[STATEMENT_COUNT] = {
#define STATEMENT(id, use, sql) [id] = sql,
#include "common/store/postgresql/statements.def"
#undef STATEMENT
};

static const char *const names[STATEMENT_COUNT] = {
#define STATEMENT(id, use, sql) [id] = #id,
#include "common/store/postgresql/statements.def"
#undef STATEMENT
};

static const char *const field_names[FIELD_TOTAL] = {
#define FIELD(id, name) [FIELD_##id] = name,
#include "common/store/sql/fields.def"
#undef FIELD
};

const char *statement_sql(enum statement_id id)
{
    return texts[id];
}

const char *statement_name(enum statement_id id)
{
    return names[id];
}

/* ---- Texts and names ---- */

static enum field find_field(const char *name, size_t length)
{
    int field = 0;
    while (field < FIELD_TOTAL &&
           (strncmp(field_names[field], name, length) != 0 || field_names[field][length] != '\0'))
        field++;
    return (enum field)field;
}

/* ":name" becomes "$1"; a "::" is a cast, and in quotes nothing is a name. */
static void number_parameters(struct statement_plan *plan, const char *sql)
{
    char *out = plan->sql;
    bool quoted = false;
    while (*sql) {
        quoted ^= *sql == '\'';
        bool named = !quoted && *sql == ':' && islower((unsigned char)sql[1]);
        if (!named) {
            if (*sql == ':') /* both of a cast's */
                *out++ = *sql++;
            *out++ = *sql++;
            continue;
        }
        size_t length = strspn(++sql, "abcdefghijklmnopqrstuvwxyz_");
        enum field field = find_field(sql, length);
        assert(field < FIELD_TOTAL);
        if (plan->parameters[field] == 0)
            plan->parameters[field] = (unsigned char)++plan->parameter_count;
        assert(plan->parameter_count <= MAX_PARAMETERS);
        out += sprintf(out, "$%d", plan->parameters[field]);
        sql += length;
    }
    *out = '\0';
}

static struct prefetch_scope scope_of(enum statement_id id)
{
    struct prefetch_scope scope = prefetch_scope_of(texts[id]);
    if (id == REQUEST_CANCEL || id == SET_CONFIRMED || id == ASSIGN)
        scope.writes = prefetch_in_flight();
    if (id == CHANGE_MESSAGES) /* what it changes was forgotten when that was decided */
        scope.writes = 0;
    if (id == LIST_HELD)
        scope.reads |= prefetch_in_flight();
    if (id == FIND_ACCEPTED) { /* it writes what is there, for the lock */
        scope.reads = scope.writes;
        scope.writes = 0;
    }
    return scope;
}

struct statement_plan *statement_plan_make(enum statement_id id)
{
    struct statement_plan *plan = calloc(1, sizeof(*plan));
    char *sql = malloc(2 * strlen(texts[id]) + 1); /* "$10" may be longer than ":a" */
    if (!plan || !sql) {
        free(plan);
        free(sql);
        return NULL;
    }
    plan->sql = sql;
    number_parameters(plan, texts[id]);
    plan->scope = scope_of(id);
    return plan;
}

void statement_plan_map_columns(struct statement_plan *plan, const PGresult *description)
{
    for (int i = 0; i < PQnfields(description); i++) {
        const char *name = PQfname(description, i);
        enum field field = find_field(name, strlen(name));
        if (field < FIELD_TOTAL) /* others are read by their place */
            plan->columns[field] = (unsigned char)(i + 1);
    }
}

void statement_plan_free(struct statement_plan *plan)
{
    if (plan)
        free(plan->sql);
    free(plan);
}
