/* SQLite behind the store: opening, and transactions. */
#include "common/store/sqlite/database.h"

#include "common/base/clock.h"
#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/store/sql/queries.h"
#include "common/store/sqlite/copy_side.h"
#include "common/store/sqlite/own_rows.h"
#include "common/store/sqlite/process_lock.h"
#include "common/store/sqlite/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    OPEN_TIMEOUT_MS = 30000,
    READER_TIMEOUT_MS = 1000, /* only the recovery after a crash makes readers wait */
    QUIET_TIMEOUT_MS = 100,
    READ_CHECK_STEPS = 1000, /* of SQLite's virtual machine, between checks of the time limit */
    GIVE_WAY_MS = 200,       /* older reads end for a checkpoint: commits wait for it */
    CAREFUL_MS = 60000,
};

/* ---- Opening ---- */

/* Prefers the writer: a stream of reads cannot keep it out. */
static void init_reading(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

static void close_database(struct store_database *database)
{
    handle_close(&database->handle);
    write_lock_close(&database->place.lock);
    transaction_fini(&database->transaction);
    idempotency_index_fini(&database->idempotency);
    pthread_rwlock_destroy(&database->reading);
    free(database);
}

/* A file that an operator copied here may have any mode. */
static void remove_access_of_others(const char *database_path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[DATABASE_PATH_SIZE];
    struct stat status;
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        if (!database_path_beside(database_path, suffixes[i], path) || stat(path, &status) < 0 ||
            !(status.st_mode & 0007))
            continue;
        if (chmod(path, status.st_mode & 0770) == 0)
            log_warning("a file with messages was accessible to all users; it no longer is",
                        LOG_TEXT("path", path));
        else
            log_warning("a file with messages is accessible to all users", LOG_TEXT("path", path),
                        LOG_ERRNO);
    }
}

/* Under the write lock. */
static bool open_writer(struct store_database *database, char problem[STORE_ERROR_SIZE])
{
    struct handle *handle = &database->handle;
    int64_t version = 0, page_bytes = 0;
    bool good = handle_open(handle, database->path, OPEN_TIMEOUT_MS, problem) &&
                /* Before anything is changed: it may be another program's file. */
                schema_read_version(handle->db, &schema_of_gateway, &version, problem) &&
                schema_enable_reclaiming(handle->db, problem) &&
                handle_configure(handle, WRITER, problem) &&
                schema_migrate(handle->db, &schema_of_gateway, problem) &&
                handle_prepare_all(handle, problem);
    if (good && !schema_query_number(handle->db, "PRAGMA page_size", &page_bytes)) {
        snprintf(problem, STORE_ERROR_SIZE, "its page size: %s", sqlite3_errmsg(handle->db));
        good = false;
    }
    if (!good)
        return false;
    remove_access_of_others(database->path); /* only now: it might have been another program's */
    wal_watch(&database->wal, handle, page_bytes, database->options->max_wal_bytes);
    place_note(&database->place);
    wal_empty(&database->wal);
    return true;
}

static enum error open_database(const struct store_options *options, const char *location,
                                struct store_database **result, char problem[STORE_ERROR_SIZE])
{
    char reason[STORE_ERROR_SIZE] = "";
    struct store_database *database = calloc(1, sizeof(*database));
    if (!database)
        return ERROR_INTERNAL;
    database->options = options;
    database->place = (struct place){.path = database->path, .lock = WRITE_LOCK_NONE};
    database->disk.min_free_bytes = options->min_free_bytes;
    database->idempotency.most = options->unindexed_keys;
    init_reading(&database->reading);
    transaction_init(&database->transaction, database, &sql_store_rows, options);
    if (!database_path_resolve(location, database->path, problem) ||
        (options->role &&
         !process_lock_take(database->path, options->role, options->runtime_dir, problem)) ||
        !place_take(&database->place, options->must_exist, problem)) {
        close_database(database);
        return ERROR_STORE_UNAVAILABLE;
    }
    if (!open_writer(database, reason)) {
        snprintf(problem, STORE_ERROR_SIZE, "the database %.200s cannot be used: %.280s",
                 database->path, reason);
        close_database(database);
        return ERROR_STORE_UNAVAILABLE;
    }
    write_lock_release(&database->place.lock);
    *result = database;
    return ERROR_NONE;
}

