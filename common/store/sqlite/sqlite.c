/* Connections to SQLite: opening, migrating, transactions. */
#include "common/store/sqlite/sqlite.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPEN_TIMEOUT_MS = 30000,
    READER_TIMEOUT_MS = 1000, /* recovery after a crash is all that shuts out readers */
    TIDY_TIMEOUT_MS = 100,
    READ_CHECK_STEPS = 1000, /* of SQLite's machine, between looks at the clock */
};

static const struct {
    enum statement_use use;
    const char *sql;
} statement_texts[STATEMENT_COUNT] = {
#define STATEMENT(id, use, sql) [id] = {use, sql},
#include "common/store/sqlite/statements.def"
#undef STATEMENT
};

/* ---- Errors ---- */

/* Disk full shows as SQLITE_FULL, or while the index of the write-ahead log grows. */
static enum error error_of(int code)
{
    if (code == SQLITE_IOERR_SHMSIZE)
        return ERROR_DISK_FULL;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT: /* a read that took too long */
        return ERROR_STORE_BUSY;
    case SQLITE_FULL:
        return ERROR_DISK_FULL;
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
        return ERROR_STORE_UNAVAILABLE;
    default:
        return ERROR_INTERNAL;
    }
}

enum error sqlite_error(struct store_connection *connection, int code, const char *doing)
{
    log_error("the database refused", LOG_TEXT("doing", doing), LOG_NUMBER("code", code),
              LOG_TEXT("error", sqlite3_errmsg(connection->db)));
    return error_of(code);
}

/* ---- Statements ---- */

static int prepare(struct store_connection *connection, enum statement id)
{
    return sqlite3_prepare_v3(connection->db, statement_texts[id].sql, -1,
                              SQLITE_PREPARE_PERSISTENT, &connection->statements[id], NULL);
}

sqlite3_stmt *statement(struct store_connection *connection, enum statement id)
{
    sqlite3_stmt **statement = &connection->statements[id];
    if (*statement) {
        sqlite3_reset(*statement);
        sqlite3_clear_bindings(*statement);
        return *statement;
    }
    int code = prepare(connection, id);
    if (code != SQLITE_OK)
        sqlite_error(connection, code, statement_texts[id].sql);
    return *statement;
}

void bind_integer(sqlite3_stmt *statement, int number, int64_t value)
{
    sqlite3_bind_int64(statement, number, value);
}

void bind_text(sqlite3_stmt *statement, int number, const char *text)
{
    if (text && *text)
        sqlite3_bind_text(statement, number, text, -1, SQLITE_STATIC);
}

void bind_id(sqlite3_stmt *statement, int number, const struct message_id *id)
{
    sqlite3_bind_blob(statement, number, id->bytes, MESSAGE_ID_BYTES, SQLITE_STATIC);
}

void bind_message(sqlite3_stmt *statement, const struct message_id *id)
{
    bind_id(statement, 1, id);
    bind_integer(statement, 2, message_id_seq(id));
}

void bind_hash(sqlite3_stmt *statement, int number, const unsigned char hash[SECRET_HASH_BYTES])
{
    sqlite3_bind_blob(statement, number, hash, SECRET_HASH_BYTES, SQLITE_STATIC);
}

void bind_request_id(sqlite3_stmt *statement, int number, const struct request_id *id)
{
    if (!request_id_is_none(id))
        sqlite3_bind_blob(statement, number, id->bytes, REQUEST_ID_BYTES, SQLITE_STATIC);
}

void column_text(sqlite3_stmt *statement, int number, char *text, size_t size)
{
    const void *value = sqlite3_column_text(statement, number);
    size_t length = value ? (size_t)sqlite3_column_bytes(statement, number) : 0;
    length = MIN(length, size - 1);
    if (length > 0)
        memcpy(text, value, length);
    text[length] = '\0';
}

static bool column_bytes(sqlite3_stmt *statement, int number, unsigned char *bytes, int length)
{
    const void *blob = sqlite3_column_blob(statement, number);
    if (!blob || sqlite3_column_bytes(statement, number) != length)
        return false;
    memcpy(bytes, blob, (size_t)length);
    return true;
}

