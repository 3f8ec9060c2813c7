/* Requests with an idempotency key: each creates once, and is answered as it was the first time. */
#include "tests/store/store_fixture.h"

#include <stdatomic.h>

/* A POST as the API writes it. */
struct request {
    struct message message;
    struct store_idempotency idempotency;
    struct store_write write;
    char answer[64]; /* that would be given; its address is in each */
};

static atomic_int answer_number;

static void prepare(struct request *request, const char *key, const char *body)
{
    *request = (struct request){
        .message = {.id = store_fixture_new_id(),
                    .phone_number = "+1234567890",
                    .text = (char *)"text",
                    .segments = 1},
        .idempotency = {.key_id = "key1", .answer = {.status = 202}},
        .write = {.verb = STORE_ENQUEUE,
                  .enqueue = {.message = &request->message,
                              .key_id = "key1",
                              .idempotency = &request->idempotency}},
    };
    struct store_answer *answer = &request->idempotency.answer;
    int number = ++answer_number;
    strcpy(request->idempotency.key, key);
    memcpy(request->idempotency.request_hash, body, MIN(strlen(body), (size_t)SECRET_HASH_BYTES));
    snprintf(answer->location, sizeof(answer->location), "/%d", number);
    buffer_init(&answer->body, 1000);
    buffer_append_format(&answer->body, "answer %d", number);
    snprintf(request->answer, sizeof(request->answer), "answer %d", number);
}

static struct request given_request(struct store_fixture *fixture, const char *key,
                                    const char *body)
{
    struct request request;
    prepare(&request, key, body);
    store_run(fixture->store, &request.write);
    return request;
}

static void discard(struct request *request)
{
    buffer_fini(&request->idempotency.answer.body);
}

static void assert_new(struct request *request)
{
    assert_int_equal(request->write.result, ERROR_NONE);
    assert_false(request->idempotency.replayed);
    discard(request);
}

static void assert_replayed(struct request *request, const struct request *first)
{
    const struct store_answer *answer = &request->idempotency.answer;
    assert_int_equal(request->write.result, ERROR_NONE);
    assert_true(request->idempotency.replayed);
    assert_int_equal(answer->status, 202);
    assert_string_equal(answer->location + 1, first->answer + strlen("answer "));
    assert_string_equal(answer->body.data, first->answer);
    assert_int_equal(answer->body.length, strlen(first->answer));
    discard(request);
}

static void a_repeated_request_creates_nothing_and_has_the_first_answer(void **state)
{
    struct store_fixture *fixture = *state;
    struct request first = given_request(fixture, "a", "body");
    assert_new(&first);
    for (int i = 0; i < 3; i++) {
        struct request again = given_request(fixture, "a", "body");
        assert_replayed(&again, &first);
        store_fixture_reopen(fixture);
    }
    assert_int_equal(count_messages(fixture), 1);
    assert_int_equal(stored_status(fixture, &first.message.id), MESSAGE_QUEUED);
    assert_consistent(fixture);
}

static void another_request_with_the_key_is_refused_and_creates_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct request first = given_request(fixture, "a", "body");
    struct request other = given_request(fixture, "a", "other body");
    assert_int_equal(other.write.result, ERROR_IDEMPOTENCY_KEY_REUSED);
    assert_false(other.idempotency.replayed);
    struct request again = given_request(fixture, "a", "body"); /* as if the other had not been */
    assert_replayed(&again, &first);
    assert_int_equal(count_messages(fixture), 1);
    discard(&first);
    discard(&other);
}

/* Neither shares a key with the first: a key of another API key, none, and others that look like it. */
static void keys_are_told_apart_in_all_their_bytes(void **state)
{
    struct store_fixture *fixture = *state;
    static const struct {
        const char *key_id, *key;
    } keys[] = {{"key1", "a"}, {"key2", "a"}, {"", "a"},         {"key1", "A"},   {"key1", "a "},
                {"key", "1a"}, {"", "aa"},    {"key1", "a\x7e"}, {"key1", "'\"%"}};
    char longest[2][STORE_IDEMPOTENCY_KEY_SIZE];
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        struct request request;
        prepare(&request, keys[i].key, "body");
        strcpy(request.idempotency.key_id, keys[i].key_id);
        store_run(fixture->store, &request.write);
        assert_new(&request);
    }
    for (size_t i = 0; i < 2; i++) {
        memset(longest[i], 'x', sizeof(longest[i]));
        longest[i][sizeof(longest[i]) - 2] = (char)('0' + i);
        longest[i][sizeof(longest[i]) - 1] = '\0';
        struct request request = given_request(fixture, longest[i], "body");
        assert_new(&request);
    }
    assert_int_equal(count_messages(fixture), ARRAY_LENGTH(keys) + 2);
}

