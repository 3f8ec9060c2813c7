/* The readers of a PostgreSQL database, each with a connection of its own. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/postgresql/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void reader_close(struct store_database_reader *reader)
{
    handle_free(&reader->handle);
    free(reader);
}

static bool connect_reader(struct store_database_reader *reader, char problem[STORE_ERROR_SIZE])
{
    char setup[SESSION_SETUP_SIZE + 64];
    struct connection *connection = &reader->handle.connection;
    const struct store_options *options = reader->database->options;
    session_setup_write(setup, options->timeout_ms);
    snprintf(setup + strlen(setup), 64, "; SET statement_timeout = %lld",
             (long long)options->timeout_ms);
    handle_forget(&reader->handle);
    return connection_open(connection, reader->database->url, setup,
                           clock_monotonic_ms() + options->timeout_ms, problem) &&
           connection_begin_pipeline(connection);
}

enum error reader_open(struct store_database *database, struct store_database_reader **result,
                       char problem[STORE_ERROR_SIZE])
{
    char reason[STORE_ERROR_SIZE] = "";
    struct store_database_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return ERROR_INTERNAL;
    reader->database = database;
    reader->handle.connection.newest = &database->newest;
    reader->handle.connection.timeout_ms = (int)database->options->timeout_ms + 1000;
    if (!connect_reader(reader, reason)) {
        snprintf(problem, STORE_ERROR_SIZE, "the PostgreSQL database cannot be used: %.400s",
                 reason);
        reader_close(reader);
        return ERROR_STORE_UNAVAILABLE;
    }
    *result = reader;
    return ERROR_NONE;
}

/* A connection that was lost is replaced; where that fails the read does. */
void reader_begin(struct store_database_reader *reader)
{
    char problem[STORE_ERROR_SIZE];
    handle_clear_failure(&reader->handle);
    if (!connection_is_open(&reader->handle.connection) && !connect_reader(reader, problem))
        log_warning("the database cannot be reached", LOG_TEXT("problem", problem));
}

void reader_end(struct store_database_reader *reader)
{
    (void)!handle_settle(&reader->handle);
}

enum error reader_begin_view(struct store_database_reader *reader)
{
    reader_begin(reader);
    enum error error = statement_run(&reader->handle, statement_get(&reader->handle, BEGIN_READ));
    if (error != ERROR_NONE)
        reader_end(reader);
    return error;
}

enum error reader_end_view(struct store_database_reader *reader, enum error error)
{
    struct handle *handle = &reader->handle;
    if (error == ERROR_NONE)
        error = handle_settle(handle);
    handle_clear_failure(handle); /* even after a time limit */
    enum error end = statement_run(handle, statement_get(handle, END_READ));
    if (end == ERROR_NONE)
        end = handle_settle(handle);
    return error != ERROR_NONE ? error : end;
}
