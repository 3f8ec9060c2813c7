/* Why messages wait. */
#include "tests/store/store_fixture.h"

#include <string.h>

static const struct message_id broker = {{1}};

static int64_t connect_phone(struct store_fixture *fixture)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, "phone");
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.broker = broker;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.connect.connection_epoch;
}

static void disconnect_phone(struct store_fixture *fixture, int64_t epoch)
{
    struct store_write write = {.verb = STORE_DEVICE_DISCONNECT};
    strcpy(write.disconnect.device_id, "phone");
    write.disconnect.connection_epoch = epoch;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static enum message_wait_reason reason_of(struct store_reader *reader, const struct message_id *id)
{
    struct message message = {0};
    assert_int_equal(store_find_message(reader, id, &message), ERROR_NONE);
    message_fini(&message);
    return message.wait.reason;
}

/* Each thread of a program has one, and a client's requests come to any. What is said may be a second old, but it does not go back
   to what was said before. */
static void no_reader_contradicts_what_another_has_said(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_reader *other;
    given_lease(fixture, &broker, 60000);
    int64_t epoch = connect_phone(fixture);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    assert_int_equal(reason_of(fixture->reader, &id), MESSAGE_WAIT_NONE);
    disconnect_phone(fixture, epoch);
    assert_int_equal(store_reader_open(fixture->store, &other), ERROR_NONE);
    bool was_offline = reason_of(other, &id) == MESSAGE_WAIT_DEVICE_OFFLINE;
    bool is_offline = reason_of(fixture->reader, &id) == MESSAGE_WAIT_DEVICE_OFFLINE;
    assert_true(is_offline || !was_offline);
    store_reader_close(other);
}

static void what_waits_for_its_time_waits_for_a_pause_to_end_as_well(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t counts[MESSAGE_WAIT_COUNT];
    struct message message = {.id = store_fixture_new_id(),
                              .phone_number = "+1234567890",
                              .text = (char *)"text",
                              .segments = 1};
    message.options.send_at_ms = store_fixture_now_ms() + DAY_MS;
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    write = (struct store_write){.verb = STORE_SET_SENDING, .set_sending.pause = true};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(store_count_waits(fixture->reader, STORE_MAX_COUNTED, counts), ERROR_NONE);
    assert_int_equal(counts[MESSAGE_WAIT_PAUSED], 1);
    assert_int_equal(counts[MESSAGE_WAIT_SCHEDULED], 0);
}

UNIT_TESTS(STORE_TEST(no_reader_contradicts_what_another_has_said),
           STORE_TEST(what_waits_for_its_time_waits_for_a_pause_to_end_as_well))
