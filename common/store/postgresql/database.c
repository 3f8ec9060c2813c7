/* PostgreSQL behind the store: opening, and transactions. */
#include "common/store/postgresql/database.h"

#include "common/base/clock.h"
#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/store/postgresql/copy_side.h"
#include "common/store/postgresql/durability.h"
#include "common/store/postgresql/guard.h"
#include "common/store/postgresql/own_rows.h"
#include "common/store/postgresql/partition_keeper.h"
#include "common/store/postgresql/pooler.h"
#include "common/store/postgresql/preload.h"
#include "common/store/postgresql/results.h"
#include "common/store/postgresql/role_lock.h"
#include "common/store/postgresql/server_clock.h"
#include "common/store/postgresql/server_origin.h"
#include "common/store/postgresql/server_schema.h"
#include "common/store/postgresql/server_settle.h"
#include "common/store/postgresql/writer_row.h"
#include "common/store/sql/queries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPEN_TIMEOUT_MS = 30000,
    RECONNECT_PAUSE_MS = 100,
    CAREFUL_MS = 60000,
    ATTEMPTS = 5,
};

/* ---- Connections ---- */

/* The lock of the role ends with its session. */
static bool keep_role(struct store_database *database, char problem[STORE_ERROR_SIZE])
{
    return !database->options->role || connection_is_open(&database->role) ||
           role_lock_take(&database->role, database->url, database->options, true, problem);
}

static bool is_durable(struct store_database *database, char problem[STORE_ERROR_SIZE])
{
    bool needs_standby = database->options->needs_standby;
    if (durability_check(&database->handle.connection, needs_standby, &database->faults, problem))
        return true;
    database->has_no_standby = needs_standby && database->faults >= 0 &&
                               !(database->faults & FAULT_IS_STANDBY);
    return false;
}

static enum error open_session(struct store_database *database, int64_t deadline_ms,
                               char problem[STORE_ERROR_SIZE])
{
    char setup[SESSION_SETUP_SIZE];
    struct handle *handle = &database->handle;
    handle_forget(handle);
    handle_clear_failure(handle);
    handle->is_stale = false;
    database->has_no_standby = false;
    session_setup_write(setup, database->options->timeout_ms);
    if (!connection_open(&handle->connection, database->url, setup, deadline_ms, problem))
        return ERROR_DATABASE_UNREACHABLE;
    if (!keep_role(database, problem))
        return ERROR_STORE_UNAVAILABLE;
    if (!is_durable(database, problem))
        return database->has_no_standby ? ERROR_NO_STANDBY : ERROR_DATABASE_UNREACHABLE;
    return server_schema_check(&handle->connection, &server_schema_of_gateway, problem)
               ? ERROR_NONE
               : ERROR_STORE_UNAVAILABLE;
}

static enum error begin_epoch(struct store_database *database, int64_t *committed,
                              char problem[STORE_ERROR_SIZE])
{
    struct handle *handle = &database->handle;
    handle->connection.is_warned = false;
    if (!server_clock_ask(&handle->connection, problem) ||
        !connection_begin_pipeline(&handle->connection))
        return ERROR_DATABASE_UNREACHABLE;
    enum error error = writer_row_begin_epoch(database, committed);
    if (error == ERROR_NONE && *committed < database->batch) {
        (void)!server_origin_note_lost(handle);
        error = ERROR_DATABASE_REPLACED;
    }
    if (error == ERROR_NONE)
        error = record_types_read(database);
    if (error == ERROR_NONE && handle->connection.is_warned)
        error = ERROR_DATABASE_UNREACHABLE;
    snprintf(problem, STORE_ERROR_SIZE, "%s",
             error == ERROR_DATABASE_REPLACED
                 ? "it was restored, settled or replaced since this process has begun"
                 : "it does not answer");
    return error;
}

static enum error fault_of(const struct store_database *database)
{
    return (enum error)atomic_load(&database->fault);
}

static void note_fault(struct store_database *database, enum error fault, const char *problem)
{
    if ((int)fault == atomic_exchange(&database->fault, (int)fault) || fault == ERROR_NONE)
        return;
    const char *advice = store_fault_advice(fault);
    if (fault == ERROR_DATABASE_UNREACHABLE)
        log_warning("the database cannot be reached", LOG_TEXT("problem", problem),
                    LOG_TEXT_IF_ANY("advice", advice));
    else
        log_error("the database cannot be used", LOG_TEXT("problem", problem),
                  LOG_TEXT_IF_ANY("advice", advice));
}