bool column_id(sqlite3_stmt *statement, int number, struct message_id *id)
{
    return column_bytes(statement, number, id->bytes, MESSAGE_ID_BYTES);
}

bool column_hash(sqlite3_stmt *statement, int number, unsigned char hash[SECRET_HASH_BYTES])
{
    return column_bytes(statement, number, hash, SECRET_HASH_BYTES);
}

void column_request_id(sqlite3_stmt *statement, int number, struct request_id *id)
{
    if (!column_bytes(statement, number, id->bytes, REQUEST_ID_BYTES))
        *id = (struct request_id){{0}};
}

enum error step(struct store_connection *connection, sqlite3_stmt *statement, bool *row)
{
    *row = false;
    if (!statement)
        return ERROR_STORE_UNAVAILABLE; /* why has been logged */
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    if (*row)
        return ERROR_NONE;
    enum error error = ERROR_NONE;
    if (code != SQLITE_DONE)
        error = sqlite_error(connection, code, sqlite3_sql(statement));
    sqlite3_reset(statement);
    return error;
}

enum error run(struct store_connection *connection, sqlite3_stmt *statement)
{
    bool row;
    enum error error = step(connection, statement, &row);
    sqlite3_reset(statement);
    return error;
}

enum error read_integer(struct store_connection *connection, sqlite3_stmt *select, int64_t *integer)
{
    bool row;
    enum error error = step(connection, select, &row);
    if (error == ERROR_NONE && row)
        *integer = sqlite3_column_int64(select, 0);
    sqlite3_reset(select);
    return error;
}

enum error read_list(struct store_connection *connection, sqlite3_stmt *select, size_t size,
                     enum error (*read)(sqlite3_stmt *row, void *item), void **items, size_t *count)
{
    size_t capacity = 0;
    bool row = true;
    *items = NULL;
    *count = 0;
    enum error error = step(connection, select, &row);
    while (error == ERROR_NONE && row) {
        if (*count == capacity) {
            capacity = MAX(64, capacity * 2);
            void *more = reallocarray(*items, capacity, size);
            if (!more) {
                error = ERROR_INTERNAL;
                break;
            }
            *items = more;
        }
        error = read(select, (char *)*items + size * (*count)++);
        if (error == ERROR_NONE)
            error = step(connection, select, &row);
    }
    sqlite3_reset(select);
    return error;
}

/* ---- Opening ---- */

/* A mistyped pragma is silent, so each is read back. */
static bool set_pragma(sqlite3 *db, const char *name, const char *value, const char *expected,
                       char *problem)
{
    char sql[128], found[32] = "";
    sqlite3_stmt *query = NULL;
    snprintf(sql, sizeof(sql), "PRAGMA %s = %s", name, value);
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    snprintf(sql, sizeof(sql), "PRAGMA %s", name);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(db, sql, -1, &query, NULL);
    if (code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW)
        column_text(query, 0, found, sizeof(found));
    if (strcmp(found, expected) != 0)
        snprintf(problem, STORE_ERROR_SIZE, "PRAGMA %s is \"%s\" and not \"%s\": %s", name, found,
                 expected, sqlite3_errmsg(db));
    sqlite3_finalize(query);
    return strcmp(found, expected) == 0;
}

static bool configure(struct store_connection *connection, char *problem)
{
    static const struct {
        const char *name, *value, *expected;
    } pragmas[] = {
        {"journal_mode", "WAL", "wal"},   {"synchronous", "FULL", "2"},
        {"wal_autocheckpoint", "0", "0"}, /* checkpoints are ours alone, store_sqlite_wal.c */
        {"trusted_schema", "OFF", "0"},   {"temp_store", "MEMORY", "2"},
        {"cache_size", "-2048", "-2048"}, /* KiB */
        {"secure_delete", "FAST", "2"},   /* of a text that is removed nothing stays in its page */
    };
    sqlite3 *db = connection->db;
    for (size_t i = 0; i < ARRAY_LENGTH(pragmas); i++) {
        if (!set_pragma(db, pragmas[i].name, pragmas[i].value, pragmas[i].expected, problem))
            return false;
    }
    return connection->writer || set_pragma(db, "query_only", "ON", "1", problem);
}

