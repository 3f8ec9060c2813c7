#include "api-fcgi/webhook/target.h"

#include "api-fcgi/webhook/core/retry.h"
#include "api-fcgi/webhook/delivery_body.h"
#include "api-fcgi/webhook/smsgate_body.h"
#include "common/base/clock.h"
#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/store/events.h"

#include <stdlib.h>
#include <string.h>

enum {
    NOTE_EVERY_MS = 250,      /* results wait so long for others: each note is a commit */
    CURSOR_EVERY_MS = 60000,  /* and a cursor alone */
    MOST_TEXT_BYTES = 262144, /* of a page of events */
};

/* ---- Times ---- */

struct target_time target_time_now(void)
{
    return (struct target_time){.now_ms = clock_monotonic_ms(), .wall_ms = clock_wall_ms()};
}

int64_t target_time_to_wall(const struct target_time *time, int64_t monotonic_ms)
{
    return MAX(time->wall_ms + (monotonic_ms - time->now_ms), 1);
}

int64_t target_time_from_wall(const struct target_time *time, int64_t wall_ms,
                              int64_t most_ahead_ms)
{
    int64_t ahead_ms = wall_ms - time->wall_ms;
    return time->now_ms + MIN(ahead_ms, most_ahead_ms);
}

static int64_t longest_wait_ms(void)
{
    return (int64_t)RETRY_LONGEST_MS / 5 * 6;
}

/* ---- Health ---- */

static struct receiver_health read_health(const struct webhook_health *stored,
                                          const struct target_time *time)
{
    struct receiver_health health = {
        .failures = (unsigned)MIN(MAX(stored->failures, 0), INT32_MAX),
        .is_open = stored->next_try_ms != 0,
        .is_failing = stored->failing_since_ms != 0,
        .was_tried = stored->last_try_at_ms != 0,
        .has_succeeded = stored->last_success_at_ms != 0,
        .last_status = stored->last_status,
    };
    health.failing_since_ms = target_time_from_wall(time, stored->failing_since_ms, 0);
    health.not_before_ms = target_time_from_wall(time, stored->next_try_ms, longest_wait_ms());
    health.last_try_at_ms = target_time_from_wall(time, stored->last_try_at_ms, 0);
    health.last_success_at_ms = target_time_from_wall(time, stored->last_success_at_ms, 0);
    snprintf(health.last_problem, sizeof(health.last_problem), "%.*s", RECEIVER_PROBLEM_SIZE - 1,
             stored->last_error);
    return health;
}

static void write_health(const struct receiver_health *health, const struct target_time *time,
                         struct webhook_health *stored)
{
#define WALL(counts, ms) ((counts) ? target_time_to_wall(time, health->ms) : 0)
    *stored = (struct webhook_health){
        .failures = health->failures,
        .failing_since_ms = WALL(health->is_failing, failing_since_ms),
        .next_try_ms = WALL(health->is_open, not_before_ms),
        .last_try_at_ms = WALL(health->was_tried, last_try_at_ms),
        .last_success_at_ms = WALL(health->has_succeeded, last_success_at_ms),
        .last_status = health->last_status,
    };
#undef WALL
    snprintf(stored->last_error, sizeof(stored->last_error), "%s", health->last_problem);
}

/* ---- Targets ---- */

static bool load_waiting(struct target *target, struct store_reader *reader,
                         const struct target_time *time)
{
    struct webhook_delivery *rows = NULL;
    size_t count = 0;
    enum error error = store_list_due_deliveries(reader, target->webhook.id, INT64_MAX,
                                                 2 * RECEIVER_MOST_STORED, &rows, &count);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        const struct delivery delivery = {
            .event_id = rows[i].event_id,
            .event_type = rows[i].event_type,
            .event_at_ms = rows[i].event_at_ms,
            .message_id = rows[i].message_id,
            .tries = rows[i].tries,
            .was_hurried = rows[i].was_hurried,
            .due_ms = target_time_from_wall(time, rows[i].next_try_ms, longest_wait_ms()),
        };
        receiver_load(target->receiver, &delivery, time->now_ms);
    }
    free(rows);
    return error == ERROR_NONE;
}