/* One attempt. */
static bool connect_writer(struct store_database *database, int64_t deadline_ms, int64_t *committed)
{
    char problem[STORE_ERROR_SIZE] = "";
    if (fault_of(database) == ERROR_DATABASE_REPLACED)
        return false; /* for good: what it has in mind is of another one */
    enum error fault = open_session(database, deadline_ms, problem);
    if (fault == ERROR_NONE)
        fault = begin_epoch(database, committed, problem);
    if (fault != ERROR_NONE)
        connection_close(&database->handle.connection);
    note_fault(database, fault, problem);
    return fault == ERROR_NONE;
}

/* What is asked of it is refused at once: it takes an operator to change that. */
static bool is_refusing(const struct store_database *database)
{
    enum error fault = fault_of(database);
    return fault == ERROR_NO_STANDBY || fault == ERROR_DATABASE_REPLACED;
}

/* Until the deadline. What was unknown is known then: *committed. */
static bool reconnect(struct store_database *database, int64_t deadline_ms, int64_t *committed)
{
    int64_t now_ms;
    while (!connect_writer(database, deadline_ms, committed)) {
        now_ms = clock_monotonic_ms();
        if (now_ms >= deadline_ms || is_refusing(database))
            return false;
        usleep((useconds_t)MIN(RECONNECT_PAUSE_MS, deadline_ms - now_ms) * 1000);
    }
    bell_follow(database->bell);
    log_info("connected to the database");
    return true;
}

/* ---- Opening ---- */

void database_free(struct store_database *database)
{
    struct handle *handle = &database->handle;
    bell_free(database->bell);
    partition_keeper_free(database->partitions);
    if (handle->connection.pg && database->writer_id != 0) {
        handle_clear_failure(handle);
        struct statement *delete = statement_get(handle, DELETE_WRITER);
        statement_bind_integer(delete, FIELD_ID, database->writer_id);
        if (statement_run(handle, delete) == ERROR_NONE)
            (void)!handle_settle(handle);
    }
    handle_free(handle);
    connection_close(&database->role);
    transaction_fini(&database->transaction);
    message_cache_fini(&database->messages);
    change_rows_fini(database);
    free(database->url);
    free(database);
}

static bool open_writer(struct store_database *database, char problem[STORE_ERROR_SIZE])
{
    struct connection *connection = &database->handle.connection;
    const char *role = database->options->role;
    char process[ROLE_NAME_SIZE], setup[SESSION_SETUP_SIZE];
    role_name_write(role, process);
    session_setup_write(setup, database->options->timeout_ms);
    if (!connection_open(connection, database->url, setup, clock_monotonic_ms() + OPEN_TIMEOUT_MS,
                         problem) ||
        !pooler_check(connection, database->url, problem) || /* before any lock is left in it */
        (role &&
         !role_lock_take(&database->role, database->url, database->options, false, problem)) ||
        !is_durable(database, problem) ||
        !server_schema_migrate(connection, &server_schema_of_gateway, process,
                               database->options->must_exist, problem) ||
        server_schema_is_copied(connection, problem) || !server_origin_check(connection, problem) ||
        !server_clock_ask(connection, problem))
        return false;
    snprintf(problem, STORE_ERROR_SIZE, "it does not take the gateway's statements");
    return connection_begin_pipeline(connection) && writer_row_add(database) &&
           record_types_read(database) == ERROR_NONE &&
           (database->bell = bell_new(database->url, database->options, database->writer_id,
                                      &database->newest)) &&
           (database->partitions = partition_keeper_new(database->url, database->options,
                                                        &database->newest));
}

static bool listen_to_nodes(struct store_database *database,
                            void (*notified)(void *context, unsigned topics, bool same_node),
                            void *context)
{
    return bell_listen(database->bell, notified, context);
}

struct store_database *database_new(const struct store_options *options)
{
    struct store_database *database = calloc(1, sizeof(*database));
    if (!database)
        return NULL;
    database->options = options;
    database->faults = -1;
    database->handle.connection.timeout_ms = (int)options->timeout_ms;
    database->handle.connection.newest = database->role.newest = &database->newest;
    database->handle.connection.leads = true;
    change_rows_init(database);
    database->role.timeout_ms = (int)options->timeout_ms;
    database->message_rows = message_cache_rows();
    database->rows = sql_store_rows;
    database->rows.messages = &database->message_rows;
    open_admission_use(database);
    transaction_init(&database->transaction, database, &database->rows, options);
    return database;
}