/* The writer tries all, so that what the database does not understand is found at the start. A reader
   makes its own as they are needed: there are many readers, and each would need a MiB for all. */
static bool prepare_all(struct store_connection *connection, char *problem)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        if (prepare(connection, (enum statement)i) != SQLITE_OK) {
            snprintf(problem, STORE_ERROR_SIZE, "\"%.200s\": %s", statement_texts[i].sql,
                     sqlite3_errmsg(connection->db));
            return false;
        }
        if (statement_texts[i].use == READER) {
            sqlite3_finalize(connection->statements[i]);
            connection->statements[i] = NULL;
        }
    }
    return true;
}

void *workspace(struct store_connection *connection, size_t bytes)
{
    if (bytes > connection->workspace_bytes) {
        free(connection->workspace);
        connection->workspace = malloc(bytes);
        connection->workspace_bytes = connection->workspace ? bytes : 0;
    }
    return connection->workspace;
}

static void sqlite_close(struct store_connection *connection)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(connection->statements[i]);
    sqlite3_close(connection->db);
    write_lock_close(&connection->lock);
    free(connection->moves);
    free(connection->workspace);
    free(connection);
}

/* SQLite would count its memory under one lock for all threads; nobody asks for the sum. */
static void configure_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* Nothing is read or written yet: it may be the database of another program. */
static bool open_database(struct store_connection *connection, const char *path, int timeout_ms,
                          char *problem)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);
    if (sqlite3_open_v2(path, &connection->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        snprintf(problem, STORE_ERROR_SIZE, "%s",
                 connection->db ? sqlite3_errmsg(connection->db) : "no memory");
        return false;
    }
    sqlite3 *db = connection->db;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, timeout_ms);
    /* The last connection to close would checkpoint, outside the write lock. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    return true;
}

/* A file that was put here, a backup perhaps, may have any mode. */
static void close_to_others(const char *database_path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[4096];
    struct stat status;
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        snprintf(path, sizeof(path), "%s%s", database_path, suffixes[i]);
        if (stat(path, &status) < 0 || !(status.st_mode & 0007))
            continue;
        if (chmod(path, status.st_mode & 0770) == 0)
            log_warning("a file with messages was open to everybody; now it is not",
                        LOG_TEXT("path", path));
        else
            log_warning("a file with messages is open to everybody", LOG_TEXT("path", path),
                        LOG_ERRNO);
    }
}

static bool open_writer(struct store_connection *connection, const struct store_options *options,
                        char *problem)
{
    int64_t version = 0;
    bool good = open_database(connection, options->path, OPEN_TIMEOUT_MS, problem) &&
                /* Before anything is changed: it may be another program's. */
                sqlite_read_version(connection->db, &version, problem) &&
                sqlite_give_space_back(connection->db, problem) && configure(connection, problem) &&
                sqlite_migrate(connection->db, problem) &&
                sqlite_register_incoming(connection->db, &connection->incoming) &&
                prepare_all(connection, problem);
    int64_t page_bytes = 0;
    if (good && !sqlite_query_number(connection->db, "PRAGMA page_size", &page_bytes)) {
        snprintf(problem, STORE_ERROR_SIZE, "its page size: %s", sqlite3_errmsg(connection->db));
        good = false;
    }
    connection->brakes.limits = options->limits;
    connection->notes_moves = options->moved;
    connection->metrics = options->metrics;
    connection->disk.min_free_bytes = options->min_free_bytes;
    if (good) {
        close_to_others(options->path); /* and not before it is known to be ours */
        sqlite_watch_wal(connection, page_bytes, options->max_wal_bytes);
        sqlite_note_place(connection);
        sqlite_empty_wal(connection);
    }
    write_lock_release(&connection->lock);
    return good;
}

