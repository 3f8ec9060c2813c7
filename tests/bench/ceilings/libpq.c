/*
 * bench-libpq URL unnest|copy ROWS_PER_COMMIT SECONDS: the ceiling of a store in PostgreSQL. One connection writes messages of
 * the same size into a plain table with the two indexes nobody can do without, its key and its queue, so many in each durable
 * commit, as arrays in one statement or by COPY, with nothing around.
 * bench-libpq URL copy-messages ROWS_PER_COMMIT SECONDS: the same by COPY into the two tables of a gateway that is there, as new
 * messages: what its store would do at most with COPY.
 * bench-libpq URL lookup CONNECTIONS SECONDS: of the messages that a gateway has there, one by its key, again and again on so many
 * connections, each with a thread.
 * It prints what it wrote or read per second as JSON.
 */
#include "common/base/base.h"
#include "common/model/message_id.h"
#include "common/store/postgresql/value.h"

#include <endian.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS = 6, MOST_CONNECTIONS = 64, MOST_KEYS = 2000, BINARY = 1 };

static const enum value_type types[COLUMNS] = {TYPE_INT8, TYPE_BYTEA, TYPE_TEXT,
                                               TYPE_TEXT, TYPE_INT2,  TYPE_INT8};
static const char *url;
static double seconds;

