/* The reads of the store: each goes to its backend. */
#include "common/store/store_backend.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *store_durability_name(enum store_durability durability)
{
    static const char *const names[] = {
        [STORE_DURABILITY_NONE] = "none",
        [STORE_DURABILITY_SINGLE] = "single",
        [STORE_DURABILITY_STANDBY] = "standby",
    };
    return names[durability];
}

enum error store_find_message(struct store_reader *reader, const struct message_id *id,
                              struct message *message)
{
    enum error error = reader->backend->find_message(reader->reader, id, message);
    if (error != ERROR_NONE)
        return error;
    error = store_read_wait(reader, message);
    if (error != ERROR_NONE)
        message_fini(message);
    return error;
}

enum error store_read_history(struct store_reader *reader, const struct message_id *id,
                              int64_t after, size_t limit, struct message_event **events,
                              size_t *count)
{
    return reader->backend->read_history(reader->reader, id, after, limit, events, count);
}

enum error store_find_batch(struct store_reader *reader, const struct message_id *id,
                            struct store_batch *batch)
{
    return reader->backend->find_batch(reader->reader, id, batch);
}

enum error store_list_batches(struct store_reader *reader, const struct message_id *before,
                              size_t limit, struct store_batch batches[], size_t *count)
{
    struct message_id newest;
    memset(&newest, 0xff, sizeof(newest));
    return reader->backend->list_batches(reader->reader, before ? before : &newest, limit, batches,
                                         count);
}

enum error store_find_external_batch(struct store_reader *reader, const char *external_id,
                                     struct store_batch *batch)
{
    return reader->backend->find_external_batch(reader->reader, external_id, batch);
}

enum error store_read_external_id(struct store_reader *reader, const struct message_id *batch_id,
                                  char external_id[STORE_EXTERNAL_ID_SIZE])
{
    return reader->backend->read_external_id(reader->reader, batch_id, external_id);
}

enum error store_list_external_batches(struct store_reader *reader,
                                       const struct store_external_query *query,
                                       struct store_batch batches[], size_t *count, int64_t *total)
{
    assert(query->offset >= 0);
    *count = 0;
    *total = 0;
    return reader->backend->list_external_batches(reader->reader, query, batches, count, total);
}

enum error store_list_messages(struct store_reader *reader, const struct store_query *query,
                               struct store_page *page)
{
    assert(query->limit > 0 && query->offset >= 0);
    *page = (struct store_page){0};
    enum error error = reader->backend->list_messages(reader->reader, query, page);
    for (size_t i = 0; i < page->count && error == ERROR_NONE; i++)
        error = store_read_wait(reader, &page->messages[i]);
    return error;
}

bool store_query_has_text_filter(const struct store_query *query)
{
    static const struct message_id none;
    return *query->device_id || *query->phone_number || *query->device_group || *query->reference ||
           !message_id_equal(&query->batch_id, &none);
}

enum error store_list_events(struct store_reader *reader, const struct store_event_query *query,
                             struct store_event_page *page)
{
    assert(query->limit > 0 && query->after >= 0);
    *page = (struct store_event_page){.last = query->after};
    return reader->backend->list_events(reader->reader, query, page);
}

enum error store_read_event_range(struct store_reader *reader, int64_t *oldest, int64_t *newest)
{
    return reader->backend->read_event_range(reader->reader, oldest, newest);
}

void store_page_fini(struct store_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        message_fini(&page->messages[i]);
    free(page->messages);
    *page = (struct store_page){0};
}

enum error store_find_incoming(struct store_reader *reader, const struct message_id *id,
                               struct incoming_sms *sms)
{
    return reader->backend->find_incoming(reader->reader, id, sms);
}

enum error store_list_inbox(struct store_reader *reader, const struct store_inbox_query *query,
                            struct store_inbox_page *page)
{
    assert(query->limit > 0 && query->offset >= 0);
    *page = (struct store_inbox_page){0};
    return reader->backend->list_inbox(reader->reader, query, page);
}

void store_inbox_page_fini(struct store_inbox_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        incoming_sms_fini(&page->incoming[i]);
    free(page->incoming);
    *page = (struct store_inbox_page){0};
}

const char *opt_out_source_name(enum opt_out_source source)
{
    static const char *const names[OPT_OUT_SOURCE_COUNT] = {
        [OPT_OUT_BY_SMS] = "sms", [OPT_OUT_BY_API] = "api", [OPT_OUT_BY_TOOL] = "tool"};
    return names[source];
}

