/* Reading webhooks and their deliveries, in memory. */
#include "common/store/memory/memory.h"

#include <stdlib.h>
#include <string.h>

void memory_read_webhook_news(const struct memory_tables *tables, struct store_webhook_news *news)
{
    const struct table *changes = &tables->webhook_changes;
    *news = (struct store_webhook_news){.newest_event = tables->last_event_id};
    if (changes->count)
        news->changed = ((const struct memory_number *)changes->rows[0])->number;
}

static int compare_age(const void *one, const void *other)
{
    const struct webhook *a = one, *b = other;
    if (a->created_at_ms != b->created_at_ms)
        return a->created_at_ms < b->created_at_ms ? -1 : 1;
    return strcmp(a->id, b->id);
}

enum error memory_list_webhooks(const struct memory_tables *tables, struct webhook **webhooks,
                                size_t *count)
{
    *count = 0;
    *webhooks = calloc(tables->webhooks.count + 1, sizeof(**webhooks));
    if (!*webhooks)
        return ERROR_INTERNAL;
    for (; *count < tables->webhooks.count; ++*count)
        (*webhooks)[*count] = *(const struct webhook *)tables->webhooks.rows[*count];
    qsort(*webhooks, *count, sizeof(**webhooks), compare_age);
    return ERROR_NONE;
}

/* The deliveries of a webhook that `wants` wants. */
static enum error list(const struct memory_tables *tables, const char *webhook_id,
                       bool (*wants)(const struct webhook_delivery *delivery, const void *context),
                       const void *context, struct webhook_delivery **deliveries, size_t *count)
{
    const struct table *rows = &tables->deliveries;
    *count = 0;
    *deliveries = calloc(rows->count + 1, sizeof(**deliveries));
    if (!*deliveries)
        return ERROR_INTERNAL;
    if (!table_find(&tables->webhooks, webhook_id)) /* its rows are still to be removed */
        return ERROR_NONE;
    for (size_t i = 0; i < rows->count; i++) {
        const struct memory_delivery *row = rows->rows[i];
        if (strcmp(row->webhook_id, webhook_id) == 0 && wants(&row->delivery, context))
            (*deliveries)[(*count)++] = row->delivery;
    }
    return ERROR_NONE;
}

static bool is_due(const struct webhook_delivery *delivery, const void *now_ms)
{
    return delivery->state == WEBHOOK_DELIVERY_WAITING &&
           delivery->next_try_ms <= *(const int64_t *)now_ms;
}

static int compare_next_try(const void *one, const void *other)
{
    const struct webhook_delivery *a = one, *b = other;
    if (a->next_try_ms != b->next_try_ms)
        return a->next_try_ms < b->next_try_ms ? -1 : 1;
    return a->event_id < b->event_id ? -1 : 1;
}

enum error memory_list_due_deliveries(const struct memory_tables *tables, const char *webhook_id,
                                      int64_t now_ms, size_t limit,
                                      struct webhook_delivery **deliveries, size_t *count)
{
    enum error error = list(tables, webhook_id, is_due, &now_ms, deliveries, count);
    if (error != ERROR_NONE)
        return error;
    qsort(*deliveries, *count, sizeof(**deliveries), compare_next_try);
    *count = MIN(*count, limit);
    return ERROR_NONE;
}

static bool is_asked_for(const struct webhook_delivery *delivery, const void *context)
{
    const struct store_delivery_query *query = context;
    return (query->state < 0 || (int)delivery->state == query->state) &&
           (query->before == 0 || delivery->event_id < query->before);
}

static int compare_newest(const void *one, const void *other)
{
    const struct webhook_delivery *a = one, *b = other;
    return a->event_id > b->event_id ? -1 : 1;
}

enum error memory_list_deliveries(const struct memory_tables *tables,
                                  const struct store_delivery_query *query,
                                  struct webhook_delivery **deliveries, size_t *count)
{
    enum error error = list(tables, query->webhook_id, is_asked_for, query, deliveries, count);
    if (error != ERROR_NONE)
        return error;
    qsort(*deliveries, *count, sizeof(**deliveries), compare_newest);
    *count = MIN(*count, query->limit);
    return ERROR_NONE;
}
