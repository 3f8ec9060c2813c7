#include "ws-broker/stream/stream_filter.h"

#include "common/access/api_key.h"

#include <string.h>

static const struct message_id none;

static bool is_set(const struct message_id *id)
{
    return !message_id_equal(id, &none);
}

struct stream_key stream_key_of(const struct store_event *event)
{
    struct stream_key key = {
        .type = event->type,
        .message_id = event->message_id,
        .batch_id = event->batch_id,
    };
    strcpy(key.device_id, event->device_id);
    if (event->type == EVENT_BATCH_FINISHED && !message_id_parse(event->subject, &key.batch_id))
        key.batch_id = none;
    return key;
}

bool stream_filter_passes(const struct stream_filter *filter, const struct stream_key *key)
{
    return (filter->types & EVENT_BIT(key->type)) &&
           (!is_set(&filter->message_id) ||
            message_id_equal(&filter->message_id, &key->message_id)) &&
           (!is_set(&filter->batch_id) || message_id_equal(&filter->batch_id, &key->batch_id)) &&
           (!*filter->device_id || strcmp(filter->device_id, key->device_id) == 0);
}

struct store_event_query stream_filter_query(const struct stream_filter *filter, int64_t after,
                                             size_t limit)
{
    struct store_event_query query = {
        .after = after,
        .limit = limit,
        .types = filter->types == EVENT_TYPES_ALL ? 0 : filter->types,
        .message_id = filter->message_id,
        .batch_id = filter->batch_id,
    };
    strcpy(query.device_id, filter->device_id);
    return query;
}

static unsigned scope_of(enum event_type type)
{
    switch (type) {
    case EVENT_MESSAGE_QUEUED:
    case EVENT_MESSAGE_DISPATCHED:
    case EVENT_MESSAGE_ACCEPTED:
    case EVENT_MESSAGE_SENDING:
    case EVENT_MESSAGE_SENT:
    case EVENT_MESSAGE_DELIVERED:
    case EVENT_MESSAGE_FAILED:
    case EVENT_MESSAGE_EXPIRED:
    case EVENT_MESSAGE_CANCELLED:
    case EVENT_MESSAGE_UNKNOWN:
    case EVENT_BATCH_FINISHED:
    case EVENT_SENDING_PAUSED:
    case EVENT_SENDING_RESUMED:
        return API_SCOPE_READ;
    case EVENT_INBOX_RECEIVED:
        return API_SCOPE_INBOX;
    case EVENT_DEVICE_CONNECTED:
    case EVENT_DEVICE_DISCONNECTED:
    case EVENT_DEVICE_BATTERY_LOW:
    case EVENT_DEVICE_REVOKED:
        return API_SCOPE_DEVICES;
    case EVENT_WEBHOOK_TEST:
    case EVENT_WEBHOOK_DISABLED:
        return API_SCOPE_WEBHOOKS;
    case EVENT_TYPE_COUNT:
        break;
    }
    return 0;
}

uint32_t stream_types_of_scopes(unsigned scopes)
{
    uint32_t types = 0;
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        if (scope_of((enum event_type)type) & scopes)
            types |= EVENT_BIT(type);
    }
    return types;
}

unsigned stream_scopes_of_types(uint32_t types)
{
    unsigned scopes = 0;
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        if (types & EVENT_BIT(type))
            scopes |= scope_of((enum event_type)type);
    }
    return scopes;
}
