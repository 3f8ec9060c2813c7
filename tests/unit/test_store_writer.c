/* The writer thread: many callers, one transaction; locks, time limits, the write-ahead log. */
#include "common/base/clock.h"
#include "common/store/sqlite/write_lock.h"
#include "tests/unit/store_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STORE_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, store_fixture_setup, store_fixture_teardown)

enum { CALLERS = 16, MESSAGES_EACH = 200 };

static int64_t wal_bytes(const struct store_fixture *fixture)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof(path), "%s-wal", fixture->path);
    return stat(path, &status) == 0 ? status.st_size : 0;
}

/* ---- Many callers ---- */

static void *send_many(void *argument)
{
    struct store_fixture *fixture = argument;
    for (int i = 0; i < MESSAGES_EACH; i++)
        given_message(fixture, "+1234567890", "text");
    return NULL;
}

static void every_write_of_many_threads_is_there(void **state)
{
    struct store_fixture *fixture = *state;
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, fixture), 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    store_fixture_reopen(fixture);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"), CALLERS * MESSAGES_EACH);
    assert_int_equal(number_of(fixture, "SELECT sum(count) FROM message_count"),
                     CALLERS * MESSAGES_EACH);
}

/* A write that counts down a shared number when it is done. */
struct counted_write {
    struct store_write write;
    struct message message;
    atomic_int *left;
};

static void count_down(struct store_write *write)
{
    struct counted_write *counted = write->owner;
    atomic_fetch_sub(counted->left, 1);
}