enum error store_find_opt_out(struct store_reader *reader, const char *phone_number,
                              struct opt_out *opt_out, bool *found)
{
    return reader->backend->find_opt_out(reader->reader, phone_number, opt_out, found);
}

enum error store_list_opt_outs(struct store_reader *reader, const char *after, size_t limit,
                               struct opt_out opt_outs[], size_t *count)
{
    return reader->backend->list_opt_outs(reader->reader, after, limit, opt_outs, count);
}

enum error store_find_key(struct store_reader *reader, const char *id, struct api_key *key,
                          bool *found)
{
    return reader->backend->find_key(reader->reader, id, key, found);
}

enum error store_list_keys(struct store_reader *reader, struct api_key **keys, size_t *count)
{
    return reader->backend->list_keys(reader->reader, keys, count);
}

enum error store_find_token(struct store_reader *reader, const char *id, struct device_token *token,
                            bool *found)
{
    return reader->backend->find_token(reader->reader, id, token, found);
}

enum error store_find_hook(struct store_reader *reader,
                           const unsigned char hook_hash[SECRET_HASH_BYTES],
                           struct polled_device *device, bool *found)
{
    return reader->backend->find_hook(reader->reader, hook_hash, device, found);
}

enum error store_list_tokens(struct store_reader *reader, struct device_token **tokens,
                             size_t *count)
{
    return reader->backend->list_tokens(reader->reader, tokens, count);
}

enum error store_read_webhook_news(struct store_reader *reader, struct store_webhook_news *news)
{
    return reader->backend->read_webhook_news(reader->reader, news);
}

enum error store_list_webhooks(struct store_reader *reader, struct webhook **webhooks,
                               size_t *count)
{
    return reader->backend->list_webhooks(reader->reader, webhooks, count);
}

void store_free_webhooks(struct webhook *webhooks, size_t count)
{
    if (webhooks)
        explicit_bzero(webhooks, count * sizeof(*webhooks));
    free(webhooks);
}

enum error store_find_webhook(struct store_reader *reader, const char *id, struct webhook *webhook,
                              bool *found)
{
    return reader->backend->find_webhook(reader->reader, id, webhook, found);
}

enum error store_list_due_deliveries(struct store_reader *reader, const char *webhook_id,
                                     int64_t now_ms, size_t limit,
                                     struct webhook_delivery **deliveries, size_t *count)
{
    assert(limit > 0);
    return reader->backend->list_due_deliveries(reader->reader, webhook_id, now_ms, limit,
                                                deliveries, count);
}

enum error store_list_deliveries(struct store_reader *reader,
                                 const struct store_delivery_query *query,
                                 struct webhook_delivery **deliveries, size_t *count)
{
    assert(query->limit > 0);
    return reader->backend->list_deliveries(reader->reader, query, deliveries, count);
}

const char *webhook_delivery_state_name(enum webhook_delivery_state state)
{
    static const char *const names[] = {
        [WEBHOOK_DELIVERY_WAITING] = "waiting",
        [WEBHOOK_DELIVERY_DELIVERED] = "delivered",
        [WEBHOOK_DELIVERY_GIVEN_UP] = "given_up",
    };
    _Static_assert(ARRAY_LENGTH(names) == WEBHOOK_DELIVERY_STATE_COUNT, "each has a name");
    return names[state];
}

enum error store_read_sending(struct store_reader *reader, struct store_sending *sending)
{
    return reader->backend->read_sending(reader->reader, sending);
}

enum error store_list_devices(struct store_reader *reader, const struct store_device_query *query,
                              struct store_device_page *page)
{
    assert(query->limit > 0);
    *page = (struct store_device_page){0};
    page->devices = calloc(query->limit, sizeof(*page->devices));
    return page->devices ? reader->backend->list_devices(reader->reader, query, page)
                         : ERROR_INTERNAL;
}

bool store_device_page_append(const struct store_device_query *query,
                              struct store_device_page *page, const struct store_device *entry,
                              struct store_device_page_size *size)
{
    const struct device *device = &entry->device;
    size->extra_bytes += device->info.extra ? strlen(device->info.extra) : 0;
    size->in_flight += device->queue;
    page->has_more = page->count == query->limit ||
                     (page->count > 0 &&
                      ((query->max_extra_bytes > 0 && size->extra_bytes > query->max_extra_bytes) ||
                       (query->max_in_flight > 0 && size->in_flight > query->max_in_flight)));
    if (!page->has_more)
        page->devices[page->count++] = *entry;
    return !page->has_more;
}