struct target *target_new(struct store_reader *reader, const struct webhook *webhook,
                          const struct target_time *time)
{
    struct target *target = calloc(1, sizeof(*target));
    if (!target)
        return NULL;
    struct receiver_health health = read_health(&webhook->health, time);
    target->webhook = *webhook;
    target->noted_at_ms = time->now_ms;
    target->noted_cursor = webhook->cursor;
    target->caught_up = true;
    target->reported_open = health.is_open;
    target->receiver = receiver_new(webhook->cursor, &health);
    if (target->receiver && load_waiting(target, reader, time))
        return target;
    target_free(target);
    return NULL;
}

void target_free(struct target *target)
{
    if (!target)
        return;
    receiver_free(target->receiver);
    free(target);
}

bool target_is_at_rest(const struct target *target)
{
    return target->receiver->in_flight == 0 && target->receiver->result_count == 0 &&
           atomic_load(&target->note) == TARGET_NOTES_NOTHING;
}

/* ---- Events ---- */

/* Of tests there is a row, for their webhook alone. */
static uint32_t wanted_types(const struct webhook *webhook)
{
    uint32_t types = webhook->types ? webhook->types : EVENT_TYPES_ALL;
    return types & ~EVENT_BIT(EVENT_WEBHOOK_TEST);
}

static char *make_body(const struct target *target, struct store_reader *reader,
                       const struct store_event *event, size_t *length)
{
    return target->webhook.form == WEBHOOK_SMSGATE
               ? smsgate_body_make(reader, &target->webhook, event, length)
               : delivery_body_make(event, target->webhook.with_text, length);
}

static bool add_event(struct target *target, struct store_reader *reader,
                      const struct store_event *event, const struct target_time *time)
{
    struct delivery delivery = {
        .event_id = event->id,
        .event_type = event->type,
        .event_at_ms = event->at_ms,
        .message_id = event->message_id,
    };
    delivery.body = make_body(target, reader, event, &delivery.body_length);
    return delivery.body && receiver_add_event(target->receiver, &delivery, time->now_ms);
}

bool target_read_events(struct target *target, struct store_reader *reader,
                        const struct target_time *time)
{
    struct receiver *receiver = target->receiver;
    struct store_event_query query = {
        .after = receiver->cursor.read_to,
        .limit = receiver_wants_events(receiver, time->now_ms),
        .with_text = target->webhook.with_text,
        .max_text_bytes = MOST_TEXT_BYTES,
        .types = wanted_types(&target->webhook),
    };
    struct store_event_page page;
    size_t added = 0;
    if (query.limit == 0)
        return true;
    memcpy(query.device_group, target->webhook.device_group, sizeof(query.device_group));
    memcpy(query.device_id, target->webhook.device_id, sizeof(query.device_id));
    enum error error = store_list_events(reader, &query, &page);
    while (error == ERROR_NONE && added < page.count && receiver_has_room(receiver) &&
           add_event(target, reader, &page.events[added], time))
        added++;
    if (error == ERROR_NONE && added == page.count)
        event_cursor_read_to(&receiver->cursor, page.last);
    store_event_page_fini(&page);
    return error == ERROR_NONE;
}

bool target_read_body(struct target *target, struct store_reader *reader, struct delivery *delivery,
                      bool *unreadable)
{
    struct store_event_query query = {
        .after = delivery->event_id - 1, .limit = 1, .with_text = target->webhook.with_text};
    struct store_event_page page;
    char *body = NULL;
    size_t length = 0;
    *unreadable = store_list_events(reader, &query, &page) != ERROR_NONE;
    if (!*unreadable && page.count == 1 && page.events[0].id == delivery->event_id) {
        body = make_body(target, reader, &page.events[0], &length);
        *unreadable = body == NULL;
    }
    store_event_page_fini(&page);
    if (body)
        delivery_queue_set_body(&target->receiver->queue, delivery, body, length);
    return body != NULL;
}

/* ---- Notes ---- */

