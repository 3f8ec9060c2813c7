/* The connection to PostgreSQL: how often it is waited for, and what becomes of a commit when it is lost. */
#include "tests/store/postgresql/proxy.h"
#include "tests/store/postgresql_fixture.h"
#include "tests/store/store_fixture.h"

#include <stdlib.h>

/* ---- A store behind a proxy ---- */

static struct proxy *proxy;

static int setup(void **state)
{
    struct store_fixture *fixture;
    const char *dsn = getenv("STORE_DSN"), *host;
    if (!is_postgresql())
        return 0;
    assert_int_equal(store_fixture_setup(state), 0);
    fixture = *state;
    store_fixture_stop_clock_at(1700000000000);
    host = strstr(dsn, "host=") + strlen("host=");
    proxy = proxy_start(host);
    store_fixture_close(fixture);
    *(strstr(fixture->dsn, "host=") + strlen("host=")) = '\0';
    strncat(fixture->dsn, proxy->folder, sizeof(fixture->dsn) - strlen(fixture->dsn) - 1);
    fixture->options.timeout_ms = 20000;
    store_fixture_open(fixture);
    return 0;
}

static int teardown(void **state)
{
    struct store_fixture *fixture = *state;
    char dsn[256];
    if (!is_postgresql())
        return 0;
    strcpy(dsn, fixture->dsn);
    if (fixture->store)
        store_fixture_close(fixture);
    proxy_stop(proxy);
    *(strstr(fixture->dsn, "host=") + strlen("host=")) = '\0';
    return store_fixture_teardown(state);
}

#define CONNECTION_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void need_postgresql(void)
{
    if (!is_postgresql())
        skip();
}

/* ---- Round trips ---- */

/* That the write takes, once its statements are prepared by one like it. */
static int round_trips_of(struct store_fixture *fixture, struct store_write *write)
{
    int before = atomic_load(&proxy->syncs);
    assert_int_equal(store_run(fixture->store, write), ERROR_NONE);
    return atomic_load(&proxy->syncs) - before;
}

static struct store_write new_message(struct message *message)
{
    *message = (struct message){.id = store_fixture_new_id(),
                                .phone_number = "+1234567890",
                                .text = (char *)"text",
                                .segments = 1};
    return (struct store_write){.verb = STORE_ENQUEUE, .enqueue.message = message};
}

/* What the limit counts is read first. */
static void given_daily_limit(struct store_fixture *fixture)
{
    fixture->options.limits.daily_messages = 1000;
    store_fixture_reopen(fixture);
}

static void assert_round_trips(struct store_fixture *fixture, int expected)
{
    struct message message;
    struct store_write write;
    for (int i = 0; i < 2; i++) { /* prepares */
        write = new_message(&message);
        round_trips_of(fixture, &write);
    }
    for (int i = 0; i < 3; i++) {
        write = new_message(&message);
        assert_int_equal(round_trips_of(fixture, &write), expected);
    }
}

static void a_new_message_is_one_round_trip(void **state)
{
    need_postgresql();
    assert_round_trips(*state, 1);
}

static void a_new_message_with_limits_is_two_round_trips(void **state)
{
    need_postgresql();
    given_daily_limit(*state);
    assert_round_trips(*state, 2);
}

static void run_sql(const struct store_fixture *fixture, const char *sql)
{
    postgresql_close(postgresql_open(fixture->dsn, sql), "SELECT 1");
}

static enum error enqueue_new(struct store_fixture *fixture)
{
    struct message_id id = store_fixture_new_id();
    return enqueue_as(fixture, &id);
}

