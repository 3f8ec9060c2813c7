/* Opening a database: new, newer, foreign, broken; and SQLite's plans for the statements. */
#include "common/base/clock.h"
#include "common/store/sql/queries.h"
#include "common/store/sqlite/database.h"
#include "common/store/sqlite/schema.h"
#include "tests/store/store_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens a path, which must be refused with an error that has `word`. */
static void assert_refused(struct store_fixture *fixture, const char *path, const char *word)
{
    struct store_options options = {.dsn = path, .timeout_ms = 500};
    struct store *store = NULL;
    char problem[STORE_ERROR_SIZE] = "";
    (void)fixture;
    assert_int_not_equal(store_open(&options, &store, problem), ERROR_NONE);
    assert_null(store);
    if (!strstr(problem, word) || !strstr(problem, path))
        fail_msg("\"%s\" does not name %s and \"%s\"", problem, path, word);
}

static void a_new_database_has_our_marks(void **state)
{
    struct store_fixture *fixture = *state;
    struct stat status;
    assert_int_equal(number_of(fixture, "SELECT user_version FROM pragma_user_version"),
                     schema_of_gateway.version);
    assert_int_equal(number_of(fixture, "SELECT application_id FROM pragma_application_id"),
                     0x534d5347);
    assert_int_equal(number_of(fixture, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM pragma_table_list WHERE schema = "
                                        "'main' AND name NOT LIKE 'sqlite_%' AND NOT strict"),
                     0);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_database_that_was_open_to_everybody_no_longer_is(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    struct store_fixture *fixture = *state;
    char path[128];
    struct stat status;
    assert_int_equal(chmod(fixture->path, 0664), 0);
    store_fixture_reopen(fixture);
    given_message(fixture, "+1234567890", "text");
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        snprintf(path, sizeof(path), "%s%s", fixture->path, suffixes[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0007, 0);
    }
}

static void a_database_of_another_program_is_refused_and_left_alone(void **state)
{
    struct store_fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/other.db", fixture->folder);
    execute(path, "CREATE TABLE precious (x); INSERT INTO precious VALUES (1)");
    assert_refused(fixture, path, "another program");
    execute(path, "SELECT x FROM precious");
}

static void a_newer_database_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/newer.db", fixture->folder);
    execute(path, "PRAGMA application_id = 0x534d5347; PRAGMA user_version = 99;"
                  "CREATE TABLE message (x)");
    assert_refused(fixture, path, "version 99");
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/text.db", fixture->folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 100; i++)
        assert_int_equal(write(fd, "This is no database. ", 21), 21);
    close(fd);
    assert_refused(fixture, path, "not a database");
}

static void a_path_that_cannot_be_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/no/such/folder.db", fixture->folder);
    assert_refused(fixture, path, "there is no folder");
}

