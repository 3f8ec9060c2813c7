/* Messages: what each write changes, refuses and leaves alone. */
#include "common/base/clock.h"
#include "tests/store/store_fixture.h"

#include <stdlib.h>

static const char *const one_phone[] = {"phone-1"};

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

static void a_missing_message_is_not_found(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = message_id_new();
    struct message message;
    assert_int_equal(store_find_message(fixture->reader, &id, &message), ERROR_MESSAGE_NOT_FOUND);
}

static void an_id_is_taken_once_and_its_neighbours_are_kept(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "first");
    assert_int_equal(enqueue_as(fixture, &id), ERROR_INTERNAL);
    given_message(fixture, "+1234567892", "after");
    assert_int_equal(count_messages(fixture), 2);
    assert_consistent(fixture);
}

static void the_oldest_messages_are_claimed_first(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[5];
    for (int i = 0; i < 5; i++)
        ids[i] = given_message(fixture, "+1234567890", "text");
    static const char *const phones[] = {"a", "b", "c"};
    assert_int_equal(given_claim(fixture, phones, 3), 3);
    for (int i = 0; i < 5; i++) {
        struct message message = stored(fixture, &ids[i]);
        assert_int_equal(message.status, i < 3 ? MESSAGE_ACCEPTED : MESSAGE_QUEUED);
        assert_string_equal(message.device_id, i < 3 ? phones[i] : "");
        assert_int_equal(message.attempt, i < 3);
        assert_int_equal(message.reached_at_ms[MESSAGE_ACCEPTED] > 0, i < 3);
        message_fini(&message);
    }
    assert_int_equal(given_claim(fixture, phones, 3), 2);
    assert_int_equal(given_claim(fixture, phones, 3), 0);
    assert_consistent(fixture);
}

static void a_message_returns_from_a_device_that_never_saw_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_claim(fixture, one_phone, 1);

    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.ref.id = id;
    strcpy(write.return_to_queue.device_id, "phone-2");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED); /* another device has it */
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
    assert_int_equal(given_claim(fixture, other, 1), 1);
    message = stored(fixture, &id);
    assert_int_equal(message.attempt, 2);
    assert_string_equal(message.device_id, "phone-2");
    message_fini(&message);
    assert_consistent(fixture);
}

static void a_message_that_returns_is_the_next_however_long_the_queue_is(void **state)
{
    enum { MESSAGES = 6 };
    static const char *const phones[] = {"phone-1", "phone-2"};
    struct store_fixture *fixture = *state;
    struct message_id ids[MESSAGES];
    for (int i = 0; i < MESSAGES; i++)
        ids[i] = given_message(fixture, "+1234567890", "text");
    for (int i = 0; i < 2; i++)
        assert_int_equal(given_claim(fixture, phones, 2), 2);
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.ref.id = ids[0];
    strcpy(write.return_to_queue.device_id, "phone-1");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.return_to_queue.changed);
    assert_int_equal(given_claim(fixture, phones, 1), 1);
    assert_int_equal(stored_status(fixture, &ids[0]), MESSAGE_ACCEPTED);
    assert_int_equal(stored_status(fixture, &ids[4]), MESSAGE_QUEUED);
    assert_consistent(fixture);
}

/* There is none in doubt here: the message may be another claim's, whose device has sent it. */
static void what_only_a_claim_in_doubt_can_have_taken_is_not_returned(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_claim(fixture, one_phone, 1);
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.ref = (struct message_ref){id, 1};
    write.return_to_queue.if_committed = 1;
    strcpy(write.return_to_queue.device_id, "phone-1");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_false(write.return_to_queue.changed);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
}

static void a_message_that_moved_on_is_not_returned(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_claim(fixture, one_phone, 1);
    given_report(fixture, &id, "phone-1", MESSAGE_SENT, NULL);
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.ref.id = id;
    strcpy(write.return_to_queue.device_id, "phone-1");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_SENT);
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
            bool allowed = message_may_become(statuses[from], statuses[to], MESSAGE_ACTOR_DEVICE,
                                              MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT);
            assert_int_equal(changed, allowed);
            assert_int_equal(stored_status(fixture, &id), allowed ? statuses[to] : statuses[from]);
        }
    }
    assert_consistent(fixture);
}