/* Another node has paused it, or has the first opt-out, since this one looked. */
static void what_one_round_trip_takes_for_granted_is_made_sure_of(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    fixture->options.limits.keeps_opt_outs = true;
    store_fixture_reopen(fixture);
    assert_round_trips(fixture, 1);
    run_sql(fixture, "UPDATE sending SET paused_since_ms = 1");
    assert_int_equal(enqueue_new(fixture), ERROR_SENDING_PAUSED);
    run_sql(fixture, "UPDATE sending SET paused_since_ms = 0");
    assert_int_equal(enqueue_new(fixture), ERROR_NONE);
    store_fixture_reopen(fixture);
    assert_round_trips(fixture, 1);
    run_sql(
        fixture,
        "INSERT INTO opt_out (phone_number, since_ms, source) SELECT DISTINCT phone_number, 1, 0"
        " FROM message");
    assert_int_equal(enqueue_new(fixture), ERROR_RECIPIENT_OPTED_OUT);
    assert_consistent(fixture);
}

static void connect_phone(struct store_fixture *fixture, struct store_write *write)
{
    *write = (struct store_write){.verb = STORE_DEVICE_CONNECT};
    write->connect.holder.assured = true;
    write->connect.holder.journal = message_id_first_at(1);
    strcpy(write->connect.holder.device_id, "phone");
    write->connect.info = DEVICE_INFO_UNKNOWN;
    write->connect.broker = message_id_first_at(2);
    (void)fixture;
}

/* From the queue to `delivered`: each step twice, of which the first prepares. */
/* Each ring of another node may bring one: it costs no disk, and waits for no standby. */
static void a_claim_that_finds_nothing_is_not_committed(void **state)
{
    static const char batches[] = "SELECT sum(batch) FROM writer";
    need_postgresql();
    struct store_fixture *fixture = *state;
    const char *const devices[] = {"phone"};
    given_claim(fixture, devices, 1);
    int64_t before = postgresql_number(fixture->dsn, batches);
    assert_int_equal(given_claim(fixture, devices, 1), 0);
    assert_int_equal(postgresql_number(fixture->dsn, batches), before);
    for (int i = 1; i <= 2; i++) { /* and what follows is */
        given_message(fixture, "+1234567890", "text");
        assert_int_equal(given_claim(fixture, devices, 1), 1);
        assert_int_equal(given_claim(fixture, devices, 1), 0);
        assert_int_equal(postgresql_number(fixture->dsn, batches), before + 2 * i);
    }
    /* It may be the same as of another writer: its commit is to be on the standby before it is told. */
    struct store_write probe = {.verb = STORE_PROBE};
    assert_int_equal(store_run(fixture->store, &probe), ERROR_NONE);
    assert_int_equal(postgresql_number(fixture->dsn, batches), before + 5);
}

static void each_step_of_a_message_is_two_round_trips(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    struct store_write write;
    int64_t epoch = 0;
    for (int i = 0; i < 2; i++) {
        connect_phone(fixture, &write);
        int trips = round_trips_of(fixture, &write);
        epoch = write.connect.connection_epoch;
        if (i > 0)
            assert_int_equal(trips, 2);
    }
    for (int i = 0; i < 2; i++) {
        struct message_id id = given_message(fixture, "+1234567890", "text");
        struct store_holder slot = {.assured = true, .connection_epoch = epoch};
        struct message message = {0};
        slot.journal = message_id_first_at(1);
        strcpy(slot.device_id, "phone");
        write = (struct store_write){.verb = STORE_CLAIM};
        write.claim.trusted_wall_ms = store_fixture_now_ms();
        write.claim.slot_count = 1;
        write.claim.slots = &slot;
        write.claim.messages = &message;
        int claim = round_trips_of(fixture, &write);
        assert_int_equal(write.claim.message_count, 1);
        message_fini(&message);

        write = (struct store_write){.verb = STORE_RELEASE};
        write.release.holder = slot;
        write.release.ref = (struct message_ref){id, 1};
        int release = round_trips_of(fixture, &write);
        assert_int_equal(write.release.verdict, STORE_VERDICT_RELEASE);

        write = (struct store_write){.verb = STORE_REPORT};
        write.report.holder = slot;
        write.report.ref = (struct message_ref){id, 1};
        write.report.seq = 1;
        write.report.status = MESSAGE_SENT;
        int report = round_trips_of(fixture, &write);
        assert_true(write.report.changed);
        if (i == 0)
            continue;
        assert_int_equal(claim, 2);
        assert_int_equal(release, 2);
        assert_int_equal(report, 2);
    }
}

