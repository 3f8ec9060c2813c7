#include "common/store/events.h"

#include "common/base/json_write.h"

#include <stdlib.h>
#include <string.h>

bool store_event_query_has_filter(const struct store_event_query *query)
{
    static const struct message_id none;
    return (query->types != 0 && (query->types & EVENT_TYPES_ALL) != EVENT_TYPES_ALL) ||
           *query->device_id || *query->device_group ||
           !message_id_equal(&query->message_id, &none) ||
           !message_id_equal(&query->batch_id, &none);
}

void store_event_fini(struct store_event *event)
{
    free(event->detail);
    free(event->text);
    event->detail = event->text = NULL;
}

void store_event_page_fini(struct store_event_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        store_event_fini(&page->events[i]);
    free(page->events);
    *page = (struct store_event_page){0};
}

bool store_event_add_incoming(struct store_event *event, const struct incoming_sms *sms,
                              bool with_text)
{
    struct buffer detail;
    struct json_writer json = {.out = &detail};
    buffer_init(&detail, STORE_EVENT_DETAIL_SIZE);
    json_begin_object(&json, NULL);
    json_put_text(&json, "from", *sms->sender ? sms->sender : NULL);
    json_put_text(&json, "to", *sms->recipient ? sms->recipient : NULL);
    if (sms->sim != 0)
        json_put_integer(&json, "sim", sms->sim);
    else
        json_put_null(&json, "sim");
    json_put_integer(&json, "segments", sms->segments);
    json_end_object(&json);
    event->detail = buffer_take(&detail);
    event->encoding = sms->encoding;
    event->text = with_text ? strdup(sms->text) : NULL;
    return event->detail && (event->text || !with_text);
}