static void writes_share_transactions_and_one_failure_harms_no_other(void **state)
{
    enum { COUNT = 300 };
    struct store_fixture *fixture = *state;
    static struct counted_write writes[COUNT];
    static atomic_int left = COUNT;
    struct message_id taken = given_message(fixture, "+1234567890", "the first with this id");

    for (int i = 0; i < COUNT; i++) {
        writes[i].message = (struct message){.phone_number = "+1234567890", .text = (char *)"x"};
        writes[i].message.id = i % 10 == 0 ? taken : message_id_new();
        writes[i].left = &left;
        writes[i].write = (struct store_write){.verb = STORE_ENQUEUE,
                                               .enqueue.message = &writes[i].message,
                                               .done = count_down,
                                               .owner = &writes[i]};
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(store_submit(fixture->store, &writes[i].write), ERROR_NONE);
    struct store_write probe = {.verb = STORE_PROBE}; /* writes run in order: this one is last */
    assert_int_equal(store_run(fixture->store, &probe), ERROR_NONE);
    assert_int_equal(atomic_load(&left), 0);
    for (int i = 0; i < COUNT; i++) {
        bool good = writes[i].write.result == ERROR_NONE;
        assert_int_equal(good, i % 10 != 0);
    }
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"), 1 + COUNT * 9 / 10);
    assert_int_equal(number_of(fixture, "SELECT count FROM message_count WHERE status = 0"),
                     1 + COUNT * 9 / 10);
}

static void note_thread(struct store_write *write)
{
    *(pthread_t *)write->owner = pthread_self();
}

static void a_write_runs_inline_where_its_submitter_asks_for_it(void **state)
{
    struct store_fixture *fixture = *state;
    for (int run_inline = 1; run_inline >= 0; run_inline--) {
        pthread_t thread;
        struct message message = {.phone_number = "+1234567890", .text = (char *)"x"};
        struct store_write write = {.verb = STORE_ENQUEUE,
                                    .enqueue.message = &message,
                                    .run_inline = run_inline,
                                    .done = note_thread,
                                    .owner = &thread};
        message.id = message_id_new();
        assert_int_equal(store_submit(fixture->store, &write), ERROR_NONE);
        struct store_write last = {.verb = STORE_PROBE};
        assert_int_equal(store_run(fixture->store, &last), ERROR_NONE);
        assert_int_equal(write.result, ERROR_NONE);
        assert_int_equal(pthread_equal(thread, pthread_self()) != 0, run_inline);
    }
}

static void what_was_submitted_before_the_end_is_written(void **state)
{
    enum { COUNT = 200 };
    struct store_fixture *fixture = *state;
    static struct counted_write writes[COUNT];
    static atomic_int left = COUNT;
    for (int i = 0; i < COUNT; i++) {
        writes[i].message = (struct message){.phone_number = "+1234567890", .text = (char *)"x"};
        writes[i].message.id = message_id_new();
        writes[i].left = &left;
        writes[i].write = (struct store_write){.verb = STORE_ENQUEUE,
                                               .enqueue.message = &writes[i].message,
                                               .done = count_down,
                                               .owner = &writes[i]};
        assert_int_equal(store_submit(fixture->store, &writes[i].write), ERROR_NONE);
    }
    store_fixture_reopen(fixture);
    assert_int_equal(atomic_load(&left), 0);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"), COUNT);
}

static void count_ring(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static void the_doorbell_rings_for_messages_alone_and_after_the_commit(void **state)
{
    struct store_fixture *fixture = *state;
    atomic_int rings = 0;
    fixture->options.enqueued = count_ring;
    fixture->options.context = &rings;
    store_fixture_reopen(fixture);
    struct store_write probe = {.verb = STORE_PROBE};
    assert_int_equal(store_run(fixture->store, &probe), ERROR_NONE);
    assert_int_equal(store_run(fixture->store, &probe), ERROR_NONE);
    assert_int_equal(atomic_load(&rings), 0);
    given_message(fixture, "+1234567890", "text");
    assert_int_equal(store_run(fixture->store, &probe), ERROR_NONE);
    store_fixture_reopen(fixture); /* so all batches have ended */
    assert_int_equal(atomic_load(&rings), 1);
}

/* What was in the database when the doorbell rang last. */
struct heard {
    struct store_fixture *fixture;
    atomic_int messages;
};

static void hear(void *context)
{
    struct heard *heard = context;
    atomic_store(&heard->messages, (int)number_of(heard->fixture, "SELECT count(*) FROM message"));
}

static void the_doorbell_rings_after_the_last_of_many_messages(void **state)
{
    struct store_fixture *fixture = *state;
    struct heard heard = {.fixture = fixture};
    pthread_t threads[CALLERS];
    fixture->options.enqueued = hear;
    fixture->options.context = &heard;
    store_fixture_reopen(fixture);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, fixture), 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    store_fixture_reopen(fixture);
    assert_int_equal(atomic_load(&heard.messages), CALLERS * MESSAGES_EACH);
}

struct woken {
    atomic_int *left;
    atomic_int times;
    atomic_int left_then; /* when it was woken last */
};

static void note_wake(void *context)
{
    struct woken *woken = context;
    atomic_fetch_add(&woken->times, 1);
    atomic_store(&woken->left_then, atomic_load(woken->left));
}

/* Whether the last of some writes is done before the last wake-up; `held`: they are refused. */
static void check_wake(struct store_fixture *fixture, bool held)
{
    enum { COUNT = 20 };
    static struct store_write writes[COUNT];
    atomic_int left = COUNT;
    struct woken woken = {.left = &left};
    struct counted_write counted = {.left = &left};
    struct write_lock lock;
    fixture->options.timeout_ms = held ? 50 : 10000;
    fixture->options.completed = note_wake;
    fixture->options.context = &woken;
    store_fixture_reopen(fixture);
    assert_true(write_lock_open(&lock, fixture->path, WRITE_LOCK_SHARED, 0));
    if (held)
        assert_true(write_lock_acquire(&lock, clock_monotonic_ms() + 1000));
    for (int i = 0; i < COUNT; i++) {
        writes[i] = (struct store_write){
            .verb = STORE_PROBE, .done = count_down, .owner = &counted};
        assert_int_equal(store_submit(fixture->store, &writes[i]), ERROR_NONE);
    }
    struct store_write probe = {.verb = STORE_PROBE}; /* writes run in order: this one is last */
    enum error expected = held ? ERROR_STORE_BUSY : ERROR_NONE;
    assert_int_equal(store_run(fixture->store, &probe), expected);
    write_lock_close(&lock);
    fixture->options.completed = NULL;
    store_fixture_reopen(fixture); /* so that the last wake-up was, too */
    assert_int_equal(atomic_load(&left), 0);
    assert_int_equal(writes[COUNT - 1].result, expected);
    assert_in_range(atomic_load(&woken.times), 1, COUNT + 1);
    assert_int_equal(atomic_load(&woken.left_then), 0);
}

static void who_waits_is_woken_after_the_last_is_done(void **state)
{
    check_wake(*state, false);
}

static void who_waits_is_woken_also_by_a_refusal(void **state)
{
    check_wake(*state, true);
}

/* ---- Locks ---- */

static void a_held_write_lock_gives_busy_in_time_and_nothing_is_written(void **state)
{
    struct store_fixture *fixture = *state;
    struct write_lock lock;
    fixture->options.timeout_ms = 100;
    store_fixture_reopen(fixture);
    assert_true(write_lock_open(&lock, fixture->path, WRITE_LOCK_SHARED, 0));
    assert_true(write_lock_acquire(&lock, clock_monotonic_ms() + 1000));

    struct store_write probe = {.verb = STORE_PROBE};
    int64_t before_ms = clock_monotonic_ms();
    assert_int_equal(store_run(fixture->store, &probe), ERROR_STORE_BUSY);
    assert_true(clock_monotonic_ms() - before_ms >= 100);
    assert_int_equal(number_of(fixture, "SELECT at_ms FROM probe"), 0);

    write_lock_release(&lock);
    write_lock_close(&lock);
    assert_int_equal(store_run(fixture->store, &probe), ERROR_NONE);
}

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
        sched_yield(); /* whoever comes in without the lock meets this one */
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

/* A process of its own that gives messages to a phone until it has given so many. */
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
        given += given_hand_over(&taker, phones, ARRAY_LENGTH(phones));
    store_close(taker.store);
    _exit(0);
}