/* Each recipient's last device is looked for, and each phone's connection. */
static void a_claim_for_many_phones_is_two_round_trips(void **state)
{
    enum { COUNT = 6 };
    static const char *const devices[COUNT] = {"a", "b", "c", "d", "e", "f"};
    need_postgresql();
    struct store_fixture *fixture = *state;
    fixture->options.limits.same_device_ms = DAY_MS;
    store_fixture_reopen(fixture);
    for (int round = 0; round < 3; round++) {
        char number[PHONE_NUMBER_SIZE];
        for (int i = 0; i < COUNT; i++) {
            snprintf(number, sizeof(number), "+123456789%d", i / 2);
            given_message(fixture, number, "text");
        }
        int before = atomic_load(&proxy->syncs);
        assert_int_equal(given_claim(fixture, devices, COUNT), COUNT);
        if (round > 0) /* the first one prepares */
            assert_int_equal(atomic_load(&proxy->syncs) - before, 2);
    }
    assert_consistent(fixture);
}

static void post_done(struct store_write *write)
{
    sem_post(write->owner);
}

/* However many there are, and also where one message changes twice. */
static void many_steps_in_one_transaction_are_two_round_trips(void **state)
{
    enum { COUNT = 6, REPORTS = 2 * COUNT };
    need_postgresql();
    struct store_fixture *fixture = *state;
    const char *devices[COUNT];
    static struct store_write writes[REPORTS];
    sem_t ended;
    sem_init(&ended, 0, 0);
    for (int round = 0; round < 2; round++) {
        struct message_id ids[COUNT];
        struct store_hold hold;
        for (int i = 0; i < COUNT; i++) {
            devices[i] = "phone";
            ids[i] = given_message(fixture, "+1234567890", "text");
        }
        assert_int_equal(given_claim(fixture, devices, COUNT), COUNT);
        store_hold_begin(&hold, fixture->store);
        int before = atomic_load(&proxy->syncs);
        for (int i = 0; i < REPORTS; i++) {
            writes[i] = (struct store_write){
                .verb = STORE_REPORT, .done = post_done, .owner = &ended};
            writes[i].report.ref = (struct message_ref){ids[i % COUNT], 1};
            writes[i].report.seq = -1;
            writes[i].report.status = i < COUNT ? MESSAGE_SENT : MESSAGE_DELIVERED;
            strcpy(writes[i].report.holder.device_id, "phone");
            assert_int_equal(store_submit(fixture->store, &writes[i]), ERROR_NONE);
        }
        sem_post(&hold.go_on); /* store_hold_release adds a write */
        for (int i = 0; i < REPORTS; i++)
            sem_wait(&ended);
        for (int i = 0; i < REPORTS; i++)
            assert_true(writes[i].result == ERROR_NONE && writes[i].report.changed);
        if (round > 0) /* the first one prepares */
            assert_int_equal(atomic_load(&proxy->syncs) - before, 2);
    }
    assert_consistent(fixture);
}

/* ---- Lost connections ---- */

static int64_t count_at(struct store_fixture *fixture)
{
    return postgresql_number(fixture->dsn, "SELECT count(*) FROM message");
}

