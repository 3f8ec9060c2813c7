#include "common/store/verbs/events.h"

#include "common/base/json_write.h"

enum error event_put(struct store_transaction *transaction, const struct event_row *event)
{
    return transaction->rows->events->insert(transaction->database, event, transaction->now_ms);
}

enum error event_put_text(struct store_transaction *transaction, struct event_row event,
                          const char *member, const char *value)
{
    if (!value || !*value)
        return event_put(transaction, &event);
    struct buffer detail;
    buffer_init(&detail, STORE_EVENT_DETAIL_SIZE);
    struct json_writer json = {.out = &detail};
    json_begin_object(&json, NULL);
    json_put_text(&json, member, value);
    json_end_object(&json);
    event.detail = detail.data;
    enum error error = detail.failed ? ERROR_INTERNAL : event_put(transaction, &event);
    buffer_fini(&detail);
    return error;
}
