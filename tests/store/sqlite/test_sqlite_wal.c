/* The write-ahead log and its readers: the gateway's own end in time, and others cannot make the log grow without limit. */
#include "common/base/clock.h"
#include "common/store/sqlite/database.h"
#include "tests/store/store_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum {
    MAX_WAL_BYTES = 8 << 20,
    OVER_BYTES = 1 << 20, /* transactions around the limit: it is noticed a little late */
    MANY = 4000,          /* enough messages to fill the log */
};

static char long_text[1500];

static int64_t wal_bytes(const struct store_fixture *fixture)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof(path), "%s-wal", fixture->path);
    return stat(path, &status) == 0 ? status.st_size : 0;
}

static void set_bound(struct store_fixture *fixture)
{
    memset(long_text, 'x', sizeof(long_text) - 1);
    fixture->options.max_wal_bytes = MAX_WAL_BYTES;
    store_fixture_reopen(fixture);
}

static enum error send_long(struct store *store)
{
    struct message message = {
        .id = message_id_new(), .phone_number = "+1234567890", .text = long_text, .segments = 10};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    return store_run(store, &write);
}

/* Sends until a message is refused, because the log is full; returns how many were accepted. */
static int fill(struct store_fixture *fixture)
{
    enum error error = ERROR_NONE;
    int count = 0;
    while (count < MANY && (error = send_long(fixture->store)) == ERROR_NONE)
        count++;
    assert_int_equal(error, ERROR_WAL_FULL);
    return count;
}

static enum error probe(struct store_fixture *fixture)
{
    struct store_write write = {.verb = STORE_PROBE};
    return store_run(fixture->store, &write);
}

static enum error connect_phone(struct store_fixture *fixture, const char *device_id)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    write.connect.info = DEVICE_INFO_UNKNOWN;
    strcpy(write.connect.holder.device_id, device_id);
    return store_run(fixture->store, &write);
}

/* A reader of another program, like a shell or a backup. */
static sqlite3 *begin_foreign_read(const struct store_fixture *fixture)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(fixture->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM probe", NULL, NULL, NULL),
                     SQLITE_OK);
    return db;
}

/* ---- The gateway's own readers ---- */

static void a_read_that_takes_too_long_ends_and_holds_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = {{0}};
    for (int i = 0; i < 500; i++)
        id = given_message(fixture, "+1234567890", "text");
    fixture->options.timeout_ms = 0;
    store_fixture_reopen(fixture);

    struct store_query query = {.phone_number = "+1234567890", .limit = 1};
    for (int i = 0; i < 3; i++) {
        struct store_page page;
        assert_int_equal(store_list_messages(fixture->reader, &query, &page), ERROR_STORE_BUSY);
        store_page_fini(&page);
    }
    /* The whole log can be copied and truncated, so no read is left. */
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_QUEUED); /* short reads still work */
}

struct lister {
    struct store_fixture *fixture;
    atomic_bool *stop;
    atomic_int *failures;
};

static void *list_again_and_again(void *argument)
{
    struct lister *lister = argument;
    struct store_query query = {.limit = 50};
    struct store_reader *reader = NULL;
    if (store_reader_open(lister->fixture->store, &reader) != ERROR_NONE)
        atomic_fetch_add(lister->failures, 1);
    while (reader && !atomic_load(lister->stop)) {
        struct store_page page;
        if (store_list_messages(reader, &query, &page) != ERROR_NONE)
            atomic_fetch_add(lister->failures, 1);
        store_page_fini(&page);
    }
    store_reader_close(reader);
    return NULL;
}

