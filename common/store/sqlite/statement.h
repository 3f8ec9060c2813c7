/*
 * The statements of a handle, prepared once each, and their parameters and columns by name.
 *
 * This is the one place that includes sqlite3.h. A handle belongs to one thread at a time.
 */
#ifndef COMMON_STORE_SQLITE_STATEMENT_H
#define COMMON_STORE_SQLITE_STATEMENT_H

#include "common/store/sql/statement_api.h"

#include <sqlite3.h>

/* Which connections prepare a statement. */
enum statement_use { WRITER, READER };

enum statement_id {
#define STATEMENT(id, use, sql) id,
#include "common/store/sqlite/statements.def"
#undef STATEMENT
    STATEMENT_COUNT
};

struct statement {
    sqlite3_stmt *stmt; /* NULL: not prepared, or it could not be */
    /* By enum field: the number of the parameter, and of the column plus one; 0: none. */
    unsigned char parameters[FIELD_TOTAL], columns[FIELD_TOTAL];
};

struct handle {
    sqlite3 *db;
    /* From a writer's BEGIN until it has ended the transaction. A failure may roll that back before: then no statement runs, as it
       would be a transaction of its own. */
    bool in_transaction;
    struct statement statements[STATEMENT_COUNT];
};

/* Whether it is prepared, and no failure has rolled back the transaction of a writer that has not ended it. Where not, the reason
   has been logged. */
MUST_CHECK bool statement_may_run(const struct handle *handle, const struct statement *statement);

/* Logs the failed operation, and returns the error for a result code of SQLite. */
enum error statement_fail(struct handle *handle, int code, const char *doing);

/* Prepares the statement: SQLITE_OK, or another result code. */
MUST_CHECK int statement_prepare(struct handle *handle, enum statement_id id);
enum statement_use statement_use_of(enum statement_id id);
const char *statement_sql(enum statement_id id);
void statement_finalize_all(struct handle *handle);

/* The statement, reset and without parameters. Where it cannot be prepared the reason is logged, and running it
   fails. */
struct statement *statement_get(struct handle *handle, enum statement_id id);

#endif
