/* Webhooks and their deliveries. */
#include "common/store/verbs/events.h"
#include "common/store/verbs/verbs.h"

#include <stdio.h>
#include <string.h>

/* The webhook of that id: ERROR_WEBHOOK_NOT_FOUND without one. */
static enum error find(struct store_transaction *transaction, const char *id,
                       struct webhook *webhook)
{
    bool found;
    enum error error = transaction->rows->webhooks->find(transaction->database, id, webhook,
                                                         &found);
    return error == ERROR_NONE && !found ? ERROR_WEBHOOK_NOT_FOUND : error;
}

/* As a change that the sender must see: it reads the webhook again, and looks for rows that are new to it. */
static enum error save_changed(struct store_transaction *transaction, struct webhook *webhook)
{
    const struct webhook_rows *rows = transaction->rows->webhooks;
    enum error error = rows->next_change(transaction->database, &webhook->changed);
    return error == ERROR_NONE ? rows->save(transaction->database, webhook) : error;
}

static enum error insert(struct store_transaction *transaction, struct webhook *webhook)
{
    const struct webhook_rows *rows = transaction->rows->webhooks;
    size_t count;
    webhook->created_at_ms = webhook->updated_at_ms = transaction->now_ms;
    enum error error = rows->count(transaction->database, &count);
    if (error == ERROR_NONE && count >= STORE_MAX_WEBHOOKS)
        error = ERROR_TOO_MANY_WEBHOOKS;
    if (error == ERROR_NONE)
        error = rows->find_newest_event(transaction->database, &webhook->cursor);
    if (error == ERROR_NONE)
        error = rows->next_change(transaction->database, &webhook->changed);
    return error == ERROR_NONE ? rows->insert(transaction->database, webhook) : error;
}

/* What was known of the receiver says nothing any more. */
static enum error start_over(struct store_transaction *transaction, struct webhook *webhook)
{
    webhook->disabled_reason[0] = '\0';
    webhook->health.failures = webhook->health.failing_since_ms = webhook->health.next_try_ms = 0;
    return transaction->rows->webhooks->hurry_deliveries(transaction->database, webhook->id,
                                                         transaction->now_ms);
}

/* A program that starts again asks for its webhooks once more. */
static enum error replace(struct store_transaction *transaction, const struct webhook *wanted,
                          struct webhook *webhook)
{
    enum error error = ERROR_NONE;
    bool is_new = !webhook->enabled || strcmp(webhook->url, wanted->url) != 0;
    strcpy(webhook->url, wanted->url);
    strcpy(webhook->device_id, wanted->device_id);
    webhook->types = wanted->types;
    webhook->with_text = wanted->with_text;
    webhook->enabled = true;
    webhook->updated_at_ms = transaction->now_ms;
    if (is_new)
        error = start_over(transaction, webhook);
    return error == ERROR_NONE ? save_changed(transaction, webhook) : error;
}

enum error verb_create_webhook(struct store_transaction *transaction, struct store_write *write)
{
    struct webhook *webhook = write->create_webhook.webhook, other;
    bool found = false;
    enum error error = ERROR_NONE;
    if (*webhook->external_id)
        error = transaction->rows->webhooks->find_external(transaction->database,
                                                           webhook->external_id, &other, &found);
    if (error == ERROR_NONE && !found)
        return insert(transaction, webhook);
    if (error == ERROR_NONE)
        error = replace(transaction, webhook, &other);
    if (error == ERROR_NONE)
        *webhook = other;
    return error;
}

static void apply(const struct webhook_change *change, struct webhook *webhook, int64_t now_ms)
{
    const struct webhook *values = &change->values;
    if (change->sets_url)
        strcpy(webhook->url, values->url);
    if (change->sets_types)
        webhook->types = values->types;
    if (change->sets_device_group)
        strcpy(webhook->device_group, values->device_group);
    if (change->sets_with_text)
        webhook->with_text = values->with_text;
    if (change->sets_description)
        strcpy(webhook->description, values->description);
    if (change->sets_enabled)
        webhook->enabled = values->enabled;
    if (change->sets_secret) {
        strcpy(webhook->old_secret, webhook->secret);
        strcpy(webhook->secret, values->secret);
        webhook->old_secret_until_ms = now_ms + WEBHOOK_SECRET_OVERLAP_MS;
    }
    webhook->updated_at_ms = now_ms;
}

enum error verb_change_webhook(struct store_transaction *transaction, struct store_write *write)
{
    const struct webhook_change *change = write->change_webhook.change;
    struct webhook *webhook = write->change_webhook.webhook, before;
    enum error error = find(transaction, write->change_webhook.id, &before);
    if (error != ERROR_NONE)
        return error;
    *webhook = before;
    apply(change, webhook, transaction->now_ms);
    if (webhook->with_text && (change->sets_url || change->sets_with_text) &&
        !write->change_webhook.may_read_texts)
        return ERROR_SCOPE_MISSING;
    if (webhook->enabled && (!before.enabled || strcmp(webhook->url, before.url) != 0))
        error = start_over(transaction, webhook);
    return error == ERROR_NONE ? save_changed(transaction, webhook) : error;
}

