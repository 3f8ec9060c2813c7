/* Messages with a time to expire at, once a device has them: what it is told, and what it reports. */
#include "tests/store/store_fixture.h"

enum { MINUTE_MS = 60000 };

static const struct message_id journal = {{1}};
static int64_t newest_epoch; /* of phone-1's connections */

static struct message_id given_expiring(struct store_fixture *fixture, int64_t expires_at_ms)
{
    struct message message = {
        .id = store_fixture_new_id(),
        .phone_number = "+491511234567",
        .text = (char *)"text",
        .segments = 1,
        .options = {.expires_at_ms = expires_at_ms, .no_delivery_report = true},
    };
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return message.id;
}

static struct store_holder holder(bool assured)
{
    struct store_holder holder = {.device_id = "phone-1", .assured = assured};
    if (assured)
        holder.journal = journal;
    return holder;
}

static void connect_with(struct store_fixture *fixture, struct store_journal_entry *entry,
                         size_t count)
{
    struct store_in_flight held;
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    write.connect.holder = holder(true);
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.entries = entry;
    write.connect.entry_count = count;
    write.connect.in_flight = &held;
    write.connect.in_flight_capacity = 1;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    newest_epoch = write.connect.connection_epoch;
}

/* Claims it, with what the client asked for. */
static void claim(struct store_fixture *fixture, bool assured, int64_t expires_at_ms)
{
    struct message message = {0};
    struct store_holder slot = holder(assured);
    struct store_write write = {.verb = STORE_CLAIM};
    write.claim = (struct store_claim){.slot_count = 1,
                                       .slots = &slot,
                                       .messages = &message,
                                       .trusted_wall_ms = store_fixture_now_ms()};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.claim.message_count, 1);
    assert_int_equal(message.options.expires_at_ms, expires_at_ms);
    assert_true(message.options.no_delivery_report);
    message_fini(&message);
}

static enum store_verdict acknowledge(struct store_fixture *fixture, const struct message_id *id)
{
    struct store_write write = {.verb = STORE_RELEASE};
    write.release.holder = holder(true);
    write.release.holder.connection_epoch = newest_epoch;
    write.release.ref = (struct message_ref){*id, 1};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.release.verdict;
}

static bool has_limits(const struct store_fixture *fixture)
{
    return fixture->options.limits.device_window_ms > 0;
}

static bool report(struct store_fixture *fixture, const struct message_id *id, bool assured,
                   unsigned attempt, int64_t seq, enum message_status status)
{
    struct store_write write = {.verb = STORE_REPORT};
    write.report.refund.segments = 7;
    write.report.holder = holder(assured);
    write.report.ref = (struct message_ref){*id, attempt};
    write.report.seq = seq;
    write.report.status = status;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    bool refunds = write.report.changed && status == MESSAGE_EXPIRED && has_limits(fixture);
    assert_int_equal(write.report.refund.segments, refunds ? 1 : 0);
    return write.report.changed;
}