/* The last sync of a new message's transaction is that of its COMMIT. */
static void check_lost_answers(struct store_fixture *fixture, int syncs)
{
    static const enum proxy_cut cuts[] = {PROXY_CUTS_BEFORE, PROXY_CUTS_AFTER};
    struct message message;
    for (int i = 0; i < 2; i++)
        given_message(fixture, "+1234567890", "prepares");
    for (int sync = 1; sync <= syncs; sync++) {
        for (size_t i = 0; i < ARRAY_LENGTH(cuts); i++) {
            int64_t before = count_at(fixture);
            struct store_write write = new_message(&message);
            proxy_cut_at(proxy, cuts[i], sync);
            assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
            assert_int_equal(atomic_load(&proxy->cut), PROXY_CUTS_NOTHING);
            assert_int_equal(count_at(fixture), before + 1);
            store_fixture_reopen(fixture); /* what failed once is not taken for granted soon */
            for (int j = 0; j < 2; j++)
                given_message(fixture, "+1234567890", "prepares again");
        }
    }
    assert_consistent(fixture);
}

static void a_commit_whose_answer_is_lost_happens_once(void **state)
{
    need_postgresql();
    check_lost_answers(*state, 1);
    given_daily_limit(*state);
    check_lost_answers(*state, 2);
}

/* It is asked for again over another connection, whose own commit comes after it. */
static void a_commit_with_a_warning_is_not_believed(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    struct message message;
    for (int i = 0; i < 2; i++)
        given_message(fixture, "+1234567890", "prepares");
    int64_t before = count_at(fixture);
    int64_t epochs = postgresql_number(fixture->dsn, "SELECT sum(epoch) FROM writer");
    struct store_write write = new_message(&message);
    proxy_cut_at(proxy, PROXY_WARNS, 1);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(postgresql_number(fixture->dsn, "SELECT sum(epoch) FROM writer"), epochs + 1);
    assert_int_equal(count_at(fixture), before + 1);
}

/* The server stays away longer than the store waits: nobody can say what became of the commit, until it is back. */
static void a_commit_is_unknown_only_while_the_server_is_away(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    struct message message;
    fixture->options.timeout_ms = 500;
    given_daily_limit(fixture);
    given_message(fixture, "+1234567890", "prepares");
    int64_t before = count_at(fixture);
    struct store_write write = new_message(&message);
    atomic_store(&proxy->is_away, true);
    proxy_cut_at(proxy, PROXY_CUTS_AFTER, 2);
    assert_int_equal(store_run(fixture->store, &write), ERROR_OUTCOME_UNKNOWN);
    struct message next;
    struct store_write refused = new_message(&next);
    assert_int_equal(store_run(fixture->store, &refused), ERROR_DATABASE_UNREACHABLE);
    assert_int_equal(store_fault(fixture->store), ERROR_DATABASE_UNREACHABLE);
    atomic_store(&proxy->is_away, false);
    assert_int_equal(count_at(fixture), before + 1);
    given_message(fixture, "+1234567890", "after it");
    assert_int_equal(count_at(fixture), before + 2);
    assert_consistent(fixture);
}

/* ---- Claims in doubt ---- */

/* Two slots, for the phones a and b. */
struct two_slots {
    struct store_holder slots[2];
    struct message messages[2];
    struct store_write write;
};

static struct store_write *claim_for_two(struct two_slots *claim)
{
    *claim = (struct two_slots){.write = {.verb = STORE_CLAIM}};
    strcpy(claim->slots[0].device_id, "a");
    strcpy(claim->slots[1].device_id, "b");
    claim->write.claim.trusted_wall_ms = store_fixture_now_ms();
    claim->write.claim.slot_count = 2;
    claim->write.claim.slots = claim->slots;
    claim->write.claim.messages = claim->messages;
    return &claim->write;
}

static struct message_id given_message_for_b(struct store_fixture *fixture)
{
    struct message message;
    struct store_write write = new_message(&message);
    strcpy(message.options.target.device_id, "b");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return message.id;
}

