/* Turns: while another store waits to write, a transaction is short, and nothing of what it leaves is lost. */
#include "common/base/clock.h"
#include "common/store/store_backend.h"
#include "tests/store/store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_WAIT_MS = 60000 };

/* ---- One transaction, as its backend runs it ---- */

/* Two stores of one database without their writer threads: the first has the turn, the second waits for it. */
struct turns {
    const struct store_backend *backend;
    struct store_options options;
    struct store_database *first, *second;
    pthread_t waiter;
};

static struct store_database *open_database(const struct turns *turns, const char *location)
{
    struct store_database *database;
    char problem[STORE_ERROR_SIZE] = "";
    if (turns->backend->open(&turns->options, location, &database, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    return database;
}

static int64_t deadline_ms(void)
{
    return clock_monotonic_ms() + LONGEST_WAIT_MS;
}

static void *wait_for_turn(void *argument)
{
    struct turns *turns = argument;
    struct store_write probe = {.verb = STORE_PROBE};
    struct store_write *const writes[] = {&probe};
    size_t ran;
    bool good = turns->backend->take_turn(turns->second, deadline_ms()) &&
                turns->backend->run_batch(turns->second, writes, 1, deadline_ms(), &ran) ==
                    ERROR_NONE;
    if (good)
        turns->backend->finish_batch(turns->second);
    return good ? turns : NULL;
}

static void begin_turns(struct turns *turns, struct store_fixture *fixture)
{
    bool is_sqlite = fixture->is_sqlite;
    const char *location = is_sqlite ? fixture->path : fixture->dsn + strlen("memory:");
    turns->backend = is_sqlite ? &store_backend_sqlite : &store_backend_memory;
    turns->options = fixture->options;
    turns->options.turn_us = 1; /* over after the first write */
    turns->first = open_database(turns, location);
    turns->second = open_database(turns, location);
    assert_true(turns->backend->take_turn(turns->first, deadline_ms()));
    assert_int_equal(pthread_create(&turns->waiter, NULL, wait_for_turn, turns), 0);
}

/* Runs the writes again and again until the transaction ends early, which it does once the other store waits. Returns how
   many of them ran. */
static size_t run_until_cut(struct turns *turns, struct store_write *const writes[], size_t count)
{
    size_t ran;
    do {
        for (size_t i = 0; i < count; i++)
            writes[i]->result = ERROR_INTERNAL;
        assert_int_equal(
            turns->backend->run_batch(turns->first, writes, count, deadline_ms(), &ran),
            ERROR_NONE);
    } while (ran == count);
    return ran;
}

static void end_turns(struct turns *turns)
{
    void *good;
    turns->backend->finish_batch(turns->first);
    pthread_join(turns->waiter, &good);
    assert_non_null(good);
    turns->backend->close(turns->first);
    turns->backend->close(turns->second);
}

static void a_transaction_ends_early_where_another_store_waits(void **state)
{
    given_one_writer_at_once();
    enum { PROBES = 20 };
    struct turns turns;
    struct store_write probes[PROBES], *writes[PROBES];
    for (size_t i = 0; i < PROBES; i++) {
        probes[i] = (struct store_write){.verb = STORE_PROBE};
        writes[i] = &probes[i];
    }
    begin_turns(&turns, *state);
    size_t ran = run_until_cut(&turns, writes, PROBES);
    end_turns(&turns);
    assert_true(ran > 0);
    for (size_t i = 0; i < PROBES; i++) /* those after it were not looked at */
        assert_int_equal(probes[i].result, i < ran ? ERROR_NONE : ERROR_INTERNAL);
}

/* A claim for more messages than it has to take at least. */
static void a_claim_ends_early_where_another_store_waits(void **state)
{
    given_one_writer_at_once();
    enum { MESSAGES = 2 * STORE_LEAST_CLAIM };
    struct store_fixture *fixture = *state;
    struct turns turns;
    struct store_holder slots[MESSAGES] = {0};
    struct message messages[MESSAGES] = {0};
    struct store_write claim = {.verb = STORE_CLAIM}, probe = {.verb = STORE_PROBE};
    struct store_write *const claims[] = {&claim}, *const probes[] = {&probe, &probe};
    for (int i = 0; i < MESSAGES; i++) {
        given_message(fixture, "+1234567890", "text");
        strcpy(slots[i].device_id, "phone-1");
    }
    claim.claim.slot_count = MESSAGES;
    claim.claim.slots = slots;
    claim.claim.messages = messages;
    begin_turns(&turns, fixture);
    run_until_cut(&turns, probes, 2);
    size_t ran;
    assert_int_equal(turns.backend->run_batch(turns.first, claims, 1, deadline_ms(), &ran),
                     ERROR_NONE);
    end_turns(&turns);
    assert_int_equal(claim.result, ERROR_NONE);
    assert_true(claim.claim.cut);
    assert_int_equal(claim.claim.message_count, STORE_LEAST_CLAIM);
    assert_int_equal(count_messages_in(fixture, MESSAGE_ACCEPTED), STORE_LEAST_CLAIM);
    for (int i = 0; i < MESSAGES; i++)
        message_fini(&messages[i]);
}

/* ---- Whole stores ---- */

enum { WRITES = 300 };

/* Writes of one thread to one store. */
struct sequence {
    struct store *store;
    struct store_write writes[WRITES];
    struct message messages[WRITES];
    atomic_int done;
    atomic_bool mixed_up; /* a write was done twice, or not in its order */
};

static void note_done(struct store_write *write)
{
    struct sequence *sequence = write->owner;
    int number = atomic_fetch_add(&sequence->done, 1);
    if (number >= WRITES || write != &sequence->writes[number])
        atomic_store(&sequence->mixed_up, true);
}

static void *submit_all(void *argument)
{
    struct sequence *sequence = argument;
    for (int i = 0; i < WRITES; i++) {
        sequence->messages[i] = (struct message){.id = message_id_new(),
                                                 .phone_number = "+1234567890",
                                                 .text = (char *)"text",
                                                 .segments = 1};
        sequence->writes[i] = (struct store_write){.verb = STORE_ENQUEUE,
                                                   .enqueue.message = &sequence->messages[i],
                                                   .done = note_done,
                                                   .owner = sequence};
        if (store_submit(sequence->store, &sequence->writes[i]) != ERROR_NONE)
            return NULL;
    }
    return sequence;
}

static void two_stores_at_once_run_every_write_once_and_in_order(void **state)
{
    enum { STORES = 2 };
    struct store_fixture *fixture = *state;
    struct sequence *sequences = calloc(STORES, sizeof(*sequences));
    struct store_options options = fixture->options;
    pthread_t threads[STORES];
    char problem[STORE_ERROR_SIZE] = "";
    options.turn_us = 1;
    options.timeout_ms = LONGEST_WAIT_MS;
    for (int i = 0; i < STORES; i++)
        assert_int_equal(store_open(&options, &sequences[i].store, problem), ERROR_NONE);
    for (int i = 0; i < STORES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_all, &sequences[i]), 0);
    for (int i = 0; i < STORES; i++) {
        void *good;
        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
    for (int i = 0; i < STORES; i++) {
        store_close(sequences[i].store); /* once everything has run */
        assert_int_equal(atomic_load(&sequences[i].done), WRITES);
        assert_false(atomic_load(&sequences[i].mixed_up));
        for (int j = 0; j < WRITES; j++)
            assert_int_equal(sequences[i].writes[j].result, ERROR_NONE);
    }
    assert_int_equal(count_messages(fixture), STORES * WRITES);
    assert_consistent(fixture);
    free(sequences);
}

UNIT_TESTS(STORE_TEST(a_transaction_ends_early_where_another_store_waits),
           STORE_TEST(a_claim_ends_early_where_another_store_waits),
           STORE_TEST(two_stores_at_once_run_every_write_once_and_in_order))