static void a_report_from_another_device_changes_nothing(void **state)
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
    write.report.ref.id = id;
    write.report.seq = -1;
    write.report.status = MESSAGE_FAILED;
    strcpy(write.report.holder.device_id, "phone-1");
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

static unsigned given_expiry(struct store_fixture *fixture, int64_t silent_for_ms)
{
    struct store_write write = {.verb = STORE_EXPIRE_UNREPORTED};
    write.expire_unreported.silent_for_ms = silent_for_ms;
    write.expire_unreported.limit = STORE_MAX_CLAIM;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.expire_unreported.unknown;
}

static void silent_messages_become_unknown_and_evidence_still_counts(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id accepted = given_message_in(fixture, MESSAGE_ACCEPTED);
    struct message_id sending = given_message_in(fixture, MESSAGE_SENDING);
    struct message_id sent = given_message_in(fixture, MESSAGE_SENT);
    struct message_id queued = given_message(fixture, "+1234567890", "text");

    assert_int_equal(given_expiry(fixture, 60000), 0);
    assert_int_equal(given_expiry(fixture, -60000), 2);
    assert_int_equal(stored_status(fixture, &accepted), MESSAGE_UNKNOWN);
    assert_int_equal(stored_status(fixture, &sending), MESSAGE_UNKNOWN);
    assert_int_equal(stored_status(fixture, &sent), MESSAGE_SENT);
    assert_int_equal(stored_status(fixture, &queued), MESSAGE_QUEUED);

    given_report(fixture, &accepted, "phone-1", MESSAGE_DELIVERED, NULL);
    assert_int_equal(stored_status(fixture, &accepted), MESSAGE_DELIVERED);
    assert_consistent(fixture);
}

/* A wrong clock has dated a message far into the future. */
static void a_message_from_the_future_is_waited_for_no_longer_than_others(void **state)
{
    const int64_t ten_years_ms = 3650 * (int64_t)DAY_MS;
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    store_fixture_pass_ms(ten_years_ms);
    assert_int_equal(given_claim(fixture, one_phone, 1), 1);
    store_fixture_pass_ms(-ten_years_ms);
    assert_int_equal(given_expiry(fixture, 0), 0); /* the clock is not trusted */
    struct message message = stored(fixture, &id);
    assert_true(message.updated_at_ms > clock_wall_ms() + 60000);
    message_fini(&message);
    assert_int_equal(given_expiry(fixture, 60000), 0);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
    assert_int_equal(given_expiry(fixture, -1000), 1);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_UNKNOWN);
}

static void stuck_messages_are_counted(void **state)
{
    struct store_fixture *fixture = *state;
    given_message_in(fixture, MESSAGE_ACCEPTED);
    given_message_in(fixture, MESSAGE_SENDING);
    given_message_in(fixture, MESSAGE_SENT);
    given_message(fixture, "+1234567890", "text");
    given_message(fixture, "+1234567890", "text");
    for (int old = 0; old < 2; old++) {
        struct store_statistics statistics;
        struct store_work work = {.stuck_for_ms = old ? -60000 : 60000};
        assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
        assert_int_equal(store_read_statistics(fixture->reader, work.stuck_for_ms, &statistics),
                         ERROR_NONE);
        for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
            assert_int_equal(work.stuck[i], statistics.stuck[i]);
        assert_int_equal(statistics.stuck[MESSAGE_QUEUED], old ? 2 : 0);
        assert_int_equal(statistics.stuck[MESSAGE_ACCEPTED], old ? 1 : 0);
        assert_int_equal(statistics.stuck[MESSAGE_SENDING], old ? 1 : 0);
        assert_int_equal(statistics.stuck[MESSAGE_SENT], 0);
    }
}

/* ---- Assured devices ---- */