/* A read transaction holds the write-ahead log back, so none may last. */
static int is_too_late(void *context)
{
    struct store_connection *connection = context;
    if (clock_monotonic_ms() < connection->read_until_ms)
        return 0;
    log_warning("a read takes too long and is ended",
                LOG_NUMBER("timeout_ms", connection->read_timeout_ms));
    return 1;
}

static bool open_reader(struct store_connection *connection, const struct store_options *options,
                        char *problem)
{
    connection->read_timeout_ms = options->timeout_ms;
    connection->read_until_ms = INT64_MAX;
    if (!open_database(connection, options->path, READER_TIMEOUT_MS, problem) ||
        !configure(connection, problem))
        return false;
    sqlite3_progress_handler(connection->db, READ_CHECK_STEPS, is_too_late, connection);
    return true;
}

static enum error sqlite_open(const struct store_options *options, bool writer,
                              struct store_connection **result, char *problem)
{
    struct store_connection *connection = calloc(1, sizeof(*connection));
    char reason[STORE_ERROR_SIZE] = "no memory";
    if (!connection)
        return ERROR_INTERNAL;
    connection->lock = WRITE_LOCK_NONE;
    connection->writer = writer;
    connection->wall_ms = options->wall_ms;
    if (writer && !sqlite_take_place(connection, options, problem)) {
        sqlite_close(connection);
        return ERROR_STORE_UNAVAILABLE;
    }
    if (writer ? open_writer(connection, options, reason)
               : open_reader(connection, options, reason)) {
        *result = connection;
        return ERROR_NONE;
    }
    sqlite_close(connection);
    snprintf(problem, STORE_ERROR_SIZE, "the database %.200s cannot be used: %.280s", options->path,
             reason);
    return ERROR_STORE_UNAVAILABLE;
}

/* ---- Transactions ---- */

static enum error sqlite_begin(struct store_connection *connection, int64_t deadline_ms)
{
    if (!write_lock_acquire(&connection->lock, deadline_ms)) {
        if (deadline_ms != STORE_BEGIN_AT_ONCE)
            log_warning("another process holds the write lock of the database");
        return ERROR_STORE_BUSY;
    }
    if (!sqlite_is_in_place(connection) || !sqlite_mend_wal(connection)) {
        write_lock_release(&connection->lock);
        return ERROR_STORE_UNAVAILABLE;
    }
    connection->log_trouble = sqlite_wal_is_full(connection) ? ERROR_WAL_FULL : ERROR_NONE;
    connection->disk_trouble = sqlite_disk_is_full(connection) ? ERROR_DISK_FULL : ERROR_NONE;
    /* Our own processes are shut out now; a shell or a backup may still be there. */
    int64_t left_ms = deadline_ms - clock_monotonic_ms();
    sqlite3_busy_timeout(connection->db, (int)MAX(left_ms, 1));
    connection->now_ms = connection->wall_ms();
    connection->tally = (struct tally){0};
    connection->move_count = 0;
    connection->incoming.count = 0;
    sqlite_begin_brakes(connection);
    enum error error = run(connection, statement(connection, BEGIN_WRITE));
    if (error != ERROR_NONE)
        write_lock_release(&connection->lock);
    return error;
}

/* A write of one statement undoes itself where it fails; enqueue sees to its others. */
static bool needs_savepoint(const struct store_write *write)
{
    return write->verb != STORE_ENQUEUE && write->verb != STORE_PROBE;
}

