/* Webhooks and their deliveries, in memory. */
#include "common/store/memory/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- Webhooks ---- */

static enum error count(struct store_database *database, size_t *result)
{
    *result = database->tables->webhooks.count;
    return ERROR_NONE;
}

static enum error save(struct store_database *database, const struct webhook *webhook)
{
    return table_put(&database->tables->webhooks, &database->undo,
                     table_copy_row(webhook, sizeof(*webhook)));
}

static enum error insert(struct store_database *database, const struct webhook *webhook)
{
    return table_find(&database->tables->webhooks, webhook->id) ? ERROR_INTERNAL
                                                                : save(database, webhook);
}

static enum error find(struct store_database *database, const char *id, struct webhook *webhook,
                       bool *found)
{
    const struct webhook *row = table_find(&database->tables->webhooks, id);
    *found = row;
    if (row)
        *webhook = *row;
    return ERROR_NONE;
}

static enum error find_external(struct store_database *database, const char *external_id,
                                struct webhook *webhook, bool *found)
{
    const struct table *webhooks = &database->tables->webhooks;
    *found = false;
    for (size_t i = 0; i < webhooks->count && !*found; i++) {
        const struct webhook *row = webhooks->rows[i];
        *found = strcmp(row->external_id, external_id) == 0;
        if (*found)
            *webhook = *row;
    }
    return ERROR_NONE;
}

static enum error save_progress(struct store_database *database, const struct webhook *webhook)
{
    struct webhook row;
    bool found;
    enum error error = find(database, webhook->id, &row, &found);
    if (error != ERROR_NONE || !found)
        return error;
    row.cursor = webhook->cursor;
    row.health = webhook->health;
    return save(database, &row);
}

static enum error remove_webhook(struct store_database *database, const char *id)
{
    struct table *webhooks = &database->tables->webhooks;
    void *row = table_find(webhooks, id);
    return row ? table_remove(webhooks, &database->undo, row) : ERROR_NONE;
}

static enum error next_change(struct store_database *database, int64_t *number)
{
    struct table *changes = &database->tables->webhook_changes;
    struct memory_number next = {1};
    if (changes->count)
        next.number = ((const struct memory_number *)changes->rows[0])->number + 1;
    *number = next.number;
    return table_put(changes, &database->undo, table_copy_row(&next, sizeof(next)));
}

static enum error find_newest_event(struct store_database *database, int64_t *event_id)
{
    *event_id = database->tables->last_event_id;
    return ERROR_NONE;
}

/* ---- Deliveries ---- */

static struct memory_delivery key_of(const char *webhook_id, int64_t event_id)
{
    struct memory_delivery key = {.delivery.event_id = event_id};
    strcpy(key.webhook_id, webhook_id);
    return key;
}

static enum error find_delivery(struct store_database *database, const char *webhook_id,
                                int64_t event_id, struct webhook_delivery *delivery, bool *found)
{
    struct memory_delivery key = key_of(webhook_id, event_id);
    const struct memory_delivery *row = table_find(&database->tables->deliveries, &key);
    *found = row;
    if (row)
        *delivery = row->delivery;
    return ERROR_NONE;
}

static enum error save_delivery(struct store_database *database, const char *webhook_id,
                                const struct webhook_delivery *delivery)
{
    struct table *deliveries = &database->tables->deliveries;
    struct memory_delivery row = key_of(webhook_id, delivery->event_id);
    const struct memory_delivery *old = table_find(deliveries, &row);
    row.delivery = *delivery;
    if (old)
        row.delivery.created_at_ms = old->delivery.created_at_ms;
    return table_put(deliveries, &database->undo, table_copy_row(&row, sizeof(row)));
}