/* How many syncs such a claim takes once it is prepared: the last is that of its COMMIT. */
static int syncs_of_claim(struct store_fixture *fixture)
{
    struct two_slots claim;
    int before = 0;
    for (int i = 0; i < 2; i++) {
        given_message_for_b(fixture);
        before = atomic_load(&proxy->syncs);
        assert_int_equal(store_run(fixture->store, claim_for_two(&claim)), ERROR_NONE);
        message_fini(&claim.messages[1]);
    }
    return atomic_load(&proxy->syncs) - before;
}

/* Of a claim whose transaction runs twice, what the second time has found is told. */
static void a_claim_whose_commit_is_lost_tells_what_it_took_in_the_end(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    struct two_slots claim;
    int syncs = syncs_of_claim(fixture);
    struct message_id id = given_message_for_b(fixture);
    proxy_cut_at(proxy, PROXY_CUTS_BEFORE, syncs);
    assert_int_equal(store_run(fixture->store, claim_for_two(&claim)), ERROR_NONE);
    assert_int_equal(atomic_load(&proxy->cut), PROXY_CUTS_NOTHING);
    assert_int_equal(claim.write.claim.message_count, 1);
    assert_null(claim.messages[0].text);
    assert_true(message_id_equal(&claim.messages[1].id, &id));
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
    message_fini(&claim.messages[1]);
}

/* The number of its transaction. */
static int64_t lose_claim(struct store_fixture *fixture, enum proxy_cut cut, struct message_id *id)
{
    struct two_slots claim;
    int syncs = syncs_of_claim(fixture);
    *id = given_message_for_b(fixture);
    atomic_store(&proxy->is_away, true);
    proxy_cut_at(proxy, cut, syncs);
    assert_int_equal(store_run(fixture->store, claim_for_two(&claim)), ERROR_OUTCOME_UNKNOWN);
    atomic_store(&proxy->is_away, false);
    assert_non_null(claim.messages[1].text);
    assert_true(message_id_equal(&claim.messages[1].id, id));
    assert_int_equal(claim.messages[1].attempt, 1);
    assert_string_equal(claim.messages[1].device_id, "b");
    message_fini(&claim.messages[1]);
    return claim.write.transaction;
}

static struct store_write return_to_queue(const struct message_id *id, int64_t transaction)
{
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.ref = (struct message_ref){*id, 1};
    write.return_to_queue.if_committed = transaction;
    strcpy(write.return_to_queue.device_id, "b");
    return write;
}

static bool returns(struct store_fixture *fixture, const struct message_id *id, int64_t transaction)
{
    struct store_write write = return_to_queue(id, transaction);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.return_to_queue.changed;
}

static void what_a_claim_in_doubt_took_is_returned_once_and_only_where_it_took_it(void **state)
{
    static const char *const b[] = {"b"};
    need_postgresql();
    struct store_fixture *fixture = *state;
    struct message_id lost, taken;
    fixture->options.timeout_ms = 300;
    store_fixture_reopen(fixture);
    int64_t failed = lose_claim(fixture, PROXY_CUTS_BEFORE, &lost);
    assert_int_equal(given_claim(fixture, b, 1), 1); /* the same attempt: it is sent */
    assert_false(returns(fixture, &lost, failed));
    assert_int_equal(stored_status(fixture, &lost), MESSAGE_ACCEPTED);

    int64_t committed = lose_claim(fixture, PROXY_CUTS_AFTER, &taken);
    assert_int_not_equal(committed, failed);
    assert_false(returns(fixture, &taken, committed + 1)); /* there was none */
    assert_true(returns(fixture, &taken, committed));
    assert_false(returns(fixture, &taken, committed));
    assert_int_equal(given_claim(fixture, b, 1), 1);
    assert_false(returns(fixture, &taken, committed)); /* the attempt is another one */
    assert_int_equal(stored_status(fixture, &taken), MESSAGE_ACCEPTED);
    assert_consistent(fixture);
}

/* ---- Another database in its place ---- */

