/* Messages that are created together, counted together, cancelled together. */
#include "common/base/clock.h"
#include "tests/store/store_fixture.h"

#include <stdlib.h>

enum { MOST = STORE_MAX_BATCH_MESSAGES };

struct given_batch {
    struct message_id id;
    const char *external_id;
    size_t count, refused;
    struct message messages[MOST];
};

/* Messages to +49100000, +49100001, ...; a test may change them before it submits them. */
static struct given_batch *new_batch(size_t count)
{
    struct given_batch *batch = calloc(1, sizeof(*batch));
    assert_non_null(batch);
    batch->id = store_fixture_new_id();
    batch->count = count;
    for (size_t i = 0; i < count; i++) {
        struct message *message = &batch->messages[i];
        *message = (struct message){.id = store_fixture_new_id(),
                                    .batch_id = batch->id,
                                    .text = (char *)"a text",
                                    .segments = 1};
        snprintf(message->phone_number, sizeof(message->phone_number), "+49%06zu", i % 1000000);
    }
    return batch;
}

static enum error submit_with_key(struct store_fixture *fixture, struct given_batch *batch,
                                  const char *key_id, int64_t key_daily)
{
    struct store_write write = {.verb = STORE_ENQUEUE_BATCH,
                                .enqueue_batch = {.id = batch->id,
                                                  .messages = batch->messages,
                                                  .count = batch->count,
                                                  .key_daily_messages = key_daily}};
    strcpy(write.enqueue_batch.key_id, key_id);
    if (batch->external_id)
        strcpy(write.enqueue_batch.external_id, batch->external_id);
    enum error error = store_run(fixture->store, &write);
    batch->refused = write.enqueue_batch.refused;
    return error;
}

static enum error submit(struct store_fixture *fixture, struct given_batch *batch)
{
    return submit_with_key(fixture, batch, "", 0);
}

static struct message_id given_messages(struct store_fixture *fixture, size_t count)
{
    struct given_batch *batch = new_batch(count);
    struct message_id id = batch->id;
    assert_int_equal(submit(fixture, batch), ERROR_NONE);
    free(batch);
    return id;
}

static enum error find(struct store_fixture *fixture, const struct message_id *id,
                       struct store_batch *batch)
{
    return store_find_batch(fixture->reader, id, batch);
}

/* ---- Creating ---- */

static void all_messages_of_a_batch_are_there(void **state)
{
    static const size_t sizes[] = {1, 7, 8, 63, 64, 65, 1000};
    struct store_fixture *fixture = *state;
    size_t sum = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        struct given_batch *batch = new_batch(sizes[i]);
        struct message *last = &batch->messages[sizes[i] - 1];
        last->options = (struct message_options){.priority = MESSAGE_PRIORITY_HIGH,
                                                 .reference = "r"};
        assert_int_equal(submit_with_key(fixture, batch, "key", 0), ERROR_NONE);
        struct store_batch found;
        assert_int_equal(find(fixture, &batch->id, &found), ERROR_NONE);
        assert_int_equal(found.count, sizes[i]);
        assert_int_equal(found.counts[MESSAGE_QUEUED], sizes[i]);
        assert_int_equal(found.created_at_ms, message_id_time_ms(&batch->id));
        assert_string_equal(found.key_id, "key");
        struct message message = stored(fixture, &last->id);
        assert_string_equal(message.phone_number, last->phone_number);
        assert_string_equal(message.text, "a text");
        assert_memory_equal(&message.batch_id, &batch->id, MESSAGE_ID_BYTES);
        assert_int_equal(message.options.priority, MESSAGE_PRIORITY_HIGH);
        assert_string_equal(message.options.reference, "r");
        message_fini(&message);
        sum += sizes[i];
        assert_int_equal(count_messages(fixture), sum);
        free(batch);
    }
    store_fixture_reopen(fixture);
    assert_int_equal(count_messages_in(fixture, MESSAGE_QUEUED), sum);
    assert_consistent(fixture);
}