/* ---- Readers ---- */

/* A long read transaction would keep the write-ahead log from starting over. */
static int is_too_late(void *context)
{
    struct store_database_reader *reader = context;
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms >= reader->until_ms)
        log_warning("a read took too long and was aborted",
                    LOG_NUMBER("timeout_ms", reader->database->options->timeout_ms));
    else if (now_ms >= reader->gives_way_ms && atomic_load(&reader->database->wants_quiet))
        log_info("a long read was aborted, because new messages waited for a checkpoint");
    else
        return 0;
    return 1;
}

static void close_reader(struct store_database_reader *reader)
{
    handle_close(&reader->handle);
    free(reader);
}

static enum error open_reader(struct store_database *database,
                              struct store_database_reader **result, char problem[STORE_ERROR_SIZE])
{
    char reason[STORE_ERROR_SIZE] = "";
    struct store_database_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return ERROR_INTERNAL;
    reader->database = database;
    reader->gives_way_ms = reader->until_ms = INT64_MAX;
    if (!handle_open(&reader->handle, database->path, READER_TIMEOUT_MS, reason) ||
        !handle_configure(&reader->handle, READER, reason)) {
        snprintf(problem, STORE_ERROR_SIZE, "the database %.200s cannot be used: %.280s",
                 database->path, reason);
        close_reader(reader);
        return ERROR_STORE_UNAVAILABLE;
    }
    sqlite3_progress_handler(reader->handle.db, READ_CHECK_STEPS, is_too_late, reader);
    *result = reader;
    return ERROR_NONE;
}

void reader_begin(struct store_database_reader *reader)
{
    pthread_rwlock_rdlock(&reader->database->reading);
    int64_t now_ms = clock_monotonic_ms();
    reader->until_ms = now_ms + reader->database->options->timeout_ms;
    reader->gives_way_ms = now_ms + GIVE_WAY_MS;
}

void reader_end(struct store_database_reader *reader)
{
    pthread_rwlock_unlock(&reader->database->reading);
}

enum error reader_begin_view(struct store_database_reader *reader)
{
    struct handle *handle = &reader->handle;
    if (!statement_get(handle, END_READ)->stmt) /* a transaction that begins must be able to end */
        return ERROR_STORE_UNAVAILABLE;
    reader_begin(reader);
    enum error error = statement_run(handle, statement_get(handle, BEGIN_READ));
    if (error != ERROR_NONE)
        reader_end(reader);
    return error;
}

enum error reader_end_view(struct store_database_reader *reader, enum error error)
{
    struct handle *handle = &reader->handle;
    reader->gives_way_ms = reader->until_ms = INT64_MAX; /* even after a time limit */
    enum error end = statement_run(handle, statement_get(handle, END_READ));
    reader_end(reader);
    return error != ERROR_NONE ? error : end;
}

/* ---- Transactions ---- */

static enum error run(struct store_database *database, enum statement_id id)
{
    return statement_run(&database->handle, statement_get(&database->handle, id));
}

static void release_lock(struct store_database *database)
{
    write_lock_release(&database->place.lock);
    database->locked = false;
}

static bool take_turn(struct store_database *database, int64_t deadline_ms)
{
    database->locked = write_lock_acquire(&database->place.lock, deadline_ms);
    if (!database->locked && deadline_ms != STORE_BEGIN_AT_ONCE)
        log_warning("another process holds the write lock of the database");
    return database->locked;
}

