/* The store's verbs: what each changes, refuses and leaves alone. */
#include "common/base/clock.h"
#include "tests/unit/store_fixture.h"

#include <sqlite3.h>
#include <stdlib.h>

#define STORE_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, store_fixture_setup, store_fixture_teardown)

static const char *const one_phone[] = {"phone-1"};

/* Every count that is kept agrees with the rows, and every message with its last event; the first is
   the row itself. */
static void assert_consistent(const struct store_fixture *fixture)
{
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message_count c WHERE count <> "
                                        "(SELECT count(*) FROM message WHERE status = c.status)"),
                     0);
    assert_int_equal(
        number_of(fixture, "SELECT count(*) FROM message m WHERE event_count <> (SELECT count(*) "
                           "FROM message_event WHERE message_seq = m.seq) + 1 OR status <> coalesce"
                           "((SELECT status FROM message_event WHERE message_seq = m.seq AND "
                           "number = m.event_count), 0)"),
        0);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM pragma_integrity_check() WHERE "
                                        "integrity_check <> 'ok'"),
                     0);
}

/* ---- Messages ---- */

static void a_queued_message_is_read_back(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "Grüße — 你好");
    store_fixture_reopen(fixture);
    struct message message = stored(fixture, &id);
    assert_string_equal(message.phone_number, "+1234567890");
    assert_string_equal(message.text, "Grüße — 你好");
    assert_int_equal(message.status, MESSAGE_QUEUED);
    assert_int_equal(message.encoding, SMS_ENCODING_UCS2);
    assert_int_equal(message.segments, 1);
    assert_int_equal(message.attempt, 0);
    assert_string_equal(message.device_id, "");
    assert_int_equal(message.reached_at_ms[MESSAGE_QUEUED], message_id_time_ms(&id));
    assert_int_equal(message.reached_at_ms[MESSAGE_ACCEPTED], 0);
    message_fini(&message);
    assert_consistent(fixture);
}

static void a_message_that_is_not_there_is_not_found(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = message_id_new();
    struct message message;
    assert_int_equal(store_find_message(fixture->reader, &id, &message), ERROR_MESSAGE_NOT_FOUND);
}

static enum error enqueue_as(struct store_fixture *fixture, const struct message_id *id)
{
    struct message message = {
        .id = *id, .phone_number = "+1234567891", .text = (char *)"text", .segments = 1};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    return store_run(fixture->store, &write);
}

static void an_id_is_taken_once_and_its_neighbours_are_kept(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "first");
    assert_int_equal(enqueue_as(fixture, &id), ERROR_INTERNAL);
    given_message(fixture, "+1234567892", "after");
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"), 2);
    assert_consistent(fixture);
}

static void the_oldest_messages_are_handed_over_first(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[5];
    for (int i = 0; i < 5; i++)
        ids[i] = given_message(fixture, "+1234567890", "text");
    static const char *const phones[] = {"a", "b", "c"};
    assert_int_equal(given_hand_over(fixture, phones, 3), 3);
    for (int i = 0; i < 5; i++) {
        struct message message = stored(fixture, &ids[i]);
        assert_int_equal(message.status, i < 3 ? MESSAGE_ACCEPTED : MESSAGE_QUEUED);
        assert_string_equal(message.device_id, i < 3 ? phones[i] : "");
        assert_int_equal(message.attempt, i < 3);
        assert_int_equal(message.reached_at_ms[MESSAGE_ACCEPTED] > 0, i < 3);
        message_fini(&message);
    }
    assert_int_equal(given_hand_over(fixture, phones, 3), 2);
    assert_int_equal(given_hand_over(fixture, phones, 3), 0);
    assert_consistent(fixture);
}

static void a_message_comes_back_from_a_phone_that_never_saw_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_hand_over(fixture, one_phone, 1);

    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.id = id;
    strcpy(write.return_to_queue.device_id, "phone-2");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED); /* it is another phone's */
    assert_false(write.return_to_queue.changed);

    strcpy(write.return_to_queue.device_id, "phone-1");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.return_to_queue.changed);
    struct message message = stored(fixture, &id);
    assert_int_equal(message.status, MESSAGE_QUEUED);
    assert_string_equal(message.device_id, "");
    assert_int_equal(message.attempt, 1);
    message_fini(&message);

    static const char *const other[] = {"phone-2"};
    assert_int_equal(given_hand_over(fixture, other, 1), 1);
    message = stored(fixture, &id);
    assert_int_equal(message.attempt, 2);
    assert_string_equal(message.device_id, "phone-2");
    message_fini(&message);
    assert_consistent(fixture);
}

static void a_message_that_moved_on_is_not_taken_back(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_hand_over(fixture, one_phone, 1);
    given_report(fixture, &id, "phone-1", MESSAGE_SENT, NULL);
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.id = id;
    strcpy(write.return_to_queue.device_id, "phone-1");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_SENT);
}

/* Brings a new message into a status by the shortest way of reports. */
static struct message_id given_message_in(struct store_fixture *fixture, enum message_status status)
{
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_hand_over(fixture, one_phone, 1);
    if (status != MESSAGE_ACCEPTED)
        assert_int_equal(given_report(fixture, &id, "phone-1", status, NULL), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &id), status);
    return id;
}

static void every_report_does_what_the_table_says(void **state)
{
    static const enum message_status statuses[] = {MESSAGE_ACCEPTED, MESSAGE_SENDING, MESSAGE_SENT,
                                                   MESSAGE_DELIVERED, MESSAGE_FAILED};
    struct store_fixture *fixture = *state;
    for (size_t from = 0; from < ARRAY_LENGTH(statuses); from++) {
        for (size_t to = 1; to < ARRAY_LENGTH(statuses); to++) {
            struct message_id id = given_message_in(fixture, statuses[from]);
            bool changed;
            assert_int_equal(given_report(fixture, &id, "phone-1", statuses[to], &changed),
                             ERROR_NONE);
            bool allowed = message_may_become(statuses[from], statuses[to], MESSAGE_ACTOR_PHONE,
                                              MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT);
            assert_int_equal(changed, allowed);
            assert_int_equal(stored_status(fixture, &id), allowed ? statuses[to] : statuses[from]);
        }
    }
    assert_consistent(fixture);
}