static void batches_are_listed_newest_first(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_batch page[3];
    struct message_id ids[5];
    size_t count = 1;
    assert_int_equal(store_list_batches(fixture->reader, NULL, 3, page, &count), ERROR_NONE);
    assert_int_equal(count, 0);
    for (size_t i = 0; i < 5; i++)
        ids[i] = given_messages(fixture, i + 1);
    const struct message_id *before = NULL;
    for (size_t left = 5; left > 0; left -= count) {
        assert_int_equal(store_list_batches(fixture->reader, before, 3, page, &count), ERROR_NONE);
        assert_int_equal(count, MIN(left, (size_t)3));
        for (size_t i = 0; i < count; i++) {
            assert_memory_equal(&page[i].id, &ids[left - 1 - i], MESSAGE_ID_BYTES);
            assert_int_equal(page[i].count, left - i);
            assert_int_equal(page[i].counts[MESSAGE_QUEUED], left - i);
        }
        before = &ids[left - count];
    }
    assert_int_equal(store_list_batches(fixture->reader, before, 3, page, &count), ERROR_NONE);
    assert_int_equal(count, 0);
}

static void the_messages_of_a_batch_are_listed_and_dispatched_in_their_order(void **state)
{
    struct store_fixture *fixture = *state;
    given_message(fixture, "+491", "another");
    struct given_batch *batch = new_batch(20);
    assert_int_equal(submit(fixture, batch), ERROR_NONE);
    struct store_query query = {.limit = 15, .batch_id = batch->id};
    struct store_page page;
    assert_int_equal(store_list_messages(fixture->reader, &query, &page), ERROR_NONE);
    assert_int_equal(page.total, 20);
    assert_int_equal(page.count, 15);
    for (size_t i = 0; i < page.count; i++)
        assert_memory_equal(&page.messages[i].id, &batch->messages[19 - i].id, MESSAGE_ID_BYTES);
    store_page_fini(&page);
    assert_int_equal(given_claim(fixture, (const char *const[]){"a", "b", "c"}, 3), 3);
    assert_int_equal(stored_status(fixture, &batch->messages[0].id), MESSAGE_ACCEPTED);
    assert_int_equal(stored_status(fixture, &batch->messages[1].id), MESSAGE_ACCEPTED);
    assert_int_equal(stored_status(fixture, &batch->messages[2].id), MESSAGE_QUEUED);
    struct store_batch found;
    assert_int_equal(find(fixture, &batch->id, &found), ERROR_NONE);
    assert_int_equal(found.counts[MESSAGE_QUEUED], 18);
    assert_int_equal(found.counts[MESSAGE_ACCEPTED], 2);
    assert_consistent(fixture);
    free(batch);
}

static void one_message_that_fails_undoes_the_batch(void **state)
{
    static const size_t places[] = {0, 3, 64, 99};
    struct store_fixture *fixture = *state;
    struct message_id taken = given_message(fixture, "+491", "the first with this id");
    fixture->options.limits = (struct store_limits){
        .recipient_daily_messages = 1000, .daily_messages = 1000, .pause_after_messages = 1000};
    store_fixture_reopen(fixture);
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        struct given_batch *batch = new_batch(100);
        struct store_batch found;
        batch->messages[places[i]].id = taken;
        assert_int_equal(submit_with_key(fixture, batch, "key", 1000), ERROR_INTERNAL);
        assert_int_equal(find(fixture, &batch->id, &found), ERROR_BATCH_NOT_FOUND);
        assert_int_equal(count_messages(fixture), 1);
        free(batch);
    }
    assert_in_file(fixture, "SELECT coalesce(sum(count), 0) FROM accepted", 0);
    assert_consistent(fixture);
}

