/* The transitions that the store publishes: after the commit, in order, and none that was undone. */
#include "common/model/message_id.h"
#include "tests/store/store_fixture.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { MOST = 64 };

static struct store_transition transitions[MOST];
static atomic_size_t transition_count; /* the writer thread adds, the test reads */

static void take_transitions(void *context, const struct store_transition *moves, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count && transition_count < MOST; i++) {
        transitions[transition_count] = moves[i];
        atomic_fetch_add(&transition_count, 1);
    }
}

static int setup(void **state)
{
    int status = store_fixture_setup(state);
    struct store_fixture *fixture = *state;
    transition_count = 0;
    fixture->options.publish_transitions = take_transitions;
    store_fixture_reopen(fixture);
    return status;
}

/* The next transition. It may be published a moment after the write is done. */
static const struct store_transition *next_transition(size_t *seen)
{
    for (int i = 0; i < 5000 && transition_count <= *seen; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_true(transition_count > *seen);
    return &transitions[(*seen)++];
}

static void expect_transition(size_t *seen, enum transition_reason reason, enum message_status from,
                              enum message_status to, const char *device_id, const char *error_code)
{
    const struct store_transition *transition = next_transition(seen);
    assert_int_equal(transition->reason, reason);
    assert_int_equal(transition->from, from);
    assert_int_equal(transition->to, to);
    assert_string_equal(transition->device_id, device_id);
    assert_string_equal(transition->error_code, error_code);
}

static const char request_id[] = "5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e8";
static const struct message_id journal = {{1}};

static struct message_id given_message_of_a_request(struct store_fixture *fixture)
{
    struct message message = {.id = message_id_new(),
                              .request_id = request_id_parse(request_id),
                              .phone_number = "+1234567890",
                              .text = (char[]){"text"},
                              .segments = 1};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return message.id;
}

static struct store_holder phone(const char *device_id)
{
    struct store_holder slot = {.connection_epoch = 7, .assured = true, .journal = journal};
    strcpy(slot.device_id, device_id);
    return slot;
}

/* Its seventh connection is the one that phone() speaks of. */
static void given_phone(struct store_fixture *fixture)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT, .connect.info = DEVICE_INFO_UNKNOWN};
    write.connect.holder = phone("phone-1");
    do
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    while (write.connect.connection_epoch < 7);
}

static struct request_id given_offer_to(struct store_fixture *fixture, const char *device_id)
{
    struct store_holder slot = phone(device_id);
    struct message message = {0};
    struct store_write write = {.verb = STORE_CLAIM};
    write.claim.slot_count = 1;
    write.claim.slots = &slot;
    write.claim.messages = &message;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.claim.message_count, 1);
    message_fini(&message);
    return message.request_id;
}

static enum error given_refusal(struct store_fixture *fixture, const struct message_id *id,
                                const char *device_id)
{
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.ref.id = *id;
    write.return_to_queue.refused = true;
    strcpy(write.return_to_queue.device_id, device_id);
    strcpy(write.return_to_queue.error_code, "no_service");
    return store_run(fixture->store, &write);
}

static void request_ids_are_stored_and_read(void **state)
{
    struct store_fixture *fixture = *state;
    char text[REQUEST_ID_TEXT_SIZE];
    struct message_id id = given_message_of_a_request(fixture);
    given_phone(fixture);
    struct message message = stored(fixture, &id);
    request_id_format(&message.request_id, text);
    assert_string_equal(text, request_id);
    message_fini(&message);
    struct request_id given = given_offer_to(fixture, "phone-1");
    request_id_format(&given, text);
    assert_string_equal(text, request_id);
    assert_in_file(fixture, "SELECT length(request_id) FROM message", 16);

    struct message_id other = given_message(fixture, "+1234567890", "text");
    message = stored(fixture, &other);
    assert_true(request_id_is_none(&message.request_id));
    message_fini(&message);
    assert_in_file(fixture, "SELECT count(*) FROM message WHERE request_id IS NULL", 1);
}

