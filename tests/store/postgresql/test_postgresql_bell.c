/* The doorbell between nodes: who hears of which commits. */
#include "tests/store/postgresql_fixture.h"
#include "tests/store/store_fixture.h"

#include <pthread.h>
#include <time.h>

/* What another node was told. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned topics, topics_here; /* since the last await */
    int calls;
} heard = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct store *other; /* the node that listens */

static void notified(void *context, unsigned topics, bool same_node)
{
    (void)context;
    pthread_mutex_lock(&heard.lock);
    *(same_node ? &heard.topics_here : &heard.topics) |= topics;
    heard.calls++;
    pthread_cond_signal(&heard.changed);
    pthread_mutex_unlock(&heard.lock);
}

static void await_topics(unsigned *topics, unsigned expected)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&heard.lock);
    while ((*topics & expected) != expected)
        assert_int_equal(pthread_cond_timedwait(&heard.changed, &heard.lock, &until), 0);
    assert_int_equal(*topics, expected);
    *topics = 0;
    pthread_mutex_unlock(&heard.lock);
}

static int calls_so_far(void)
{
    pthread_mutex_lock(&heard.lock);
    int calls = heard.calls;
    pthread_mutex_unlock(&heard.lock);
    return calls;
}

static void assert_heard(unsigned topics)
{
    await_topics(&heard.topics, topics);
}

/* The fixture's store is node alpha's, and `other` listens as beta's. */
static int setup(void **state)
{
    struct store_fixture *fixture;
    char problem[STORE_ERROR_SIZE] = "";
    if (!is_postgresql())
        return 0;
    assert_int_equal(store_fixture_setup(state), 0);
    fixture = *state;
    heard.topics = heard.topics_here = 0;
    struct store_options options = fixture->options;
    options.node = "beta";
    assert_int_equal(store_open(&options, &other, problem), ERROR_NONE);
    assert_true(store_listen(other, notified, NULL));
    assert_heard(STORE_TOPICS); /* what was before it listened is not lost */
    store_fixture_close(fixture);
    fixture->options.node = "alpha";
    store_fixture_open(fixture);
    return 0;
}

static int teardown(void **state)
{
    if (!is_postgresql())
        return 0;
    store_close(other);
    return store_fixture_teardown(state);
}

#define BELL_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void need_postgresql(void)
{
    if (!is_postgresql())
        skip();
}

static void run(struct store *store, struct store_write *write)
{
    assert_int_equal(store_run(store, write), ERROR_NONE);
}

static void connect_phone(struct store *store, const struct message_id *broker)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, "phone");
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.broker = *broker;
    run(store, &write);
}

static void revoke_key(struct store *store)
{
    struct store_write write = {.verb = STORE_CREATE_KEY};
    strcpy(write.create_key.key.id, "key");
    strcpy(write.create_key.key.label, "test");
    run(store, &write);
    write = (struct store_write){.verb = STORE_REVOKE_KEY, .revoke_key.id = "key"};
    run(store, &write);
}

/* ---- Tests ---- */

static void each_commit_is_told_by_what_it_leaves(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    const struct message_id journal = message_id_first_at(1), alpha = message_id_first_at(2),
                            beta = message_id_first_at(3);
    given_message(fixture, "+1234567890", "text");
    assert_heard(STORE_TOPIC_MESSAGES);

    connect_phone(fixture->store, &alpha); /* of no use to others, like the claim */
    given_offer(fixture, "phone", &journal);
    struct store_write end = {.verb = STORE_BROKER_LEASE};
    end.lease.instance = alpha;
    run(fixture->store, &end); /* its offer can be another broker's */
    assert_heard(STORE_TOPIC_MESSAGES);

    connect_phone(fixture->store, &beta);
    connect_phone(fixture->store, &alpha); /* beta is to close its own */
    assert_heard(STORE_TOPIC_WORK);

    revoke_key(fixture->store);
    assert_heard(STORE_TOPIC_KEYS);

    struct store_write pause = {.verb = STORE_SET_SENDING, .set_sending.pause = true};
    run(fixture->store, &pause); /* each claim sees it */
    struct store_write resume = {.verb = STORE_SET_SENDING};
    run(fixture->store, &resume);
    assert_heard(STORE_TOPIC_MESSAGES);
}

