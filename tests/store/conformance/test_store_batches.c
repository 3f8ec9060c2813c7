/* Batches: many submitters, one transaction, its callbacks; and other stores of the same database. */
#include "common/base/clock.h"
#include "tests/store/store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CALLERS = 16, MESSAGES_EACH = 200 };

/* ---- Many callers ---- */

static void *send_many(void *argument)
{
    struct store_fixture *fixture = argument;
    for (int i = 0; i < MESSAGES_EACH; i++)
        given_message(fixture, "+1234567890", "text");
    return NULL;
}

static void every_write_of_many_threads_is_stored(void **state)
{
    struct store_fixture *fixture = *state;
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, fixture), 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    store_fixture_reopen(fixture);
    assert_int_equal(count_messages(fixture), CALLERS * MESSAGES_EACH);
    assert_int_equal(count_messages_in(fixture, MESSAGE_QUEUED), CALLERS * MESSAGES_EACH);
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
    assert_int_equal(count_messages(fixture), 1 + COUNT * 9 / 10);
    assert_int_equal(count_messages_in(fixture, MESSAGE_QUEUED), 1 + COUNT * 9 / 10);
}

static void assert_history(struct store_fixture *fixture, const struct message_id *id,
                           const enum message_status *statuses, size_t status_count,
                           const char *last_code)
{
    struct message_event *events;
    size_t count;
    assert_int_equal(store_read_history(fixture->reader, id, 0, 100, &events, &count), ERROR_NONE);
    assert_int_equal(count, status_count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(events[i].status, statuses[i]);
    assert_string_equal(events[count - 1].error_code, last_code);
    free(events);
}

static void a_message_may_change_several_times_in_one_transaction(void **state)
{
    static const struct {
        int message;
        enum message_status status;
    } reports[] = {{0, MESSAGE_SENDING},
                   {1, MESSAGE_SENDING},
                   {0, MESSAGE_SENT},
                   {1, MESSAGE_FAILED},
                   {0, MESSAGE_DELIVERED}};
    static const enum message_status delivered[] = {
        MESSAGE_QUEUED, MESSAGE_ACCEPTED, MESSAGE_SENDING, MESSAGE_SENT, MESSAGE_DELIVERED};
    static const enum message_status failed[] = {MESSAGE_QUEUED, MESSAGE_ACCEPTED, MESSAGE_SENDING,
                                                 MESSAGE_FAILED};
    static const char *const devices[] = {"phone", "phone"};
    static struct counted_write writes[ARRAY_LENGTH(reports)];
    static atomic_int left = ARRAY_LENGTH(reports);
    struct store_fixture *fixture = *state;
    struct message_id ids[2];
    struct store_hold hold;
    for (int i = 0; i < 2; i++)
        ids[i] = given_message(fixture, "+1234567890", "text");
    assert_int_equal(given_claim(fixture, devices, 2), 2);
    store_hold_begin(&hold, fixture->store);
    for (size_t i = 0; i < ARRAY_LENGTH(reports); i++) {
        struct store_write *write = &writes[i].write;
        *write = (struct store_write){
            .verb = STORE_REPORT, .done = count_down, .owner = &writes[i]};
        writes[i].left = &left;
        write->report.ref = (struct message_ref){ids[reports[i].message], 1};
        write->report.seq = -1;
        write->report.status = reports[i].status;
        strcpy(write->report.holder.device_id, "phone");
        if (reports[i].status == MESSAGE_FAILED)
            strcpy(write->report.error_code, "no_credit");
        assert_int_equal(store_submit(fixture->store, write), ERROR_NONE);
    }
    store_hold_release(&hold);
    struct store_write probe = {.verb = STORE_PROBE}; /* writes run in order: this one is last */
    assert_int_equal(store_run(fixture->store, &probe), ERROR_NONE);
    assert_int_equal(atomic_load(&left), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(reports); i++)
        assert_true(writes[i].write.result == ERROR_NONE && writes[i].write.report.changed);
    assert_history(fixture, &ids[0], delivered, ARRAY_LENGTH(delivered), "");
    assert_history(fixture, &ids[1], failed, ARRAY_LENGTH(failed), "no_credit");
    struct message message = stored(fixture, &ids[1]);
    assert_string_equal(message.error_code, "no_credit");
    message_fini(&message);
    assert_consistent(fixture);
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

static void writes_submitted_before_the_close_are_stored(void **state)
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
    assert_int_equal(count_messages(fixture), COUNT);
}

static void count_ring(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static void the_doorbell_rings_for_messages_alone_and_after_the_commit(void **state)
{
    struct store_fixture *fixture = *state;
    atomic_int rings = 0;
    fixture->options.wake_broker = count_ring;
    fixture->options.context = &rings;
    store_fixture_reopen(fixture);
    struct store_write probe = {.verb = STORE_PROBE};
    assert_int_equal(store_run(fixture->store, &probe), ERROR_NONE);
    assert_int_equal(store_run(fixture->store, &probe), ERROR_NONE);
    assert_int_equal(atomic_load(&rings), 0);
    given_message(fixture, "+1234567890", "text");
    assert_int_equal(store_run(fixture->store, &probe), ERROR_NONE);
    store_fixture_reopen(fixture); /* so that all batches have ended */
    assert_int_equal(atomic_load(&rings), 1);
}

/* A second store of the same database, as another process has one. */
static struct store *open_beside(struct store_fixture *fixture)
{
    struct store *store;
    char problem[STORE_ERROR_SIZE] = "";
    struct store_options options = {.dsn = fixture->dsn, .timeout_ms = 10000};
    if (store_open(&options, &store, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    return store;
}

/* The number of messages when the doorbell last rang. */
struct heard {
    struct store_reader *reader;
    atomic_llong messages;
};

static void hear(void *context)
{
    struct heard *heard = context;
    struct store_statistics statistics;
    if (store_read_statistics(heard->reader, 0, &statistics) == ERROR_NONE)
        atomic_store(&heard->messages, statistics.messages[MESSAGE_QUEUED]);
}

static void the_doorbell_rings_after_the_last_of_many_messages(void **state)
{
    struct store_fixture *fixture = *state;
    struct store *other = open_beside(fixture);
    struct heard heard = {.messages = 0};
    pthread_t threads[CALLERS];
    assert_int_equal(store_reader_open(other, &heard.reader), ERROR_NONE);
    fixture->options.wake_broker = hear;
    fixture->options.context = &heard;
    store_fixture_reopen(fixture);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, fixture), 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    store_fixture_close(fixture); /* so that all batches have ended */
    assert_int_equal(atomic_load(&heard.messages), CALLERS * MESSAGES_EACH);
    store_reader_close(heard.reader);
    store_close(other);
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

/* `completed` is called after the last `done`, also where the writes are refused because another store holds a
   transaction (`held`). */
static void check_wake(struct store_fixture *fixture, bool held)
{
    enum { COUNT = 20 };
    static struct store_write writes[COUNT];
    atomic_int left = COUNT;
    struct woken woken = {.left = &left};
    struct counted_write counted = {.left = &left};
    struct store_hold hold;
    struct store *other = open_beside(fixture);
    fixture->options.timeout_ms = held ? 50 : 10000;
    fixture->options.completed = note_wake;
    fixture->options.context = &woken;
    store_fixture_reopen(fixture);
    if (held)
        store_hold_begin(&hold, other);
    for (int i = 0; i < COUNT; i++) {
        writes[i] = (struct store_write){
            .verb = STORE_PROBE, .done = count_down, .owner = &counted};
        assert_int_equal(store_submit(fixture->store, &writes[i]), ERROR_NONE);
    }
    struct store_write probe = {.verb = STORE_PROBE}; /* writes run in order: this one is last */
    enum error expected = held ? ERROR_STORE_BUSY : ERROR_NONE;
    assert_int_equal(store_run(fixture->store, &probe), expected);
    if (held)
        store_hold_release(&hold);
    store_close(other);
    fixture->options.completed = NULL;
    store_fixture_reopen(fixture); /* so that the last call was, too */
    assert_int_equal(atomic_load(&left), 0);
    assert_int_equal(writes[COUNT - 1].result, expected);
    assert_in_range(atomic_load(&woken.times), 1, COUNT + 1);
    assert_int_equal(atomic_load(&woken.left_then), 0);
}

static void completed_is_called_after_the_last_done(void **state)
{
    check_wake(*state, false);
}

static void completed_is_called_after_refusals_too(void **state)
{
    given_one_writer_at_once();
    check_wake(*state, true);
}

static void a_transaction_of_another_store_gives_busy_in_time_and_nothing_is_written(void **state)
{
    given_one_writer_at_once();
    struct store_fixture *fixture = *state;
    struct store *other = open_beside(fixture);
    struct store_hold hold;
    fixture->options.timeout_ms = 100;
    store_fixture_reopen(fixture);
    store_hold_begin(&hold, other);

    struct message_id id = store_fixture_new_id();
    int64_t before_ms = clock_monotonic_ms();
    assert_int_equal(enqueue_as(fixture, &id), ERROR_STORE_BUSY);
    assert_true(clock_monotonic_ms() - before_ms >= 100);
    assert_int_equal(count_messages(fixture), 0);

    store_hold_release(&hold);
    store_close(other);
    assert_int_equal(enqueue_as(fixture, &id), ERROR_NONE);
}

UNIT_TESTS(STORE_TEST(every_write_of_many_threads_is_stored),
           STORE_TEST(writes_share_transactions_and_one_failure_harms_no_other),
           STORE_TEST(a_message_may_change_several_times_in_one_transaction),
           STORE_TEST(a_write_runs_inline_where_its_submitter_asks_for_it),
           STORE_TEST(writes_submitted_before_the_close_are_stored),
           STORE_TEST(the_doorbell_rings_for_messages_alone_and_after_the_commit),
           STORE_TEST(the_doorbell_rings_after_the_last_of_many_messages),
           STORE_TEST(completed_is_called_after_the_last_done),
           STORE_TEST(completed_is_called_after_refusals_too),
           STORE_TEST(a_transaction_of_another_store_gives_busy_in_time_and_nothing_is_written))