static enum error find_event(struct store_database *database, int64_t from_id,
                             struct webhook_delivery *delivery, bool *found)
{
    const struct memory_tables *tables = database->tables;
    struct memory_any_event key = {.id = from_id};
    size_t index = table_lower_bound(&tables->events, &key);
    *found = index < tables->events.count;
    if (!*found)
        return ERROR_NONE;
    const struct memory_any_event *event = tables->events.rows[index];
    *delivery = (struct webhook_delivery){
        .event_id = event->id, .event_type = event->type, .event_at_ms = event->at_ms};
    struct memory_message message_key = {.row.seq = event->message_seq};
    const struct memory_message *message = event->of_message
                                               ? table_find(&tables->messages, &message_key)
                                               : NULL;
    if (message)
        delivery->message_id = message->row.id;
    return ERROR_NONE;
}

static enum error find_event_subject(struct store_database *database, int64_t event_id,
                                     char subject[STORE_EVENT_SUBJECT_SIZE])
{
    struct memory_any_event key = {.id = event_id};
    const struct memory_any_event *event = table_find(&database->tables->events, &key);
    strcpy(subject, event ? event->subject : "");
    return ERROR_NONE;
}

static enum error remove_waiting(struct store_database *database, const char *webhook_id,
                                 int64_t after)
{
    struct table *deliveries = &database->tables->deliveries;
    enum error error = ERROR_NONE;
    for (size_t i = deliveries->count; i-- > 0 && error == ERROR_NONE;) {
        struct memory_delivery *row = deliveries->rows[i];
        if (strcmp(row->webhook_id, webhook_id) == 0 && row->delivery.event_id > after &&
            row->delivery.state == WEBHOOK_DELIVERY_WAITING &&
            row->delivery.event_type != EVENT_WEBHOOK_TEST)
            error = table_remove(deliveries, &database->undo, row);
    }
    return error;
}

static enum error hurry_deliveries(struct store_database *database, const char *webhook_id,
                                   int64_t now_ms)
{
    struct table *deliveries = &database->tables->deliveries;
    struct memory_delivery key = key_of(webhook_id, INT64_MIN);
    enum error error = ERROR_NONE;
    for (size_t i = table_lower_bound(deliveries, &key);
         error == ERROR_NONE && i < deliveries->count; i++) {
        const struct memory_delivery *row = deliveries->rows[i];
        if (strcmp(row->webhook_id, webhook_id) != 0)
            break;
        struct webhook_delivery delivery = row->delivery;
        if (delivery.state != WEBHOOK_DELIVERY_WAITING || delivery.next_try_ms <= now_ms)
            continue;
        delivery.next_try_ms = now_ms;
        error = save_delivery(database, webhook_id, &delivery);
    }
    return error;
}

static enum error remove_deliveries(struct store_database *database, int64_t before_ms,
                                    int64_t limit, int64_t *removed)
{
    const struct memory_tables *tables = database->tables;
    enum error error = ERROR_NONE;
    *removed = 0;
    for (size_t i = tables->deliveries.count; i-- > 0 && error == ERROR_NONE && *removed < limit;) {
        struct memory_delivery *row = tables->deliveries.rows[i];
        if (table_find(&tables->webhooks, row->webhook_id) &&
            (row->delivery.state == WEBHOOK_DELIVERY_WAITING ||
             row->delivery.last_try_at_ms >= before_ms))
            continue;
        error = table_remove(&database->tables->deliveries, &database->undo, row);
        ++*removed;
    }
    return error;
}

const struct webhook_rows memory_webhook_rows = {
    .count = count,
    .insert = insert,
    .find = find,
    .find_external = find_external,
    .save = save,
    .save_progress = save_progress,
    .remove = remove_webhook,
    .next_change = next_change,
    .find_newest_event = find_newest_event,
    .find_event = find_event,
    .find_event_subject = find_event_subject,
    .remove_waiting = remove_waiting,
    .find_delivery = find_delivery,
    .save_delivery = save_delivery,
    .hurry_deliveries = hurry_deliveries,
    .remove_deliveries = remove_deliveries,
};
