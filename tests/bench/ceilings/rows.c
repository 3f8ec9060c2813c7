/*
 * bench-rows DATABASE ROWS_PER_COMMIT SECONDS: the ceiling of a store. One thread writes messages of
 * the same size into a plain table with the two indexes nobody can do without, its id and its queue,
 * so many in each durable commit (WAL, synchronous=FULL), with nothing around. It prints rows per
 * second, commits per second and processor seconds as JSON.
 */
#include "common/base/base.h"
#include "common/model/message_id.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static sqlite3 *db;

static void check(int code)
{
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
        fprintf(stderr, "bench-rows: %s\n", sqlite3_errmsg(db));
        exit(1);
    }
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *statement = NULL;
    check(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL));
    return statement;
}

static void run(sqlite3_stmt *statement)
{
    check(sqlite3_step(statement));
    check(sqlite3_reset(statement));
}

static double seconds_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void insert(sqlite3_stmt *statement, unsigned number)
{
    struct message_id id = message_id_new();
    char phone_number[24], text[80];
    snprintf(phone_number, sizeof(phone_number), "+49151%08u", number * 2654435761u % 100000000u);
    snprintf(text, sizeof(text), "#%010u %-52s", number,
             "Your code is 4711. It is valid for ten minutes.");
    sqlite3_bind_blob(statement, 1, id.bytes, MESSAGE_ID_BYTES, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, phone_number, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, text, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 4, message_id_time_ms(&id));
    run(statement);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench-rows DATABASE ROWS_PER_COMMIT SECONDS\n");
        return 2;
    }
    check(sqlite3_open(argv[1], &db));
    check(sqlite3_exec(db,
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                       "CREATE TABLE message (seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
                       " phone_number TEXT NOT NULL, text TEXT NOT NULL, status INTEGER NOT NULL,"
                       " updated_at_ms INTEGER NOT NULL);"
                       "CREATE INDEX queued ON message (seq) WHERE status = 0",
                       NULL, NULL, NULL));
    sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
    sqlite3_stmt *row = prepare("INSERT INTO message (id, phone_number, text, status,"
                                " updated_at_ms) VALUES (?1, ?2, ?3, 0, ?4)");
    unsigned rows_per_commit = (unsigned)atoi(argv[2]), rows = 0;
    double start = seconds_of(CLOCK_MONOTONIC), now = start;
    double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (; now - start < atof(argv[3]); now = seconds_of(CLOCK_MONOTONIC)) {
        run(begin);
        for (unsigned i = 0; i < rows_per_commit; i++)
            insert(row, rows++);
        run(commit);
    }
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"rows_per_second\": %.1f, \"commits_per_second\": %.1f, \"cpu_seconds\": %.6f}\n",
           rows / (now - start), rows / rows_per_commit / (now - start), cpu);
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(row);
    sqlite3_close(db);
    return 0;
}