static enum error open_database(const struct store_options *options, const char *location,
                                struct store_database **result, char problem[STORE_ERROR_SIZE])
{
    char reason[STORE_ERROR_SIZE] = "";
    struct store_database *database = database_new(options);
    if (!database)
        return ERROR_INTERNAL;
    if (asprintf(&database->url, "postgresql:%s", location) < 0)
        database->url = NULL;
    if (!database->url || !open_writer(database, reason)) {
        /* Without the URL, which has a password. */
        snprintf(problem, STORE_ERROR_SIZE, "the PostgreSQL database cannot be used: %.400s",
                 reason);
        database_free(database);
        return ERROR_STORE_UNAVAILABLE;
    }
    *result = database;
    return ERROR_NONE;
}

static bool set_guard(struct store_database *database, bool on, char problem[STORE_ERROR_SIZE])
{
    return guard_set(database->url, on, (int)database->options->timeout_ms, problem);
}

/* ---- Transactions ---- */

static bool take_turn(struct store_database *database, int64_t deadline_ms)
{
    (void)database;
    (void)deadline_ms;
    return true;
}

static enum error run(struct store_database *database, enum statement_id id)
{
    return statement_run(&database->handle, statement_get(&database->handle, id));
}

static enum error begin(struct store_database *database, bool is_open)
{
    struct handle *handle = &database->handle;
    handle_clear_failure(handle);
    prefetch_clear(&handle->prefetch);
    message_cache_clear(&database->messages);
    change_rows_clear(database);
    database->waiting_count = 0;
    transaction_reset(&database->transaction, database->options->wall_ms());
    claim_mark_begin(&database->claim_mark, database->transaction.now_ms);
    enum error error = run(database, BEGIN_WRITE);
    database->open_admission.assumed = is_open;
    struct statement *fence = statement_get(handle, is_open ? FENCE_OPEN : FENCE);
    statement_bind_integer(fence, FIELD_ID, database->writer_id);
    statement_bind_integer(fence, FIELD_FIRST, database->epoch);
    statement_bind_integer(fence, FIELD_NUMBER, database->batch + 1);
    statement_bind_integer(fence, FIELD_NEEDS_STANDBY, database->options->needs_standby);
    if (error == ERROR_NONE)
        error = statement_change_one(handle, fence);
    database->unchanged = handle->changed;
    database->claims_only = true;
    return error;
}

static void roll_back(struct store_database *database)
{
    struct handle *handle = &database->handle;
    if (!handle->connection.pg)
        return;
    (void)!handle_settle(handle);
    handle_clear_failure(handle);
    if (run(database, ROLLBACK_WRITE) != ERROR_NONE || handle_settle(handle) != ERROR_NONE)
        connection_close(&handle->connection);
    handle_clear_failure(handle);
}

/* Undoes a write that failed after it had changed something. */
static enum error undo(struct store_database *database, const struct store_write *write,
                       bool has_savepoint, bool has_begun)
{
    struct handle *handle = &database->handle;
    if (!has_savepoint) {
        database->careful_until_ms = clock_monotonic_ms() + CAREFUL_MS;
        return write->result;
    }
    handle_clear_failure(handle); /* careful: it is this write's */
    message_cache_clear(&database->messages);
    change_rows_clear(database);
    return has_begun ? run(database, ROLLBACK_ONE) : ERROR_NONE;
}

/* In a careful transaction what the database says against a write is known at its end. */
static void run_carefully(struct store_database *database, struct store_write *write)
{
    struct store_transaction *transaction = &database->transaction;
    struct tally tally = transaction->tally;
    struct accepted_counts accepted = transaction->accepted;
    size_t transition_count = transaction->transition_count;
    write->result = transaction_run_write(transaction, write);
    if (write->result == ERROR_NONE)
        write->result = change_rows_send(database);
    enum error error = handle_settle(&database->handle);
    if (write->result == ERROR_NONE)
        write->result = error;
    if (write->result == ERROR_NONE)
        return;
    transaction->lost = false; /* the savepoint has all that it wrote */
    transaction->tally = tally;
    transaction->accepted = accepted;
    transaction->transition_count = transition_count;
}

