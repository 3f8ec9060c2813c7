/* Transactions of the memory backend without a store around them: what stays of one that is lost. */
#include "common/store/memory/memory.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { NOW_MS = 1700000000 };

static struct memory_tables tables;
static struct store_database database;

static void ignore_transitions(void *context, const struct store_transition *moves, size_t count)
{
    (void)context, (void)moves, (void)count;
}

static int setup(void **state)
{
    (void)state;
    struct store_options options = {.limits = {.daily_messages = 9, .device_daily_segments = 9},
                                    .publish_transitions = ignore_transitions};
    memory_tables_init(&tables);
    memory_database_init(&database, &tables, &options);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    memory_database_fini(&database);
    memory_tables_fini(&tables);
    return 0;
}

static enum error run(struct store_write *write)
{
    memory_run(&database, write);
    return write->result;
}

static struct message_id enqueue(void)
{
    struct message message = {.id = message_id_new(),
                              .phone_number = "+491511234567",
                              .text = (char[]){"text"},
                              .segments = 1};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(run(&write), ERROR_NONE);
    return message.id;
}

static void connect(const char *extra)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, "phone");
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.info.extra = (char *)extra;
    assert_int_equal(run(&write), ERROR_NONE);
}

static void claim(void)
{
    struct store_holder slot = {.connection_epoch = 1, .device_id = "phone"};
    struct message message = {0};
    struct store_write write = {.verb = STORE_CLAIM,
                                .claim = {.slot_count = 1, .slots = &slot, .messages = &message}};
    assert_int_equal(run(&write), ERROR_NONE);
    assert_int_equal(write.claim.message_count, 1);
    message_fini(&message);
}

static void report(const struct message_id *id, enum message_status status)
{
    struct store_write write = {.verb = STORE_REPORT};
    write.report.ref.id = *id;
    write.report.seq = -1;
    write.report.status = status;
    strcpy(write.report.holder.device_id, "phone");
    strcpy(write.report.error_code, status == MESSAGE_FAILED ? "why" : "");
    assert_int_equal(run(&write), ERROR_NONE);
    assert_true(write.report.changed);
}

static void purge(void)
{
    struct store_write write = {.verb = STORE_PURGE};
    write.purge.text_age_ms = write.purge.message_age_ms = -INT64_C(4000000000000);
    write.purge.limit = 10;
    assert_int_equal(run(&write), ERROR_NONE);
    assert_int_equal(write.purge.messages, 1);
}

static void assert_message(const struct message_id *id, enum message_status status,
                           int64_t event_count, const char *error_code)
{
    const struct memory_message *message = memory_find_message(&tables, id);
    assert_non_null(message);
    assert_int_equal(message->row.status, status);
    assert_int_equal(message->row.event_count, event_count);
    assert_string_equal(message->error ? message->error->error_code : "", error_code);
    assert_string_equal(message->text, "text");
    struct message_event *events;
    size_t count;
    assert_int_equal(memory_read_history(&tables, id, 0, 100, &events, &count), ERROR_NONE);
    assert_int_equal(count, event_count);
    assert_int_equal(events[count - 1].status, status);
    free(events);
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
        assert_int_equal(tables.messages_in[i].count, i == (int)status);
}

static void a_lost_transaction_leaves_nothing(void **state)
{
    (void)state;
    memory_begin(&database, NOW_MS);
    enqueue();
    connect("{}");
    claim();
    memory_roll_back(&database);
    const struct table *const all[] = {&tables.messages, &tables.devices,  &tables.accepted,
                                       &tables.sending,  &tables.tokens,   &tables.keys,
                                       &tables.brokers,  &tables.pairings, &tables.device_uses};
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        assert_int_equal(all[i]->count, 0);
    assert_int_equal(database.transaction.transition_count, 0);
}

static void a_lost_transaction_leaves_what_was_committed(void **state)
{
    (void)state;
    memory_begin(&database, NOW_MS);
    struct message_id id = enqueue();
    connect("{\"a\":1}");
    claim();
    assert_int_equal(memory_commit(&database), ERROR_NONE);
    assert_message(&id, MESSAGE_ACCEPTED, 2, "");

    memory_begin(&database, NOW_MS);
    report(&id, MESSAGE_FAILED);
    assert_message(&id, MESSAGE_FAILED, 3, "why");
    report(&id, MESSAGE_DELIVERED);
    connect("{\"b\":2}");
    purge();
    assert_null(memory_find_message(&tables, &id));
    memory_roll_back(&database);
    assert_message(&id, MESSAGE_ACCEPTED, 2, "");
    const struct memory_device *device = table_find(&tables.devices, "phone");
    assert_string_equal(device->info.extra, "{\"a\":1}");
    assert_int_equal(device->connection_epoch, 1);

    memory_begin(&database, NOW_MS);
    report(&id, MESSAGE_FAILED);
    assert_int_equal(memory_commit(&database), ERROR_NONE);
    assert_message(&id, MESSAGE_FAILED, 3, "why");
    memory_begin(&database, NOW_MS);
    purge();
    assert_int_equal(memory_commit(&database), ERROR_NONE);
    assert_int_equal(tables.messages.count, 0);
}

/* Rows that come in any order, and go. */
static void messages_are_in_the_order_of_their_ids(void **state)
{
    enum { COUNT = 1000 };
    (void)state;
    memory_begin(&database, NOW_MS);
    for (unsigned i = 0; i < COUNT; i++) {
        struct message message = {.id = message_id_first_at((i * 7919) % COUNT),
                                  .phone_number = "+491511234567",
                                  .text = (char[]){"text"}};
        assert_int_equal(memory_message_rows.insert(&database, &message, NULL), ERROR_NONE);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        const struct memory_message *message = tables.messages.rows[i];
        assert_int_equal(message_id_time_ms(&message->row.id), i);
        assert_ptr_equal(tables.messages_in[MESSAGE_QUEUED].rows[i], message);
    }
    memory_roll_back(&database);
    assert_int_equal(tables.messages.count + tables.messages_in[MESSAGE_QUEUED].count, 0);
}

#define MEMORY_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

UNIT_TESTS(MEMORY_TEST(a_lost_transaction_leaves_nothing),
           MEMORY_TEST(a_lost_transaction_leaves_what_was_committed),
           MEMORY_TEST(messages_are_in_the_order_of_their_ids))
