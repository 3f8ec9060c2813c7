/* Webhooks and their deliveries. */
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

enum error verb_create_webhook(struct store_transaction *transaction, struct store_write *write)
{
    const struct webhook_rows *rows = transaction->rows->webhooks;
    struct webhook *webhook = write->create_webhook.webhook;
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

/* What was known of the receiver says nothing any more. */
static enum error start_over(struct store_transaction *transaction, struct webhook *webhook)
{
    webhook->disabled_reason[0] = '\0';
    webhook->health.failures = webhook->health.failing_since_ms = webhook->health.next_try_ms = 0;
    return transaction->rows->webhooks->hurry_deliveries(transaction->database, webhook->id,
                                                         transaction->now_ms);
}

enum error verb_change_webhook(struct store_transaction *transaction, struct store_write *write)
{
    const struct webhook_rows *rows = transaction->rows->webhooks;
    const struct webhook_change *change = write->change_webhook.change;
    struct webhook *webhook = write->change_webhook.webhook, before;
    enum error error = find(transaction, write->change_webhook.id, &before);
    if (error != ERROR_NONE)
        return error;
    *webhook = before;
    apply(change, webhook, transaction->now_ms);
    if (webhook->enabled && (!before.enabled || strcmp(webhook->url, before.url) != 0))
        error = start_over(transaction, webhook);
    if (error == ERROR_NONE)
        error = rows->next_change(transaction->database, &webhook->changed);
    return error == ERROR_NONE ? rows->save(transaction->database, webhook) : error;
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

/* ---- What the sender did ---- */

/* Behind a cursor that was set back: the event comes once more, unless a row of it waits. */
static enum error is_waiting(struct store_transaction *transaction, const char *webhook_id,
                             int64_t event_id, bool *waiting)
{
    struct webhook_delivery row;
    bool found;
    enum error error = transaction->rows->webhooks->find_delivery(transaction->database, webhook_id,
                                                                  event_id, &row, &found);
    *waiting = error == ERROR_NONE && found && row.state == WEBHOOK_DELIVERY_WAITING;
    return error;
}

static enum error save_deliveries(struct store_transaction *transaction,
                                  const struct store_note_deliveries *note,
                                  const struct webhook *webhook, bool was_set_back)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < note->count && error == ERROR_NONE; i++) {
        struct webhook_delivery delivery = note->deliveries[i];
        bool counts = true;
        if (was_set_back && delivery.event_id > webhook->cursor)
            error = is_waiting(transaction, webhook->id, delivery.event_id, &counts);
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
    enum error error = transaction->rows->webhooks->next_change(transaction->database,
                                                                &webhook->changed);
    return error == ERROR_NONE ? transaction->rows->webhooks->save(transaction->database, webhook)
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
    error = save_deliveries(transaction, note, &webhook, was_set_back);
    if (error != ERROR_NONE)
        return error;
    return note->disabled
               ? disable(transaction, &webhook, note->disable)
               : transaction->rows->webhooks->save_progress(transaction->database, &webhook);
}
