/* Messages that ended without a result, once more. */
#include "common/base/clock.h"
#include "tests/store/store_fixture.h"

static const char number[] = "+491511234567", request_id[] = "5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e8";

static struct store_resend last;

/* `last` is what the store said. */
static enum error resend(struct store_fixture *fixture, struct store_resend request)
{
    static struct message message;
    struct store_write write = {.verb = STORE_RESEND, .resend = request};
    message_fini(&message);
    message = (struct message){0};
    write.resend.new_id = store_fixture_new_id();
    write.resend.request_id = request_id_parse(request_id);
    write.resend.message = &message;
    enum error error = store_run(fixture->store, &write);
    last = write.resend;
    return error;
}

static void assert_resent_as(struct store_fixture *fixture, const struct message_id *id,
                             const struct message_id *expected)
{
    struct message message = stored(fixture, id);
    assert_memory_equal(&message.resent_as, expected, MESSAGE_ID_BYTES);
    message_fini(&message);
}

static void a_message_without_a_result_is_resent(void **state)
{
    static const struct message_id never;
    static const enum message_status ends[] = {MESSAGE_FAILED, MESSAGE_CANCELLED};
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
        struct message_id id = given_ended(fixture, ends[i]);
        assert_resent_as(fixture, &id, &never);
        assert_int_equal(resend(fixture, (struct store_resend){.id = id}), ERROR_NONE);
        struct message_id first = last.new_id;
        struct message again = stored(fixture, &first);
        assert_string_equal(again.text, "a text");
        assert_string_equal(again.phone_number, number);
        assert_memory_equal(&again.request_id, &last.request_id, sizeof(again.request_id));
        assert_int_equal(again.status, MESSAGE_QUEUED);
        assert_int_equal(again.segments, 1);
        assert_int_equal(again.attempt, 0);
        /* What the submitter is told is what was stored. */
        assert_string_equal(last.message->text, again.text);
        assert_string_equal(last.message->phone_number, again.phone_number);
        assert_memory_equal(&last.message->id, &first, MESSAGE_ID_BYTES);
        assert_int_equal(last.message->status, MESSAGE_QUEUED);
        assert_int_equal(last.message->updated_at_ms, again.updated_at_ms);
        assert_memory_equal(last.message->reached_at_ms, again.reached_at_ms,
                            sizeof(again.reached_at_ms));
        message_fini(&again);
        assert_int_equal(stored_status(fixture, &id), ends[i]);
        assert_resent_as(fixture, &id, &first);
        assert_resent_as(fixture, &first, &never);

        assert_int_equal(resend(fixture, (struct store_resend){.id = id}), ERROR_ALREADY_RESENT);
        assert_memory_equal(&last.resent_as, &first, MESSAGE_ID_BYTES);
        assert_int_equal(resend(fixture, (struct store_resend){.id = id, .again = true}),
                         ERROR_NONE);
        assert_resent_as(fixture, &id, &last.new_id);
    }
    assert_int_equal(count_messages(fixture), 3 * ARRAY_LENGTH(ends));
    assert_consistent(fixture);
}

static void an_unknown_message_is_resent_only_by_who_accepts_a_duplicate(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_ended(fixture, MESSAGE_UNKNOWN);
    assert_int_equal(resend(fixture, (struct store_resend){.id = id, .again = true}),
                     ERROR_MAY_HAVE_BEEN_SENT);
    assert_int_equal(count_messages(fixture), 1);
    assert_int_equal(resend(fixture, (struct store_resend){.id = id, .accept_duplicate = true}),
                     ERROR_NONE);
    assert_int_equal(resend(fixture, (struct store_resend){.id = id, .accept_duplicate = true}),
                     ERROR_ALREADY_RESENT);
    assert_int_equal(resend(fixture, (struct store_resend){.id = id, .again = true}),
                     ERROR_MAY_HAVE_BEEN_SENT);
    assert_int_equal(count_messages(fixture), 2);
    assert_consistent(fixture);
}

static void a_message_that_was_sent_or_may_still_be_is_not_resent(void **state)
{
    static const enum message_status others[] = {MESSAGE_SENDING, MESSAGE_SENT, MESSAGE_DELIVERED,
                                                 MESSAGE_ACCEPTED, MESSAGE_QUEUED};
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        struct store_resend request = {
            .id = given_ended(fixture, others[i]), .again = true, .accept_duplicate = true};
        assert_int_equal(resend(fixture, request), ERROR_NOT_RESENDABLE);
    }
    assert_int_equal(count_messages(fixture), ARRAY_LENGTH(others));
    assert_int_equal(resend(fixture, (struct store_resend){.id = message_id_new()}),
                     ERROR_MESSAGE_NOT_FOUND);
}