static void a_report_from_another_phone_changes_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message_in(fixture, MESSAGE_ACCEPTED);
    struct message_id unknown = message_id_new();
    struct message_id queued = given_message(fixture, "+1234567890", "still queued");
    assert_int_equal(given_report(fixture, &id, "phone-2", MESSAGE_SENT, NULL),
                     ERROR_MESSAGE_NOT_HELD);
    assert_int_equal(given_report(fixture, &unknown, "phone-1", MESSAGE_SENT, NULL),
                     ERROR_MESSAGE_NOT_HELD);
    assert_int_equal(given_report(fixture, &queued, "phone-1", MESSAGE_SENT, NULL),
                     ERROR_MESSAGE_NOT_HELD);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
    assert_int_equal(stored_status(fixture, &queued), MESSAGE_QUEUED);
    assert_consistent(fixture);
}

static void an_error_stays_with_the_message_until_it_is_sent_after_all(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message_in(fixture, MESSAGE_ACCEPTED);
    struct store_write write = {.verb = STORE_REPORT};
    write.report.id = id;
    write.report.seq = -1;
    write.report.status = MESSAGE_FAILED;
    strcpy(write.report.phone.device_id, "phone-1");
    strcpy(write.report.error_code, "no_service");
    strcpy(write.report.error_message, "The phone has no network");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    struct message message = stored(fixture, &id);
    assert_string_equal(message.error_code, "no_service");
    assert_string_equal(message.error_message, "The phone has no network");
    message_fini(&message);

    given_report(fixture, &id, "phone-1", MESSAGE_SENT, NULL);
    message = stored(fixture, &id);
    assert_int_equal(message.status, MESSAGE_SENT);
    assert_string_equal(message.error_code, "");
    assert_true(message.reached_at_ms[MESSAGE_FAILED] > 0);
    message_fini(&message);
}

static unsigned given_give_up(struct store_fixture *fixture, int64_t silent_since_ms)
{
    struct store_write write = {.verb = STORE_EXPIRE};
    write.expire.silent_since_ms = silent_since_ms;
    write.expire.limit = STORE_MAX_CLAIM;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.expire.unknown;
}

static void silent_messages_become_unknown_and_evidence_still_counts(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id accepted = given_message_in(fixture, MESSAGE_ACCEPTED);
    struct message_id sending = given_message_in(fixture, MESSAGE_SENDING);
    struct message_id sent = given_message_in(fixture, MESSAGE_SENT);
    struct message_id queued = given_message(fixture, "+1234567890", "text");

    assert_int_equal(given_give_up(fixture, clock_wall_ms() - 60000), 0);
    assert_int_equal(given_give_up(fixture, clock_wall_ms() + 60000), 2);
    assert_int_equal(stored_status(fixture, &accepted), MESSAGE_UNKNOWN);
    assert_int_equal(stored_status(fixture, &sending), MESSAGE_UNKNOWN);
    assert_int_equal(stored_status(fixture, &sent), MESSAGE_SENT);
    assert_int_equal(stored_status(fixture, &queued), MESSAGE_QUEUED);

    given_report(fixture, &accepted, "phone-1", MESSAGE_DELIVERED, NULL);
    assert_int_equal(stored_status(fixture, &accepted), MESSAGE_DELIVERED);
    assert_consistent(fixture);
}

/* A clock that was wrong for a while has dated a message far into the future. */
static void a_message_from_the_future_is_waited_for_no_longer_than_others(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message_in(fixture, MESSAGE_ACCEPTED);
    assert_int_equal(number_of(fixture, "UPDATE message SET updated_at_ms = updated_at_ms + "
                                        "315360000000 RETURNING 1"),
                     1);
    assert_int_equal(given_give_up(fixture, 0), 0); /* the clock is not trusted */
    assert_true(number_of(fixture, "SELECT updated_at_ms FROM message") > clock_wall_ms() + 60000);
    assert_int_equal(given_give_up(fixture, clock_wall_ms() - 60000), 0);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
    assert_int_equal(given_give_up(fixture, clock_wall_ms() + 1000), 1);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_UNKNOWN);
    assert_consistent(fixture);
}

static void what_stays_too_long_is_counted(void **state)
{
    struct store_fixture *fixture = *state;
    given_message_in(fixture, MESSAGE_ACCEPTED);
    given_message_in(fixture, MESSAGE_SENDING);
    given_message_in(fixture, MESSAGE_SENT);
    given_message(fixture, "+1234567890", "text");
    given_message(fixture, "+1234567890", "text");
    for (int old = 0; old < 2; old++) {
        struct store_statistics statistics;
        struct store_write write = {.verb = STORE_COUNT_STUCK};
        write.count_stuck.since_ms = clock_wall_ms() + (old ? 60000 : -60000);
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        assert_int_equal(
            store_read_statistics(fixture->reader, write.count_stuck.since_ms, &statistics),
            ERROR_NONE);
        for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
            assert_int_equal(write.count_stuck.counts[i], statistics.stuck[i]);
        assert_int_equal(statistics.stuck[MESSAGE_QUEUED], old ? 2 : 0);
        assert_int_equal(statistics.stuck[MESSAGE_ACCEPTED], old ? 1 : 0);
        assert_int_equal(statistics.stuck[MESSAGE_SENDING], old ? 1 : 0);
        assert_int_equal(statistics.stuck[MESSAGE_SENT], 0);
    }
}

/* ---- Phones with a journal ---- */

/* Offers the oldest queued message to a phone with that journal; it must be there. */
static void given_offer(struct store_fixture *fixture, const char *device_id,
                        const struct message_id *journal)
{
    struct message message = {0};
    struct store_holder slot = {.assured = true, .journal = *journal};
    strcpy(slot.device_id, device_id);
    struct store_write write = {.verb = STORE_CLAIM};
    write.claim.slot_count = 1;
    write.claim.slots = &slot;
    write.claim.messages = &message;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.claim.message_count, 1);
    assert_int_equal(message.status, MESSAGE_DISPATCHED);
    message_fini(&message);
}

