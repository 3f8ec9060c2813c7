#include "api-fcgi/webhook/core/receiver.h"

#include "api-fcgi/webhook/core/retry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HTTP_GONE = 410, HTTP_TOO_MANY_REQUESTS = 429, HTTP_UNAVAILABLE = 503 };

static const int64_t disable_after_ms = (int64_t)3 * 24 * 3600 * 1000;

struct receiver *receiver_new(int64_t cursor, const struct receiver_health *health)
{
    struct receiver *receiver = calloc(1, sizeof(*receiver));
    if (!receiver)
        return NULL;
    event_cursor_init(&receiver->cursor, cursor);
    receiver->health = *health;
    if (health->is_open)
        receiver->failed_probes = health->failures - MIN(health->failures, RECEIVER_FAILURES);
    return receiver;
}

void receiver_free(struct receiver *receiver)
{
    if (!receiver)
        return;
    delivery_queue_fini(&receiver->queue);
    free(receiver->results);
    free(receiver);
}

/* ---- Results ---- */

/* The entry for one more result; NULL without memory. receiver_take leaves room for all that are in flight. */
static struct receiver_result *add_result(struct receiver *receiver,
                                          const struct delivery *delivery, enum result_state state)
{
    if (receiver->result_count == receiver->result_capacity) {
        size_t capacity = MAX(2 * receiver->result_capacity, (size_t)16);
        struct receiver_result *results = realloc(receiver->results, capacity * sizeof(*results));
        if (!results)
            return NULL;
        receiver->results = results;
        receiver->result_capacity = capacity;
    }
    struct receiver_result *result = &receiver->results[receiver->result_count++];
    *result = (struct receiver_result){
        .event_id = delivery->event_id,
        .event_type = delivery->event_type,
        .event_at_ms = delivery->event_at_ms,
        .message_id = delivery->message_id,
        .state = state,
        .tries = delivery->tries,
        .was_hurried = delivery->was_hurried,
        .due_ms = delivery->due_ms,
    };
    return result;
}

static void add_tried(struct receiver *receiver, const struct delivery *delivery,
                      enum result_state state, int64_t now_ms)
{
    struct receiver_result *result = add_result(receiver, delivery, state);
    if (!result)
        return; /* the event is not settled, and is delivered once more after a restart */
    result->tried_at_ms = now_ms;
    result->status = receiver->health.last_status;
    memcpy(result->problem, receiver->health.last_problem, sizeof(result->problem));
}

/* The row of a delivery that waits for an earlier one of its message, so that the cursor can go on. */
static void store_follower(struct receiver *receiver, struct delivery *delivery, int64_t due_ms)
{
    delivery->due_ms = due_ms;
    if (add_result(receiver, delivery, RESULT_WAITING))
        delivery_queue_mark_stored(&receiver->queue, delivery);
}

size_t receiver_begin_note(struct receiver *receiver, size_t most, int64_t *cursor)
{
    size_t count = MIN(receiver->result_count, most);
    for (size_t i = 0; i < count; i++)
        event_cursor_settle(&receiver->cursor, receiver->results[i].event_id);
    *cursor = event_cursor_advance(&receiver->cursor);
    return count;
}

void receiver_end_note(struct receiver *receiver, size_t count)
{
    receiver->result_count -= count;
    memmove(receiver->results, receiver->results + count,
            receiver->result_count * sizeof(*receiver->results));
}

/* ---- Deliveries come ---- */

void receiver_load(struct receiver *receiver, const struct delivery *delivery, int64_t now_ms)
{
    struct delivery copy = *delivery;
    copy.is_stored = true;
    /* A clock that was wrong may have written it. */
    copy.due_ms = MIN(copy.due_ms, now_ms + RETRY_LONGEST_MS + RETRY_LONGEST_MS / 5);
    delivery_queue_add(&receiver->queue, &copy);
}

bool receiver_has_room(const struct receiver *receiver)
{
    return receiver->queue.fresh_count < RECEIVER_FRESH &&
           receiver->queue.body_bytes < RECEIVER_FRESH_BYTES &&
           event_cursor_room(&receiver->cursor) > 0;
}

size_t receiver_wants_events(const struct receiver *receiver, int64_t now_ms)
{
    bool is_idle = receiver->queue.fresh_count == 0;
    if (receiver->stops || receiver->disable || !receiver_has_room(receiver) ||
        receiver->queue.stored_count >= RECEIVER_MOST_STORED ||
        receiver->result_count >= RECEIVER_MOST_RESULTS)
        return 0;
    if (receiver->health.is_open)
        return is_idle && receiver->in_flight == 0 && now_ms >= receiver->health.not_before_ms;
    if (receiver->queue.fresh_count > RECEIVER_FRESH / 2)
        return 0; /* pages are better than single events */
    return MIN(RECEIVER_FRESH - receiver->queue.fresh_count, event_cursor_room(&receiver->cursor));
}

bool receiver_add_event(struct receiver *receiver, struct delivery *event, int64_t now_ms)
{
    if (delivery_queue_has(&receiver->queue, event->event_id, &event->message_id)) {
        free(event->body);
        event_cursor_read_to(&receiver->cursor, event->event_id);
        return true;
    }
    event->is_stored = false;
    event->due_ms = now_ms;
    struct delivery *added = delivery_queue_add(&receiver->queue, event);
    if (!added)
        return false;
    event_cursor_open(&receiver->cursor, event->event_id, event->event_at_ms);
    const struct delivery *first = delivery_queue_first(&receiver->queue, added);
    if (first->is_stored)
        store_follower(receiver, added, first->due_ms);
    return true;
}