/* ---- Of unknown outcome ---- */

/* From now on the server does not go on with what adds to that table. */
static void *hold_up(const struct store_fixture *fixture, const char *table)
{
    char sql[512];
    snprintf(sql, sizeof(sql),
             "CREATE OR REPLACE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql"
             " SET lock_timeout = 0 AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(7);"
             " RETURN NULL; END'; CREATE TRIGGER hold_up BEFORE INSERT ON %s"
             " EXECUTE FUNCTION hold_up(); SELECT pg_advisory_lock(7)",
             table);
    return postgresql_open(fixture->dsn, sql);
}

/* It does, and commits it. */
static void let_go(const struct store_fixture *fixture, void *session)
{
    postgresql_close(session, "SELECT 1");
    postgresql_number(fixture->dsn, "DROP FUNCTION hold_up CASCADE");
}

static void probe(struct store_fixture *fixture)
{
    struct store_write write = {.verb = STORE_PROBE};
    run(fixture->store, &write);
}

static struct store_write return_to_queue(const struct message_id *id)
{
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE,
                                .return_to_queue = {.ref = {*id, 1}, .device_id = "phone"}};
    return write;
}

static void what_turns_out_to_be_committed_is_told(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    fixture->options.timeout_ms = 1500; /* a slow machine opens it, too */
    store_fixture_reopen(fixture);
    given_message(fixture, "+1234567890", "text"); /* its statements are sent with its COMMIT now */
    assert_heard(STORE_TOPIC_MESSAGES);
    struct message_id id = store_fixture_new_id();
    void *session = hold_up(fixture, "message");
    assert_int_equal(enqueue_as(fixture, &id), ERROR_OUTCOME_UNKNOWN);
    let_go(fixture, session);
    probe(fixture);
    assert_heard(STORE_TOPIC_MESSAGES);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_QUEUED);
}

static void a_return_that_turns_out_to_be_committed_is_told(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    fixture->options.timeout_ms = 1500; /* a slow machine opens it, too */
    store_fixture_reopen(fixture);
    struct message_id ids[2];
    for (int i = 0; i < 2; i++) {
        ids[i] = given_message(fixture, "+1234567890", "text");
        given_claim(fixture, (const char *const[]){"phone"}, 1);
        assert_heard(STORE_TOPIC_MESSAGES);
    }
    struct store_write first = return_to_queue(&ids[0]), second = return_to_queue(&ids[1]);
    run(fixture->store, &first);
    assert_true(first.return_to_queue.changed);
    assert_heard(STORE_TOPIC_MESSAGES);
    void *session = hold_up(fixture, "message_event");
    assert_int_equal(store_run(fixture->store, &second), ERROR_OUTCOME_UNKNOWN);
    let_go(fixture, session);
    run(fixture->store, &second); /* as a broker repeats it */
    assert_false(second.return_to_queue.changed);
    assert_heard(STORE_TOPIC_MESSAGES);
    assert_int_equal(stored_status(fixture, &ids[1]), MESSAGE_QUEUED);
}

/* ---- */

static void a_process_of_the_same_node_says_so_and_one_does_not_hear_itself(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    store_fixture_close(fixture);
    fixture->options.node = "beta";
    store_fixture_open(fixture);
    struct store_write resume = {.verb = STORE_SET_SENDING};
    run(other, &resume);
    revoke_key(fixture->store);
    await_topics(&heard.topics_here, STORE_TOPIC_KEYS);
    pthread_mutex_lock(&heard.lock);
    assert_int_equal(heard.topics, 0);
    pthread_mutex_unlock(&heard.lock);
}