enum error verb_remove_webhook(struct store_transaction *transaction, struct store_write *write)
{
    const struct webhook_rows *rows = transaction->rows->webhooks;
    struct webhook webhook;
    int64_t number;
    enum error error = find(transaction, write->remove_webhook.id, &webhook);
    if (error == ERROR_NONE)
        error = rows->next_change(transaction->database, &number);
    return error == ERROR_NONE ? rows->remove(transaction->database, webhook.id) : error;
}

/* ---- Tests, and what is to be sent once more ---- */

static enum error make_due(struct store_transaction *transaction, struct webhook *webhook,
                           struct webhook_delivery *delivery)
{
    enum error error = save_changed(transaction, webhook);
    delivery->state = WEBHOOK_DELIVERY_WAITING;
    delivery->tries = 0;
    delivery->was_hurried = false;
    delivery->created_at_ms = delivery->next_try_ms = transaction->now_ms;
    delivery->requested = webhook->changed;
    return error == ERROR_NONE ? transaction->rows->webhooks->save_delivery(transaction->database,
                                                                            webhook->id, delivery)
                               : error;
}

enum error verb_test_webhook(struct store_transaction *transaction, struct store_write *write)
{
    struct store_test_webhook *test = &write->test_webhook;
    struct webhook webhook;
    struct webhook_delivery delivery = {.event_type = EVENT_WEBHOOK_TEST,
                                        .event_at_ms = transaction->now_ms};
    enum error error = find(transaction, test->id, &webhook);
    if (error == ERROR_NONE && !webhook.enabled)
        error = ERROR_WEBHOOK_DISABLED;
    if (error == ERROR_NONE)
        error = event_put(transaction,
                          &(struct event_row){.type = EVENT_WEBHOOK_TEST, .subject = webhook.id});
    if (error == ERROR_NONE)
        error = transaction->rows->webhooks->find_newest_event(transaction->database,
                                                               &delivery.event_id);
    test->event_id = delivery.event_id;
    test->event_at_ms = delivery.event_at_ms;
    return error == ERROR_NONE ? make_due(transaction, &webhook, &delivery) : error;
}

/* Whether the event is the test of another webhook. */
static enum error is_for_another(struct store_transaction *transaction,
                                 const struct webhook *webhook,
                                 const struct webhook_delivery *event, bool *for_another)
{
    char subject[STORE_EVENT_SUBJECT_SIZE];
    *for_another = false;
    if (event->event_type != EVENT_WEBHOOK_TEST)
        return ERROR_NONE;
    enum error error = transaction->rows->webhooks->find_event_subject(transaction->database,
                                                                       event->event_id, subject);
    *for_another = error == ERROR_NONE && strcmp(subject, webhook->id) != 0;
    return error;
}

/* Retention has removed its message. */
static bool is_removed(const struct webhook_delivery *event)
{
    static const struct message_id none;
    return event->event_type < MESSAGE_STATUS_COUNT && message_id_equal(&event->message_id, &none);
}

static enum error redeliver_one(struct store_transaction *transaction, struct webhook *webhook,
                                int64_t event_id)
{
    const struct webhook_rows *rows = transaction->rows->webhooks;
    struct webhook_delivery event, row;
    bool found, has_row, for_another = false;
    enum error error = rows->find_event(transaction->database, event_id, &event, &found);
    if (error == ERROR_NONE && found && event.event_id == event_id)
        error = is_for_another(transaction, webhook, &event, &for_another);
    if (error != ERROR_NONE)
        return error;
    if (!found || event.event_id != event_id || is_removed(&event) || for_another)
        return ERROR_EVENT_NOT_FOUND;
    error = rows->find_delivery(transaction->database, webhook->id, event_id, &row, &has_row);
    if (error != ERROR_NONE)
        return error;
    if (has_row || event_id <= webhook->cursor)
        return make_due(transaction, webhook, has_row ? &row : &event);
    webhook->rewound++; /* it comes by the cursor, also if it was just sent and is not noted yet */
    return save_changed(transaction, webhook);
}

/* The first event from that time on: ids and times ascend together, but where a clock was set back. */
static enum error find_first_since(struct store_transaction *transaction, int64_t since_ms,
                                   int64_t newest, int64_t *first)
{
    struct webhook_delivery event;
    bool found;
    enum error error = ERROR_NONE;
    int64_t low = 1, high = newest + 1; /* the first is among these, or is the last of them: none */
    while (low < high && error == ERROR_NONE) {
        int64_t middle = low + (high - low) / 2;
        error = transaction->rows->webhooks->find_event(transaction->database, middle, &event,
                                                        &found);
        if (error != ERROR_NONE)
            break;
        if (!found || event.event_at_ms >= since_ms)
            high = middle;
        else
            low = event.event_id + 1;
    }
    *first = low;
    return error;
}