static enum error begin(struct store_database *database, int64_t deadline_ms)
{
    if (!place_is_kept(&database->place) || !wal_mend(&database->wal))
        return ERROR_STORE_UNAVAILABLE;
    database->wal_error = wal_is_full(&database->wal) ? ERROR_WAL_FULL : ERROR_NONE;
    database->disk_error = disk_is_full(&database->disk, database->path) ? ERROR_DISK_FULL
                                                                         : ERROR_NONE;
    database->last_event_id = 0;
    database->waiting_count = 0;
    idempotency_index_begin(&database->idempotency);
    /* The gateway's other process is locked out; a shell may still hold SQLite's lock. */
    int64_t left_ms = deadline_ms - clock_monotonic_ms();
    sqlite3_busy_timeout(database->handle.db, (int)MAX(left_ms, 1));
    transaction_reset(&database->transaction, database->options->wall_ms());
    database->transaction.refusal = database->wal_error != ERROR_NONE ? database->wal_error
                                                                      : database->disk_error;
    enum error error = run(database, BEGIN_WRITE);
    database->handle.in_transaction = error == ERROR_NONE;
    return error;
}

bool database_turn_is_over(struct store_database *database)
{
    enum { LOOK_AGAIN_US = 200 };
    int64_t now_us = clock_monotonic_us();
    if (now_us < database->turn_ends_us)
        return false;
    database->turn_ends_us = now_us + LOOK_AGAIN_US;
    return write_lock_is_wanted(&database->place.lock);
}

static bool is_rolled_back(const struct store_database *database)
{
    return sqlite3_get_autocommit(database->handle.db);
}

static void roll_back(struct store_database *database)
{
    if (!is_rolled_back(database))
        (void)!run(database, ROLLBACK_WRITE); /* on failure, closing the file rolls back */
    database->handle.in_transaction = false;
}

/* For a savepoint SQLite keeps a copy of each page that the write changes: a fifth of the cost of a report. The writes of which
   there are many, and which fail before they change anything, have one only after one of them failed later than that. */
static bool needs_savepoint_now(const struct store_database *database, enum store_verb verb)
{
    return !verb_is_atomic(verb) &&
           (!verb_fails_early(verb) || clock_monotonic_ms() < database->careful_until_ms);
}

/* Without a savepoint what the write has changed can only be undone with the whole transaction. */
static enum error check_unchanged(struct store_database *database, const struct store_write *write,
                                  int64_t changes_before)
{
    if (write->result == ERROR_NONE || verb_is_atomic(write->verb) ||
        sqlite3_total_changes64(database->handle.db) == changes_before)
        return ERROR_NONE;
    database->careful_until_ms = clock_monotonic_ms() + CAREFUL_MS;
    return write->result;
}

/* Sets the write's result. An error ends the whole transaction. */
static enum error run_write(struct store_database *database, struct store_write *write)
{
    bool needs_savepoint = needs_savepoint_now(database, write->verb);
    enum error error = ERROR_NONE;
    database->enqueue = write->verb == STORE_ENQUEUE ? write : NULL;
    if (!database->enqueue) /* any other write may need them */
        error = insert_rows_waiting(database);
    if (error == ERROR_NONE && needs_savepoint)
        error = run(database, BEGIN_ONE);
    if (error != ERROR_NONE)
        return error;
    int64_t changes = sqlite3_total_changes64(database->handle.db);
    write->result = transaction_run_write(&database->transaction, write);
    if (is_rolled_back(database) || database->transaction.lost)
        return write->result != ERROR_NONE ? write->result : ERROR_INTERNAL;
    if (!needs_savepoint)
        return check_unchanged(database, write, changes);
    if (write->result != ERROR_NONE)
        error = run(database, ROLLBACK_ONE);
    if (error == ERROR_NONE)
        error = run(database, RELEASE_ONE);
    return error;
}