static bool is_marked_as_lost(struct store_fixture *fixture)
{
    return postgresql_number(fixture->dsn,
                             "SELECT count(*) FROM schema_version WHERE origin = 'lost'") == 1;
}

/* As after a restore: another process has begun since, and its row has the same id. */
static void no_outcome_is_learned_from_the_row_of_another(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    struct message_id taken;
    fixture->options.timeout_ms = 300;
    store_fixture_reopen(fixture);
    int64_t transaction = lose_claim(fixture, PROXY_CUTS_AFTER, &taken);
    struct store_write write = return_to_queue(&taken, transaction);
    assert_int_equal(
        postgresql_number(fixture->dsn, "UPDATE writer SET token = token + 1 RETURNING 1"), 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_run(fixture->store, &write), ERROR_DATABASE_REPLACED);
        assert_int_equal(store_fault(fixture->store), ERROR_DATABASE_REPLACED);
    }
    assert_int_equal(stored_status(fixture, &taken), MESSAGE_ACCEPTED);
    assert_true(is_marked_as_lost(fixture));
}

/* The row is gone, and nothing is lost: the database was settled, or is one that this process has never written. */
static void who_meets_a_settled_or_another_database_does_not_mark_it(void **state)
{
    static const char *const changes[] = {
        "UPDATE schema_version SET settled = settled + 1 RETURNING 1",
        "UPDATE schema_version SET origin = 'another' RETURNING 1"};
    need_postgresql();
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(changes); i++) {
        struct message message;
        given_message(fixture, "+1234567890", "text");
        assert_int_equal(postgresql_number(fixture->dsn, changes[i]), 1);
        (void)postgresql_number(fixture->dsn, "DELETE FROM writer");
        (void)postgresql_number(fixture->dsn,
                                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                " WHERE datname = current_database() AND pid <> pg_backend_pid()");
        struct store_write write = new_message(&message);
        assert_int_equal(store_run(fixture->store, &write), ERROR_DATABASE_REPLACED);
        assert_false(is_marked_as_lost(fixture));
        if (i == 0)
            store_fixture_reopen(fixture);
    }
}

static void a_read_takes_another_connection_when_its_own_is_lost(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    struct message message = {0};
    proxy_cut_at(proxy, PROXY_CUTS_BEFORE, 1);
    assert_int_equal(store_find_message(fixture->reader, &id, &message),
                     ERROR_DATABASE_UNREACHABLE);
    assert_int_equal(store_find_message(fixture->reader, &id, &message), ERROR_NONE);
    message_fini(&message);
}

UNIT_TESTS(CONNECTION_TEST(a_new_message_is_one_round_trip),
           CONNECTION_TEST(a_new_message_with_limits_is_two_round_trips),
           CONNECTION_TEST(what_one_round_trip_takes_for_granted_is_made_sure_of),
           CONNECTION_TEST(a_claim_for_many_phones_is_two_round_trips),
           CONNECTION_TEST(many_steps_in_one_transaction_are_two_round_trips),
           CONNECTION_TEST(a_claim_that_finds_nothing_is_not_committed),
           CONNECTION_TEST(each_step_of_a_message_is_two_round_trips),
           CONNECTION_TEST(a_commit_whose_answer_is_lost_happens_once),
           CONNECTION_TEST(a_commit_with_a_warning_is_not_believed),
           CONNECTION_TEST(a_commit_is_unknown_only_while_the_server_is_away),
           CONNECTION_TEST(a_claim_whose_commit_is_lost_tells_what_it_took_in_the_end),
           CONNECTION_TEST(what_a_claim_in_doubt_took_is_returned_once_and_only_where_it_took_it),
           CONNECTION_TEST(no_outcome_is_learned_from_the_row_of_another),
           CONNECTION_TEST(who_meets_a_settled_or_another_database_does_not_mark_it),
           CONNECTION_TEST(a_read_takes_another_connection_when_its_own_is_lost))
