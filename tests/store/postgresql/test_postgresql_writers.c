/* Several stores that write at once. */
#include "common/store/postgresql/claim_mark.h"
#include "tests/store/postgresql_fixture.h"
#include "tests/store/store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { STORES = 3 };

/* A store of the same database, with a thread that uses it. */
struct side {
    struct store *store;
    struct store_options options;
    pthread_t thread;
    int number;
    atomic_int good, refused;
    struct message_id ids[256]; /* of messages that it was given */
    size_t id_count;
};

static struct side sides[STORES];

static int setup(void **state)
{
    return is_postgresql() ? store_fixture_setup(state) : 0;
}

static int teardown(void **state)
{
    return is_postgresql() ? store_fixture_teardown(state) : 0;
}

#define WRITERS_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void run_all(struct store_fixture *fixture, struct store_limits limits,
                    void *(*work)(void *side))
{
    char problem[STORE_ERROR_SIZE] = "";
    for (int i = 0; i < STORES; i++) {
        sides[i] = (struct side){.options = fixture->options, .number = i};
        sides[i].options.limits = limits;
        sides[i].options.timeout_ms = 60000;
        assert_int_equal(store_open(&sides[i].options, &sides[i].store, problem), ERROR_NONE);
    }
    for (int i = 0; i < STORES; i++)
        assert_int_equal(pthread_create(&sides[i].thread, NULL, work, &sides[i]), 0);
    for (int i = 0; i < STORES; i++) {
        pthread_join(sides[i].thread, NULL);
        store_close(sides[i].store);
    }
}

static int good_ones(void)
{
    int good = 0;
    for (int i = 0; i < STORES; i++)
        good += atomic_load(&sides[i].good);
    return good;
}

static void need_postgresql(void)
{
    if (!is_postgresql())
        skip();
}

/* ---- Claims ---- */

enum { MESSAGES = 120, SLOTS = 8 };

static void *claim_all(void *argument)
{
    struct side *side = argument;
    size_t idle = 0;
    while (idle < 3) {
        struct store_holder slots[SLOTS] = {0};
        struct message messages[SLOTS] = {0};
        struct store_write write = {.verb = STORE_CLAIM};
        for (int i = 0; i < SLOTS; i++)
            snprintf(slots[i].device_id, sizeof(slots[i].device_id), "phone-%d", side->number);
        write.claim.trusted_wall_ms = store_fixture_now_ms();
        write.claim.slot_count = SLOTS;
        write.claim.slots = slots;
        write.claim.messages = messages;
        atomic_fetch_add(&side->refused, store_run(side->store, &write) != ERROR_NONE);
        idle = write.claim.message_count == 0 ? idle + 1 : 0;
        for (int i = 0; i < SLOTS; i++) {
            if (messages[i].text)
                side->ids[side->id_count++] = messages[i].id;
            message_fini(&messages[i]);
        }
    }
    return NULL;
}

static void each_message_is_claimed_by_one_store(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    for (int i = 0; i < MESSAGES; i++)
        given_message(fixture, "+1234567890", "text");
    run_all(fixture, (struct store_limits){0}, claim_all);
    size_t claimed = 0;
    for (int i = 0; i < STORES; i++) {
        claimed += sides[i].id_count;
        assert_int_equal(atomic_load(&sides[i].refused), 0);
        for (size_t j = 0; j < sides[i].id_count; j++) {
            struct message message = stored(fixture, &sides[i].ids[j]);
            assert_int_equal(message.attempt, 1);
            assert_int_equal(message.device_id[strlen("phone-")], '0' + i);
            message_fini(&message);
        }
    }
    assert_int_equal(claimed, MESSAGES);
    assert_consistent(fixture);
}

/* Claims the oldest that it finds, for one phone; returns the first, which the caller has no use for but to compare. */
static struct message_id claim_some(struct store_fixture *fixture, size_t slot_count, size_t *count)
{
    struct store_holder slots[SLOTS] = {0};
    struct message messages[SLOTS] = {0};
    struct store_write write = {.verb = STORE_CLAIM};
    for (size_t i = 0; i < slot_count; i++)
        strcpy(slots[i].device_id, "phone");
    write.claim.trusted_wall_ms = store_fixture_now_ms();
    write.claim.slot_count = slot_count;
    write.claim.slots = slots;
    write.claim.messages = messages;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    struct message_id first = messages[0].id;
    *count = write.claim.message_count;
    for (size_t i = 0; i < slot_count; i++)
        message_fini(&messages[i]);
    return first;
}

/* A queue, of which some are claimed, and then a message that is older than they are: of a node that was slower. */
static struct message_id given_older_message(struct store_fixture *fixture)
{
    size_t count;
    store_fixture_stop_clock_at(1700000000000);
    struct message_id older = store_fixture_new_id();
    store_fixture_pass_ms(100);
    for (int i = 0; i < SLOTS; i++)
        given_message(fixture, "+1234567890", "text");
    claim_some(fixture, 1, &count);
    assert_int_equal(count, 1);
    assert_int_equal(enqueue_as(fixture, &older), ERROR_NONE);
    return older;
}