static _Noreturn void fail(const char *problem)
{
    fprintf(stderr, "bench-libpq: %s\n", problem);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static PGconn *open_connection(void)
{
    PGconn *pg = PQconnectdb(url);
    if (PQstatus(pg) != CONNECTION_OK)
        fail(PQerrorMessage(pg));
    return pg;
}

static PGresult *check(PGconn *pg, PGresult *result, ExecStatusType expected)
{
    if (PQresultStatus(result) != expected)
        fail(PQerrorMessage(pg));
    return result;
}

static void execute(PGconn *pg, const char *sql)
{
    PQclear(check(pg, PQexec(pg, sql), PGRES_COMMAND_OK));
}

/* ---- Rows ---- */

struct row {
    struct message_id id;
    char phone_number[24], text[80];
};

static struct row make_row(unsigned number)
{
    struct row row = {.id = message_id_new()};
    snprintf(row.phone_number, sizeof(row.phone_number), "+49151%08u",
             number * 2654435761u % 100000000u);
    snprintf(row.text, sizeof(row.text), "#%010u %-52s", number,
             "Your code is 4711. It is valid for ten minutes.");
    return row;
}

static void insert_arrays(PGconn *pg, struct buffer arrays[COLUMNS], unsigned first, unsigned count)
{
    const char *values[COLUMNS];
    int lengths[COLUMNS], formats[COLUMNS];
    for (int i = 0; i < COLUMNS; i++)
        array_begin(&arrays[i], types[i], count);
    for (unsigned i = 0; i < count; i++) {
        struct row row = make_row(first + i);
        array_add_integer(&arrays[0], TYPE_INT8, message_id_seq(&row.id));
        array_add_bytes(&arrays[1], row.id.bytes, MESSAGE_ID_BYTES);
        array_add_bytes(&arrays[2], row.phone_number, strlen(row.phone_number));
        array_add_bytes(&arrays[3], row.text, strlen(row.text));
        array_add_integer(&arrays[4], TYPE_INT2, 0);
        array_add_integer(&arrays[5], TYPE_INT8, message_id_time_ms(&row.id));
    }
    for (int i = 0; i < COLUMNS; i++) {
        values[i] = arrays[i].data;
        lengths[i] = (int)arrays[i].length;
        formats[i] = BINARY;
    }
    PQclear(check(pg, PQexecPrepared(pg, "rows", COLUMNS, values, lengths, formats, BINARY),
                  PGRES_COMMAND_OK));
}

static void add_integer(struct buffer *copy, int64_t value, uint32_t size)
{
    uint32_t length = htobe32(size);
    uint64_t wide = htobe64((uint64_t)value);
    buffer_append(copy, &length, sizeof(length));
    buffer_append(copy, (const char *)&wide + sizeof(wide) - size, size);
}

static void add_bytes(struct buffer *copy, const void *bytes, size_t count)
{
    uint32_t length = htobe32((uint32_t)count);
    buffer_append(copy, &length, sizeof(length));
    buffer_append(copy, bytes, count);
}

static void begin_copy(struct buffer *copy)
{
    static const char head[19] = "PGCOPY\n\377\r\n";
    buffer_clear(copy);
    buffer_append(copy, head, sizeof(head));
}

static void begin_row(struct buffer *copy, char column_count)
{
    const char fields[2] = {0, column_count};
    buffer_append(copy, fields, sizeof(fields));
}

/* What was begun by a query that goes on behind it. */
static void send_copy(PGconn *pg, const struct buffer *copy)
{
    if (copy->failed || PQputCopyData(pg, copy->data, (int)copy->length) != 1 ||
        PQputCopyData(pg, "\377\377", 2) != 1 || PQputCopyEnd(pg, NULL) != 1)
        fail(PQerrorMessage(pg));
    PQclear(check(pg, PQgetResult(pg), PGRES_COMMAND_OK));
}

static void copy_rows(PGconn *pg, struct buffer *copy, unsigned first, unsigned count)
{
    begin_copy(copy);
    for (unsigned i = 0; i < count; i++) {
        struct row row = make_row(first + i);
        begin_row(copy, COLUMNS);
        add_integer(copy, message_id_seq(&row.id), 8);
        add_bytes(copy, row.id.bytes, MESSAGE_ID_BYTES);
        add_bytes(copy, row.phone_number, strlen(row.phone_number));
        add_bytes(copy, row.text, strlen(row.text));
        add_integer(copy, 0, 2);
        add_integer(copy, message_id_time_ms(&row.id), 8);
    }
    PQclear(check(pg, PQexec(pg, "COPY plain_row FROM STDIN (FORMAT binary)"), PGRES_COPY_IN));
    send_copy(pg, copy);
    PQclear(PQgetResult(pg));
}

static void add_message(struct buffer *messages, const struct row *row)
{
    begin_row(messages, 6);
    add_integer(messages, message_id_seq(&row->id), 8);
    add_bytes(messages, row->id.bytes, MESSAGE_ID_BYTES);
    add_bytes(messages, row->phone_number, strlen(row->phone_number));
    add_integer(messages, 0, 2);
    add_integer(messages, 1, 4);
    add_bytes(messages, row->text, strlen(row->text));
}

static void add_state(struct buffer *states, const struct row *row)
{
    begin_row(states, 4);
    add_integer(states, message_id_seq(&row->id), 8);
    add_integer(states, 0, 2);
    add_integer(states, message_id_time_ms(&row->id), 8);
    add_bytes(states, row->phone_number, strlen(row->phone_number));
}

static void copy_messages(PGconn *pg, struct buffer copies[2], unsigned first, unsigned count)
{
    begin_copy(&copies[0]);
    begin_copy(&copies[1]);
    for (unsigned i = 0; i < count; i++) {
        struct row row = make_row(first + i);
        add_message(&copies[0], &row);
        add_state(&copies[1], &row);
    }
    if (!PQsendQuery(pg, "BEGIN; COPY message (seq, id, phone_number, encoding, segments, text)"
                         " FROM STDIN (FORMAT binary);"
                         " COPY message_state (seq, status, updated_at_ms, phone_number)"
                         " FROM STDIN (FORMAT binary); COMMIT"))
        fail(PQerrorMessage(pg));
    PQclear(check(pg, PQgetResult(pg), PGRES_COMMAND_OK));
    for (int i = 0; i < 2; i++) {
        PQclear(check(pg, PQgetResult(pg), PGRES_COPY_IN));
        send_copy(pg, &copies[i]);
    }
    PQclear(check(pg, PQgetResult(pg), PGRES_COMMAND_OK));
    PQclear(PQgetResult(pg));
}

static void write_messages(unsigned rows_per_commit)
{
    struct buffer copies[2];
    PGconn *pg = open_connection();
    buffer_init(&copies[0], INT32_MAX);
    buffer_init(&copies[1], INT32_MAX);
    unsigned rows = 0;
    double start = now();
    for (; now() - start < seconds; rows += rows_per_commit)
        copy_messages(pg, copies, rows, rows_per_commit);
    printf("{\"rows_per_second\": %.1f}\n", rows / (now() - start));
    buffer_fini(&copies[0]);
    buffer_fini(&copies[1]);
    PQfinish(pg);
}

static void write_rows(bool by_copy, unsigned rows_per_commit)
{
    struct buffer arrays[COLUMNS];
    PGconn *pg = open_connection();
    execute(pg, "SET client_min_messages = warning; DROP TABLE IF EXISTS plain_row;"
                "CREATE TABLE plain_row (seq bigint PRIMARY KEY, id bytea NOT NULL, phone_number "
                "text NOT NULL,"
                " text text NOT NULL, status smallint NOT NULL, updated_at_ms bigint NOT NULL);"
                "CREATE INDEX ON plain_row (seq) WHERE status = 0");
    PQclear(check(
        pg,
        PQprepare(
            pg, "rows",
            "INSERT INTO plain_row SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::text[],"
            " $4::text[], $5::smallint[], $6::bigint[])",
            0, NULL),
        PGRES_COMMAND_OK));
    for (int i = 0; i < COLUMNS; i++)
        buffer_init(&arrays[i], INT32_MAX);
    unsigned rows = 0;
    double start = now();
    for (; now() - start < seconds; rows += rows_per_commit) {
        if (by_copy)
            copy_rows(pg, &arrays[0], rows, rows_per_commit);
        else
            insert_arrays(pg, arrays, rows, rows_per_commit);
    }
    printf("{\"rows_per_second\": %.1f}\n", rows / (now() - start));
    execute(pg, "DROP TABLE plain_row");
    for (int i = 0; i < COLUMNS; i++)
        buffer_fini(&arrays[i]);
    PQfinish(pg);
}

/* ---- Lookups ---- */

static int64_t keys[MOST_KEYS];
static int key_count;

static void read_keys(void)
{
    PGconn *pg = open_connection();
    PGresult *result = check(
        pg,
        PQexec(
            pg,
            "SELECT DISTINCT (SELECT seq FROM message WHERE seq >= first + length / 2000 * n ORDER "
            "BY seq LIMIT 1)"
            " FROM (SELECT min(seq) AS first, max(seq) - min(seq) AS length FROM message) AS ends,"
            " generate_series(0, 1999) AS n"),
        PGRES_TUPLES_OK);
    key_count = PQntuples(result);
    if (key_count == 0)
        fail("there are no messages");
    for (int i = 0; i < key_count; i++)
        keys[i] = strtoll(PQgetvalue(result, i, 0), NULL, 10);
    PQclear(result);
    PQfinish(pg);
}

struct reader {
    pthread_t thread;
    unsigned number, count;
    double rate;
};

static void *look_up(void *argument)
{
    struct reader *reader = argument;
    PGconn *pg = open_connection();
    const int length = sizeof(int64_t), binary = BINARY;
    PQclear(check(
        pg,
        PQprepare(
            pg, "one",
            "SELECT id, phone_number, text, encoding, segments FROM message WHERE seq = $1::bigint",
            0, NULL),
        PGRES_COMMAND_OK));
    double start = now();
    for (; now() - start < seconds; reader->count++) {
        uint64_t key = htobe64(
            (uint64_t)keys[(reader->number * 251 + reader->count * 97) % (unsigned)key_count]);
        const char *value = (const char *)&key;
        PGresult *result = check(pg, PQexecPrepared(pg, "one", 1, &value, &length, &binary, BINARY),
                                 PGRES_TUPLES_OK);
        if (PQntuples(result) != 1)
            fail("a message is missing");
        PQclear(result);
    }
    reader->rate = reader->count / (now() - start);
    PQfinish(pg);
    return NULL;
}

static void read_rows(unsigned connections)
{
    struct reader readers[MOST_CONNECTIONS] = {0};
    double rate = 0;
    read_keys();
    for (unsigned i = 0; i < connections; i++) {
        readers[i].number = i;
        if (pthread_create(&readers[i].thread, NULL, look_up, &readers[i]) != 0)
            fail("no thread");
    }
    for (unsigned i = 0; i < connections; i++) {
        pthread_join(readers[i].thread, NULL);
        rate += readers[i].rate;
    }
    printf("{\"rows_per_second\": %.1f}\n", rate);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench-libpq URL unnest|copy|copy-messages|lookup COUNT SECONDS\n");
        return 2;
    }
    unsigned count = (unsigned)atoi(argv[3]);
    url = argv[1];
    seconds = atof(argv[4]);
    if (strcmp(argv[2], "lookup") == 0)
        read_rows(MIN(count, MOST_CONNECTIONS));
    else if (strcmp(argv[2], "copy-messages") == 0)
        write_messages(count);
    else
        write_rows(strcmp(argv[2], "copy") == 0, count);
    return 0;
}
