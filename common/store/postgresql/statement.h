/*
 * The statements of a handle, prepared when they are first needed, and their parameters and columns by name.
 *
 * What gives no rows is only sent (statement_run): its answer is read with that of the next statement that gives some, or by
 * handle_settle. A handle belongs to one thread at a time.
 */
#ifndef COMMON_STORE_POSTGRESQL_STATEMENT_H
#define COMMON_STORE_POSTGRESQL_STATEMENT_H

#include "common/store/postgresql/connection.h"
#include "common/store/postgresql/prefetch.h"
#include "common/store/sql/statement_api.h"

enum statement_use { WRITER, READER };

enum statement_id {
#define STATEMENT(id, use, sql) id,
#include "common/store/postgresql/statements.def"
#undef STATEMENT
    STATEMENT_COUNT
};

struct statement_plan;
struct store_database;

struct statement {
    struct statement_plan *plan; /* NULL: not used yet */
    PGresult *result;            /* of a run that is not reset; or NULL */
    int row, row_end;
    bool is_prefetched; /* the result is an entry's */
    bool prepared;      /* in this connection */
};

/* A command that was sent, and not answered yet. */
struct unanswered {
    enum unanswered_kind { ANSWER_PREPARE, ANSWER_DESCRIBE, ANSWER_RUN, ANSWER_SYNC } kind;
    enum statement_id id;
    bool is_kept; /* its rows are read */
    size_t entry; /* of prefetch, plus one; 0: none */
    size_t names; /* not 0: it is for so many entries from that one on, each of a name */
};

/* What went wrong in a transaction, first. */
struct handle_failure {
    enum error error; /* or ERROR_NONE */
    bool may_succeed; /* a careful attempt may, or one without the write that is to blame */
    /* A deadlock, a lock that was waited for too long, a lost connection: the same attempt may succeed. */
    bool is_passing;
};

/* Changes that are not sent yet. */
struct deferred {
    uint32_t tables; /* a statement about one of these has them sent first; 0: there are none */
    enum error (*send)(struct store_database *database);
    struct store_database *database;
};

struct handle {
    struct connection connection;
    struct statement statements[STATEMENT_COUNT];
    struct unanswered *queue;
    size_t first, count, capacity;
    int64_t fenced_us; /* monotonic: when the last FENCE was sent */
    struct handle_failure failure;
    bool is_retried; /* what may succeed in a second attempt has one: it is no error yet */
    bool
        is_stale; /* another connection must be made: this one's writer is fenced off, or its server is a standby now */
    struct prefetch prefetch;
    struct deferred deferred;
    struct buffer key; /* of an entry; reused, as these: */
    struct buffer names;
    int64_t changes;      /* by the last statement that was answered */
    size_t changed;       /* how often something was changed; it may be sent later */
    bool needs_savepoint; /* before the next of those */
};

/* Forgets what is unanswered and what is prepared: of a connection that was closed. */
void handle_forget(struct handle *handle);
void handle_free(struct handle *handle);

/* Waits for all answers. The error is that of the failure. */
MUST_CHECK enum error handle_settle(struct handle *handle);
/* The transaction cannot go on as it is; a second attempt may. */
enum error handle_fail(struct handle *handle);
/* The next statements are another transaction's. */
void handle_clear_failure(struct handle *handle);

/* Rows of these tables are changed, by a statement that is deferred: what was prefetched of them is forgotten. */
void handle_note_change(struct handle *handle, uint32_t tables);

/* The statement, reset and without parameters. */
struct statement *statement_get(struct handle *handle, enum statement_id id);
/* The select, whose parameters are bound, is going to be made: its answer is kept until something may change it. Errors are those
   of the handle. */
void statement_prefetch(struct handle *handle, struct statement *statement);
/* The same for several names, in one select: that of `all` has the columns of `each` in their order, and behind them the name; its
   :names are those whose parameter `field` alone has in `each`. */
void statement_prefetch_names(struct handle *handle, enum statement_id each, enum statement_id all,
                              enum field field, const char *const names[], size_t count);
const char *statement_sql(enum statement_id id);

#endif