static void claims_begin_where_the_last_one_began_and_now_and_then_at_the_oldest(void **state)
{
    need_postgresql();
    size_t count;
    struct store_fixture *fixture = *state;
    struct message_id older = given_older_message(fixture);
    struct message_id claimed = claim_some(fixture, 1, &count);
    assert_false(message_id_equal(&claimed, &older));
    store_fixture_pass_ms(CLAIM_MARK_MS);
    claimed = claim_some(fixture, 1, &count);
    assert_true(message_id_equal(&claimed, &older));
}

static void a_claim_that_would_find_too_little_finds_what_is_older(void **state)
{
    need_postgresql();
    size_t count;
    struct store_fixture *fixture = *state;
    struct message_id older = given_older_message(fixture);
    struct message_id claimed = claim_some(fixture, SLOTS, &count);
    assert_true(message_id_equal(&claimed, &older));
    assert_int_equal(count, SLOTS); /* one was claimed before, and one more was queued */
    claim_some(fixture, 1, &count);
    assert_int_equal(count, 0);
}

/* ---- Limits ---- */

enum { MOST = 50, TRIES = 40 };

static void *enqueue_many(void *argument)
{
    struct side *side = argument;
    for (int i = 0; i < TRIES; i++) {
        struct message message = {.id = store_fixture_new_id(),
                                  .phone_number = "+1234567890",
                                  .text = (char *)"text",
                                  .segments = 1};
        struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
        enum error error = store_run(side->store, &write);
        atomic_fetch_add(&side->good, error == ERROR_NONE);
        atomic_fetch_add(&side->refused, error != ERROR_NONE && error != ERROR_DAILY_CAP_REACHED);
    }
    return NULL;
}

static void a_limit_is_exact_over_all_stores(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(1700000000000);
    run_all(fixture, (struct store_limits){.daily_messages = MOST}, enqueue_many);
    assert_int_equal(good_ones(), MOST);
    for (int i = 0; i < STORES; i++)
        assert_int_equal(atomic_load(&sides[i].refused), 0);
    assert_int_equal(count_messages(fixture), MOST);
    assert_consistent(fixture);
}

/* ---- Idempotency keys ---- */

enum { KEYS = 20 };

/* All stores have the same requests, in the same order. */
static void *ask_all(void *argument)
{
    struct side *side = argument;
    for (int i = 0; i < KEYS; i++) {
        struct message message = {.id = store_fixture_new_id(),
                                  .phone_number = "+1234567890",
                                  .text = (char *)"text",
                                  .segments = 1};
        struct store_idempotency idempotency = {.answer.status = 202};
        struct store_write write = {.verb = STORE_ENQUEUE,
                                    .enqueue = {.message = &message, .idempotency = &idempotency}};
        snprintf(idempotency.key, sizeof(idempotency.key), "key-%d", i);
        buffer_init(&idempotency.answer.body, 100);
        buffer_append_text(&idempotency.answer.body, "answer");
        enum error error = store_run(side->store, &write);
        atomic_fetch_add(&side->good, error == ERROR_NONE && !idempotency.replayed);
        atomic_fetch_add(&side->refused, error != ERROR_NONE);
        buffer_fini(&idempotency.answer.body);
    }
    return NULL;
}

static void a_key_creates_one_message_over_all_stores(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    run_all(fixture, (struct store_limits){0}, ask_all);
    assert_int_equal(good_ones(), KEYS);
    for (int i = 0; i < STORES; i++)
        assert_int_equal(atomic_load(&sides[i].refused), 0);
    assert_int_equal(count_messages(fixture), KEYS);
    assert_consistent(fixture);
}

/* ---- What one does for all ---- */

enum { ROUNDS = 20, LEASE_MS = 60000 };

static pthread_barrier_t together;
static atomic_int keepers[ROUNDS];
static int64_t epochs[ROUNDS][STORES];

static struct store_lease_broker lease(struct side *side, const struct message_id *instance,
                                       int64_t lease_ms)
{
    struct store_write write = {.verb = STORE_BROKER_LEASE,
                                .lease = {.instance = *instance, .lease_ms = lease_ms}};
    snprintf(write.lease.name, sizeof(write.lease.name), "node-%d", side->number);
    atomic_fetch_add(&side->refused, store_run(side->store, &write) != ERROR_NONE);
    return write.lease;
}

/* All begin at once, where nobody keeps house. */
static void *lease_all(void *argument)
{
    struct side *side = argument;
    for (int i = 0; i < ROUNDS; i++) {
        struct message_id instance = message_id_new();
        pthread_barrier_wait(&together);
        atomic_fetch_add(&keepers[i], lease(side, &instance, LEASE_MS).keeps_house);
        pthread_barrier_wait(&together);
        lease(side, &instance, 0);
    }
    return NULL;
}