void store_device_page_fini(struct store_device_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        device_info_fini(&page->devices[i].device.info);
    free(page->devices);
    *page = (struct store_device_page){0};
}

/* Who begins to follow has seen all until the last poll: what it then reads again, it finds to be so already. */
static enum error read_moves(struct store_reader *reader, struct store_work *work)
{
    const struct store_event_query query = {
        .after = work->moves_cursor,
        .limit = STORE_WORK_PAGE,
        .types = EVENT_MESSAGE_BITS,
    };
    int64_t oldest;
    work->moves = (struct store_event_page){0};
    if (!work->follows)
        return store_read_event_range(reader, &oldest, &work->moves_cursor);
    enum error error = store_list_events(reader, &query, &work->moves);
    if (error != ERROR_NONE)
        store_event_page_fini(&work->moves);
    else
        work->moves_cursor = work->moves.last;
    return error;
}

enum error store_poll_work(struct store_reader *reader, struct store_work *work)
{
    enum error error = reader->backend->poll_work(reader->reader, work);
    if (error != ERROR_NONE)
        return error;
    if (work->stuck_for_ms != 0)
        error = store_count_waits(reader, STORE_MAX_COUNTED, work->waiting);
    if (error == ERROR_NONE)
        error = read_moves(reader, work);
    if (error != ERROR_NONE)
        return error;
    if (work->cancel_count > 0)
        work->cancel_cursor = work->cancel_requests[work->cancel_count - 1].ref.id;
    if (work->revoked_count > 0)
        strcpy(work->revoked_cursor, work->revoked[work->revoked_count - 1].device_id);
    if (work->superseded_count > 0)
        strcpy(work->superseded_cursor, work->superseded[work->superseded_count - 1].device_id);
    if (work->configured_count > 0)
        work->configured_cursor = work->configured[work->configured_count - 1].traits.configured;
    work->more = work->cancel_count == STORE_WORK_PAGE || work->revoked_count == STORE_WORK_PAGE ||
                 work->superseded_count == STORE_WORK_PAGE ||
                 work->configured_count == STORE_CONFIGURED_PAGE || work->moves.more;
    return ERROR_NONE;
}

enum error store_find_device(struct store_reader *reader, const char *device_id,
                             struct store_device *device, bool *found)
{
    return reader->backend->find_device(reader->reader, device_id, device, found);
}

enum error store_list_readings(struct store_reader *reader, const char *device_id, int64_t from_ms,
                               struct store_reading readings[STORE_MAX_READINGS], size_t *count)
{
    return reader->backend->list_readings(reader->reader, device_id, from_ms, readings, count);
}

enum error store_device_is_known(struct store_reader *reader, const char *device_id, bool *known)
{
    return reader->backend->device_is_known(reader->reader, device_id, known);
}

enum error store_group_is_known(struct store_reader *reader, const char *group, bool *known)
{
    return reader->backend->group_is_known(reader->reader, group, known);
}

static enum error count_accepted(struct store_reader *reader, enum accepted_kind kind,
                                 int64_t first, int64_t last, const char *key_id, int64_t *count)
{
    const struct store_accepted_query query = {kind, first, last, key_id};
    return reader->backend->count_accepted(reader->reader, &query, count);
}

enum error store_read_accepted(struct store_reader *reader, int64_t now_ms, const char *key_id,
                               struct store_accepted *accepted)
{
    enum { MINUTE_MS = 60000, DAY_MS = 86400000 };
    int64_t today = now_ms / DAY_MS, minute = now_ms / MINUTE_MS;
    *accepted = (struct store_accepted){0};
    enum error error = count_accepted(reader, ACCEPTED_DAILY, today, today, "", &accepted->today);
    if (error == ERROR_NONE && *key_id)
        error = count_accepted(reader, ACCEPTED_BY_KEY, today, today, key_id,
                               &accepted->by_key_today);
    if (error == ERROR_NONE)
        error = count_accepted(reader, ACCEPTED_IN_MINUTE, minute - STORE_BURST_MINUTES,
                               minute + STORE_BURST_MINUTES, "", &accepted->in_burst);
    return error;
}

enum error store_read_statistics(struct store_reader *reader, int64_t stuck_for_ms,
                                 struct store_statistics *statistics)
{
    enum error error = reader->backend->read_statistics(reader->reader, stuck_for_ms, statistics);
    return error == ERROR_NONE ? store_count_waits(reader, STORE_MAX_COUNTED, statistics->waiting)
                               : error;
}
