/* Reading webhooks and their deliveries. */
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"
#include "common/store/sql/rows.h"

static enum error read_webhook(const struct statement *row, void *item)
{
    sql_read_webhook(row, item);
    return ERROR_NONE;
}

static enum error read_delivery(const struct statement *row, void *item)
{
    sql_read_delivery(row, item);
    return ERROR_NONE;
}

enum error queries_read_webhook_news(struct store_database_reader *reader,
                                     struct store_webhook_news *news)
{
    bool found;
    *news = (struct store_webhook_news){0};
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, READ_WEBHOOK_NEWS);
    enum error error = statement_step(&reader->handle, select, &found);
    if (error == ERROR_NONE && found) {
        news->changed = statement_integer(select, FIELD_CHANGED);
        news->newest_event = statement_integer(select, FIELD_EVENT_ID);
    }
    statement_reset(select);
    reader_end(reader);
    return error;
}

enum error queries_list_webhooks(struct store_database_reader *reader, struct webhook **webhooks,
                                 size_t *count)
{
    void *items;
    reader_begin(reader);
    enum error error = statement_read_list(&reader->handle,
                                           statement_get(&reader->handle, LIST_WEBHOOKS),
                                           sizeof(**webhooks), read_webhook, &items, count);
    reader_end(reader);
    *webhooks = items;
    return error;
}

enum error queries_find_webhook(struct store_database_reader *reader, const char *id,
                                struct webhook *webhook, bool *found)
{
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, FIND_WEBHOOK);
    statement_bind_text(select, FIELD_ID, id);
    enum error error = statement_step(&reader->handle, select, found);
    if (error == ERROR_NONE && *found)
        sql_read_webhook(select, webhook);
    statement_reset(select);
    reader_end(reader);
    return error;
}

static enum error list_deliveries(struct store_database_reader *reader, struct statement *select,
                                  size_t limit, struct webhook_delivery **deliveries, size_t *count)
{
    void *items;
    statement_bind_integer(select, FIELD_LIMIT, (int64_t)limit);
    enum error error = statement_read_list(&reader->handle, select, sizeof(**deliveries),
                                           read_delivery, &items, count);
    reader_end(reader);
    *deliveries = items;
    return error;
}

enum error queries_list_due_deliveries(struct store_database_reader *reader, const char *webhook_id,
                                       int64_t now_ms, size_t limit,
                                       struct webhook_delivery **deliveries, size_t *count)
{
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, LIST_DUE_DELIVERIES);
    statement_bind_text(select, FIELD_ID, webhook_id);
    statement_bind_integer(select, FIELD_NOW_MS, now_ms);
    return list_deliveries(reader, select, limit, deliveries, count);
}

enum error queries_list_deliveries(struct store_database_reader *reader,
                                   const struct store_delivery_query *query,
                                   struct webhook_delivery **deliveries, size_t *count)
{
    static const enum statement_id of_state[] = {
        [WEBHOOK_DELIVERY_WAITING] = LIST_WAITING_DELIVERIES,
        [WEBHOOK_DELIVERY_DELIVERED] = LIST_DELIVERED,
        [WEBHOOK_DELIVERY_GIVEN_UP] = LIST_GIVEN_UP_DELIVERIES,
    };
    reader_begin(reader);
    struct statement *select = statement_get(
        &reader->handle, query->state < 0 ? LIST_DELIVERIES : of_state[query->state]);
    statement_bind_text(select, FIELD_ID, query->webhook_id);
    statement_bind_integer(select, FIELD_BEFORE, query->before ? query->before : INT64_MAX);
    return list_deliveries(reader, select, query->limit, deliveries, count);
}