/* Two processes may make ids with the same key in one millisecond. */
static void a_taken_key_moves_a_message_to_the_next(void **state)
{
    struct store_fixture *fixture = *state;
    struct given_batch *batch = new_batch(16);
    struct message_id other = batch->messages[3].id;
    other.bytes[15] ^= 1;
    assert_int_equal(enqueue_as(fixture, &other), ERROR_NONE);
    assert_int_equal(submit(fixture, batch), ERROR_NONE);
    assert_int_equal(count_messages(fixture), 17);
    assert_int_equal(stored_status(fixture, &batch->messages[3].id), MESSAGE_QUEUED);
    free(batch);
}

/* ---- Limits ---- */

static void a_batch_over_a_limit_is_refused_whole(void **state)
{
    static const struct {
        struct store_limits limits;
        int64_t key_daily;
        enum error error;
    } cases[] = {
        {{.daily_messages = 30}, 0, ERROR_DAILY_CAP_REACHED},
        {{0}, 30, ERROR_KEY_CAP_REACHED},
        {{.pause_after_messages = 30}, 0, ERROR_BURST_CAP_REACHED},
        {{.daily_messages = 30, .pause_after_messages = 90}, 90, ERROR_DAILY_CAP_REACHED},
    };
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(clock_wall_ms() / DAY_MS * DAY_MS + DAY_MS / 2);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        store_fixture_pass_ms(DAY_MS);
        fixture->options.limits = cases[i].limits;
        store_fixture_reopen(fixture);
        int64_t before = count_messages(fixture);
        struct given_batch *fits = new_batch(18), *exceeds = new_batch(13), *fills = new_batch(12),
                           *late = new_batch(1);
        assert_int_equal(submit_with_key(fixture, fits, "key", cases[i].key_daily), ERROR_NONE);
        assert_int_equal(submit_with_key(fixture, exceeds, "key", cases[i].key_daily),
                         cases[i].error);
        assert_int_equal(exceeds->refused, 12);
        assert_int_equal(count_messages(fixture), before + 18);
        assert_int_equal(submit_with_key(fixture, fills, "key", cases[i].key_daily), ERROR_NONE);
        assert_int_equal(submit_with_key(fixture, late, "key", cases[i].key_daily), cases[i].error);
        assert_int_equal(late->refused, 0);
        assert_int_equal(count_messages(fixture), before + 30);
        struct store_sending sending;
        assert_int_equal(store_read_sending(fixture->reader, &sending), ERROR_NONE);
        assert_int_equal(sending.paused_since_ms, 0);
        free(fits), free(exceeds), free(fills), free(late);
    }
    assert_consistent(fixture);
}

static void every_message_to_a_recipient_counts(void **state)
{
    struct store_fixture *fixture = *state;
    fixture->options.limits = (struct store_limits){.recipient_daily_messages = 3};
    store_fixture_reopen(fixture);
    struct given_batch *batch = new_batch(10);
    for (size_t i = 1; i < 9; i += 2) /* four to one number, of which the fourth is at 7 */
        strcpy(batch->messages[i].phone_number, "+49555");
    assert_int_equal(submit(fixture, batch), ERROR_RECIPIENT_CAP_REACHED);
    assert_int_equal(batch->refused, 7);
    assert_int_equal(count_messages(fixture), 0);
    assert_in_file(fixture, "SELECT count(*) FROM accepted", 0);
    strcpy(batch->messages[7].phone_number, "+49556");
    assert_int_equal(submit(fixture, batch), ERROR_NONE);
    assert_in_file(fixture, "SELECT count FROM accepted WHERE name = '+49555'", 3);
    free(batch);
}

static void a_batch_waits_for_no_pause_and_no_old_queue(void **state)
{
    struct store_fixture *fixture = *state;
    struct given_batch *batch = new_batch(5);
    struct store_write pause = {.verb = STORE_SET_SENDING, .set_sending.pause = true};
    assert_int_equal(store_run(fixture->store, &pause), ERROR_NONE);
    assert_int_equal(submit(fixture, batch), ERROR_SENDING_PAUSED);
    assert_int_equal(batch->refused, 0);
    pause.set_sending.pause = false;
    assert_int_equal(store_run(fixture->store, &pause), ERROR_NONE);
    given_message(fixture, "+491", "old");
    fixture->options.limits = (struct store_limits){.max_queue_age_ms = 1000};
    store_fixture_reopen(fixture);
    store_fixture_pass_ms(2000);
    assert_int_equal(submit(fixture, batch), ERROR_QUEUE_FULL);
    assert_int_equal(count_messages(fixture), 1);
    free(batch);
}

