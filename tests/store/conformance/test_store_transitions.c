/* What the store tells of messages that moved: after the commit, in order, and nothing that did not stay. */
#include "common/model/message_id.h"
#include "tests/store/store_fixture.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { MOST = 64 };

static struct store_transition told[MOST];
static atomic_size_t told_count; /* the writer thread adds, and the test reads what was added */

static void take_moves(void *context, const struct store_transition *moves, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count && told_count < MOST; i++) {
        told[told_count] = moves[i];
        atomic_fetch_add(&told_count, 1);
    }
}

static int setup(void **state)
{
    int status = store_fixture_setup(state);
    struct store_fixture *fixture = *state;
    told_count = 0;
    fixture->options.moved = take_moves;
    store_fixture_reopen(fixture);
    return status;
}

/* The next move that is told, which may be a moment after the write is done. */
static const struct store_transition *next_move(size_t *seen)
{
    for (int i = 0; i < 5000 && told_count <= *seen; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_true(told_count > *seen);
    return &told[(*seen)++];
}

static void expect_move(size_t *seen, enum store_verb verb, enum message_status from,
                        enum message_status to, const char *device_id, const char *error_code)
{
    const struct store_transition *move = next_move(seen);
    assert_int_equal(move->verb, verb);
    assert_int_equal(move->from, from);
    assert_int_equal(move->to, to);
    assert_string_equal(move->device_id, device_id);
    assert_string_equal(move->error_code, error_code);
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
    struct store_holder slot = {.session = 7, .assured = true, .journal = journal};
    strcpy(slot.device_id, device_id);
    return slot;
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
    write.return_to_queue.id = *id;
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

static void moves_are_told_with_all_that_a_log_needs(void **state)
{
    struct store_fixture *fixture = *state;
    char text[REQUEST_ID_TEXT_SIZE];
    size_t seen = 0;
    struct message_id id = given_message_of_a_request(fixture);
    given_offer_to(fixture, "phone-1");
    const struct store_transition *move = next_move(&seen);
    assert_int_equal(move->verb, STORE_CLAIM);
    assert_int_equal(move->from, MESSAGE_QUEUED);
    assert_int_equal(move->to, MESSAGE_DISPATCHED);
    assert_int_equal(move->attempt, 1);
    assert_int_equal(move->session, 7);
    assert_true(message_id_equal(&move->id, &id));
    request_id_format(&move->request_id, text);
    assert_string_equal(text, request_id);
    assert_string_equal(move->device_id, "phone-1");

    struct store_write take_back = {.verb = STORE_RETURN_TO_QUEUE};
    take_back.return_to_queue.id = id;
    take_back.return_to_queue.attempt = 1;
    take_back.return_to_queue.refused = true;
    strcpy(take_back.return_to_queue.device_id, "phone-1");
    strcpy(take_back.return_to_queue.error_code, "no_sim");
    assert_int_equal(store_run(fixture->store, &take_back), ERROR_NONE);
    expect_move(&seen, STORE_RETURN_TO_QUEUE, MESSAGE_DISPATCHED, MESSAGE_QUEUED, "phone-1",
                "no_sim");
    assert_int_equal(told_count, seen);
}

static void a_move_that_brings_another_is_told_before_it(void **state)
{
    struct store_fixture *fixture = *state;
    size_t seen = 0;
    struct message_id id = given_message_of_a_request(fixture);
    for (int failures = 1; failures < STORE_MAX_FAILURES; failures++) {
        given_offer_to(fixture, "phone-1");
        next_move(&seen);
        assert_int_equal(given_refusal(fixture, &id, "phone-1"), ERROR_NONE);
        next_move(&seen);
        store_fixture_pass_ms(STORE_MAX_BACKOFF_MS);
    }
    given_offer_to(fixture, "phone-1");
    expect_move(&seen, STORE_CLAIM, MESSAGE_QUEUED, MESSAGE_DISPATCHED, "phone-1", "");
    assert_int_equal(given_refusal(fixture, &id, "phone-1"), ERROR_NONE);
    expect_move(&seen, STORE_RETURN_TO_QUEUE, MESSAGE_DISPATCHED, MESSAGE_QUEUED, "phone-1",
                "no_service");
    expect_move(&seen, STORE_RETURN_TO_QUEUE, MESSAGE_QUEUED, MESSAGE_FAILED, "", "no_service");
    assert_int_equal(told_count, seen);
}

static void what_changes_nothing_is_not_told(void **state)
{
    struct store_fixture *fixture = *state;
    size_t seen = 0;
    struct message_id id = given_message_of_a_request(fixture);
    const char *device_id = "phone-1";
    given_hand_over(fixture, &device_id, 1);
    next_move(&seen);
    assert_int_equal(given_report(fixture, &id, "phone-1", MESSAGE_SENT, NULL), ERROR_NONE);
    next_move(&seen);
    assert_int_equal(given_report(fixture, &id, "phone-1", MESSAGE_SENT, NULL), ERROR_NONE);
    assert_int_equal(given_report(fixture, &id, "phone-1", MESSAGE_SENDING, NULL), ERROR_NONE);
    assert_int_equal(given_report(fixture, &id, "phone-2", MESSAGE_SENT, NULL),
                     ERROR_MESSAGE_NOT_HELD);
    assert_int_equal(given_report(fixture, &id, "phone-1", MESSAGE_DELIVERED, NULL), ERROR_NONE);
    expect_move(&seen, STORE_REPORT, MESSAGE_SENT, MESSAGE_DELIVERED, "phone-1", "");
    assert_int_equal(told_count, seen);
}

#define MOVE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, store_fixture_teardown)

UNIT_TESTS(MOVE_TEST(request_ids_are_stored_and_read),
           MOVE_TEST(moves_are_told_with_all_that_a_log_needs),
           MOVE_TEST(a_move_that_brings_another_is_told_before_it),
           MOVE_TEST(what_changes_nothing_is_not_told))