static void a_message_without_its_text_is_not_resent(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_ended(fixture, MESSAGE_FAILED);
    struct store_write purge = {.verb = STORE_PURGE};
    store_fixture_pass_ms(2 * (int64_t)DAY_MS);
    purge.purge.text_age_ms = DAY_MS;
    purge.purge.limit = 10;
    assert_int_equal(store_run(fixture->store, &purge), ERROR_NONE);
    assert_int_equal(purge.purge.texts, 1);
    assert_int_equal(resend(fixture, (struct store_resend){.id = id, .again = true}),
                     ERROR_TEXT_DELETED);
}

static enum error resend_with_key(struct store_fixture *fixture, const struct message_id *id)
{
    struct store_resend request = {.id = *id, .again = true, .key_daily_messages = 2};
    strcpy(request.key_id, "key");
    return resend(fixture, request);
}

static void a_resent_message_counts_for_every_limit(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(clock_wall_ms() / DAY_MS * DAY_MS + DAY_MS / 2);
    fixture->options.limits = (struct store_limits){.recipient_daily_messages = 4,
                                                    .daily_messages = 9};
    store_fixture_reopen(fixture);
    struct message_id id = given_ended(fixture, MESSAGE_CANCELLED);
    assert_int_equal(resend_with_key(fixture, &id), ERROR_NONE);
    assert_int_equal(resend_with_key(fixture, &id), ERROR_NONE);
    struct message_id second = last.new_id;
    assert_int_equal(resend_with_key(fixture, &id), ERROR_KEY_CAP_REACHED);
    assert_int_equal(resend(fixture, (struct store_resend){.id = id, .again = true}), ERROR_NONE);
    assert_int_equal(resend(fixture, (struct store_resend){.id = id, .again = true}),
                     ERROR_RECIPIENT_CAP_REACHED);
    assert_in_file(fixture, "SELECT count FROM accepted WHERE kind = 0", 4);
    assert_in_file(fixture, "SELECT count FROM accepted WHERE kind = 1", 2);
    assert_in_file(fixture, "SELECT count FROM accepted WHERE kind = 2", 4);
    struct store_write pause = {.verb = STORE_SET_SENDING, .set_sending.pause = true};
    assert_int_equal(store_run(fixture->store, &pause), ERROR_NONE);
    assert_int_equal(resend(fixture, (struct store_resend){.id = id, .again = true}),
                     ERROR_SENDING_PAUSED);
    assert_int_equal(count_messages(fixture), 4);
    assert_resent_as(fixture, &second, &(const struct message_id){{0}});
    assert_consistent(fixture);
}

static void a_resend_with_a_key_creates_one_message(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_ended(fixture, MESSAGE_CANCELLED);
    struct store_idempotency idempotency = {.key = "once", .answer.status = 202};
    struct store_resend request = {.id = id, .idempotency = &idempotency};
    buffer_init(&idempotency.answer.body, 100);
    buffer_append_text(&idempotency.answer.body, "kept");
    struct message_id unknown = given_ended(fixture, MESSAGE_UNKNOWN);
    request.id = unknown; /* a refusal leaves the key free */
    assert_int_equal(resend(fixture, request), ERROR_MAY_HAVE_BEEN_SENT);
    request.id = id;
    assert_int_equal(resend(fixture, request), ERROR_NONE);
    assert_false(idempotency.replayed);
    struct message_id first = last.new_id;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(resend(fixture, request), ERROR_NONE);
        assert_true(idempotency.replayed);
        assert_int_equal(idempotency.answer.status, 202);
        assert_resent_as(fixture, &id, &first);
    }
    idempotency.request_hash[0] ^= 1;
    assert_int_equal(resend(fixture, request), ERROR_IDEMPOTENCY_KEY_REUSED);
    assert_int_equal(count_messages(fixture), 3);
    buffer_fini(&idempotency.answer.body);
    assert_consistent(fixture);
}

UNIT_TESTS(STORE_TEST(a_message_without_a_result_is_resent),
           STORE_TEST(an_unknown_message_is_resent_only_by_who_accepts_a_duplicate),
           STORE_TEST(a_message_that_was_sent_or_may_still_be_is_not_resent),
           STORE_TEST(a_message_without_its_text_is_not_resent),
           STORE_TEST(a_resent_message_counts_for_every_limit),
           STORE_TEST(a_resend_with_a_key_creates_one_message))