/* ---- Cancelling, removing ---- */

static struct store_cancel_batch cancel_piece(struct store_fixture *fixture,
                                              struct store_cancel_batch request)
{
    struct store_write write = {.verb = STORE_CANCEL_BATCH, .cancel_batch = request};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.cancel_batch;
}

static void a_batch_is_cancelled_in_pieces_as_far_as_it_can_be(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new(), id = given_messages(fixture, 25);
    struct store_batch found;
    given_claim(fixture, (const char *const[]){"phone"}, 1); /* basic: it may be sent at any time */
    given_offer(fixture, "assured", &journal);
    given_message(fixture, "+491", "another");
    for (int again = 0; again < 2; again++) {
        struct store_cancel_batch request = {.id = id, .limit = 10, .more = true};
        size_t cancelled = 0, asked = 0, too_late = 0, pieces = 0;
        for (; request.more; pieces++) {
            request = cancel_piece(fixture, request);
            cancelled += request.cancelled;
            asked += request.asked;
            too_late += request.too_late;
        }
        assert_int_equal(pieces, 3);
        assert_int_equal(cancelled, 24);
        assert_int_equal(asked, 0);
        assert_int_equal(too_late, 1);
    }
    assert_int_equal(find(fixture, &id, &found), ERROR_NONE);
    assert_int_equal(found.counts[MESSAGE_CANCELLED], 24);
    assert_int_equal(found.counts[MESSAGE_ACCEPTED], 1);
    assert_int_equal(count_messages_in(fixture, MESSAGE_QUEUED), 1);
    struct store_write unknown = {.verb = STORE_CANCEL_BATCH, .cancel_batch.limit = 10};
    unknown.cancel_batch.id = message_id_new();
    assert_int_equal(store_run(fixture->store, &unknown), ERROR_BATCH_NOT_FOUND);
    assert_consistent(fixture);
}

static void a_batch_goes_with_its_last_message(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id kept = given_messages(fixture, 1), id = given_messages(fixture, 12);
    struct store_batch found;
    given_claim(fixture, (const char *const[]){"phone"}, 1); /* the message of the other batch */
    cancel_piece(fixture, (struct store_cancel_batch){.id = id, .limit = 100});
    store_fixture_pass_ms(2 * (int64_t)DAY_MS);
    struct store_write purge = {.verb = STORE_PURGE};
    purge.purge.message_age_ms = DAY_MS;
    purge.purge.limit = 5;
    for (int left = 7; left > 0; left -= 5) {
        assert_int_equal(store_run(fixture->store, &purge), ERROR_NONE);
        assert_int_equal(find(fixture, &id, &found), ERROR_NONE);
        assert_int_equal(found.count, 12);
        assert_int_equal(found.counts[MESSAGE_CANCELLED], left);
    }
    assert_int_equal(store_run(fixture->store, &purge), ERROR_NONE);
    assert_int_equal(find(fixture, &id, &found), ERROR_BATCH_NOT_FOUND);
    assert_int_equal(find(fixture, &kept, &found), ERROR_NONE);
    assert_in_file(fixture, "SELECT count(*) FROM batch", 1);
}

/* ---- External ids ---- */

static enum error submit_named(struct store_fixture *fixture, const char *external_id, size_t count,
                               struct message_id *id)
{
    struct given_batch *batch = new_batch(count);
    batch->external_id = external_id;
    enum error error = submit(fixture, batch);
    *id = batch->id;
    free(batch);
    return error;
}