static void expire(struct store_fixture *fixture, int64_t silent_for_ms, int64_t trusted_wall_ms)
{
    struct store_write write = {.verb = STORE_EXPIRE_UNREPORTED};
    write.expire_unreported = (struct store_expire){
        .silent_for_ms = silent_for_ms, .limit = 10, .trusted_wall_ms = trusted_wall_ms};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static void assert_expired(struct store_fixture *fixture, const struct message_id *id)
{
    struct message message = stored(fixture, id);
    assert_int_equal(message.status, MESSAGE_EXPIRED);
    assert_string_equal(message.error_code, "expired");
    assert_string_equal(message.error_message, "it was not sent before its time was over");
    message_fini(&message);
}

static void a_device_that_reports_it_expired_gets_its_budget_back(void **state)
{
    struct store_fixture *fixture = *state;
    fixture->options.limits = (struct store_limits){.device_daily_segments = 9,
                                                    .device_window_ms = 3600000};
    store_fixture_reopen(fixture);
    for (int assured = 0; assured < 2; assured++) {
        int64_t at_ms = store_fixture_now_ms() + MINUTE_MS;
        struct message_id id = given_expiring(fixture, at_ms);
        if (assured)
            connect_with(fixture, NULL, 0);
        claim(fixture, assured, at_ms);
        if (assured)
            assert_int_equal(acknowledge(fixture, &id), STORE_VERDICT_RELEASE);
        assert_in_file(fixture, "SELECT in_day + (spent <> zeroblob(64)) FROM device_use", 2);
        assert_true(report(fixture, &id, assured, assured, assured ? 1 : -1, MESSAGE_EXPIRED));
        assert_expired(fixture, &id);
        assert_in_file(fixture, "SELECT in_day + (spent <> zeroblob(64)) FROM device_use", 0);
        assert_false(report(fixture, &id, assured, assured, assured ? 2 : -1, MESSAGE_EXPIRED));
        /* It was wrong: evidence that it was sent is never dropped. */
        assert_true(report(fixture, &id, assured, assured, assured ? 3 : -1, MESSAGE_SENT));
        assert_consistent(fixture);
    }
}

static void a_report_that_it_expired_is_no_proof_where_it_may_have_been_sent(void **state)
{
    struct store_fixture *fixture = *state;
    static const enum message_status later[] = {MESSAGE_SENDING, MESSAGE_SENT, MESSAGE_FAILED};
    for (size_t i = 0; i < ARRAY_LENGTH(later); i++) {
        struct message_id id = given_message_in(fixture, later[i]);
        assert_false(report(fixture, &id, false, 0, -1, MESSAGE_EXPIRED));
        assert_int_equal(stored_status(fixture, &id), later[i]);
    }
}

static void only_who_has_the_message_reports_that_it_expired(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t at_ms = store_fixture_now_ms() + MINUTE_MS;
    struct message_id id = given_expiring(fixture, at_ms);
    connect_with(fixture, NULL, 0);
    claim(fixture, true, at_ms);
    assert_false(report(fixture, &id, true, 1, 1, MESSAGE_EXPIRED)); /* an offer is answered */
    assert_int_equal(stored_status(fixture, &id), MESSAGE_DISPATCHED);
    assert_int_equal(acknowledge(fixture, &id), STORE_VERDICT_RELEASE);
    assert_int_equal(given_report(fixture, &id, "phone-2", MESSAGE_EXPIRED, NULL),
                     ERROR_MESSAGE_NOT_HELD);
    assert_false(report(fixture, &id, true, 2, 2, MESSAGE_EXPIRED));
    assert_true(report(fixture, &id, true, 1, 3, MESSAGE_EXPIRED));
}

/* It slept for longer than anybody waits for a report. */
static void what_is_unknown_becomes_expired_when_its_device_wakes_up(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t at_ms = store_fixture_now_ms() + MINUTE_MS;
    struct message_id id = given_expiring(fixture, at_ms);
    connect_with(fixture, NULL, 0);
    claim(fixture, true, at_ms);
    assert_int_equal(acknowledge(fixture, &id), STORE_VERDICT_RELEASE);
    store_fixture_pass_ms(3LL * DAY_MS);
    expire(fixture, 2LL * DAY_MS, store_fixture_now_ms());
    assert_int_equal(stored_status(fixture, &id), MESSAGE_UNKNOWN); /* it may have been sent */
    assert_true(report(fixture, &id, true, 1, 1, MESSAGE_EXPIRED));
    assert_int_equal(stored_status(fixture, &id), MESSAGE_EXPIRED);
    assert_consistent(fixture);
}

static void an_offer_that_expired_is_dropped(void **state)
{
    struct store_fixture *fixture = *state;
    for (int reconnects = 0; reconnects < 2; reconnects++) {
        int64_t at_ms = store_fixture_now_ms() + MINUTE_MS;
        struct message_id id = given_expiring(fixture, at_ms);
        struct store_journal_entry entry = {.ref = {id, 1}, .offered = true};
        connect_with(fixture, NULL, 0);
        claim(fixture, true, at_ms);
        store_fixture_pass_ms(MINUTE_MS);
        expire(fixture, 0, 0);
        expire(fixture, 0, store_fixture_now_ms() - 2 * MINUTE_MS); /* set since */
        expire(fixture, 0, store_fixture_now_ms() + 2 * MINUTE_MS);
        assert_int_equal(stored_status(fixture, &id), MESSAGE_DISPATCHED);
        expire(fixture, 0, store_fixture_now_ms());
        assert_int_equal(stored_status(fixture, &id), MESSAGE_EXPIRED);
        if (reconnects)
            connect_with(fixture, &entry, 1);
        else
            entry.verdict = acknowledge(fixture, &id);
        assert_int_equal(entry.verdict, STORE_VERDICT_DROP);
        assert_int_equal(stored_status(fixture, &id), MESSAGE_EXPIRED);
    }
}

UNIT_TESTS(STORE_TEST(a_device_that_reports_it_expired_gets_its_budget_back),
           STORE_TEST(a_report_that_it_expired_is_no_proof_where_it_may_have_been_sent),
           STORE_TEST(only_who_has_the_message_reports_that_it_expired),
           STORE_TEST(what_is_unknown_becomes_expired_when_its_device_wakes_up),
           STORE_TEST(an_offer_that_expired_is_dropped))