static enum error redeliver_since(struct store_transaction *transaction, struct webhook *webhook,
                                  struct store_redeliver *request)
{
    const struct webhook_rows *rows = transaction->rows->webhooks;
    struct webhook_delivery event;
    int64_t newest, first;
    bool found = false;
    enum error error = rows->find_newest_event(transaction->database, &newest);
    if (error == ERROR_NONE)
        error = find_first_since(transaction, request->since_ms, newest, &first);
    if (error == ERROR_NONE)
        error = rows->find_event(transaction->database, first, &event, &found);
    if (error != ERROR_NONE || !found)
        return error;
    request->first_event = event.event_id;
    if (event.event_id > webhook->cursor)
        return ERROR_NONE;
    webhook->cursor = event.event_id - 1;
    webhook->rewound++;
    /* The cursor comes to their events, too. */
    error = rows->remove_waiting(transaction->database, webhook->id, webhook->cursor);
    return error == ERROR_NONE ? save_changed(transaction, webhook) : error;
}

enum error verb_redeliver(struct store_transaction *transaction, struct store_write *write)
{
    struct store_redeliver *request = &write->redeliver;
    struct webhook webhook;
    enum error error = find(transaction, request->id, &webhook);
    request->first_event = request->event_id;
    if (error != ERROR_NONE)
        return error;
    return request->event_id ? redeliver_one(transaction, &webhook, request->event_id)
                             : redeliver_since(transaction, &webhook, request);
}

/* ---- What the sender did ---- */

/* Whether a note of a sender that has not read the webhook since it was changed counts. Behind a cursor that was set back the
   event comes once more, unless a row of it waits. */
static enum error judge_late(struct store_transaction *transaction,
                             const struct store_note_deliveries *note,
                             const struct webhook *webhook, int64_t event_id, bool *counts)
{
    struct webhook_delivery row;
    bool found, comes_again = webhook->rewound != note->rewound && event_id > webhook->cursor;
    enum error error = transaction->rows->webhooks->find_delivery(
        transaction->database, webhook->id, event_id, &row, &found);
    if (error != ERROR_NONE)
        return error;
    *counts = found ? row.requested <= note->changed &&
                          (!comes_again || row.state == WEBHOOK_DELIVERY_WAITING)
                    : !comes_again;
    return ERROR_NONE;
}

static enum error save_deliveries(struct store_transaction *transaction,
                                  const struct store_note_deliveries *note,
                                  const struct webhook *webhook)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < note->count && error == ERROR_NONE; i++) {
        struct webhook_delivery delivery = note->deliveries[i];
        bool counts = true;
        if (note->stale)
            error = judge_late(transaction, note, webhook, delivery.event_id, &counts);
        delivery.created_at_ms = transaction->now_ms;
        if (error == ERROR_NONE && counts)
            error = transaction->rows->webhooks->save_delivery(transaction->database, webhook->id,
                                                               &delivery);
    }
    return error;
}

static enum error disable(struct store_transaction *transaction, struct webhook *webhook,
                          const char *reason)
{
    webhook->enabled = false;
    webhook->updated_at_ms = transaction->now_ms;
    snprintf(webhook->disabled_reason, sizeof(webhook->disabled_reason), "%s", reason);
    enum error error = save_changed(transaction, webhook);
    return error == ERROR_NONE ? event_put_text(transaction,
                                                (struct event_row){.type = EVENT_WEBHOOK_DISABLED,
                                                                   .subject = webhook->id},
                                                "reason", webhook->disabled_reason)
                               : error;
}

enum error verb_note_deliveries(struct store_transaction *transaction, struct store_write *write)
{
    struct store_note_deliveries *note = &write->note_deliveries;
    struct webhook webhook;
    enum error error = find(transaction, note->webhook_id, &webhook);
    if (error != ERROR_NONE)
        return error;
    bool was_set_back = webhook.rewound != note->rewound;
    bool was_changed = webhook.changed != note->changed;
    note->stale = was_set_back || was_changed;
    note->disabled = note->disable && webhook.enabled && !note->stale;
    if (!was_set_back)
        webhook.cursor = MAX(webhook.cursor, note->cursor);
    if (!was_changed)
        webhook.health = *note->health;
    error = save_deliveries(transaction, note, &webhook);
    if (error != ERROR_NONE)
        return error;
    return note->disabled
               ? disable(transaction, &webhook, note->disable)
               : transaction->rows->webhooks->save_progress(transaction->database, &webhook);
}
