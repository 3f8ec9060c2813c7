#include "common/store/verbs/events.h"

#include "common/base/json_write.h"

enum error event_put(struct store_transaction *transaction, const struct event_row *event)
{
    return transaction->rows->events->insert(transaction->database, event, transaction->now_ms);
}

/* With the detail that was written, which is freed. */
static enum error put_with(struct store_transaction *transaction, struct event_row event,
                           struct buffer *detail)
{
    event.detail = detail->data;
    enum error error = detail->failed ? ERROR_INTERNAL : event_put(transaction, &event);
    buffer_fini(detail);
    return error;
}

enum error event_put_text(struct store_transaction *transaction, struct event_row event,
                          const char *member, const char *value)
{
    struct buffer detail;
    struct json_writer json = {.out = &detail};
    if (!value || !*value)
        return event_put(transaction, &event);
    buffer_init(&detail, STORE_EVENT_DETAIL_SIZE);
    json_begin_object(&json, NULL);
    json_put_text(&json, member, value);
    json_end_object(&json);
    return put_with(transaction, event, &detail);
}

enum error event_put_number(struct store_transaction *transaction, struct event_row event,
                            const char *member, double value)
{
    struct buffer detail;
    struct json_writer json = {.out = &detail};
    buffer_init(&detail, STORE_EVENT_DETAIL_SIZE);
    json_begin_object(&json, NULL);
    json_put_number(&json, member, value);
    json_end_object(&json);
    return put_with(transaction, event, &detail);
}

/* ---- Batches ---- */

static enum error put_finished(struct store_transaction *transaction,
                               const struct message_id *batch_id)
{
    int64_t counts[MESSAGE_STATUS_COUNT];
    char id[MESSAGE_ID_TEXT_SIZE];
    struct buffer detail;
    struct json_writer json = {.out = &detail};
    enum error error = transaction->rows->batches->count_statuses(transaction->database, batch_id,
                                                                  counts);
    if (error != ERROR_NONE)
        return error;
    message_id_format(batch_id, id);
    buffer_init(&detail, STORE_EVENT_DETAIL_SIZE);
    json_begin_object(&json, NULL);
    json_begin_object(&json, "statuses");
    for (int i = MESSAGE_SENT; i < MESSAGE_STATUS_COUNT; i++)
        json_put_integer(&json, message_status_name((enum message_status)i), counts[i]);
    json_end_object(&json);
    json_end_object(&json);
    return put_with(transaction, (struct event_row){.type = EVENT_BATCH_FINISHED, .subject = id},
                    &detail);
}

enum error event_flush_batches(struct store_transaction *transaction)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < transaction->finished_count && error == ERROR_NONE; i++) {
        const struct message_id *id = &transaction->finished_in[i];
        bool open;
        error = transaction->rows->batches->find_open(transaction->database, id, &open);
        if (error == ERROR_NONE && !open)
            error = put_finished(transaction, id);
    }
    transaction->finished_count = 0;
    return error;
}

enum error event_note_batch(struct store_transaction *transaction,
                            const struct message_id *batch_id)
{
    for (size_t i = transaction->finished_count; i > 0; i--) {
        if (message_id_equal(&transaction->finished_in[i - 1], batch_id))
            return ERROR_NONE;
    }
    enum error error = ERROR_NONE;
    if (transaction->finished_count == ARRAY_LENGTH(transaction->finished_in))
        error = event_flush_batches(transaction);
    transaction->finished_in[transaction->finished_count++] = *batch_id;
    return error;
}