static void transitions_have_all_that_a_log_line_needs(void **state)
{
    struct store_fixture *fixture = *state;
    char text[REQUEST_ID_TEXT_SIZE];
    size_t seen = 0;
    struct message_id id = given_message_of_a_request(fixture);
    given_phone(fixture);
    given_offer_to(fixture, "phone-1");
    const struct store_transition *transition = next_transition(&seen);
    assert_int_equal(transition->reason, TRANSITION_CLAIMED);
    assert_int_equal(transition->from, MESSAGE_QUEUED);
    assert_int_equal(transition->to, MESSAGE_DISPATCHED);
    assert_int_equal(transition->ref.attempt, 1);
    assert_int_equal(transition->connection_epoch, 7);
    assert_true(message_id_equal(&transition->ref.id, &id));
    request_id_format(&transition->request_id, text);
    assert_string_equal(text, request_id);
    assert_string_equal(transition->device_id, "phone-1");

    struct store_write take_back = {.verb = STORE_RETURN_TO_QUEUE};
    take_back.return_to_queue.ref = (struct message_ref){id, 1};
    take_back.return_to_queue.refused = true;
    strcpy(take_back.return_to_queue.device_id, "phone-1");
    strcpy(take_back.return_to_queue.error_code, "no_sim");
    assert_int_equal(store_run(fixture->store, &take_back), ERROR_NONE);
    expect_transition(&seen, TRANSITION_REFUSED, MESSAGE_DISPATCHED, MESSAGE_QUEUED, "phone-1",
                      "no_sim");
    assert_int_equal(transition_count, seen);
}

static void a_transition_that_causes_another_comes_before_it(void **state)
{
    struct store_fixture *fixture = *state;
    size_t seen = 0;
    struct message_id id = given_message_of_a_request(fixture);
    given_phone(fixture);
    for (int failures = 1; failures < STORE_MAX_FAILURES; failures++) {
        given_offer_to(fixture, "phone-1");
        next_transition(&seen);
        assert_int_equal(given_refusal(fixture, &id, "phone-1"), ERROR_NONE);
        next_transition(&seen);
        store_fixture_pass_ms(STORE_MAX_BACKOFF_MS);
    }
    given_offer_to(fixture, "phone-1");
    expect_transition(&seen, TRANSITION_CLAIMED, MESSAGE_QUEUED, MESSAGE_DISPATCHED, "phone-1", "");
    assert_int_equal(given_refusal(fixture, &id, "phone-1"), ERROR_NONE);
    expect_transition(&seen, TRANSITION_REFUSED, MESSAGE_DISPATCHED, MESSAGE_QUEUED, "phone-1",
                      "no_service");
    expect_transition(&seen, TRANSITION_TOO_MANY_FAILURES, MESSAGE_QUEUED, MESSAGE_FAILED, "",
                      "no_service");
    assert_int_equal(transition_count, seen);
}

static void a_write_that_changes_nothing_makes_no_transition(void **state)
{
    struct store_fixture *fixture = *state;
    size_t seen = 0;
    struct message_id id = given_message_of_a_request(fixture);
    given_phone(fixture);
    const char *device_id = "phone-1";
    given_claim(fixture, &device_id, 1);
    next_transition(&seen);
    assert_int_equal(given_report(fixture, &id, "phone-1", MESSAGE_SENT, NULL), ERROR_NONE);
    next_transition(&seen);
    assert_int_equal(given_report(fixture, &id, "phone-1", MESSAGE_SENT, NULL), ERROR_NONE);
    assert_int_equal(given_report(fixture, &id, "phone-1", MESSAGE_SENDING, NULL), ERROR_NONE);
    assert_int_equal(given_report(fixture, &id, "phone-2", MESSAGE_SENT, NULL),
                     ERROR_MESSAGE_NOT_HELD);
    assert_int_equal(given_report(fixture, &id, "phone-1", MESSAGE_DELIVERED, NULL), ERROR_NONE);
    expect_transition(&seen, TRANSITION_REPORTED, MESSAGE_SENT, MESSAGE_DELIVERED, "phone-1", "");
    assert_int_equal(transition_count, seen);
}

#define TRANSITION_TEST(test) cmocka_unit_test_setup_teardown(test, setup, store_fixture_teardown)

UNIT_TESTS(TRANSITION_TEST(request_ids_are_stored_and_read),
           TRANSITION_TEST(transitions_have_all_that_a_log_line_needs),
           TRANSITION_TEST(a_transition_that_causes_another_comes_before_it),
           TRANSITION_TEST(a_write_that_changes_nothing_makes_no_transition))