static enum error sqlite_execute(struct store_connection *connection, struct store_write *write,
                                 bool *transaction_lost)
{
    enum error error = ERROR_NONE;
    *transaction_lost = false;
    if (write->verb != STORE_ENQUEUE || sqlite_incoming_is_full(connection))
        error = sqlite_flush_incoming(connection);
    if (error != ERROR_NONE) {
        *transaction_lost = true;
        return error;
    }
    struct tally tally = connection->tally;
    size_t move_count = connection->move_count;
    connection->verb = write->verb;
    if (write->verb == STORE_ENQUEUE && connection->log_trouble != ERROR_NONE)
        return connection->log_trouble;
    if (write->verb == STORE_ENQUEUE && connection->disk_trouble != ERROR_NONE)
        return connection->disk_trouble;
    bool savepoint = needs_savepoint(write);
    if (savepoint)
        error = run(connection, statement(connection, BEGIN_ONE));
    if (error == ERROR_NONE)
        error = sqlite_run_write(connection, write);
    *transaction_lost = sqlite3_get_autocommit(connection->db);
    if (*transaction_lost)
        return error != ERROR_NONE ? error : ERROR_INTERNAL;

    enum error end = ERROR_NONE;
    if (error != ERROR_NONE) {
        connection->tally = tally;
        connection->move_count = move_count;
    }
    if (error != ERROR_NONE && savepoint)
        end = run(connection, statement(connection, ROLLBACK_ONE));
    if (end == ERROR_NONE && savepoint)
        end = run(connection, statement(connection, RELEASE_ONE));
    if (end != ERROR_NONE) {
        *transaction_lost = true;
        return end;
    }
    return error;
}

static void sqlite_rollback(struct store_connection *connection)
{
    if (!sqlite3_get_autocommit(connection->db)) {
        enum error error = run(connection, statement(connection, ROLLBACK_WRITE));
        (void)error; /* logged; SQLite has rolled back by itself or will when the file is closed */
    }
}

static enum error commit_transaction(struct store_connection *connection)
{
    sqlite3_stmt *commit = statement(connection, COMMIT_WRITE);
    if (!commit)
        return ERROR_STORE_UNAVAILABLE;
    int code = sqlite3_step(commit);
    if (code == SQLITE_DONE)
        return ERROR_NONE;
    enum error error = sqlite_error(connection, code, "COMMIT");
    sqlite3_reset(commit);
    sqlite_rollback(connection);
    /* The mark of a commit is in the last frame that is written: where a write was refused it is not
       there. Anything else may have come after it. */
    connection->wal.doubtful = code != SQLITE_FULL && code != SQLITE_IOERR_WRITE;
    return sqlite_mend_wal(connection) ? error : ERROR_OUTCOME_UNKNOWN;
}

static enum error sqlite_commit(struct store_connection *connection)
{
    enum error error = sqlite_flush_incoming(connection);
    if (error == ERROR_NONE)
        error = sqlite_flush_counts(connection);
    if (error == ERROR_NONE)
        error = sqlite_flush_brakes(connection);
    if (error == ERROR_NONE)
        error = commit_transaction(connection);
    if (error == ERROR_NONE) {
        sqlite_report_brakes(connection);
        sqlite_report_tally(connection);
    }
    return error;
}

static const struct store_transition *sqlite_moves(const struct store_connection *connection,
                                                   size_t *count)
{
    *count = connection->move_count;
    return connection->moves;
}

static bool sqlite_finish(struct store_connection *connection)
{
    bool tidy = sqlite_checkpoint_when_due(connection);
    write_lock_release(&connection->lock);
    return tidy;
}

static void sqlite_tidy(struct store_connection *connection)
{
    if (!write_lock_acquire(&connection->lock, clock_monotonic_ms() + TIDY_TIMEOUT_MS))
        return; /* there will be another time */
    sqlite_checkpoint_quietly(connection);
    write_lock_release(&connection->lock);
}

const struct store_backend store_backend_sqlite = {
    .open = sqlite_open,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .execute = sqlite_execute,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .moves = sqlite_moves,
    .finish = sqlite_finish,
    .tidy = sqlite_tidy,
    .find_message = sqlite_find_message,
    .read_history = sqlite_read_history,
    .list_messages = sqlite_list_messages,
    .find_key = sqlite_find_key,
    .list_keys = sqlite_list_keys,
    .find_token = sqlite_find_token,
    .list_tokens = sqlite_list_tokens,
    .read_sending = sqlite_read_sending,
    .list_devices = sqlite_list_devices,
    .read_statistics = sqlite_read_statistics,
};