static void a_half_made_schema_is_not_left_behind(void **state)
{
    struct store_fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/half.db", fixture->folder);
    /* A table that already exists makes the migration fail halfway. */
    execute(path, "PRAGMA application_id = 0x534d5347; CREATE TABLE probe (x)");
    assert_refused(fixture, path, "version 1 cannot be made");
    struct store_fixture half = {.reader = NULL};
    strcpy(half.path, path);
    assert_int_equal(number_of(&half, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_int_equal(number_of(&half, "SELECT user_version FROM pragma_user_version"), 0);
}

enum { OPENERS = 8 };

static void *open_and_close(void *argument)
{
    const struct store_options *options = argument;
    struct store *store = NULL;
    char problem[STORE_ERROR_SIZE] = "";
    enum error error = store_open(options, &store, problem);
    if (error != ERROR_NONE)
        fprintf(stderr, "%s\n", problem);
    store_close(store);
    return error == ERROR_NONE ? argument : NULL;
}

static void several_that_start_at_once_make_one_database(void **state)
{
    struct store_fixture *fixture = *state;
    char path[80];
    pthread_t threads[OPENERS];
    snprintf(path, sizeof(path), "%s/shared.db", fixture->folder);
    struct store_options options = {.dsn = path, .timeout_ms = 5000};
    for (int i = 0; i < OPENERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, &options), 0);
    for (int i = 0; i < OPENERS; i++) {
        void *good = NULL;
        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
    struct store_fixture shared = {.reader = NULL};
    strcpy(shared.path, path);
    assert_int_equal(number_of(&shared, "SELECT user_version FROM pragma_user_version"),
                     schema_of_gateway.version);
}

/* ---- Statements ---- */

static const char *const statement_texts[] = {
#define STATEMENT(id, use, sql) sql,
#include "common/store/sqlite/statements.def"
#undef STATEMENT
};

/* The only tables that a statement may read whole: they have few rows. */
static bool is_small_scan(const char *detail)
{
    return strstr(detail, "SCAN CONSTANT ROW") || strstr(detail, "CONSTANT ROWS") ||
           strstr(detail, "SCAN message_count") || strstr(detail, "SCAN b") ||
           strcmp(detail, "SCAN webhook") == 0 ||
           strstr(detail, "SCAN incoming USING COVERING INDEX") ||
           /* the number of all */ strstr(detail, "SCAN lease") ||
           strcmp(detail, "SCAN broker") == 0 ||
           strstr(detail, "SCAN d USING INDEX device_connected") ||
           /* partial indexes, which hold only open messages */
           strstr(detail, "USING INDEX message_queued") ||
           strstr(detail, "USING INDEX message_retried") ||
           strstr(detail, "USING INDEX message_waiting") ||
           strstr(detail, "SCAN (subquery") || /* limited, all of them */
           strcmp(detail, "SCAN idempotency") == 0 || strcmp(detail, "SCAN gateway_event") == 0 ||
           strstr(detail, "USING INDEX message_to_cancel") ||
           strstr(detail, "USING INDEX opt_out_unfinished") ||
           strstr(detail, "USING INDEX message_in_flight") ||
           strstr(detail, "SCAN t USING INDEX device_token_by_device") || /* a list for operators */
           strstr(detail, "SCAN t USING INDEX device_token_active");      /* phones */
}

static void no_statement_sorts_or_reads_a_whole_table(void **state)
{
    struct store_fixture *fixture = *state;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    for (size_t i = 0; i < ARRAY_LENGTH(statement_texts); i++) {
        sqlite3_stmt *plan = NULL;
        char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", statement_texts[i]);
        if (sqlite3_prepare_v2(db, sql, -1, &plan, NULL) != SQLITE_OK)
            fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *detail = (const char *)sqlite3_column_text(plan, 3);
            bool phones = strstr(statement_texts[i], "FROM device d"); /* the connected devices */
            bool few = strstr(statement_texts[i], "LIMIT :limit))") || /* and then grouped */
                       strstr(statement_texts[i],
                              "LIMIT :limit) GROUP BY lane") || /* few rows to group */
                       strstr(statement_texts[i],
                              "LIMIT :most)") ||  /* only while the clock is not trusted */
                       strstr(statement_texts[i], /* in flight on a device */
                              "INDEXED BY message_in_flight WHERE device_id = :device_id");
            bool keys = strstr(statement_texts[i], "FROM api_key ORDER BY"); /* a few dozen */
            bool webhooks = strstr(statement_texts[i], "FROM webhook WHERE removed = 0 ORDER BY") ||
                            /* the first of two; and few wait */
                            strstr(statement_texts[i], "ORDER BY event_id LIMIT 1") ||
                            strstr(statement_texts[i], "INDEXED BY webhook_delivery_due");
            /* lists of a page's length, merged; of what is in flight */
            bool number = strstr(statement_texts[i], "FROM message m WHERE m.seq IN (SELECT seq");
            if (strstr(detail, "TEMP B-TREE") && !phones && !few && !number && !keys && !webhooks)
                fail_msg("%s\nsorts: %s", statement_texts[i], detail);
            if (strncmp(detail, "SCAN", 4) == 0 && !is_small_scan(detail) && !keys &&
                !strstr(statement_texts[i], "UPDATE probe") &&
                !strstr(statement_texts[i], "EXISTS (SELECT 1 FROM opt_out)")) /* its first row */
                fail_msg("%s\nreads everything: %s", statement_texts[i], detail);
        }
        sqlite3_finalize(plan);
        sqlite3_free(sql);
    }
    sqlite3_close(db);
}

/* Pages that were read since the last call. */
static int pages_since(sqlite3 *db)
{
    int hits = 0, misses = 0, highest = 0;
    sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_HIT, &hits, &highest, 1);
    sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_MISS, &misses, &highest, 1);
    return hits + misses;
}