/* ---- Deliveries go ---- */

int64_t receiver_due_ms(const struct receiver *receiver)
{
    unsigned at_once = receiver->health.is_open ? 1 : RECEIVER_AT_ONCE;
    if (receiver->stops || receiver->disable || receiver->in_flight >= at_once ||
        receiver->result_count >= RECEIVER_MOST_RESULTS)
        return INT64_MAX;
    return MAX(delivery_queue_due_ms(&receiver->queue), receiver->health.not_before_ms);
}

struct delivery *receiver_take(struct receiver *receiver, int64_t now_ms)
{
    if (receiver_due_ms(receiver) > now_ms)
        return NULL;
    struct delivery *delivery = delivery_queue_take(&receiver->queue, now_ms);
    receiver->in_flight += delivery != NULL;
    receiver->probe = receiver->health.is_open ? delivery : NULL;
    return delivery;
}

static void succeed(struct receiver *receiver, int64_t now_ms, double random)
{
    struct receiver_health *health = &receiver->health;
    if (health->is_open)
        delivery_queue_hurry(&receiver->queue, now_ms);
    else if (health->is_failing)
        delivery_queue_hurry_once(&receiver->queue, now_ms + retry_wait_ms(1, random),
                                  now_ms + RETRY_LONG_MS);
    receiver->failed_deliveries = receiver->failed_probes = 0;
    health->failures = 0;
    if (health->is_open)
        health->not_before_ms = now_ms; /* and otherwise it is what the receiver asked for */
    health->is_open = health->is_failing = false;
    health->last_success_at_ms = now_ms;
    health->has_succeeded = true;
}

static void rest(struct receiver *receiver, int64_t until_ms)
{
    receiver->health.not_before_ms = MAX(receiver->health.not_before_ms, until_ms);
}

static void fail(struct receiver *receiver, const struct delivery *delivery, int status,
                 int64_t asked_ms, int64_t now_ms, double random)
{
    struct receiver_health *health = &receiver->health;
    if (!health->is_failing)
        health->failing_since_ms = now_ms;
    health->is_failing = true;
    health->failures++;
    if (health->is_open)
        receiver->failed_probes += delivery ==
                                   receiver->probe; /* not those that were in flight before */
    else if (delivery->tries == 1 && ++receiver->failed_deliveries == RECEIVER_FAILURES)
        health->is_open = true;
    if (health->is_open)
        rest(receiver,
             now_ms + MAX(retry_probe_wait_ms(receiver->failed_probes + 1, random), asked_ms));
    else if (status == HTTP_TOO_MANY_REQUESTS || status == HTTP_UNAVAILABLE)
        rest(receiver, now_ms + asked_ms);

    if (status == HTTP_GONE)
        receiver->disable = "the receiver answered 410 Gone";
    else if (health->failures >= RETRY_TRIES - 1 &&
             now_ms - health->failing_since_ms >= disable_after_ms)
        receiver->disable = "no delivery succeeded for three days";
}

enum receiver_finish receiver_finish(struct receiver *receiver, struct delivery *delivery,
                                     const struct receiver_answer *answer, int64_t now_ms,
                                     double random)
{
    struct receiver_health *health = &receiver->health;
    bool is_success = answer->status >= 200 && answer->status < 300;
    int64_t asked_ms = retry_asked_wait_ms(answer->retry_after_ms);
    receiver->in_flight--;
    delivery->tries++;
    health->last_try_at_ms = now_ms;
    health->was_tried = true;
    health->last_status = answer->status;
    snprintf(health->last_problem, sizeof(health->last_problem), "%s",
             is_success ? "" : answer->problem);
    if (is_success) {
        succeed(receiver, now_ms, random);
        add_tried(receiver, delivery, RESULT_DELIVERED, now_ms);
        delivery_queue_remove(&receiver->queue, delivery);
        return RECEIVER_DELIVERED;
    }
    fail(receiver, delivery, answer->status, asked_ms, now_ms, random);
    unsigned tries = delivery->tries -
                     delivery->was_hurried; /* that was one more than the waits ask for */
    if (tries >= RETRY_TRIES && answer->status != HTTP_GONE) {
        add_tried(receiver, delivery, RESULT_GIVEN_UP, now_ms);
        delivery_queue_remove(&receiver->queue, delivery);
        return RECEIVER_GAVE_UP;
    }
    delivery->not_before_ms = now_ms + asked_ms;
    delivery->due_ms = now_ms + MAX(retry_wait_ms(tries, random), asked_ms);
    add_tried(receiver, delivery, RESULT_WAITING, now_ms);
    for (struct delivery *next = delivery->next_of_message; next; next = next->next_of_message)
        if (!next->is_stored)
            store_follower(receiver, next, delivery->due_ms);
    delivery_queue_put_back(&receiver->queue, delivery, delivery->due_ms);
    return RECEIVER_FAILED;
}

void receiver_put_back(struct receiver *receiver, struct delivery *delivery, int64_t due_ms)
{
    receiver->in_flight--;
    delivery_queue_return(&receiver->queue, delivery, due_ms);
}

void receiver_give_up(struct receiver *receiver, struct delivery *delivery, const char *problem,
                      int64_t now_ms)
{
    receiver->in_flight--;
    struct receiver_result *result = add_result(receiver, delivery, RESULT_GIVEN_UP);
    if (result) {
        result->tried_at_ms = now_ms;
        snprintf(result->problem, sizeof(result->problem), "%s", problem);
    }
    delivery_queue_remove(&receiver->queue, delivery);
}
