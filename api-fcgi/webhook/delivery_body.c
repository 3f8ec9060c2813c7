#include "api-fcgi/webhook/delivery_body.h"

#include "common/store/event_json.h"

enum { MOST_BYTES = 1 << 20 };

char *delivery_body_make(const struct store_event *event, bool with_text, size_t *length)
{
    struct buffer body;
    struct json_writer json = {.out = &body};
    buffer_init(&body, MOST_BYTES);
    event_json_put(&json, event, with_text);
    *length = body.length;
    char *text = buffer_take(&body);
    buffer_fini(&body);
    return text;
}