static int64_t given_assured_connect(struct store_fixture *fixture, const char *device_id,
                                     const struct message_id *journal,
                                     struct store_journal_entry *entry)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.phone.device_id, device_id);
    write.connect.phone.assured = true;
    write.connect.phone.journal = *journal;
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.broker = message_id_new();
    write.connect.entries = entry;
    write.connect.entry_count = entry ? 1 : 0;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.connect.session;
}

static enum store_verdict given_ack(struct store_fixture *fixture, const struct message_id *id,
                                    unsigned attempt, const char *device_id,
                                    const struct message_id *journal, int64_t session)
{
    struct store_write write = {.verb = STORE_RELEASE};
    strcpy(write.release.phone.device_id, device_id);
    write.release.phone.assured = true;
    write.release.phone.journal = *journal;
    write.release.phone.session = session;
    write.release.id = *id;
    write.release.attempt = attempt;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.release.verdict;
}

static void an_ack_counts_with_every_fence_and_not_without_one(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new(), other = message_id_new();
    int64_t session = given_assured_connect(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    assert_int_equal(given_ack(fixture, &id, 2, "phone", &journal, session), STORE_VERDICT_DROP);
    assert_int_equal(given_ack(fixture, &id, 1, "else", &journal, session), STORE_VERDICT_DROP);
    assert_int_equal(given_ack(fixture, &id, 1, "phone", &other, session), STORE_VERDICT_DROP);
    assert_int_equal(given_ack(fixture, &id, 1, "phone", &journal, session - 1),
                     STORE_VERDICT_DROP);
    assert_int_equal(given_ack(fixture, &other, 1, "phone", &journal, session), STORE_VERDICT_DROP);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_DISPATCHED);
    assert_int_equal(given_ack(fixture, &id, 1, "phone", &journal, session), STORE_VERDICT_RELEASE);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
    assert_int_equal(given_ack(fixture, &id, 1, "phone", &journal, session), STORE_VERDICT_RELEASE);
    given_report(fixture, &id, "phone", MESSAGE_SENT, NULL);
    assert_int_equal(given_ack(fixture, &id, 1, "phone", &journal, session), STORE_VERDICT_DROP);
    assert_consistent(fixture);
}

static void the_journal_decides_what_was_offered(void **state)
{
    static const struct {
        bool has_entry, offered, other_journal, accepted;
        unsigned attempt;
        enum message_status after;
        enum store_verdict verdict;
    } cases[] = {
        {false, false, false, false, 0, MESSAGE_QUEUED, STORE_VERDICT_NONE},
        {true, true, false, false, 1, MESSAGE_ACCEPTED, STORE_VERDICT_RELEASE},
        {true, true, false, false, 2, MESSAGE_QUEUED, STORE_VERDICT_DROP},
        {true, false, false, false, 1, MESSAGE_ACCEPTED, STORE_VERDICT_NONE},
        {true, true, true, false, 1, MESSAGE_QUEUED, STORE_VERDICT_DROP},
        {false, false, false, true, 0, MESSAGE_ACCEPTED, STORE_VERDICT_NONE},
        {true, true, false, true, 1, MESSAGE_ACCEPTED, STORE_VERDICT_RELEASE},
        {true, false, false, true, 1, MESSAGE_ACCEPTED, STORE_VERDICT_NONE},
        {false, false, true, true, 0, MESSAGE_UNKNOWN, STORE_VERDICT_NONE},
        {true, true, true, true, 1, MESSAGE_UNKNOWN, STORE_VERDICT_DROP},
    };
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char device_id[DEVICE_ID_SIZE];
        snprintf(device_id, sizeof(device_id), "phone-%zu", i);
        struct message_id journal = message_id_new(), other = message_id_new();
        int64_t session = given_assured_connect(fixture, device_id, &journal, NULL);
        struct message_id id = given_message(fixture, "+1234567890", "text");
        given_offer(fixture, device_id, &journal);
        if (cases[i].accepted)
            given_ack(fixture, &id, 1, device_id, &journal, session);
        struct store_journal_entry entry = {
            .id = id, .attempt = cases[i].attempt, .offered = cases[i].offered};
        given_assured_connect(fixture, device_id, cases[i].other_journal ? &other : &journal,
                              cases[i].has_entry ? &entry : NULL);
        if (stored_status(fixture, &id) != cases[i].after || entry.verdict != cases[i].verdict)
            fail_msg("case %zu: %s, verdict %d", i,
                     message_status_name(stored_status(fixture, &id)), entry.verdict);
        struct store_write cancel = {.verb = STORE_CANCEL, .cancel.id = id};
        (void)store_run(fixture->store, &cancel); /* so that the next case meets its own */
    }
    assert_consistent(fixture);
}