static void an_external_id_belongs_to_one_batch(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id first, other, taken;
    struct store_batch found;
    char external_id[STORE_EXTERNAL_ID_SIZE];
    assert_int_equal(submit_named(fixture, "order-1", 2, &first), ERROR_NONE);
    assert_int_equal(submit_named(fixture, NULL, 1, &other), ERROR_NONE); /* many have none */
    assert_int_equal(submit_named(fixture, NULL, 1, &other), ERROR_NONE);
    assert_int_equal(submit_named(fixture, "order-1", 5, &taken), ERROR_EXTERNAL_ID_TAKEN);
    assert_int_equal(count_messages(fixture),
                     4); /* nothing of it is there, and it counts for no limit */
    store_fixture_reopen(fixture);
    assert_int_equal(submit_named(fixture, "order-1", 1, &taken), ERROR_EXTERNAL_ID_TAKEN);
    assert_int_equal(store_find_external_batch(fixture->reader, "order-1", &found), ERROR_NONE);
    assert_memory_equal(&found.id, &first, MESSAGE_ID_BYTES);
    assert_string_equal(found.external_id, "order-1");
    assert_int_equal(found.counts[MESSAGE_QUEUED], 2);
    assert_int_equal(store_find_external_batch(fixture->reader, "order-2", &found),
                     ERROR_BATCH_NOT_FOUND);
    assert_int_equal(store_read_external_id(fixture->reader, &first, external_id), ERROR_NONE);
    assert_string_equal(external_id, "order-1");
    assert_int_equal(store_read_external_id(fixture->reader, &other, external_id), ERROR_NONE);
    assert_string_equal(external_id, "");

    /* It is free again when the batch is gone. */
    cancel_piece(fixture, (struct store_cancel_batch){.id = first, .limit = 100});
    store_fixture_pass_ms(2 * (int64_t)DAY_MS);
    struct store_write purge = {.verb = STORE_PURGE};
    purge.purge.message_age_ms = DAY_MS;
    purge.purge.limit = 100;
    assert_int_equal(store_run(fixture->store, &purge), ERROR_NONE);
    assert_int_equal(submit_named(fixture, "order-1", 1, &taken), ERROR_NONE);
    assert_consistent(fixture);
}

static bool has_cancelled(const int64_t counts[MESSAGE_STATUS_COUNT], int wanted)
{
    return counts[MESSAGE_CANCELLED] == wanted;
}

/* The external ids on a page, as one text. */
static int64_t list_names(struct store_fixture *fixture, const struct store_external_query *query,
                          char names[64])
{
    struct store_batch page[8];
    size_t count = 9;
    int64_t total = 9;
    assert_int_equal(store_list_external_batches(fixture->reader, query, page, &count, &total),
                     ERROR_NONE);
    names[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(names, page[i].external_id);
        assert_int_equal(page[i].counts[MESSAGE_QUEUED] + page[i].counts[MESSAGE_ACCEPTED] +
                             page[i].counts[MESSAGE_CANCELLED],
                         page[i].count);
    }
    return total;
}

static void batches_with_an_external_id_are_listed(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[4], other;
    int64_t created_at_ms[4];
    static const char *const names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(submit_named(fixture, names[i], 2, &ids[i]), ERROR_NONE);
        assert_int_equal(submit_named(fixture, NULL, 1, &other), ERROR_NONE);
        created_at_ms[i] = message_id_time_ms(&ids[i]);
        store_fixture_pass_ms(1000);
    }
    given_claim(fixture, (const char *const[]){"phone"}, 1); /* of "a" */
    cancel_piece(fixture, (struct store_cancel_batch){.id = ids[2], .limit = 100});
    const struct {
        struct store_external_query query;
        const char *names;
        int64_t total;
    } rows[] = {
        {{.limit = 8}, "dcba", 4},
        {{.limit = 8, .oldest_first = true}, "abcd", 4},
        {{.limit = 2}, "dc", 4},
        {{.limit = 2, .offset = 1}, "cb", 4},
        {{.limit = 2, .offset = 3}, "a", 4},
        {{.limit = 2, .offset = 9}, "", 4},
        {{.limit = 8, .device_id = "phone"}, "a", 1},
        {{.limit = 8, .device_id = "none"}, "", 0},
        {{.limit = 8, .has_created_after = true, .created_after_ms = created_at_ms[1]}, "dcb", 3},
        {{.limit = 8, .has_created_before = true, .created_before_ms = created_at_ms[1]}, "a", 1},
        {{.limit = 8, .matches = has_cancelled, .wanted = 2}, "c", 1},
        {{.limit = 1, .matches = has_cancelled, .offset = 1}, "b", 3},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char found[64];
        assert_int_equal(list_names(fixture, &rows[i].query, found), rows[i].total);
        assert_string_equal(found, rows[i].names);
    }
}