/* At every moment some thread reads. */
static void many_short_reads_do_not_make_the_log_grow(void **state)
{
    enum { LISTERS = 3, COUNT = 1000 }; /* half as many fill the log */
    struct store_fixture *fixture = *state;
    atomic_bool stop = false;
    atomic_int failures = 0;
    pthread_t threads[LISTERS];
    struct lister lister = {fixture, &stop, &failures};
    fixture->options.timeout_ms = 20000;
    set_bound(fixture);
    for (int i = 0; i < LISTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, list_again_and_again, &lister), 0);
    int64_t most = 0;
    int refused = 0;
    for (int i = 0; i < COUNT; i++) {
        refused += send_long(fixture->store) != ERROR_NONE;
        most = MAX(most, wal_bytes(fixture));
    }
    atomic_store(&stop, true);
    for (int i = 0; i < LISTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(refused, 0);
    assert_int_equal(atomic_load(&failures), 0);
    assert_in_range(most, 1, MAX_WAL_BYTES);
}

struct endless {
    struct store_database_reader *reader;
    atomic_bool begun;
    int code;
};

static int note_begin(void *context, int count, char **values, char **names)
{
    struct endless *endless = context;
    (void)count, (void)values;
    if (strcmp(names[0], "n") == 0)
        atomic_store(&endless->begun, true);
    return 0;
}

/* Of the database as it was at the beginning. */
static void *read_without_end(void *argument)
{
    struct endless *endless = argument;
    sqlite3 *db = endless->reader->handle.db;
    reader_begin(endless->reader);
    endless->code = sqlite3_exec(
        db,
        "BEGIN; SELECT * FROM probe;"
        " WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number)"
        " SELECT n FROM number",
        note_begin, endless, NULL);
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    reader_end(endless->reader);
    return NULL;
}

/* As a list that finds nothing in millions of rows: it may take long, but no commit waits for it. */
static void a_long_read_gives_way_to_a_checkpoint(void **state)
{
    enum { MINUTE_MS = 60000, SOON_MS = 15000, COUNT = 700 }; /* more than fill the log */
    struct store_fixture *fixture = *state;
    struct endless endless = {.begun = false};
    pthread_t thread;
    int64_t longest_ms = 0;
    fixture->options.timeout_ms = MINUTE_MS;
    set_bound(fixture);
    endless.reader = fixture->reader->reader;
    assert_int_equal(pthread_create(&thread, NULL, read_without_end, &endless), 0);
    while (!atomic_load(&endless.begun))
        sched_yield();
    for (int i = 0; i < COUNT; i++) {
        int64_t began_ms = clock_monotonic_ms();
        assert_int_equal(send_long(fixture->store), ERROR_NONE);
        longest_ms = MAX(longest_ms, clock_monotonic_ms() - began_ms);
    }
    pthread_join(thread, NULL);
    assert_int_equal(endless.code, SQLITE_INTERRUPT);
    assert_in_range(longest_ms, 0, SOON_MS);
}

/* ---- Others ---- */

static void a_reader_that_stays_stops_new_messages_but_no_evidence(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const phones[] = {"phone"};
    set_bound(fixture);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    assert_int_equal(given_claim(fixture, phones, 1), 1);

    sqlite3 *db = begin_foreign_read(fixture);
    int count = fill(fixture);
    assert_in_range(wal_bytes(fixture), MAX_WAL_BYTES - OVER_BYTES, MAX_WAL_BYTES + OVER_BYTES);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(send_long(fixture->store), ERROR_WAL_FULL);
        assert_int_equal(probe(fixture), ERROR_WAL_FULL);
    }
    bool changed = false;
    assert_int_equal(given_report(fixture, &id, "phone", MESSAGE_SENT, &changed), ERROR_NONE);
    assert_true(changed);
    assert_int_equal(connect_phone(fixture, "another"), ERROR_NONE);
    assert_int_equal(given_claim(fixture, phones, 1), 1); /* dispatch goes on */
    assert_in_range(wal_bytes(fixture), MAX_WAL_BYTES - OVER_BYTES, MAX_WAL_BYTES + OVER_BYTES);
    struct store_statistics statistics;
    assert_int_equal(store_read_statistics(fixture->reader, 0, &statistics), ERROR_NONE);
    assert_int_equal(statistics.wal_bytes, wal_bytes(fixture));

    sqlite3_close(db);
    assert_int_equal(send_long(fixture->store), ERROR_NONE); /* as soon as the reader is gone */
    assert_int_equal(probe(fixture), ERROR_NONE);
    assert_in_range(wal_bytes(fixture), 1, OVER_BYTES); /* and the log was truncated */
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"), count + 2);
}