static void a_message_that_no_phone_can_send_fails_in_the_end(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    int64_t session = given_assured_connect(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    for (unsigned attempt = 1; attempt <= STORE_MAX_FAILURES; attempt++) {
        assert_int_equal(stored_status(fixture, &id), MESSAGE_QUEUED);
        given_offer(fixture, "phone", &journal);
        given_ack(fixture, &id, attempt, "phone", &journal, session);
        struct store_write write = {.verb = STORE_REPORT};
        strcpy(write.report.phone.device_id, "phone");
        write.report.phone.assured = true;
        write.report.phone.journal = journal;
        write.report.id = id;
        write.report.attempt = attempt;
        write.report.seq = attempt;
        write.report.status = MESSAGE_FAILED;
        write.report.nothing_sent = true;
        strcpy(write.report.error_code, "no_service");
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        assert_true(write.report.changed);
        number_of(fixture, "UPDATE message SET not_before_ms = 0 RETURNING 1"); /* no pause */
    }
    struct message message = stored(fixture, &id);
    assert_int_equal(message.status, MESSAGE_FAILED);
    assert_string_equal(message.error_code, "no_service");
    message_fini(&message);
    assert_consistent(fixture);
}

/* The phone has it and gives it back. */
static void given_take_back(struct store_fixture *fixture, const struct message_id *id,
                            unsigned attempt, bool refused)
{
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.id = *id;
    write.return_to_queue.attempt = attempt;
    strcpy(write.return_to_queue.device_id, "phone");
    write.return_to_queue.refused = refused;
    write.return_to_queue.spread = 1;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(stored_status(fixture, id), MESSAGE_QUEUED);
}

/* The same phone is offered it once more: what it says of the first time is of no account. */
static void what_is_said_of_an_older_attempt_does_not_count(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    int64_t session = given_assured_connect(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    given_take_back(fixture, &id, 1, false);
    given_offer(fixture, "phone", &journal);
    assert_int_equal(given_ack(fixture, &id, 1, "phone", &journal, session), STORE_VERDICT_DROP);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_DISPATCHED);
    assert_int_equal(given_ack(fixture, &id, 2, "phone", &journal, session), STORE_VERDICT_RELEASE);

    struct store_write report = {.verb = STORE_REPORT};
    strcpy(report.report.phone.device_id, "phone");
    report.report.phone.assured = true;
    report.report.phone.journal = journal;
    report.report.id = id;
    report.report.status = MESSAGE_FAILED;
    report.report.nothing_sent = true;
    for (unsigned attempt = 1; attempt <= 2; attempt++) {
        report.report.attempt = attempt;
        report.report.seq = attempt;
        assert_int_equal(store_run(fixture->store, &report), ERROR_NONE);
        assert_int_equal(report.report.changed, attempt == 2);
        assert_int_equal(stored_status(fixture, &id),
                         attempt == 2 ? MESSAGE_QUEUED : MESSAGE_ACCEPTED);
    }
    assert_consistent(fixture);
}

/* A phone with a journal may have sent it by then, whatever its broker believes. */
static void what_was_released_is_not_taken_back_by_the_broker(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    int64_t session = given_assured_connect(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    assert_int_equal(given_ack(fixture, &id, 1, "phone", &journal, session), STORE_VERDICT_RELEASE);
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.id = id;
    write.return_to_queue.attempt = 1;
    strcpy(write.return_to_queue.device_id, "phone");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_false(write.return_to_queue.changed);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
}

static void a_pause_is_kept_and_ends(void **state)
{
    static const char *const phone[] = {"phone"};
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    given_assured_connect(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    given_take_back(fixture, &id, 1, true);
    assert_int_equal(given_hand_over(fixture, phone, 1), 0);
    number_of(fixture, "UPDATE message SET not_before_ms = 1 RETURNING 1"); /* it has passed */
    given_offer(fixture, "phone", &journal);
    given_take_back(fixture, &id, 2, true);
    /* No pause is longer than the longest: a wrong clock made it. */
    number_of(fixture, "UPDATE message SET not_before_ms = not_before_ms + 1000000 RETURNING 1");
    given_offer(fixture, "phone", &journal);
}

static void a_pause_grows_with_failures_and_not_with_attempts(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    given_assured_connect(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    for (unsigned attempt = 1; attempt <= 8; attempt++) {
        given_offer(fixture, "phone", &journal);
        given_take_back(fixture, &id, attempt, attempt > 5);
        int64_t pause_ms = number_of(fixture, "SELECT max(not_before_ms - updated_at_ms, 0)"
                                              " FROM message");
        int64_t expected_ms = attempt > 5 ? STORE_FIRST_BACKOFF_MS << (attempt - 6) : 0;
        assert_int_equal(pause_ms, expected_ms);
        number_of(fixture, "UPDATE message SET not_before_ms = 0 RETURNING 1");
    }
    assert_int_equal(store_backoff_ms(1, 0), STORE_FIRST_BACKOFF_MS / 2);
    assert_int_equal(store_backoff_ms(1000, 1), STORE_MAX_BACKOFF_MS);
}

static void what_is_to_be_revoked_is_found_piece_by_piece(void **state)
{
    enum { COUNT = 5, PIECE = 2 };
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new(), ids[COUNT];
    int64_t session = given_assured_connect(fixture, "phone", &journal, NULL);
    for (int i = 0; i < COUNT; i++) {
        ids[i] = given_message(fixture, "+1234567890", "text");
        given_offer(fixture, "phone", &journal);
        given_ack(fixture, &ids[i], 1, "phone", &journal, session);
        struct store_write cancel = {.verb = STORE_CANCEL, .cancel.id = ids[i]};
        assert_int_equal(store_run(fixture->store, &cancel), ERROR_NONE);
        assert_true(cancel.cancel.asked);
    }
    struct store_cancel_request found[PIECE];
    struct store_write write = {.verb = STORE_FIND_CANCEL_REQUESTS};
    write.find_cancel_requests.messages = found;
    write.find_cancel_requests.capacity = PIECE;
    for (int i = 0; i < COUNT; i++) {
        if (i % PIECE == 0)
            assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        assert_int_equal(write.find_cancel_requests.count, MIN(PIECE, COUNT - i / PIECE * PIECE));
        assert_true(message_id_equal(&found[i % PIECE].id, &ids[i]));
        write.find_cancel_requests.after = write.find_cancel_requests.last;
    }
}

static void what_a_broker_had_offered_is_queued_when_it_ends(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    int64_t session = given_assured_connect(fixture, "phone", &journal, NULL);
    struct message_id accepted = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    given_ack(fixture, &accepted, 1, "phone", &journal, session);
    struct message_id offered = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);

    struct store_write write = {.verb = STORE_EXPIRE};
    write.expire.offered_since_ms = clock_wall_ms() + 60000;
    write.expire.limit = STORE_MAX_CLAIM;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.expire.queued, 1);
    assert_int_equal(stored_status(fixture, &offered), MESSAGE_QUEUED);
    assert_int_equal(stored_status(fixture, &accepted), MESSAGE_ACCEPTED);
    assert_consistent(fixture);
}

/* ---- Phones ---- */

static enum error given_lease(struct store_fixture *fixture, const struct message_id *instance,
                              int64_t lease_ms)
{
    struct store_write write = {.verb = STORE_BROKER_LEASE};
    strcpy(write.lease.name, "broker");
    write.lease.instance = *instance;
    write.lease.lease_ms = lease_ms;
    return store_run(fixture->store, &write);
}

static int64_t given_connect(struct store_fixture *fixture, const char *device_id,
                             const struct message_id *instance, const struct device_info *info)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.phone.device_id, device_id);
    write.connect.broker = *instance;
    write.connect.info = *info;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.connect.session;
}

