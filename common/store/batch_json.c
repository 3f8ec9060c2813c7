#include "common/store/batch_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void batch_json_put_created(struct json_writer *json, const struct batch_created *batch)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&batch->id, id);
    json_begin_object(json, NULL);
    json_put_text(json, "batch_id", id);
    json_put_integer(json, "count", (int64_t)batch->count);
    json_put_integer(json, "duplicates", (int64_t)batch->duplicates);
    json_put_integer(json, "segments", batch->segments);
    json_begin_array(json, "message_ids");
    for (size_t i = 0; i < batch->count; i++) {
        message_id_format(&batch->messages[i].id, id);
        json_put_text(json, NULL, id);
    }
    json_end_array(json);
    json_end_object(json);
}

static int compare_numbers(const void *a, const void *b)
{
    return strcmp((*(const struct message *const *)a)->phone_number,
                  (*(const struct message *const *)b)->phone_number);
}

bool batch_count_duplicates(const struct message messages[], size_t count, size_t *duplicates)
{
    const struct message **sorted = calloc(count, sizeof(const struct message *));
    if (!sorted)
        return false;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &messages[i];
    qsort(sorted, count, sizeof(const struct message *), compare_numbers);
    *duplicates = 0;
    for (size_t i = 1; i < count; i++)
        *duplicates += compare_numbers(&sorted[i - 1], &sorted[i]) == 0;
    free(sorted);
    return true;
}

int64_t batch_count_open(const struct store_batch *batch)
{
    int64_t open = 0;
    for (int i = 0; i < MESSAGE_SENT; i++)
        open += batch->counts[i];
    return open;
}

void batch_json_put(struct json_writer *json, const struct store_batch *batch)
{
    char id[MESSAGE_ID_TEXT_SIZE], link[MESSAGE_ID_TEXT_SIZE + 24];
    int64_t there = 0;
    message_id_format(&batch->id, id);
    snprintf(link, sizeof(link), "/api/sms?batch_id=%s", id);
    json_begin_object(json, NULL);
    json_put_text(json, "batch_id", id);
    json_put_time(json, "created_at", batch->created_at_ms);
    json_put_integer(json, "count", batch->count);
    json_begin_object(json, "statuses");
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++) {
        json_put_integer(json, message_status_name((enum message_status)i), batch->counts[i]);
        there += batch->counts[i];
    }
    json_end_object(json);
    json_put_integer(json, "deleted", batch->count - there);
    json_put_bool(json, "finished", batch_count_open(batch) == 0);
    json_put_text(json, "messages", link);
    json_end_object(json);
}