/* A write that changes nothing: the store does after it what it does after every write. */
static void write_nothing(struct store_fixture *fixture)
{
    struct message_id unknown = message_id_new();
    assert_int_equal(given_report(fixture, &unknown, "phone", MESSAGE_SENT, NULL),
                     ERROR_MESSAGE_NOT_HELD);
}

static void a_long_file_with_a_short_log_in_it_is_cut_too(void **state)
{
    struct store_fixture *fixture = *state;
    set_bound(fixture);
    sqlite3 *first = begin_foreign_read(fixture);
    while (wal_bytes(fixture) < MAX_WAL_BYTES - 2 * OVER_BYTES)
        assert_int_equal(send_long(fixture->store), ERROR_NONE);
    sqlite3 *second = begin_foreign_read(fixture); /* reads at the end of the log */
    sqlite3_close(first);
    write_nothing(fixture);
    store_fixture_reopen(fixture); /* the whole log has been copied, */
    sqlite3_close(second);         /* but only now it can start over */
    assert_int_equal(send_long(fixture->store), ERROR_NONE);
    assert_in_range(wal_bytes(fixture), MAX_WAL_BYTES - 2 * OVER_BYTES, MAX_WAL_BYTES);
    for (int i = 0; i < 400 && wal_bytes(fixture) > OVER_BYTES; i++)
        assert_int_equal(send_long(fixture->store), ERROR_NONE);
    assert_in_range(wal_bytes(fixture), 0, OVER_BYTES);
}

static void the_bound_holds_after_a_restart_too(void **state)
{
    struct store_fixture *fixture = *state;
    set_bound(fixture);
    sqlite3 *db = begin_foreign_read(fixture);
    fill(fixture);
    for (int i = 0; i < 5; i++) {
        store_fixture_reopen(fixture);
        assert_in_range(fill(fixture), 0, 1); /* the length of the log is known after a commit */
    }
    assert_in_range(wal_bytes(fixture), 1, MAX_WAL_BYTES + OVER_BYTES);
    sqlite3_close(db);
    assert_int_equal(send_long(fixture->store), ERROR_NONE);
}

static void a_log_that_another_process_has_emptied_is_known_at_once(void **state)
{
    struct store_fixture *fixture = *state;
    char problem[STORE_ERROR_SIZE];
    struct store *other = NULL;
    set_bound(fixture);
    assert_int_equal(store_open(&fixture->options, &other, problem), ERROR_NONE);
    sqlite3 *db = begin_foreign_read(fixture);
    fill(fixture);
    sqlite3_close(db);
    for (int i = 0; i < 10; i++)
        assert_int_equal(send_long(other), ERROR_NONE);
    assert_int_equal(send_long(fixture->store), ERROR_NONE);
    store_close(other);
    assert_in_range(wal_bytes(fixture), 1, OVER_BYTES);
}

UNIT_TESTS(STORE_TEST(a_read_that_takes_too_long_ends_and_holds_nothing),
           STORE_TEST(many_short_reads_do_not_make_the_log_grow),
           STORE_TEST(a_long_read_gives_way_to_a_checkpoint),
           STORE_TEST(a_reader_that_stays_stops_new_messages_but_no_evidence),
           STORE_TEST(a_long_file_with_a_short_log_in_it_is_cut_too),
           STORE_TEST(the_bound_holds_after_a_restart_too),
           STORE_TEST(a_log_that_another_process_has_emptied_is_known_at_once))
