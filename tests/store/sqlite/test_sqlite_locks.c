/* Locks between processes, and the size of the write-ahead log. */
#include "common/base/clock.h"
#include "common/store/sqlite/write_lock.h"
#include "tests/store/store_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLERS = 16, MESSAGES_EACH = 200 };

static int64_t wal_bytes(const struct store_fixture *fixture)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof(path), "%s-wal", fixture->path);
    return stat(path, &status) == 0 ? status.st_size : 0;
}

static void *send_many(void *argument)
{
    struct store_fixture *fixture = argument;
    for (int i = 0; i < MESSAGES_EACH; i++)
        given_message(fixture, "+1234567890", "text");
    return NULL;
}

/* ---- Locks ---- */

static void another_programs_transaction_gives_busy_too(void **state)
{
    struct store_fixture *fixture = *state;
    sqlite3 *db = NULL;
    fixture->options.timeout_ms = 100;
    store_fixture_reopen(fixture);
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct store_write probe = {.verb = STORE_PROBE};
    assert_int_equal(store_run(fixture->store, &probe), ERROR_STORE_BUSY);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(store_run(fixture->store, &probe), ERROR_NONE);
}

struct holder {
    const char *path;
    int rounds;
    atomic_int *inside;
    atomic_int *most_inside;
};

static void *take_turns(void *argument)
{
    struct holder *holder = argument;
    struct write_lock lock;
    if (!write_lock_open(&lock, holder->path, WRITE_LOCK_SHARED, 0))
        return NULL;
    while (holder->rounds > 0 && write_lock_acquire(&lock, clock_monotonic_ms() + 20000)) {
        int inside = atomic_fetch_add(holder->inside, 1) + 1;
        if (inside > atomic_load(holder->most_inside))
            atomic_store(holder->most_inside, inside);
        holder->rounds--;
        sched_yield(); /* lets in a process that ignores the lock */
        atomic_fetch_sub(holder->inside, 1);
        write_lock_release(&lock);
    }
    write_lock_close(&lock);
    return NULL;
}

static void the_write_lock_has_one_holder_and_all_get_their_turns(void **state)
{
    enum { HOLDERS = 4 };
    struct store_fixture *fixture = *state;
    atomic_int inside = 0, most_inside = 0;
    struct holder holders[HOLDERS];
    pthread_t threads[HOLDERS];
    for (int i = 0; i < HOLDERS; i++) {
        holders[i] = (struct holder){fixture->path, 500, &inside, &most_inside};
        assert_int_equal(pthread_create(&threads[i], NULL, take_turns, &holders[i]), 0);
    }
    for (int i = 0; i < HOLDERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(holders[i].rounds, 0);
    }
    assert_int_equal(atomic_load(&most_inside), 1);
}

static void a_dead_process_leaves_no_lock_behind(void **state)
{
    struct store_fixture *fixture = *state;
    pid_t child = fork();
    if (child == 0) {
        struct write_lock lock;
        bool good = write_lock_open(&lock, fixture->path, WRITE_LOCK_SHARED, 0) &&
                    write_lock_acquire(&lock, clock_monotonic_ms() + 1000);
        _exit(good ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct write_lock lock;
    assert_true(write_lock_open(&lock, fixture->path, WRITE_LOCK_SHARED, 0));
    assert_true(write_lock_acquire(&lock, clock_monotonic_ms() + 1000));
    write_lock_release(&lock);
    write_lock_close(&lock);
}

/* ---- Two processes, one database ---- */

/* A child process that claims `count` messages, for devices of its own. */
static pid_t start_taker(const struct store_fixture *fixture, size_t count)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    struct store_fixture taker = *fixture;
    char problem[STORE_ERROR_SIZE];
    static const char *const phones[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    if (store_open(&taker.options, &taker.store, problem) != ERROR_NONE)
        _exit(1);
    for (size_t given = 0; given < count;)
        given += given_claim(&taker, phones, ARRAY_LENGTH(phones));
    store_close(taker.store);
    _exit(0);
}

static void two_processes_write_and_checkpoint_without_harm(void **state)
{
    struct store_fixture *fixture = *state;
    pthread_t threads[CALLERS];
    fixture->options.timeout_ms = 20000;
    store_reader_close(fixture->reader); /* SQLite connections must not cross a fork */
    store_close(fixture->store);
    pid_t taker = start_taker(fixture, CALLERS * MESSAGES_EACH);
    char problem[STORE_ERROR_SIZE];
    assert_int_equal(store_open(&fixture->options, &fixture->store, problem), ERROR_NONE);
    assert_int_equal(store_reader_open(fixture->store, &fixture->reader), ERROR_NONE);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, fixture), 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    int status = 0;
    assert_int_equal(waitpid(taker, &status, 0), taker);
    assert_int_equal(status, 0);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message WHERE status = 2"),
                     CALLERS * MESSAGES_EACH);
    assert_int_equal(number_of(fixture, "SELECT count FROM message_count WHERE status = 2"),
                     CALLERS * MESSAGES_EACH);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM pragma_integrity_check() WHERE "
                                        "integrity_check <> 'ok'"),
                     0);
}

/* ---- The write-ahead log ---- */

static void the_write_ahead_log_stays_small(void **state)
{
    struct store_fixture *fixture = *state;
    char text[1500];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 4000; i++)
        given_message(fixture, "+1234567890", text); /* 6 MB of rows, about 50 MB of log */
    assert_in_range(wal_bytes(fixture), 1, 8 << 20);
}

UNIT_TESTS(STORE_TEST(another_programs_transaction_gives_busy_too),
           STORE_TEST(the_write_lock_has_one_holder_and_all_get_their_turns),
           STORE_TEST(a_dead_process_leaves_no_lock_behind),
           STORE_TEST(two_processes_write_and_checkpoint_without_harm),
           STORE_TEST(the_write_ahead_log_stays_small))