/* ---- Beside other writes ---- */

struct noted_write {
    struct store_write write;
    struct message message;
    int *next, at;
};

static void note_turn(struct store_write *write)
{
    struct noted_write *noted = write->owner;
    noted->at = (*noted->next)++;
}

/* While one transaction is held, batches are submitted first and other writes after them. */
static void another_write_waits_for_one_batch_at_most(void **state)
{
    enum { BATCHES = 3, OTHERS = 5 };
    struct store_fixture *fixture = *state;
    static struct noted_write writes[BATCHES + OTHERS];
    struct given_batch *batches[BATCHES];
    struct store_hold hold;
    int next = 0;
    store_hold_begin(&hold, fixture->store);
    for (int i = 0; i < BATCHES + OTHERS; i++) {
        struct noted_write *one = &writes[i];
        *one = (struct noted_write){.next = &next};
        if (i < BATCHES) {
            batches[i] = new_batch(MOST / 4);
            one->write = (struct store_write){.verb = STORE_ENQUEUE_BATCH,
                                              .enqueue_batch = {.id = batches[i]->id,
                                                                .messages = batches[i]->messages,
                                                                .count = batches[i]->count}};
        } else {
            one->message = (struct message){.id = message_id_new(), .phone_number = "+491"};
            one->message.text = (char *)"x";
            one->write = (struct store_write){.verb = STORE_ENQUEUE,
                                              .enqueue.message = &one->message};
        }
        one->write.done = note_turn;
        one->write.owner = one;
        assert_int_equal(store_submit(fixture->store, &one->write), ERROR_NONE);
    }
    store_hold_release(&hold);
    store_fixture_reopen(fixture); /* after all of them */
    assert_int_equal(next, BATCHES + OTHERS);
    for (int i = 0; i < BATCHES + OTHERS; i++)
        assert_int_equal(writes[i].write.result, ERROR_NONE);
    for (int i = BATCHES; i < BATCHES + OTHERS; i++) {
        assert_true(writes[i].at > writes[0].at);
        assert_true(writes[i].at < writes[1].at);
    }
    for (int i = 0; i < BATCHES; i++)
        free(batches[i]);
}

UNIT_TESTS(STORE_TEST(all_messages_of_a_batch_are_there),
           STORE_TEST(batches_are_listed_newest_first),
           STORE_TEST(the_messages_of_a_batch_are_listed_and_dispatched_in_their_order),
           STORE_TEST(one_message_that_fails_undoes_the_batch),
           STORE_TEST(a_taken_key_moves_a_message_to_the_next),
           STORE_TEST(a_batch_over_a_limit_is_refused_whole),
           STORE_TEST(every_message_to_a_recipient_counts),
           STORE_TEST(a_batch_waits_for_no_pause_and_no_old_queue),
           STORE_TEST(a_batch_is_cancelled_in_pieces_as_far_as_it_can_be),
           STORE_TEST(a_batch_goes_with_its_last_message),
           STORE_TEST(an_external_id_belongs_to_one_batch),
           STORE_TEST(batches_with_an_external_id_are_listed),
           STORE_TEST(another_write_waits_for_one_batch_at_most))
