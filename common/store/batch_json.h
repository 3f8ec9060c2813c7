/* Batches as JSON: the API's answers, and what the operator's tool prints. */
#ifndef COMMON_STORE_BATCH_JSON_H
#define COMMON_STORE_BATCH_JSON_H

#include "common/base/json_write.h"
#include "common/store/messages.h"

/* The answer of POST /api/batches. */
struct batch_created {
    struct message_id id;
    const struct message *messages;
    size_t count;
    size_t duplicates; /* messages to a number that another one has already */
    int64_t segments;  /* of all */
};
void batch_json_put_created(struct json_writer *json, const struct batch_created *batch);

/* The number of messages to a number that an earlier one has. False without memory. */
MUST_CHECK bool batch_count_duplicates(const struct message messages[], size_t count,
                                       size_t *duplicates);

/* Messages that no device has finished. */
int64_t batch_count_open(const struct store_batch *batch);

/* The answer of GET /api/batches/{batch_id}. */
void batch_json_put(struct json_writer *json, const struct store_batch *batch);

#endif