/* Sets the write's result. An error ends the whole transaction. */
static enum error run_write(struct store_database *database, struct store_write *write)
{
    struct handle *handle = &database->handle;
    bool is_careful = database->is_careful;
    bool has_savepoint = is_careful ||
                         (!verb_is_atomic(write->verb) && !verb_fails_early(write->verb));
    database->enqueue = write->verb == STORE_ENQUEUE ? write : NULL;
    enum error error = database->enqueue ? ERROR_NONE : insert_rows_waiting(database);
    if (error == ERROR_NONE && has_savepoint)
        error = change_rows_send(database); /* it has changes of this write alone */
    if (error != ERROR_NONE)
        return error;
    size_t changed = handle->changed;
    database->claims_only &= write->verb == STORE_CLAIM;
    handle->needs_savepoint = has_savepoint; /* before the first change */
    if (is_careful)
        run_carefully(database, write);
    else
        write->result = transaction_run_write(&database->transaction, write);
    if (has_savepoint && write->result == ERROR_NONE)
        write->result = change_rows_send(database);
    bool has_changed = handle->changed != changed;
    bool has_begun = has_savepoint && !handle->needs_savepoint;
    handle->needs_savepoint = false;
    if (!handle->connection.pg || database->transaction.lost)
        return write->result != ERROR_NONE ? write->result : ERROR_INTERNAL;
    if (handle->failure.error != ERROR_NONE &&
        (handle->failure.is_passing || !(is_careful && has_changed)))
        return handle->failure.error;
    if (write->result != ERROR_NONE && has_changed && (is_careful || !verb_is_atomic(write->verb)))
        error = undo(database, write, has_savepoint, has_begun);
    if (error == ERROR_NONE && has_begun)
        error = run(database, RELEASE_ONE);
    return error;
}

/* A COMMIT that succeeds with a warning is not on the standby that it should be on. The next commit, that of the epoch of a
   new connection, succeeds without one only when this one is there too. */
static enum error distrust(struct handle *handle)
{
    log_warning("a commit did not reach its standby; it is asked for again");
    connection_close(&handle->connection);
    handle_forget(handle);
    return ERROR_STORE_UNAVAILABLE;
}

/* Claims that found nothing: each ring of another node may bring one, and a commit is a write to the disk, and to the
   standby. */
static bool is_empty(const struct store_database *database)
{
    return database->claims_only && database->handle.changed == database->unchanged;
}

static enum error end_empty(struct store_database *database)
{
    enum error error = run(database, ROLLBACK_WRITE);
    return error == ERROR_NONE ? handle_settle(&database->handle) : error;
}

/* *unknown: the connection was lost when the COMMIT may have been under way. */
static enum error commit(struct store_database *database, bool *unknown)
{
    struct handle *handle = &database->handle;
    int64_t began_us = clock_monotonic_us();
    database->enqueue = NULL;
    enum error error = change_rows_finish(database);
    if (error != ERROR_NONE)
        return error;
    FAIL_POINT("store.before_commit");
    if (is_empty(database))
        return end_empty(database);
    *unknown = true;
    handle->connection.is_warned = false;
    error = run(database, COMMIT_WRITE);
    if (error == ERROR_NONE)
        error = handle_settle(handle);
    if (handle->connection.is_warned && error == ERROR_NONE)
        error = distrust(handle);
    if (handle->connection.pg) /* the answer has come */
        *unknown = false;
    FAIL_POINT("store.after_commit");
    if (error == ERROR_NONE)
        METRICS_OBSERVE(database->options->metrics, db_commit_duration_seconds,
                        (uint64_t)(clock_monotonic_us() - began_us));
    return error;
}

static enum error run_all(struct store_database *database, struct store_write *const writes[],
                          size_t count, bool is_first, bool *unknown)
{
    enum error error = begin(database, is_first && open_admission_fits(database, writes, count));
    if (error == ERROR_NONE && !database->is_careful)
        error = preload(database, writes, count);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = run_write(database, writes[i]);
    if (error == ERROR_NONE)
        error = commit(database, unknown);
    return error;
}

/* After a failed attempt. True: another one may succeed. */
static bool prepare_again(struct store_database *database, bool unknown, int64_t deadline_ms,
                          enum error *error)
{
    struct handle *handle = &database->handle;
    int64_t committed;
    bool may_succeed = handle->failure.is_passing ||
                       (!database->is_careful &&
                        (handle->failure.may_succeed ||
                         clock_monotonic_ms() < database->careful_until_ms));
    if (handle->is_stale)
        connection_close(&handle->connection);
    if (handle->connection.pg) {
        roll_back(database);
        return may_succeed;
    }
    if (!reconnect(database, deadline_ms, &committed)) {
        *error = unknown ? ERROR_OUTCOME_UNKNOWN : fault_of(database);
        return false;
    }
    if (unknown && committed == database->batch + 1)
        *error = ERROR_NONE;
    return *error != ERROR_NONE;
}