static void of_nodes_that_start_at_once_one_keeps_house(void **state)
{
    need_postgresql();
    assert_int_equal(pthread_barrier_init(&together, NULL, STORES), 0);
    run_all(*state, (struct store_limits){0}, lease_all);
    pthread_barrier_destroy(&together);
    for (int i = 0; i < STORES; i++)
        assert_int_equal(atomic_load(&sides[i].refused), 0);
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(atomic_load(&keepers[i]), 1);
}

/* A phone that no store has seen before, and whose connection goes to several at once. */
static void *connect_all(void *argument)
{
    struct side *side = argument;
    for (int i = 0; i < ROUNDS; i++) {
        struct store_write write = {.verb = STORE_DEVICE_CONNECT,
                                    .connect = {.info = DEVICE_INFO_UNKNOWN,
                                                .broker = message_id_first_at(1 + side->number)}};
        snprintf(write.connect.holder.device_id, sizeof(write.connect.holder.device_id), "phone-%d",
                 i);
        pthread_barrier_wait(&together);
        atomic_fetch_add(&side->refused, store_run(side->store, &write) != ERROR_NONE);
        epochs[i][side->number] = write.connect.connection_epoch;
    }
    return NULL;
}

static void of_the_first_connections_of_a_phone_one_is_the_newest(void **state)
{
    need_postgresql();
    assert_int_equal(pthread_barrier_init(&together, NULL, STORES), 0);
    run_all(*state, (struct store_limits){0}, connect_all);
    pthread_barrier_destroy(&together);
    for (int i = 0; i < STORES; i++)
        assert_int_equal(atomic_load(&sides[i].refused), 0);
    for (int i = 0; i < ROUNDS; i++) {
        int seen = 0;
        for (int j = 0; j < STORES; j++)
            seen |= 1 << epochs[i][j];
        assert_int_equal(seen, 2 | 4 | 8);
    }
}

/* One that was frozen goes on with what it had begun, beside the next. */
static void *purge_all(void *argument)
{
    struct side *side = argument;
    struct store_write write = {.verb = STORE_PURGE,
                                .purge = {.message_age_ms = 1, .text_age_ms = 1, .limit = 4}};
    do {
        atomic_fetch_add(&side->refused, store_run(side->store, &write) != ERROR_NONE);
        atomic_fetch_add(&side->good, (int)write.purge.messages);
    } while (write.purge.more);
    return NULL;
}

static void what_several_purge_at_once_is_counted_once(void **state)
{
    enum { OLD = 40 };
    need_postgresql();
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(1700000000000);
    for (int i = 0; i < OLD; i++)
        given_message_in(fixture, i % 2 == 0 ? MESSAGE_DELIVERED : MESSAGE_FAILED);
    store_fixture_pass_ms(2);
    given_message_in(fixture, MESSAGE_ACCEPTED);
    run_all(fixture, (struct store_limits){0}, purge_all);
    for (int i = 0; i < STORES; i++)
        assert_int_equal(atomic_load(&sides[i].refused), 0);
    assert_int_equal(good_ones(), OLD);
    assert_int_equal(count_messages(fixture), 1);
    assert_consistent(fixture);
}

/* ---- Events ---- */

static size_t events_after(struct store_fixture *fixture, int64_t *after)
{
    struct store_event_query query = {.after = *after, .limit = 100};
    struct store_event_page page;
    assert_int_equal(store_list_events(fixture->reader, &query, &page), ERROR_NONE);
    size_t count = page.count;
    *after = MAX(*after, page.last);
    store_event_page_fini(&page);
    return count;
}

/* A cursor that had passed it would miss it. */
static void no_event_appears_behind_one_that_was_read(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    char sql[1024];
    int64_t after = 0;
    given_message_in(fixture, MESSAGE_ACCEPTED);
    assert_int_equal(events_after(fixture, &after), 1);
    snprintf(sql, sizeof(sql), "BEGIN; %s; INSERT INTO gateway_event (type, at_ms) VALUES (10, 1)",
             postgresql_statement("LOCK_EVENTS"));
    void *late = postgresql_open(fixture->dsn, sql);
    given_message_in(fixture, MESSAGE_ACCEPTED);
    given_message_in(fixture, MESSAGE_ACCEPTED);
    assert_int_equal(events_after(fixture, &after), 0);
    postgresql_close(late, "COMMIT");
    assert_int_equal(events_after(fixture, &after), 3);
    assert_int_equal(events_after(fixture, &after), 0);
}

UNIT_TESTS(WRITERS_TEST(each_message_is_claimed_by_one_store),
           WRITERS_TEST(claims_begin_where_the_last_one_began_and_now_and_then_at_the_oldest),
           WRITERS_TEST(a_claim_that_would_find_too_little_finds_what_is_older),
           WRITERS_TEST(a_limit_is_exact_over_all_stores),
           WRITERS_TEST(a_key_creates_one_message_over_all_stores),
           WRITERS_TEST(of_nodes_that_start_at_once_one_keeps_house),
           WRITERS_TEST(of_the_first_connections_of_a_phone_one_is_the_newest),
           WRITERS_TEST(what_several_purge_at_once_is_counted_once),
           WRITERS_TEST(no_event_appears_behind_one_that_was_read))