static void write_delivery(const struct receiver_result *result, const struct target_time *time,
                           struct webhook_delivery *delivery)
{
    static const enum webhook_delivery_state states[] = {
        [RESULT_WAITING] = WEBHOOK_DELIVERY_WAITING,
        [RESULT_DELIVERED] = WEBHOOK_DELIVERY_DELIVERED,
        [RESULT_GIVEN_UP] = WEBHOOK_DELIVERY_GIVEN_UP,
    };
    *delivery = (struct webhook_delivery){
        .event_id = result->event_id,
        .event_type = result->event_type,
        .event_at_ms = result->event_at_ms,
        .message_id = result->message_id,
        .state = states[result->state],
        .tries = result->tries,
        .was_hurried = result->was_hurried,
        .next_try_ms = result->state == RESULT_WAITING ? target_time_to_wall(time, result->due_ms)
                                                       : 0,
        .last_try_at_ms = result->tried_at_ms ? target_time_to_wall(time, result->tried_at_ms) : 0,
        .last_status = result->status,
    };
    snprintf(delivery->last_error, sizeof(delivery->last_error), "%s", result->problem);
}

/* On the thread that ran the write. The store's `completed` then wakes the main thread. */
static void noted(struct store_write *write)
{
    struct target *target = write->owner;
    atomic_store(&target->note, TARGET_HAS_NOTED);
}

int64_t target_note_due_ms(const struct target *target)
{
    const struct receiver *receiver = target->receiver;
    if (atomic_load(&target->note) != TARGET_NOTES_NOTHING)
        return INT64_MAX;
    if (receiver->result_count >= STORE_MAX_NOTED_DELIVERIES)
        return target->noted_at_ms;
    if (receiver->result_count > 0 || receiver->disable)
        return target->noted_at_ms + NOTE_EVERY_MS;
    return receiver->cursor.read_to > target->noted_cursor ? target->noted_at_ms + CURSOR_EVERY_MS
                                                           : INT64_MAX;
}

void target_note(struct target *target, struct store *store, const struct target_time *time,
                 bool last)
{
    struct receiver *receiver = target->receiver;
    int64_t due_ms = target_note_due_ms(target), cursor;
    if (target->is_gone || due_ms == INT64_MAX || (due_ms > time->now_ms && !last))
        return;
    FAIL_POINT("webhook.before_note");
    target->note_count = receiver_begin_note(receiver, STORE_MAX_NOTED_DELIVERIES, &cursor);
    for (size_t i = 0; i < target->note_count; i++)
        write_delivery(&receiver->results[i], time, &target->deliveries[i]);
    write_health(&receiver->health, time, &target->health);
    target->write = (struct store_write){
        .verb = STORE_NOTE_DELIVERIES, .done = noted, .owner = target};
    struct store_note_deliveries *note = &target->write.note_deliveries;
    memcpy(note->webhook_id, target->webhook.id, sizeof(note->webhook_id));
    note->changed = target->webhook.changed;
    note->rewound = target->webhook.rewound;
    note->cursor = cursor;
    note->health = &target->health;
    note->deliveries = target->deliveries;
    note->count = target->note_count;
    note->disable = receiver->disable;
    target->noted_at_ms = time->now_ms;
    atomic_store(&target->note, TARGET_NOTES);
    if (store_submit(store, &target->write) != ERROR_NONE)
        atomic_store(&target->note, TARGET_NOTES_NOTHING); /* it is tried again */
}

bool target_take_note(struct target *target)
{
    if (atomic_load(&target->note) != TARGET_HAS_NOTED)
        return false;
    const struct store_note_deliveries *note = &target->write.note_deliveries;
    enum error result = target->write.result;
    atomic_store(&target->note, TARGET_NOTES_NOTHING);
    if (result == ERROR_NONE || result == ERROR_WEBHOOK_NOT_FOUND) {
        receiver_end_note(target->receiver, target->note_count);
        target->noted_cursor = note->cursor;
        target->is_gone = target->is_gone || result == ERROR_WEBHOOK_NOT_FOUND;
    } else {
        log_warning("cannot note deliveries; they are noted later",
                    LOG_TEXT("webhook", target->webhook.id),
                    LOG_TEXT("reason", error_code(result)));
    }
    if (result == ERROR_NONE && note->disabled)
        log_warning("webhook disabled", LOG_TEXT("webhook", target->webhook.id),
                    LOG_TEXT("reason", note->disable));
    return true;
}
