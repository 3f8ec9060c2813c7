/* Lists of messages: pages, cursors, filters. */
#include "tests/store/store_fixture.h"

#include <stdatomic.h>
#include <stdlib.h>

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

/* Two processes can make such ids in the same millisecond. */
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
    assert_int_equal(enqueue_as(fixture, &third), ERROR_INTERNAL); /* a third has no place */
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

static void a_page_tells_whether_there_are_older_and_newer_ones(void **state)
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

    /* At an offset, and towards older messages, the page keeps those nearest to its beginning. */
    struct store_query query = {.limit = 9, .max_text_bytes = 8};
    assert_page(fixture, &query, ids, (int[]){4, 3}, 2, 5);
    query.offset = 1;
    assert_page(fixture, &query, ids, (int[]){3}, 1, 5);
    query.offset = 2; /* a page has one message at least */
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
    given_claim(fixture, phones, 4); /* 0..3 to phone 1, 2, 1, 2 */
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
    struct message_id ids[10];
    for (int i = 0; i < 9; i++)
        ids[i] = given_message(fixture, i % 3 == 0 ? "+1111111111" : "+2222222222", "text");
    given_claim(fixture, phones, 3); /* 0, 1 and 2 */
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

    struct message urgent = {.id = ids[9] = store_fixture_new_id(),
                             .phone_number = "+1111111111",
                             .text = (char *)"text",
                             .segments = 1,
                             .options.priority = MESSAGE_PRIORITY_HIGH};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &urgent};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    query = (struct store_query){.limit = 3, .phone_number = "+1111111111"};
    assert_page(fixture, &query, ids, (int[]){9, 6, 3}, 3, 4);
    query.has_status = true;
    assert_page(fixture, &query, ids, (int[]){9, 6, 3}, 3, 3);
}

static void count_done(struct store_write *write)
{
    assert_int_equal(write->result, ERROR_NONE);
    atomic_fetch_add((atomic_int *)write->owner, 1);
}

/* Queues messages to another number, older than all others. */
static void given_older(struct store_fixture *fixture, int count)
{
    enum { AT_ONCE = 1000 };
    static struct store_write writes[AT_ONCE];
    static struct message messages[AT_ONCE];
    atomic_int done = 0;
    assert_int_equal(count % AT_ONCE, 0);
    for (int i = 0; i < count; i++) {
        struct message *message = &messages[i % AT_ONCE];
        *message = (struct message){.id = message_id_first_at(1700000000000 + i),
                                    .phone_number = "+2222222222",
                                    .text = (char *)"x",
                                    .segments = 1};
        struct store_write *write = &writes[i % AT_ONCE];
        *write = (struct store_write){
            .verb = STORE_ENQUEUE, .enqueue.message = message, .done = count_done, .owner = &done};
        assert_int_equal(store_submit(fixture->store, write), ERROR_NONE);
        struct store_write last = {.verb = STORE_PROBE}; /* writes run in order */
        if (i % AT_ONCE == AT_ONCE - 1)
            assert_int_equal(store_run(fixture->store, &last), ERROR_NONE);
    }
    assert_int_equal(atomic_load(&done), count);
}

static void a_long_queue_is_listed_like_a_short_one(void **state)
{
    enum { SHORT = 5, LONG = 11000 };
    struct store_fixture *fixture = *state;
    struct message_id ids[SHORT];
    for (int i = 0; i < SHORT; i++)
        ids[i] = given_message(fixture, "+1111111111", "text");
    given_claim(fixture, (const char *const[]){"phone-1"}, 1);
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
        given_older(fixture, LONG);
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

/* ---- The history of a message ---- */

static void assert_history(struct store_fixture *fixture, const struct message_id *id,
                           int64_t after, size_t limit, const enum message_status *statuses,
                           size_t expected)
{
    struct message_event *events = NULL;
    size_t count = 0;
    assert_int_equal(store_read_history(fixture->reader, id, after, limit, &events, &count),
                     ERROR_NONE);
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(events[i].status, statuses[(size_t)after + i]);
        assert_int_equal(events[i].attempt, events[i].status != MESSAGE_QUEUED);
        assert_int_equal(events[i].reason, events[i].status == MESSAGE_QUEUED ? TRANSITION_CREATED
                                           : events[i].status == MESSAGE_ACCEPTED
                                               ? TRANSITION_CLAIMED
                                               : TRANSITION_REPORTED);
        assert_string_equal(events[i].device_id,
                            events[i].status == MESSAGE_QUEUED ? "" : "phone-1");
    }
    free(events);
}

static void a_history_is_read_in_order_and_in_pages(void **state)
{
    static const enum message_status statuses[] = {MESSAGE_QUEUED, MESSAGE_ACCEPTED, MESSAGE_SENT,
                                                   MESSAGE_DELIVERED};
    struct store_fixture *fixture = *state;
    bool changed;
    struct message_event *events = NULL;
    size_t count;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_claim(fixture, (const char *[]){"phone-1"}, 1);
    for (size_t i = 2; i < ARRAY_LENGTH(statuses); i++)
        assert_int_equal(given_report(fixture, &id, "phone-1", statuses[i], &changed), ERROR_NONE);
    for (size_t after = 0; after <= ARRAY_LENGTH(statuses) + 1; after++) {
        size_t left = ARRAY_LENGTH(statuses) - MIN(after, ARRAY_LENGTH(statuses));
        for (size_t limit = 1; limit <= ARRAY_LENGTH(statuses) + 1; limit++)
            assert_history(fixture, &id, (int64_t)after, limit, statuses, MIN(left, limit));
    }
    struct message_id nobodys = message_id_new();
    for (int64_t after = 0; after < 2; after++) {
        assert_int_equal(store_read_history(fixture->reader, &nobodys, after, 10, &events, &count),
                         ERROR_MESSAGE_NOT_FOUND);
        free(events);
    }
}

UNIT_TESTS(STORE_TEST(pages_are_newest_first_from_either_end),
           STORE_TEST(messages_whose_ids_have_the_same_number_are_two),
           STORE_TEST(a_page_tells_whether_there_are_older_and_newer_ones),
           STORE_TEST(a_page_ends_where_its_texts_are_too_long), STORE_TEST(filters_go_together),
           STORE_TEST(a_number_is_found_in_the_queue_and_outside_it),
           STORE_TEST(a_long_queue_is_listed_like_a_short_one),
           STORE_TEST(times_bound_a_list_on_both_sides),
           STORE_TEST(a_history_is_read_in_order_and_in_pages))