static void given_disconnect(struct store_fixture *fixture, const char *device_id, int64_t session)
{
    struct store_write write = {.verb = STORE_DEVICE_DISCONNECT};
    strcpy(write.disconnect.device_id, device_id);
    write.disconnect.session = session;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static size_t connected(struct store_fixture *fixture)
{
    struct device *devices = NULL;
    size_t count = 0;
    assert_int_equal(store_list_devices(fixture->reader, &devices, &count), ERROR_NONE);
    struct store_statistics statistics;
    assert_int_equal(store_read_statistics(fixture->reader, 0, &statistics), ERROR_NONE);
    assert_int_equal(statistics.devices_connected, count);
    store_devices_free(devices, count);
    return count;
}

static void a_connected_phone_is_listed_with_what_it_says(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id instance = message_id_new();
    struct device_info info = {.name = "Pixel 7",
                               .android_version = "14",
                               .battery_level = 87.5,
                               .charging = 1,
                               .has_signal_strength = true,
                               .signal_strength = -71,
                               .extra = (char *)"{\"carrier\":\"x\"}"};
    given_lease(fixture, &instance, 60000);
    int64_t session = given_connect(fixture, "phone-1", &instance, &info);
    given_connect(fixture, "phone-0", &instance, &DEVICE_INFO_UNKNOWN);
    given_message_in(fixture, MESSAGE_ACCEPTED);
    given_message_in(fixture, MESSAGE_SENDING);
    given_message_in(fixture, MESSAGE_SENT);

    struct device *devices = NULL;
    size_t count = 0;
    assert_int_equal(store_list_devices(fixture->reader, &devices, &count), ERROR_NONE);
    assert_int_equal(count, 2);
    assert_string_equal(devices[0].device_id, "phone-0");
    assert_true(devices[0].info.battery_level < 0);
    assert_true(devices[0].info.charging < 0);
    assert_false(devices[0].info.has_signal_strength);
    assert_null(devices[0].info.extra);
    assert_string_equal(devices[1].info.name, "Pixel 7");
    assert_string_equal(devices[1].info.android_version, "14");
    assert_true(devices[1].info.battery_level == 87.5);
    assert_int_equal(devices[1].info.charging, 1);
    assert_int_equal(devices[1].info.signal_strength, -71);
    assert_string_equal(devices[1].info.extra, "{\"carrier\":\"x\"}");
    assert_int_equal(devices[1].queue, 2);
    store_devices_free(devices, count);

    struct store_write write = {.verb = STORE_DEVICE_UPDATE};
    strcpy(write.update.device_id, "phone-1");
    write.update.info = info;
    write.update.info.battery_level = 12;
    write.update.session = session - 1; /* an older connection's news */
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM device WHERE battery_level = 12"), 0);
    write.update.session = session;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM device WHERE battery_level = 12"), 1);
}

static void a_phone_that_comes_back_is_told_what_it_holds(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_held_message held[2];
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    given_message_in(fixture, MESSAGE_ACCEPTED);
    given_message_in(fixture, MESSAGE_SENT);
    struct message_id third = given_message_in(fixture, MESSAGE_SENDING);
    struct message_id fourth = given_message_in(fixture, MESSAGE_ACCEPTED);
    strcpy(write.connect.phone.device_id, "phone-1");
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.broker = message_id_new();
    write.connect.held = held;
    write.connect.held_capacity = ARRAY_LENGTH(held);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.connect.held_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(message_id_equal(&held[i].id, &third) ||
                    message_id_equal(&held[i].id, &fourth));
        assert_in_range(held[i].silent_ms, 0, 60000);
    }
}

static const struct message_id one_journal = {{0x0b, 0x9f}};

/* Its journal may list a message twice: one attempt, and the report on an older one. */
static void the_entry_of_the_current_attempt_counts(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone-1", &one_journal);
    struct store_journal_entry entries[] = {{.id = id, .attempt = 7},
                                            {.id = id, .attempt = 1, .offered = true}};
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.phone.device_id, "phone-1");
    write.connect.phone.assured = true;
    write.connect.phone.journal = one_journal;
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.broker = message_id_new();
    write.connect.entries = entries;
    write.connect.entry_count = ARRAY_LENGTH(entries);
    for (int i = 0; i < 2; i++) { /* the second time it is accepted already */
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        assert_int_equal(entries[0].verdict, STORE_VERDICT_NONE);
        assert_int_equal(entries[1].verdict, STORE_VERDICT_RELEASE);
        assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
    }
}

static void what_somebody_wants_back_goes_to_no_other_phone(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id instance = message_id_new();
    struct message_id id = given_message(fixture, "+1234567890", "text");
    struct store_write write = {.verb = STORE_RELEASE};
    write.release.phone.session = given_connect(fixture, "phone-1", &instance,
                                                &DEVICE_INFO_UNKNOWN);
    given_offer(fixture, "phone-1", &one_journal);
    strcpy(write.release.phone.device_id, "phone-1");
    write.release.phone.journal = one_journal;
    write.release.id = id;
    write.release.attempt = 1;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.release.verdict, STORE_VERDICT_RELEASE);

    struct store_write cancel = {.verb = STORE_CANCEL, .cancel.id = id};
    assert_int_equal(store_run(fixture->store, &cancel), ERROR_NONE);
    assert_true(cancel.cancel.asked);

    struct store_write report = {.verb = STORE_REPORT}; /* it was too late, and nothing was sent */
    report.report.id = id;
    report.report.attempt = 1;
    report.report.seq = 1;
    report.report.status = MESSAGE_FAILED;
    report.report.nothing_sent = true;
    strcpy(report.report.phone.device_id, "phone-1");
    report.report.phone.journal = one_journal;
    assert_int_equal(store_run(fixture->store, &report), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_CANCELLED);
    assert_consistent(fixture);
}