/* Binds a parameter, if the statement has it. */
static void bind(sqlite3_stmt *statement, const char *name, int64_t value)
{
    int index = sqlite3_bind_parameter_index(statement, name);
    if (index > 0)
        sqlite3_bind_int64(statement, index, value);
}

/* Pages that one run of a list statement reads. */
static int pages_read(sqlite3 *db, enum statement_id id, int status)
{
    sqlite3_stmt *select = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, statement_texts[id], -1, &select, NULL), SQLITE_OK);
    bind(select, ":first", 0);
    bind(select, ":end", INT64_MAX);
    if (status >= 0)
        bind(select, ":status", status);
    bind(select, ":limit", 50);
    bind(select, ":offset", 0);
    sqlite3_bind_text(select, sqlite3_bind_parameter_index(select, ":phone_number"),
                      "+491511234567", -1, SQLITE_STATIC);
    pages_since(db);
    while (sqlite3_step(select) == SQLITE_ROW)
        ;
    assert_int_equal(sqlite3_finalize(select), SQLITE_OK);
    return pages_since(db);
}

static void a_number_is_looked_for_without_the_rows_of_the_queue(void **state)
{
    static const enum statement_id lists[] = {OLDER_BY_NUMBER, NEWER_BY_NUMBER, COUNT_BY_NUMBER};
    struct store_fixture *fixture = *state;
    sqlite3 *db = NULL;
    execute(
        fixture->path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        " INSERT INTO message (id, seq, phone_number, text, encoding, segments, status, attempt,"
        " event_count, updated_at_ms) SELECT randomblob(16), i * 1000, '+49160' || i,"
        " hex(zeroblob(100)), 0, 1, 0, 0, 1, 1 FROM n");
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
        assert_in_range(pages_read(db, lists[i], -1), 1, 200);
        assert_in_range(pages_read(db, lists[i], MESSAGE_QUEUED), 1, 200);
        assert_in_range(pages_read(db, lists[i], MESSAGE_DELIVERED), 1, 20);
    }
    sqlite3_close(db);
}

/* One device has almost all messages. */
static void a_rare_status_of_a_busy_device_is_found_by_the_status(void **state)
{
    static const enum message_status rare[] = {MESSAGE_FAILED, MESSAGE_QUEUED, MESSAGE_UNKNOWN};
    struct store_fixture *fixture = *state;
    struct store_database *database = NULL;
    struct store_database_reader *reader = NULL;
    char problem[STORE_ERROR_SIZE];
    execute(
        fixture->path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        " INSERT INTO message (id, seq, phone_number, text, encoding, segments, status, attempt,"
        " event_count, updated_at_ms, device_id, phase, lane) SELECT randomblob(16), i * 1000,"
        " '+49160' || i,"
        " hex(zeroblob(100)), 0, 1, iif(i % 500, 5, 6), 1, 2, 1, 'phone', 2, NULL FROM n;"
        " UPDATE message_count SET count = 1996 WHERE status = 5;"
        " UPDATE message_count SET count = 4 WHERE status = 6");
    struct store_options options = fixture->options;
    options.wall_ms = clock_wall_ms;
    assert_int_equal(store_backend_sqlite.open(&options, fixture->path, &database, problem),
                     ERROR_NONE);
    assert_int_equal(store_backend_sqlite.open_reader(database, &reader, problem), ERROR_NONE);
    for (size_t i = 0; i < ARRAY_LENGTH(rare); i++) {
        struct store_query query = {.limit = 3, .has_status = true, .status = rare[i]};
        struct store_page page = {0};
        strcpy(query.device_id, "phone");
        pages_since(reader->handle.db);
        assert_int_equal(queries_list_messages(reader, &query, &page), ERROR_NONE);
        assert_in_range(pages_since(reader->handle.db), 1, 200);
        assert_int_equal(page.count, rare[i] == MESSAGE_FAILED ? 3 : 0);
        assert_int_equal(page.total, rare[i] == MESSAGE_FAILED ? 4 : 0);
        store_page_fini(&page);
    }
    store_backend_sqlite.close_reader(reader);
    store_backend_sqlite.close(database);
}