static void a_key_without_an_api_key_is_known_again(void **state)
{
    struct store_fixture *fixture = *state;
    struct request requests[2];
    for (size_t i = 0; i < 2; i++) {
        prepare(&requests[i], "a", "body");
        strcpy(requests[i].idempotency.key_id, "");
        store_run(fixture->store, &requests[i].write);
    }
    assert_replayed(&requests[1], &requests[0]);
    assert_int_equal(count_messages(fixture), 1);
    assert_new(&requests[0]);
}

/* Such a message is inserted at once, and not in a group. */
static void a_message_with_options_has_its_key_too(void **state)
{
    struct store_fixture *fixture = *state;
    struct request requests[4];
    for (size_t i = 0; i < ARRAY_LENGTH(requests); i++) {
        prepare(&requests[i], i < 3 ? "a" : "b", "body");
        strcpy(requests[i].message.options.reference, "order 4711");
        store_run(fixture->store, &requests[i].write);
    }
    assert_replayed(&requests[1], &requests[0]);
    assert_replayed(&requests[2], &requests[0]);
    assert_new(&requests[0]);
    assert_new(&requests[3]);
    assert_int_equal(count_messages(fixture), 2);
    assert_consistent(fixture);
}

/* ---- Many at once ---- */

enum { MANY = 64 };

static struct request many[MANY];

static void count_down(struct store_write *write)
{
    atomic_fetch_sub((atomic_int *)write->owner, 1);
}

/* Submits them while another transaction runs, so that they share the next one, or few. */
static void run_together(struct store_fixture *fixture, size_t count)
{
    struct store_hold hold;
    atomic_int left = (int)count;
    store_hold_begin(&hold, fixture->store);
    for (size_t i = 0; i < count; i++) {
        many[i].write.done = count_down;
        many[i].write.owner = &left;
        assert_int_equal(store_submit(fixture->store, &many[i].write), ERROR_NONE);
    }
    store_hold_release(&hold);
    assert_int_equal(left, 0);
}

static void of_many_in_one_transaction_one_creates(void **state)
{
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < MANY; i++)
        prepare(&many[i], "a", "body");
    run_together(fixture, MANY);
    for (size_t i = 1; i < MANY; i++)
        assert_replayed(&many[i], &many[0]);
    assert_new(&many[0]);
    assert_int_equal(count_messages(fixture), 1);
    assert_consistent(fixture);
}

/* Five keys, each many times, among requests without one. */
static void keys_in_one_transaction_do_not_disturb_each_other(void **state)
{
    struct store_fixture *fixture = *state;
    enum { KEYS = 5 };
    static const char *const keys[KEYS] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < MANY; i++) {
        prepare(&many[i], keys[i % KEYS], "body");
        if (i % 7 == 6)
            many[i].write.enqueue.idempotency = NULL;
        if (i % 3 == 0)
            many[i].message.options.priority = MESSAGE_PRIORITY_HIGH;
    }
    run_together(fixture, MANY);
    size_t unkeyed = 0;
    for (size_t i = MANY - 1; i > 0; i--) {
        unkeyed += i % 7 == 6;
        if (i >= KEYS && i % 7 != 6)
            assert_replayed(&many[i], &many[i % KEYS]);
        else
            assert_new(&many[i]);
    }
    assert_new(&many[0]);
    assert_int_equal(count_messages(fixture), KEYS + unkeyed);
    assert_consistent(fixture);
}

/* In a full group and in one that is not: the message with the id that is taken is not there, its key names no answer, and
   the next request with it creates. */
static void a_key_is_not_there_without_its_message(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id taken = given_message(fixture, "+1234567890", "text");
    static const size_t counts[] = {1, 3, 8, 20};
    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
        char key[8];
        int64_t before = count_messages(fixture);
        snprintf(key, sizeof(key), "a%zu", i);
        for (size_t j = 0; j < counts[i]; j++) {
            char other[32];
            snprintf(other, sizeof(other), "%s-%zu", key, j);
            prepare(&many[j], j == 0 ? key : other, "body");
        }
        many[0].message.id = taken;
        run_together(fixture, counts[i]);
        assert_int_equal(many[0].write.result, ERROR_INTERNAL);
        discard(&many[0]);
        for (size_t j = 1; j < counts[i]; j++)
            assert_new(&many[j]);
        struct request next = given_request(fixture, key, "another body");
        assert_new(&next);
        assert_int_equal(count_messages(fixture), before + (int64_t)counts[i]);
    }
    assert_consistent(fixture);
}