/* As a command of the tool, which ends at once. */
static void what_a_process_commits_last_is_told(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    for (int i = 0; i < 5; i++) {
        given_message(fixture, "+1234567890", "text");
        store_fixture_reopen(fixture);
        assert_heard(STORE_TOPIC_MESSAGES);
    }
}

static void commits_that_follow_each_other_share_a_ring(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    enum { COUNT = 400 };
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    int before = calls_so_far();
    for (int i = 0; i < COUNT; i++)
        given_message(fixture, "+1234567890", "text");
    clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_heard(STORE_TOPIC_MESSAGES);
    int64_t took_ms = (ended.tv_sec - begun.tv_sec) * 1000 +
                      (ended.tv_nsec - begun.tv_nsec) / 1000000;
    assert_true(calls_so_far() - before <= took_ms / 5 + 2);
}

/* How many there were. */
static int64_t end_connections_of_bells(const struct store_fixture *fixture)
{
    return postgresql_number(fixture->dsn, "SELECT count(pg_terminate_backend(pid)) FROM"
                                           " pg_stat_activity WHERE datname = current_database()"
                                           " AND application_name = 'sms-gateway doorbell'");
}

static void a_connection_that_is_lost_is_made_again_and_everything_looked_at(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        assert_true(end_connections_of_bells(fixture) >= 1);
        assert_heard(STORE_TOPICS);
        given_message(fixture, "+1234567890", "text"); /* over a new connection, too */
        assert_heard(STORE_TOPIC_MESSAGES);
    }
}

static void what_others_say_on_the_channel_harms_nobody(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    postgresql_number(fixture->dsn,
                      "NOTIFY sms_gateway; NOTIFY sms_gateway, 'x'; NOTIFY sms_gateway, '1';"
                      "SELECT pg_notify("
                      "'sms_gateway', repeat('x', 7000)), pg_notify('sms_gateway',"
                      " '8 0 ' || repeat('n', 5000)), pg_notify('sms_gateway', '12 0 new words')");
    assert_heard(STORE_TOPIC_KEYS); /* of topics that are not known yet, those that are */
}

/* ---- Threads ---- */

enum { THREADS = 4, ROUNDS = 20 };

/* Writes, which the bell tells of, and reads; with a session that ends now and then, as a thread of a server has it. */
static void *use_store(void *argument)
{
    struct store_fixture *fixture = argument;
    static const struct store_query query = {.limit = 5};
    struct store_reader *reader = NULL;
    uintptr_t failed = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct message_id id = store_fixture_new_id();
        struct store_page page;
        if (i % 8 == 0) {
            store_reader_close(reader);
            if (store_reader_open(fixture->store, &reader) != ERROR_NONE)
                return argument;
        }
        failed += enqueue_as(fixture, &id) != ERROR_NONE;
        if (store_list_messages(reader, &query, &page) == ERROR_NONE)
            store_page_fini(&page);
        else
            failed++;
    }
    store_reader_close(reader);
    return (void *)failed;
}

/* Under ThreadSanitizer too: the bell's thread, the writer's and those that read share a store and the clock of its server. */
static void many_threads_write_read_and_ring_at_once(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    pthread_t threads[THREADS];
    assert_true(store_listen(fixture->store, notified, NULL));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_store, fixture), 0);
    for (int i = 0; i < 3; i++)
        end_connections_of_bells(fixture);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(count_messages(fixture), THREADS * ROUNDS);
}

UNIT_TESTS(BELL_TEST(each_commit_is_told_by_what_it_leaves),
           BELL_TEST(what_turns_out_to_be_committed_is_told),
           BELL_TEST(a_return_that_turns_out_to_be_committed_is_told),
           BELL_TEST(a_process_of_the_same_node_says_so_and_one_does_not_hear_itself),
           BELL_TEST(what_a_process_commits_last_is_told),
           BELL_TEST(commits_that_follow_each_other_share_a_ring),
           BELL_TEST(a_connection_that_is_lost_is_made_again_and_everything_looked_at),
           BELL_TEST(what_others_say_on_the_channel_harms_nobody),
           BELL_TEST(many_threads_write_read_and_ring_at_once))