static void only_the_newest_connection_can_end_a_phones_presence(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id instance = message_id_new();
    given_lease(fixture, &instance, 60000);
    int64_t first = given_connect(fixture, "phone-1", &instance, &DEVICE_INFO_UNKNOWN);
    int64_t second = given_connect(fixture, "phone-1", &instance, &DEVICE_INFO_UNKNOWN);
    assert_int_equal(second, first + 1);
    given_disconnect(fixture, "phone-1", first);
    assert_int_equal(connected(fixture), 1);
    given_disconnect(fixture, "phone-1", second);
    assert_int_equal(connected(fixture), 0);
}

static void phones_are_connected_only_while_their_broker_lives(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id first = message_id_new(), second = message_id_new();
    given_connect(fixture, "phone-1", &first, &DEVICE_INFO_UNKNOWN);
    assert_int_equal(connected(fixture), 0); /* no lease yet */
    given_lease(fixture, &first, 60000);
    assert_int_equal(connected(fixture), 1);
    given_lease(fixture, &first, -1000); /* it has run out */
    assert_int_equal(connected(fixture), 0);
    given_lease(fixture, &first, 60000);
    given_lease(fixture, &second, 60000); /* the broker was started again */
    assert_int_equal(connected(fixture), 0);
    given_connect(fixture, "phone-1", &second, &DEVICE_INFO_UNKNOWN);
    assert_int_equal(connected(fixture), 1);
    given_lease(fixture, &second, 0);
    assert_int_equal(connected(fixture), 0);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM broker"), 0);
}

/* Its name is the same, and nobody has said that the one before it ended. */
static void a_broker_that_starts_ends_the_one_before_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id first = message_id_new(), second = message_id_new();
    struct message_id journal = message_id_new();
    given_lease(fixture, &first, 60000);
    given_connect(fixture, "phone", &first, &DEVICE_INFO_UNKNOWN);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    given_lease(fixture, &first, 60000); /* it goes on */
    assert_int_equal(stored_status(fixture, &id), MESSAGE_DISPATCHED);
    given_lease(fixture, &second, 60000);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_QUEUED);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM device"
                                        " WHERE broker_instance IS NOT NULL"),
                     0);
    assert_consistent(fixture);
}

/* ---- Lists ---- */

static void assert_page(struct store_fixture *fixture, const struct store_query *query,
                        const struct message_id *ids, const int *expected, size_t count,
                        int64_t total)
{
    struct store_page page;
    assert_int_equal(store_list_messages(fixture->reader, query, &page), ERROR_NONE);
    assert_int_equal(page.count, count);
    assert_int_equal(page.total, total);
    for (size_t i = 0; i < count; i++)
        assert_true(message_id_equal(&page.messages[i].id, &ids[expected[i]]));
    store_page_fini(&page);
}

static void pages_are_newest_first_from_either_end(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[7];
    for (int i = 0; i < 7; i++)
        ids[i] = given_message(fixture, "+1234567890", "text");

    struct store_query query = {.limit = 3};
    assert_page(fixture, &query, ids, (int[]){6, 5, 4}, 3, 7);
    query.offset = 3;
    assert_page(fixture, &query, ids, (int[]){3, 2, 1}, 3, 7);
    query.offset = 6;
    assert_page(fixture, &query, ids, (int[]){0}, 1, 7);
    query.offset = 7;
    assert_page(fixture, &query, ids, NULL, 0, 7);
    query.position = STORE_OLDER_THAN;
    query.cursor = ids[4];
    assert_page(fixture, &query, ids, (int[]){3, 2, 1}, 3, 7);
    query.position = STORE_NEWER_THAN;
    query.cursor = ids[1];
    assert_page(fixture, &query, ids, (int[]){4, 3, 2}, 3, 7);
    query.cursor = ids[6];
    assert_page(fixture, &query, ids, NULL, 0, 7);
}

/* As two processes may make them in the same millisecond. */
static void messages_whose_ids_have_the_same_number_are_two(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[4], third;
    ids[0] = given_message(fixture, "+1234567890", "before");
    ids[1] = given_message(fixture, "+1234567890", "one");
    ids[2] = third = ids[1];
    ids[2].bytes[15] ^= 1;
    third.bytes[15] ^= 2;
    assert_true(message_id_seq(&ids[1]) == message_id_seq(&ids[2]));
    assert_int_equal(enqueue_as(fixture, &ids[2]), ERROR_NONE);
    assert_int_equal(enqueue_as(fixture, &ids[2]), ERROR_INTERNAL);
    assert_int_equal(enqueue_as(fixture, &third), ERROR_INTERNAL); /* one more is not looked for */
    ids[3] = given_message(fixture, "+1234567890", "after");

    struct store_query query = {.limit = 1, .position = STORE_OLDER_THAN, .cursor = ids[3]};
    for (int i = 2; i >= 0; i--) {
        struct message message = stored(fixture, &ids[i]);
        assert_true(message_id_equal(&message.id, &ids[i]));
        message_fini(&message);
        assert_page(fixture, &query, ids, &i, 1, 4);
        query.cursor = ids[i];
    }
    query.position = STORE_NEWER_THAN;
    for (int i = 1; i < 4; i++) {
        assert_page(fixture, &query, ids, &i, 1, 4);
        query.cursor = ids[i];
    }
    assert_consistent(fixture);
}