/* The first of the transaction fails only when its group is inserted, after the second has been looked at. */
static void the_second_creates_where_the_first_of_its_transaction_fails(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id taken = given_message(fixture, "+1234567890", "text");
    for (size_t i = 0; i < 3; i++)
        prepare(&many[i], "a", "body");
    many[0].message.id = taken;
    run_together(fixture, 3);
    assert_int_equal(many[0].write.result, ERROR_INTERNAL);
    assert_replayed(&many[2], &many[1]);
    assert_new(&many[1]);
    discard(&many[0]);
    assert_int_equal(count_messages(fixture), 2);
    assert_consistent(fixture);
}

/* ---- Limits ---- */

static void a_refused_request_keeps_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    fixture->options.limits.recipient_daily_messages = 1;
    store_fixture_reopen(fixture);
    given_message(fixture, "+1234567890", "text");
    struct request refused = given_request(fixture, "a", "body");
    assert_int_equal(refused.write.result, ERROR_RECIPIENT_CAP_REACHED);
    discard(&refused);
    store_fixture_pass_ms(DAY_MS);
    struct request later = given_request(fixture, "a", "another body");
    assert_new(&later);
    assert_int_equal(count_messages(fixture), 2);
}

static void set_sending(struct store_fixture *fixture, bool pause)
{
    struct store_write write = {.verb = STORE_SET_SENDING, .set_sending.pause = pause};
    strcpy(write.set_sending.reason, "test");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static void replays_count_for_no_limit_and_come_also_while_sending_is_paused(void **state)
{
    struct store_fixture *fixture = *state;
    fixture->options.limits = (struct store_limits){
        .recipient_daily_messages = 2, .daily_messages = 2, .pause_after_messages = 2};
    store_fixture_reopen(fixture);
    struct request first = given_request(fixture, "a", "body");
    for (int i = 0; i < 10; i++) {
        struct request again = given_request(fixture, "a", "body");
        assert_replayed(&again, &first);
    }
    struct request second = given_request(fixture, "b", "body");
    assert_new(&second);
    struct request third = given_request(fixture, "c", "body");
    assert_int_equal(third.write.result, ERROR_DAILY_CAP_REACHED);
    discard(&third);
    set_sending(fixture, true);
    struct request again = given_request(fixture, "a", "body");
    assert_replayed(&again, &first);
    third = given_request(fixture, "c", "body");
    assert_int_equal(third.write.result, ERROR_SENDING_PAUSED);
    discard(&third);
    assert_new(&first);
    assert_int_equal(count_messages(fixture), 2);
    assert_consistent(fixture);
}

static void count_ring(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static void a_replay_is_no_work_for_the_broker(void **state)
{
    struct store_fixture *fixture = *state;
    atomic_int rings = 0;
    fixture->options.wake_broker = count_ring;
    fixture->options.context = &rings;
    store_fixture_reopen(fixture);
    struct request first = given_request(fixture, "a", "body");
    struct request again = given_request(fixture, "a", "body");
    assert_replayed(&again, &first);
    store_fixture_reopen(fixture); /* so that all batches have ended */
    assert_int_equal(rings, 1);
    assert_new(&first);
}

/* ---- How long ---- */

static struct store_write purge(struct store_fixture *fixture, int64_t message_age_ms)
{
    struct store_write write = {.verb = STORE_PURGE};
    write.purge.message_age_ms = message_age_ms;
    write.purge.limit = 10;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write;
}

static void a_key_is_known_for_a_day_and_then_purged(void **state)
{
    struct store_fixture *fixture = *state;
    struct request first = given_request(fixture, "a", "body");
    store_fixture_pass_ms(DAY_MS - 60000);
    assert_int_equal(purge(fixture, 0).purge.answers, 0);
    struct request again = given_request(fixture, "a", "body");
    assert_replayed(&again, &first);
    store_fixture_pass_ms(120000); /* from the first request on, not from the last replay */
    assert_int_equal(purge(fixture, 0).purge.answers, 1);
    struct request next = given_request(fixture, "a", "another body");
    assert_new(&next);
    assert_int_equal(count_messages(fixture), 2);
    assert_new(&first);
}

static void keys_are_purged_in_bounded_steps(void **state)
{
    struct store_fixture *fixture = *state;
    enum { OLD = 25, NEW = 3 };
    for (int i = 0; i < OLD + NEW; i++) {
        char key[8];
        snprintf(key, sizeof(key), "%d", i);
        if (i == OLD)
            store_fixture_pass_ms(DAY_MS + 1000);
        struct request request = given_request(fixture, key, "body");
        assert_new(&request);
    }
    static const int64_t removed[] = {10, 10, 5, 0};
    for (size_t i = 0; i < ARRAY_LENGTH(removed); i++) {
        struct store_write write = purge(fixture, 0);
        assert_int_equal(write.purge.answers, removed[i]);
        assert_int_equal(write.purge.more, removed[i] == 10);
    }
    struct request kept = given_request(fixture, "26", "another body");
    assert_int_equal(kept.write.result, ERROR_IDEMPOTENCY_KEY_REUSED);
    discard(&kept);
    assert_int_equal(count_messages(fixture), OLD + NEW);
}

/* Delivered, erased, purged: it was accepted, and that is the answer. */
static void the_answer_outlives_its_message(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const keys[] = {"erased", "purged"};
    struct request first[2], again;
    for (size_t i = 0; i < 2; i++) {
        first[i] = given_request(fixture, keys[i], "body");
        assert_int_equal(given_claim(fixture, (const char *const[]){"phone"}, 1), 1);
        assert_int_equal(
            given_report(fixture, &first[i].message.id, "phone", MESSAGE_DELIVERED, NULL),
            ERROR_NONE);
        again = given_request(fixture, keys[i], "body");
        assert_replayed(&again, &first[i]);
    }
    struct store_write erase = {.verb = STORE_ERASE, .erase.id = first[0].message.id};
    assert_int_equal(store_run(fixture->store, &erase), ERROR_NONE);
    store_fixture_pass_ms(2000);
    assert_int_equal(purge(fixture, 1000).purge.messages, 1);
    assert_int_equal(count_messages(fixture), 0);
    for (size_t i = 0; i < 2; i++) {
        again = given_request(fixture, keys[i], "body");
        assert_replayed(&again, &first[i]);
        discard(&first[i]);
    }
    assert_int_equal(count_messages(fixture), 0);
    assert_consistent(fixture);
}

/* ---- A request that is no longer valid ---- */

static enum error find_answer(struct store_fixture *fixture, struct request *request,
                              const char *key, const char *body)
{
    prepare(request, key, body);
    request->write = (struct store_write){.verb = STORE_FIND_ANSWER,
                                          .find_answer.idempotency = &request->idempotency};
    return store_run(fixture->store, &request->write);
}

static void an_answer_is_found_without_creating_anything(void **state)
{
    struct store_fixture *fixture = *state;
    struct request first = given_request(fixture, "a", "body"), found;
    assert_int_equal(find_answer(fixture, &found, "a", "body"), ERROR_NONE);
    assert_replayed(&found, &first);
    assert_int_equal(find_answer(fixture, &found, "a", "other"), ERROR_IDEMPOTENCY_KEY_REUSED);
    discard(&found);
    assert_int_equal(find_answer(fixture, &found, "b", "body"), ERROR_NONE);
    assert_false(found.idempotency.replayed);
    discard(&found);
    assert_int_equal(count_messages(fixture), 1);
    struct request later = given_request(fixture, "b", "body"); /* the search has kept nothing */
    assert_new(&later);
    discard(&first);
}

UNIT_TESTS(STORE_TEST(a_repeated_request_creates_nothing_and_has_the_first_answer),
           STORE_TEST(another_request_with_the_key_is_refused_and_creates_nothing),
           STORE_TEST(keys_are_told_apart_in_all_their_bytes),
           STORE_TEST(a_key_without_an_api_key_is_known_again),
           STORE_TEST(a_message_with_options_has_its_key_too),
           STORE_TEST(of_many_in_one_transaction_one_creates),
           STORE_TEST(keys_in_one_transaction_do_not_disturb_each_other),
           STORE_TEST(a_key_is_not_there_without_its_message),
           STORE_TEST(the_second_creates_where_the_first_of_its_transaction_fails),
           STORE_TEST(a_refused_request_keeps_nothing),
           STORE_TEST(replays_count_for_no_limit_and_come_also_while_sending_is_paused),
           STORE_TEST(a_replay_is_no_work_for_the_broker),
           STORE_TEST(a_key_is_known_for_a_day_and_then_purged),
           STORE_TEST(keys_are_purged_in_bounded_steps),
           STORE_TEST(the_answer_outlives_its_message),
           STORE_TEST(an_answer_is_found_without_creating_anything))