static void two_processes_write_and_checkpoint_without_harm(void **state)
{
    struct store_fixture *fixture = *state;
    pthread_t threads[CALLERS];
    fixture->options.timeout_ms = 20000;
    store_reader_close(fixture->reader); /* no connection of ours may live through a fork */
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
        given_message(fixture, "+1234567890", text); /* 6 MB of rows, and some 50 MB of pages */
    assert_in_range(wal_bytes(fixture), 1, 8 << 20);
}

UNIT_TESTS(STORE_TEST(every_write_of_many_threads_is_there),
           STORE_TEST(writes_share_transactions_and_one_failure_harms_no_other),
           STORE_TEST(a_write_runs_inline_where_its_submitter_asks_for_it),
           STORE_TEST(what_was_submitted_before_the_end_is_written),
           STORE_TEST(the_doorbell_rings_for_messages_alone_and_after_the_commit),
           STORE_TEST(the_doorbell_rings_after_the_last_of_many_messages),
           STORE_TEST(who_waits_is_woken_after_the_last_is_done),
           STORE_TEST(who_waits_is_woken_also_by_a_refusal),
           STORE_TEST(a_held_write_lock_gives_busy_in_time_and_nothing_is_written),
           STORE_TEST(another_programs_transaction_gives_busy_too),
           STORE_TEST(the_write_lock_has_one_holder_and_all_get_their_turns),
           STORE_TEST(a_dead_process_leaves_no_lock_behind),
           STORE_TEST(two_processes_write_and_checkpoint_without_harm),
           STORE_TEST(the_write_ahead_log_stays_small))