static bool is_connected(struct store_database *database, int64_t deadline_ms)
{
    int64_t committed;
    if (database->handle.connection.pg && connection_is_past(&database->handle.connection))
        connection_close(&database->handle.connection);
    if (database->handle.connection.pg)
        return true;
    if (deadline_ms == STORE_BEGIN_AT_ONCE || !reconnect(database, deadline_ms, &committed))
        return false;
    database->topics |= outcomes_settle(&database->outcomes, committed == database->batch + 1);
    claim_mark_committed(&database->claim_mark, true); /* it may have returned messages */
    database->batch = committed; /* of a batch whose outcome was unknown, too */
    return true;
}

/* For other nodes to look at. */
static unsigned topics_of(const struct store_database *database, struct store_write *const writes[],
                          size_t count)
{
    unsigned topics = database->transaction.has_returned ? STORE_TOPIC_MESSAGES : 0;
    for (size_t i = 0; i < count; i++)
        topics |= writes[i]->result == ERROR_NONE ? store_write_topics(writes[i]) : 0;
    return topics;
}

/* They can ask later what became of it. */
static void note_unknown(struct store_database *database, struct store_write *const writes[],
                         size_t count)
{
    int64_t transaction = outcomes_open(&database->outcomes, topics_of(database, writes, count));
    for (size_t i = 0; i < count; i++)
        writes[i]->transaction = transaction;
}

/* What is to be done once the callers know: ringing, and partitions. */
static void note_what_follows(struct store_database *database, struct store_write *const writes[],
                              size_t count)
{
    database->topics |= topics_of(database, writes, count);
    for (size_t i = 0; i < count; i++) {
        if (writes[i]->result == ERROR_NONE && writes[i]->verb == STORE_PURGE) {
            database->has_purged = database->options->role; /* else it is a tool's, of any age */
            database->message_age_ms = writes[i]->purge.message_age_ms;
        }
    }
}

static enum error run_batch(struct store_database *database, struct store_write *const writes[],
                            size_t count, int64_t deadline_ms, size_t *ran)
{
    *ran = 0;
    if (!is_connected(database, deadline_ms)) {
        if (deadline_ms == STORE_BEGIN_AT_ONCE)
            return ERROR_STORE_BUSY;
        *ran = is_refusing(database) ? count : 0;
        return fault_of(database);
    }
    int64_t until_ms = clock_monotonic_ms() + database->options->timeout_ms;
    *ran = count;
    enum error error;
    bool again = false, careful = false;
    for (int attempt = 0; attempt == 0 || again; attempt++) {
        bool unknown = false;
        if (again)
            results_forget(writes, count);
        database->is_careful = careful || clock_monotonic_ms() < database->careful_until_ms;
        database->handle.is_retried = !database->is_careful;
        error = run_all(database, writes, count, attempt == 0, &unknown);
        if (error == ERROR_NONE)
            break;
        if (database->open_admission.assumed)
            open_admission_refuse(&database->open_admission);
        careful |= !database->handle.failure.is_passing;
        again = prepare_again(database, unknown, until_ms, &error) && attempt < ATTEMPTS;
        if (error == ERROR_NONE)
            break;
    }
    if (error == ERROR_NONE) {
        database->batch += !is_empty(database);
        claim_mark_committed(&database->claim_mark, database->transaction.has_returned);
        transaction_committed(&database->transaction);
        note_what_follows(database, writes, count);
    }
    if (error == ERROR_OUTCOME_UNKNOWN)
        note_unknown(database, writes, count);
    return error == ERROR_STORE_BUSY ? ERROR_STORE_UNAVAILABLE : error;
}

static void finish_batch(struct store_database *database)
{
    if (database->topics)
        bell_ring(database->bell, database->topics);
    if (database->has_purged)
        partition_keeper_wake(database->partitions, database->message_age_ms);
    database->topics = 0;
    database->has_purged = false;
}

static const struct store_transition *transitions(const struct store_database *database,
                                                  size_t *count)
{
    *count = database->transaction.transition_count;
    return database->transaction.transitions;
}

const struct store_backend store_backend_postgresql = {
    .name = "postgresql",
    .open = open_database,
    .close = database_free,
    .take_turn = take_turn,
    .run_batch = run_batch,
    .finish_batch = finish_batch,
    .transitions = transitions,
    .fault = fault_of,
    .listen = listen_to_nodes,
    .set_guard = set_guard,
    .open_reader = reader_open,
    .close_reader = reader_close,
    SQL_QUERIES,
    .copy_side = &postgresql_copy_side,
    .settle = server_settle_run,
};