static int phase_of(int status)
{
    return status == MESSAGE_QUEUED ? 0 : status < MESSAGE_SENT ? 1 : 2;
}

/* The database allows the transitions of the code, and no others. */
static void the_database_has_the_table_of_the_code(void **state)
{
    struct store_fixture *fixture = *state;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    for (int from = 0; from < MESSAGE_STATUS_COUNT; from++) {
        for (int to = 0; to < MESSAGE_STATUS_COUNT; to++) {
            bool in_code = false;
            for (int actor = 0; actor < MESSAGE_ACTOR_COUNT; actor++)
                in_code |= message_may_become((enum message_status)from, (enum message_status)to,
                                              (enum message_actor)actor, MESSAGE_ALL_FACTS);
            char sql[600];
            snprintf(sql, sizeof(sql),
                     "BEGIN; INSERT INTO message (seq, id, phone_number, text, encoding, segments,"
                     " status, phase, attempt, event_count, updated_at_ms, lane)"
                     " VALUES (1, zeroblob(16), '+1', 'x', 0, 1, %d, %d, 1, 2, 0, %s);"
                     " UPDATE message SET status = %d, phase = %d, event_count = 3,"
                     " attempt = attempt + %d, proved_attempt = 1, lane = %s WHERE seq = 1",
                     from, phase_of(from), from == 0 ? "''" : "NULL", to, phase_of(to),
                     from == 0 && (to == 1 || to == 2), to == 0 ? "''" : "NULL");
            int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
            if ((code == SQLITE_OK) != in_code ||
                (code != SQLITE_OK && !strstr(sqlite3_errmsg(db), "not a transition")))
                fail_msg("%s to %s: %s", message_status_name((enum message_status)from),
                         message_status_name((enum message_status)to), sqlite3_errmsg(db));
            if (in_code)
                assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
            assert_true(sqlite3_get_autocommit(db));
        }
    }
    sqlite3_close(db);
}