static void a_page_knows_what_lies_beside_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[4];
    for (int i = 0; i < 4; i++)
        ids[i] = given_message(fixture, "+1234567890", "text");
    static const struct {
        enum store_position position;
        int offset, cursor;
        size_t limit;
        bool older, newer;
    } cases[] = {
        {STORE_AT_OFFSET, 0, 0, 4, false, false}, {STORE_AT_OFFSET, 0, 0, 3, true, false},
        {STORE_AT_OFFSET, 1, 0, 3, false, true},  {STORE_AT_OFFSET, 1, 0, 2, true, true},
        {STORE_OLDER_THAN, 0, 3, 3, false, true}, {STORE_OLDER_THAN, 0, 3, 2, true, true},
        {STORE_NEWER_THAN, 0, 0, 3, true, false}, {STORE_NEWER_THAN, 0, 0, 2, true, true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct store_query query = {.limit = cases[i].limit,
                                    .position = cases[i].position,
                                    .offset = cases[i].offset,
                                    .cursor = ids[cases[i].cursor]};
        struct store_page page;
        assert_int_equal(store_list_messages(fixture->reader, &query, &page), ERROR_NONE);
        assert_int_equal(page.has_older, cases[i].older);
        assert_int_equal(page.has_newer, cases[i].newer);
        store_page_fini(&page);
    }
}