static enum error commit_transaction(struct store_database *database)
{
    struct handle *handle = &database->handle;
    struct statement *commit = statement_get(handle, COMMIT_WRITE);
    if (!commit->stmt)
        return ERROR_STORE_UNAVAILABLE;
    int code = sqlite3_step(commit->stmt);
    handle->in_transaction = code != SQLITE_DONE;
    if (code == SQLITE_DONE)
        return ERROR_NONE;
    enum error error = statement_fail(handle, code, "COMMIT");
    statement_reset(commit);
    roll_back(database);
    /* The last frame marks a commit. If a write to the log was refused, that frame is not there; after any other failure
       it may be. */
    database->wal.suspect = code != SQLITE_FULL && code != SQLITE_IOERR_WRITE;
    return wal_mend(&database->wal) ? error : ERROR_OUTCOME_UNKNOWN;
}

static enum error commit(struct store_database *database)
{
    int64_t began_us = clock_monotonic_us();
    enum error error = insert_rows_waiting(database);
    if (error == ERROR_NONE)
        error = transaction_flush(&database->transaction);
    if (error == ERROR_NONE)
        error = event_rows_flush(database);
    if (error == ERROR_NONE)
        error = idempotency_rows_flush(database);
    if (error == ERROR_NONE)
        error = commit_transaction(database);
    if (error != ERROR_NONE)
        return error;
    METRICS_OBSERVE(database->options->metrics, db_commit_duration_seconds,
                    (uint64_t)(clock_monotonic_us() - began_us));
    transaction_committed(&database->transaction);
    idempotency_index_commit(&database->idempotency);
    return ERROR_NONE;
}

static enum error run_batch(struct store_database *database, struct store_write *const writes[],
                            size_t count, int64_t deadline_ms, size_t *ran)
{
    int64_t turn_us = database->options->turn_us ? database->options->turn_us : STORE_TURN_US;
    *ran = 0;
    database->turn_ends_us = clock_monotonic_us() + turn_us;
    enum error error = begin(database, deadline_ms);
    if (error != ERROR_NONE) {
        release_lock(database);
        *ran = error == ERROR_STORE_BUSY ? 0 : count;
        return error;
    }
    while (error == ERROR_NONE && *ran < count && (*ran == 0 || !database_turn_is_over(database)))
        error = run_write(database, writes[(*ran)++]);
    FAIL_POINT("store.before_commit");
    if (error == ERROR_NONE)
        error = commit(database);
    FAIL_POINT("store.after_commit");
    if (error == ERROR_NONE)
        return ERROR_NONE;
    roll_back(database);
    *ran = count;
    /* The transaction had begun, so the store must not try its writes again. */
    return error == ERROR_STORE_BUSY ? ERROR_STORE_UNAVAILABLE : error;
}

/* New reads wait; current ones end soon (GIVE_WAY_MS). */
static void checkpoint_quietly(struct store_database *database)
{
    atomic_store(&database->wants_quiet, true);
    pthread_rwlock_wrlock(&database->reading);
    atomic_store(&database->wants_quiet, false);
    if (write_lock_acquire(&database->place.lock, clock_monotonic_ms() + QUIET_TIMEOUT_MS)) {
        wal_checkpoint_quietly(&database->wal);
        write_lock_release(&database->place.lock);
    } /* if not, the next batch tries again */
    pthread_rwlock_unlock(&database->reading);
}

static void finish_batch(struct store_database *database)
{
    if (!database->locked)
        return;
    bool done = wal_checkpoint_when_due(&database->wal);
    release_lock(database);
    if (!done)
        checkpoint_quietly(database);
}

static const struct store_transition *transitions(const struct store_database *database,
                                                  size_t *count)
{
    *count = database->transaction.transition_count;
    return database->transaction.transitions;
}

const struct store_backend store_backend_sqlite = {
    .name = "sqlite",
    .open = open_database,
    .close = close_database,
    .take_turn = take_turn,
    .run_batch = run_batch,
    .finish_batch = finish_batch,
    .transitions = transitions,
    .open_reader = open_reader,
    .close_reader = close_reader,
    SQL_QUERIES,
    .copy_side = &sqlite_copy_side,
};