static int64_t given_assured_connection(struct store_fixture *fixture, const char *device_id,
                                        const struct message_id *journal,
                                        struct store_journal_entry *entry)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, device_id);
    write.connect.holder.assured = true;
    write.connect.holder.journal = *journal;
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.broker = message_id_new();
    write.connect.entries = entry;
    write.connect.entry_count = entry ? 1 : 0;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.connect.connection_epoch;
}

static enum store_verdict given_release(struct store_fixture *fixture, const struct message_id *id,
                                        unsigned attempt, const char *device_id,
                                        const struct message_id *journal, int64_t session)
{
    struct store_write write = {.verb = STORE_RELEASE};
    strcpy(write.release.holder.device_id, device_id);
    write.release.holder.assured = true;
    write.release.holder.journal = *journal;
    write.release.holder.connection_epoch = session;
    write.release.ref = (struct message_ref){*id, attempt};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.release.verdict;
}

static void an_acknowledgement_counts_only_with_every_fact(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new(), other = message_id_new();
    int64_t session = given_assured_connection(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    assert_int_equal(given_release(fixture, &id, 2, "phone", &journal, session),
                     STORE_VERDICT_DROP);
    assert_int_equal(given_release(fixture, &id, 1, "else", &journal, session), STORE_VERDICT_DROP);
    assert_int_equal(given_release(fixture, &id, 1, "phone", &other, session), STORE_VERDICT_DROP);
    assert_int_equal(given_release(fixture, &id, 1, "phone", &journal, session - 1),
                     STORE_VERDICT_DROP);
    assert_int_equal(given_release(fixture, &other, 1, "phone", &journal, session),
                     STORE_VERDICT_DROP);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_DISPATCHED);
    assert_int_equal(given_release(fixture, &id, 1, "phone", &journal, session),
                     STORE_VERDICT_RELEASE);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
    assert_int_equal(given_release(fixture, &id, 1, "phone", &journal, session),
                     STORE_VERDICT_RELEASE);
    given_report(fixture, &id, "phone", MESSAGE_SENT, NULL);
    assert_int_equal(given_release(fixture, &id, 1, "phone", &journal, session),
                     STORE_VERDICT_DROP);
    assert_consistent(fixture);
}

static void an_offer_that_was_sent_is_not_offered_again(void **state)
{
    static const enum message_status reports[] = {MESSAGE_SENDING, MESSAGE_FAILED, MESSAGE_EXPIRED,
                                                  MESSAGE_SENT, MESSAGE_DELIVERED};
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    int64_t session = given_assured_connection(fixture, "phone", &journal, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(reports); i++) {
        struct message_id id = given_message(fixture, "+1234567890", "text");
        bool is_evidence = reports[i] == MESSAGE_SENT || reports[i] == MESSAGE_DELIVERED, changed;
        given_offer(fixture, "phone", &journal);
        assert_int_equal(given_report(fixture, &id, "else", reports[i], &changed),
                         ERROR_MESSAGE_NOT_HELD);
        given_report(fixture, &id, "phone", reports[i], &changed);
        assert_int_equal(changed, is_evidence);
        assert_int_equal(stored_status(fixture, &id),
                         is_evidence ? reports[i] : MESSAGE_DISPATCHED);
        assert_int_equal(given_release(fixture, &id, 1, "phone", &journal, session),
                         is_evidence ? STORE_VERDICT_DROP : STORE_VERDICT_RELEASE);
    }
    assert_consistent(fixture);
}

static void the_journal_decides_about_offers(void **state)
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
        int64_t session = given_assured_connection(fixture, device_id, &journal, NULL);
        struct message_id id = given_message(fixture, "+1234567890", "text");
        given_offer(fixture, device_id, &journal);
        if (cases[i].accepted)
            given_release(fixture, &id, 1, device_id, &journal, session);
        struct store_journal_entry entry = {.ref = {id, cases[i].attempt},
                                            .offered = cases[i].offered};
        given_assured_connection(fixture, device_id, cases[i].other_journal ? &other : &journal,
                                 cases[i].has_entry ? &entry : NULL);
        if (stored_status(fixture, &id) != cases[i].after || entry.verdict != cases[i].verdict)
            fail_msg("case %zu: %s, verdict %d", i,
                     message_status_name(stored_status(fixture, &id)), entry.verdict);
        struct store_write cancel = {.verb = STORE_CANCEL, .cancel.id = id};
        (void)store_run(fixture->store, &cancel); /* so that the next case finds its own message */
    }
    assert_consistent(fixture);
}