static void a_page_ends_where_its_texts_are_too_long(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[5];
    for (int i = 0; i < 5; i++)
        ids[i] = given_message(fixture, "+1234567890", i == 2 ? "a longer text" : "text");

    /* At an offset, and towards older ones: those that are nearest to the beginning of the page. */
    struct store_query query = {.limit = 9, .max_text_bytes = 8};
    assert_page(fixture, &query, ids, (int[]){4, 3}, 2, 5);
    query.offset = 1;
    assert_page(fixture, &query, ids, (int[]){3}, 1, 5);
    query.offset = 2; /* one there is always */
    assert_page(fixture, &query, ids, (int[]){2}, 1, 5);
    query.offset = 3;
    assert_page(fixture, &query, ids, (int[]){1, 0}, 2, 5);
    query.position = STORE_OLDER_THAN;
    query.cursor = ids[3];
    assert_page(fixture, &query, ids, (int[]){2}, 1, 5);
    query.position = STORE_NEWER_THAN;
    query.cursor = ids[1];
    assert_page(fixture, &query, ids, (int[]){2}, 1, 5);
    query.cursor = ids[2];
    assert_page(fixture, &query, ids, (int[]){4, 3}, 2, 5);

    static const struct {
        enum store_position position;
        int cursor;
        size_t bytes;
        bool older, newer;
    } cases[] = {
        {STORE_AT_OFFSET, 0, 8, true, false},  {STORE_AT_OFFSET, 0, 29, false, false},
        {STORE_AT_OFFSET, 0, 28, true, false}, {STORE_OLDER_THAN, 3, 8, true, true},
        {STORE_OLDER_THAN, 2, 8, false, true}, {STORE_NEWER_THAN, 1, 8, true, true},
        {STORE_NEWER_THAN, 2, 8, true, false}, {STORE_NEWER_THAN, 2, 7, true, true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct store_page page;
        query = (struct store_query){.limit = 9,
                                     .max_text_bytes = cases[i].bytes,
                                     .position = cases[i].position,
                                     .cursor = ids[cases[i].cursor]};
        assert_int_equal(store_list_messages(fixture->reader, &query, &page), ERROR_NONE);
        assert_int_equal(page.has_older, cases[i].older);
        assert_int_equal(page.has_newer, cases[i].newer);
        store_page_fini(&page);
    }
}

static void filters_go_together(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const numbers[] = {"+1111111111", "+2222222222"};
    static const char *const phones[] = {"phone-1", "phone-2", "phone-1", "phone-2"};
    struct message_id ids[8];
    for (int i = 0; i < 8; i++)
        ids[i] = given_message(fixture, numbers[i % 2], "text");
    given_hand_over(fixture, phones, 4); /* 0..3 to phone 1, 2, 1, 2 */
    given_report(fixture, &ids[0], "phone-1", MESSAGE_SENT, NULL);

    assert_page(fixture, &(struct store_query){.limit = 9, .has_status = true}, ids,
                (int[]){7, 6, 5, 4}, 4, 4);
    assert_page(fixture, &(struct store_query){.limit = 9, .phone_number = "+2222222222"}, ids,
                (int[]){7, 5, 3, 1}, 4, 4);
    assert_page(fixture, &(struct store_query){.limit = 9, .device_id = "phone-1"}, ids,
                (int[]){2, 0}, 2, 2);
    assert_page(fixture,
                &(struct store_query){.limit = 9,
                                      .device_id = "phone-1",
                                      .has_status = true,
                                      .status = MESSAGE_ACCEPTED,
                                      .phone_number = "+1111111111"},
                ids, (int[]){2}, 1, 1);
    assert_page(fixture, &(struct store_query){.limit = 1, .phone_number = "+2222222222"}, ids,
                (int[]){7}, 1, 4);
}

static void a_number_is_found_in_the_queue_and_outside_it(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const phones[] = {"phone-1", "phone-2", "phone-1"};
    struct message_id ids[9];
    for (int i = 0; i < 9; i++)
        ids[i] = given_message(fixture, i % 3 == 0 ? "+1111111111" : "+2222222222", "text");
    given_hand_over(fixture, phones, 3); /* 0, 1 and 2 */
    given_report(fixture, &ids[1], "phone-2", MESSAGE_SENT, NULL);

    struct store_query query = {.limit = 4, .phone_number = "+2222222222"};
    assert_page(fixture, &query, ids, (int[]){8, 7, 5, 4}, 4, 6);
    query.offset = 3;
    assert_page(fixture, &query, ids, (int[]){4, 2, 1}, 3, 6);
    query.offset = 0;
    query.position = STORE_OLDER_THAN;
    query.cursor = ids[5];
    assert_page(fixture, &query, ids, (int[]){4, 2, 1}, 3, 6);
    query.position = STORE_NEWER_THAN;
    query.cursor = ids[1];
    query.limit = 3;
    assert_page(fixture, &query, ids, (int[]){5, 4, 2}, 3, 6);
    query.position = STORE_AT_OFFSET;
    query.has_status = true;
    assert_page(fixture, &query, ids, (int[]){8, 7, 5}, 3, 4);
    query.status = MESSAGE_SENT;
    assert_page(fixture, &query, ids, (int[]){1}, 1, 1);
    query.status = MESSAGE_ACCEPTED;
    assert_page(fixture, &query, ids, (int[]){2}, 1, 1);
    strcpy(query.device_id, "phone-2");
    assert_page(fixture, &query, ids, NULL, 0, 0);
}

static void a_long_queue_is_listed_like_a_short_one(void **state)
{
    enum { SHORT = 5, LONG = 11000 };
    struct store_fixture *fixture = *state;
    struct message_id ids[SHORT];
    for (int i = 0; i < SHORT; i++)
        ids[i] = given_message(fixture, "+1111111111", "text");
    given_hand_over(fixture, one_phone, 1);
    for (int turn = 0; turn < 2; turn++) {
        int64_t total = turn == 0 ? SHORT - 1 : SHORT - 1 + LONG;
        struct store_query query = {.limit = 2, .has_status = true};
        assert_page(fixture, &query, ids, (int[]){4, 3}, 2, total);
        query.position = STORE_OLDER_THAN;
        query.cursor = ids[4];
        assert_page(fixture, &query, ids, (int[]){3, 2}, 2, total);
        query.position = STORE_NEWER_THAN;
        query.cursor = ids[1];
        assert_page(fixture, &query, ids, (int[]){3, 2}, 2, total);
        strcpy(query.phone_number, "+1111111111");
        assert_page(fixture, &query, ids, (int[]){3, 2}, 2, SHORT - 1);
        if (turn == 1)
            break;
        sqlite3 *db = NULL; /* messages that are older than all of these */
        assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
        assert_int_equal(
            sqlite3_exec(
                db,
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <"
                " 11000) INSERT INTO message (seq, id, phone_number, text, encoding, segments,"
                " status, attempt, event_count, updated_at_ms) SELECT i, CAST(printf('\x01"
                "%015d', i) AS BLOB), '+2222222222', 'x', 0, 1, 0, 0, 1, 0 FROM n;"
                "UPDATE message_count SET count = count + 11000 WHERE status = 0",
                NULL, NULL, NULL),
            SQLITE_OK);
        sqlite3_close(db);
    }
}

static void times_bound_a_list_on_both_sides(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[3];
    for (int i = 0; i < 3; i++) { /* ten minutes apart */
        struct message message = {.phone_number = "+1234567890", .text = (char *)"text"};
        message.id = message_id_first_at(1700000000000 + i * 600000);
        ids[i] = message.id;
        struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    }
    struct store_query query = {.limit = 9, .has_created_after = true};
    query.created_after_ms = 1700000600000;
    assert_page(fixture, &query, ids, (int[]){2, 1}, 2, 2);
    query.created_after_ms++;
    assert_page(fixture, &query, ids, (int[]){2}, 1, 1);
    query.has_created_before = true;
    query.created_before_ms = 1700001200000;
    assert_page(fixture, &query, ids, NULL, 0, 0);
    query.created_after_ms = 1700000000000;
    assert_page(fixture, &query, ids, (int[]){1, 0}, 2, 2);
    query.position = STORE_OLDER_THAN;
    query.cursor = ids[1];
    assert_page(fixture, &query, ids, (int[]){0}, 1, 2);
}

UNIT_TESTS(STORE_TEST(a_queued_message_is_read_back),
           STORE_TEST(a_message_that_is_not_there_is_not_found),
           STORE_TEST(an_id_is_taken_once_and_its_neighbours_are_kept),
           STORE_TEST(the_oldest_messages_are_handed_over_first),
           STORE_TEST(a_message_comes_back_from_a_phone_that_never_saw_it),
           STORE_TEST(a_message_that_moved_on_is_not_taken_back),
           STORE_TEST(every_report_does_what_the_table_says),
           STORE_TEST(a_report_from_another_phone_changes_nothing),
           STORE_TEST(an_error_stays_with_the_message_until_it_is_sent_after_all),
           STORE_TEST(silent_messages_become_unknown_and_evidence_still_counts),
           STORE_TEST(a_message_from_the_future_is_waited_for_no_longer_than_others),
           STORE_TEST(what_stays_too_long_is_counted),
           STORE_TEST(an_ack_counts_with_every_fence_and_not_without_one),
           STORE_TEST(the_journal_decides_what_was_offered),
           STORE_TEST(a_message_that_no_phone_can_send_fails_in_the_end),
           STORE_TEST(what_is_said_of_an_older_attempt_does_not_count),
           STORE_TEST(what_was_released_is_not_taken_back_by_the_broker),
           STORE_TEST(a_pause_is_kept_and_ends),
           STORE_TEST(a_pause_grows_with_failures_and_not_with_attempts),
           STORE_TEST(what_is_to_be_revoked_is_found_piece_by_piece),
           STORE_TEST(what_a_broker_had_offered_is_queued_when_it_ends),
           STORE_TEST(a_connected_phone_is_listed_with_what_it_says),
           STORE_TEST(a_phone_that_comes_back_is_told_what_it_holds),
           STORE_TEST(the_entry_of_the_current_attempt_counts),
           STORE_TEST(what_somebody_wants_back_goes_to_no_other_phone),
           STORE_TEST(only_the_newest_connection_can_end_a_phones_presence),
           STORE_TEST(phones_are_connected_only_while_their_broker_lives),
           STORE_TEST(a_broker_that_starts_ends_the_one_before_it),
           STORE_TEST(pages_are_newest_first_from_either_end),
           STORE_TEST(messages_whose_ids_have_the_same_number_are_two),
           STORE_TEST(a_page_knows_what_lies_beside_it),
           STORE_TEST(a_page_ends_where_its_texts_are_too_long), STORE_TEST(filters_go_together),
           STORE_TEST(a_number_is_found_in_the_queue_and_outside_it),
           STORE_TEST(a_long_queue_is_listed_like_a_short_one),
           STORE_TEST(times_bound_a_list_on_both_sides))