static void the_database_refuses_what_no_message_may_do(void **state)
{
#define IN_FLIGHT  "event_count = event_count + 1, phase = 1, lane = NULL, "
#define DISPATCHED IN_FLIGHT "status = 1, attempt = 1, device_id = 'a'"
#define ACCEPTED   IN_FLIGHT "status = 2, attempt = 1, device_id = 'a'"
    static const struct {
        const char *before; /* brings the message into that status by allowed transitions */
        const char *refused;
        const char *reason;
    } cases[] = {
        {"", IN_FLIGHT "status = 3", "not a transition"},
        {"", "attempt = 1", "the attempt grows"},
        {"", IN_FLIGHT "status = 1, attempt = 2", "the attempt grows"},
        {"", IN_FLIGHT "status = 1", "the attempt grows"},
        {"", "event_count = 2, status = status", "not a transition"},
        {"", "status = 1, attempt = 1, phase = 1, lane = NULL", "CHECK"}, /* event_count */
        {"", IN_FLIGHT "status = 1, attempt = 1, phase = 2", "CHECK"},
        {"", IN_FLIGHT "status = 1, attempt = 1, phase = 0", "CHECK"},
        {"", IN_FLIGHT "status = 1, attempt = 1, lane = ''", "CHECK"},
        {"", "lane = NULL", "CHECK"},
        {DISPATCHED, "attempt = 0", "the attempt grows"},
        {DISPATCHED, "status = 2, attempt = 2", "the attempt grows"},
        {DISPATCHED, "status = 3", "not a transition"},
        {ACCEPTED, "status = 0, phase = 0, lane = '', device_id = NULL", "proof"},
        {ACCEPTED, "status = 1", "not a transition"},
        {ACCEPTED, "status = 4", "CHECK"}, /* its phase */
        {ACCEPTED, "status = 10, phase = 2", "CHECK"},
        {ACCEPTED, "device_id = 'b'", "stays with its device"},
        {ACCEPTED, "device_id = NULL", "stays with its device"},
        {ACCEPTED, "status = 4, phase = 2, device_id = 'b'", "stays with"},
    };
#undef ACCEPTED
#undef DISPATCHED
#undef IN_FLIGHT
    struct store_fixture *fixture = *state;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char sql[300];
        given_message(fixture, "+1234567890", "text");
        if (*cases[i].before) {
            snprintf(sql, sizeof(sql),
                     "UPDATE message SET %s WHERE seq = (SELECT max(seq) FROM message)",
                     cases[i].before);
            assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        }
        int64_t status = number_of(fixture, "SELECT status FROM message ORDER BY seq DESC");
        snprintf(sql, sizeof(sql),
                 "UPDATE message SET %s WHERE seq = (SELECT max(seq) FROM message)",
                 cases[i].refused);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_CONSTRAINT);
        if (!strstr(sqlite3_errmsg(db), cases[i].reason))
            fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        assert_int_equal(number_of(fixture, "SELECT status FROM message ORDER BY seq DESC"),
                         status);
    }
    assert_int_equal(
        sqlite3_exec(db,
                     "INSERT INTO message (id, phone_number, text, encoding, segments,"
                     " status, phase, lane, attempt, event_count, updated_at_ms) SELECT "
                     "randomblob(16), '+1', 'x', 0, 1, 4, 2, NULL, 0, 1, 0",
                     NULL, NULL, NULL),
        SQLITE_CONSTRAINT);
    sqlite3_close(db);
}

static void events_cannot_be_changed(void **state)
{
    struct store_fixture *fixture = *state;
    sqlite3 *db = NULL;
    struct store_write cancel = {.verb = STORE_CANCEL};
    cancel.cancel.id = given_message(fixture, "+1234567890", "text");
    assert_int_equal(store_run(fixture->store, &cancel), ERROR_NONE);
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE message_event SET status = 5", NULL, NULL, NULL),
                     SQLITE_CONSTRAINT);
    sqlite3_close(db);
}

UNIT_TESTS(STORE_TEST(a_new_database_has_our_marks),
           STORE_TEST(a_database_that_was_open_to_everybody_no_longer_is),
           STORE_TEST(a_database_of_another_program_is_refused_and_left_alone),
           STORE_TEST(a_newer_database_is_refused),
           STORE_TEST(a_file_that_is_no_database_is_refused),
           STORE_TEST(a_path_that_cannot_be_is_refused),
           STORE_TEST(a_half_made_schema_is_not_left_behind),
           STORE_TEST(several_that_start_at_once_make_one_database),
           STORE_TEST(no_statement_sorts_or_reads_a_whole_table),
           STORE_TEST(a_number_is_looked_for_without_the_rows_of_the_queue),
           STORE_TEST(a_rare_status_of_a_busy_device_is_found_by_the_status),
           STORE_TEST(the_database_has_the_table_of_the_code),
           STORE_TEST(the_database_refuses_what_no_message_may_do),
           STORE_TEST(events_cannot_be_changed))