static void a_message_that_no_device_can_send_fails_in_the_end(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    int64_t session = given_assured_connection(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    for (unsigned attempt = 1; attempt <= STORE_MAX_FAILURES; attempt++) {
        assert_int_equal(stored_status(fixture, &id), MESSAGE_QUEUED);
        given_offer(fixture, "phone", &journal);
        given_release(fixture, &id, attempt, "phone", &journal, session);
        struct store_write write = {.verb = STORE_REPORT};
        strcpy(write.report.holder.device_id, "phone");
        write.report.holder.assured = true;
        write.report.holder.journal = journal;
        write.report.ref = (struct message_ref){id, attempt};
        write.report.seq = attempt;
        write.report.status = MESSAGE_FAILED;
        write.report.nothing_sent = true;
        strcpy(write.report.error_code, "no_service");
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        assert_true(write.report.changed);
        store_fixture_pass_ms(STORE_MAX_BACKOFF_MS);
    }
    struct message message = stored(fixture, &id);
    assert_int_equal(message.status, MESSAGE_FAILED);
    assert_string_equal(message.error_code, "no_service");
    message_fini(&message);
    assert_consistent(fixture);
}

/* The device has the message and returns it. */
static void given_return(struct store_fixture *fixture, const struct message_id *id,
                         unsigned attempt, bool refused)
{
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.ref = (struct message_ref){*id, attempt};
    strcpy(write.return_to_queue.device_id, "phone");
    write.return_to_queue.refused = refused;
    write.return_to_queue.jitter = 1;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(stored_status(fixture, id), MESSAGE_QUEUED);
}

/* The same device gets the offer again; what it says about the first attempt does not count. */
static void a_report_on_an_older_attempt_does_not_count(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    int64_t session = given_assured_connection(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    given_return(fixture, &id, 1, false);
    given_offer(fixture, "phone", &journal);
    assert_int_equal(given_release(fixture, &id, 1, "phone", &journal, session),
                     STORE_VERDICT_DROP);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_DISPATCHED);
    assert_int_equal(given_release(fixture, &id, 2, "phone", &journal, session),
                     STORE_VERDICT_RELEASE);

    struct store_write report = {.verb = STORE_REPORT};
    strcpy(report.report.holder.device_id, "phone");
    report.report.holder.assured = true;
    report.report.holder.journal = journal;
    report.report.ref.id = id;
    report.report.status = MESSAGE_FAILED;
    report.report.nothing_sent = true;
    for (unsigned attempt = 1; attempt <= 2; attempt++) {
        report.report.ref.attempt = attempt;
        report.report.seq = attempt;
        assert_int_equal(store_run(fixture->store, &report), ERROR_NONE);
        assert_int_equal(report.report.changed, attempt == 2);
        assert_int_equal(stored_status(fixture, &id),
                         attempt == 2 ? MESSAGE_QUEUED : MESSAGE_ACCEPTED);
    }
    assert_consistent(fixture);
}

/* An assured device may have sent it by then, whatever the broker believes. */
static void the_broker_returns_no_released_message(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    int64_t session = given_assured_connection(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    assert_int_equal(given_release(fixture, &id, 1, "phone", &journal, session),
                     STORE_VERDICT_RELEASE);
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.ref = (struct message_ref){id, 1};
    strcpy(write.return_to_queue.device_id, "phone");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_false(write.return_to_queue.changed);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
}

static void a_backoff_is_kept_and_ends(void **state)
{
    static const char *const phone[] = {"phone"};
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    given_assured_connection(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    given_return(fixture, &id, 1, true);
    assert_int_equal(given_claim(fixture, phone, 1), 0);
    store_fixture_pass_ms(STORE_MAX_BACKOFF_MS);
    given_offer(fixture, "phone", &journal);
    /* A longer backoff than the longest was made by a wrong clock. */
    store_fixture_pass_ms(STORE_MAX_BACKOFF_MS);
    given_return(fixture, &id, 2, true);
    store_fixture_pass_ms(-STORE_MAX_BACKOFF_MS);
    given_offer(fixture, "phone", &journal);
}

static void the_backoff_grows_with_failures_and_not_with_attempts(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    store_fixture_stop_clock_at(clock_wall_ms());
    given_assured_connection(fixture, "phone", &journal, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    for (unsigned attempt = 1; attempt <= 8; attempt++) {
        given_offer(fixture, "phone", &journal);
        given_return(fixture, &id, attempt, attempt > 5);
        int64_t pause_ms = attempt > 5 ? STORE_FIRST_BACKOFF_MS << (attempt - 6) : 0;
        if (pause_ms > 0) {
            store_fixture_pass_ms(pause_ms - 1);
            assert_int_equal(given_claim(fixture, one_phone, 1), 0);
            store_fixture_pass_ms(1);
        }
    }
    assert_int_equal(store_backoff_ms(1, 0), STORE_FIRST_BACKOFF_MS / 2);
    assert_int_equal(store_backoff_ms(1000, 1), STORE_MAX_BACKOFF_MS);
}

static void unanswered_offers_return_to_the_queue(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new();
    int64_t session = given_assured_connection(fixture, "phone", &journal, NULL);
    struct message_id accepted = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    given_release(fixture, &accepted, 1, "phone", &journal, session);
    struct message_id offered = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);

    struct store_write write = {.verb = STORE_EXPIRE_UNREPORTED};
    write.expire_unreported.offered_for_ms = -60000;
    write.expire_unreported.limit = STORE_MAX_CLAIM;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.expire_unreported.queued, 1);
    assert_int_equal(stored_status(fixture, &offered), MESSAGE_QUEUED);
    assert_int_equal(stored_status(fixture, &accepted), MESSAGE_ACCEPTED);
    assert_consistent(fixture);
}

UNIT_TESTS(STORE_TEST(a_queued_message_is_read_back), STORE_TEST(a_missing_message_is_not_found),
           STORE_TEST(an_id_is_taken_once_and_its_neighbours_are_kept),
           STORE_TEST(the_oldest_messages_are_claimed_first),
           STORE_TEST(a_message_returns_from_a_device_that_never_saw_it),
           STORE_TEST(a_message_that_returns_is_the_next_however_long_the_queue_is),
           STORE_TEST(what_only_a_claim_in_doubt_can_have_taken_is_not_returned),
           STORE_TEST(a_message_that_moved_on_is_not_returned),
           STORE_TEST(every_report_does_what_the_table_says),
           STORE_TEST(a_report_from_another_device_changes_nothing),
           STORE_TEST(an_error_stays_with_the_message_until_it_is_sent_after_all),
           STORE_TEST(silent_messages_become_unknown_and_evidence_still_counts),
           STORE_TEST(a_message_from_the_future_is_waited_for_no_longer_than_others),
           STORE_TEST(stuck_messages_are_counted),
           STORE_TEST(an_acknowledgement_counts_only_with_every_fact),
           STORE_TEST(an_offer_that_was_sent_is_not_offered_again),
           STORE_TEST(the_journal_decides_about_offers),
           STORE_TEST(a_message_that_no_device_can_send_fails_in_the_end),
           STORE_TEST(a_report_on_an_older_attempt_does_not_count),
           STORE_TEST(the_broker_returns_no_released_message),
           STORE_TEST(a_backoff_is_kept_and_ends),
           STORE_TEST(the_backoff_grows_with_failures_and_not_with_attempts),
           STORE_TEST(unanswered_offers_return_to_the_queue))
