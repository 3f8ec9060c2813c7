/* Webhooks and their deliveries in JSON, the same in the API and the CLI: schemas Webhook and WebhookDelivery in
   api-fcgi/openapi.yaml. Any thread. */
#ifndef COMMON_STORE_WEBHOOK_JSON_H
#define COMMON_STORE_WEBHOOK_JSON_H

#include "common/base/errmsg.h"
#include "common/base/json_write.h"
#include "common/store/webhooks.h"

/* Without its secrets, which are shown once: with_secret puts the new one. */
void webhook_json_put(struct json_writer *json, const struct webhook *webhook, bool with_secret);

void webhook_json_put_delivery(struct json_writer *json, const struct webhook_delivery *delivery);

/* The names of the types in a mask, or "*": for people. */
enum { WEBHOOK_TYPES_TEXT_SIZE = 640 };
void webhook_types_format(uint32_t types, char text[WEBHOOK_TYPES_TEXT_SIZE]);

/* The bits of what a client names: a type, "message.*", or "*" (0, with *all). False: it is neither, or a type that cannot be
   chosen. */
MUST_CHECK bool webhook_type_parse(const char *name, uint32_t *types, bool *all);

/* What people write about a webhook: of at most WEBHOOK_DESCRIPTION_SIZE - 1 bytes, without control characters. On false
   `problem` is the end of a sentence: "must ...". */
MUST_CHECK bool webhook_description_check(const char *text, char problem[ERRMSG_SIZE]);

/* The header webhook-id of a delivery: the same for each try, and another one where a backup has brought an id of an event
   back. */
enum { WEBHOOK_DELIVERY_NAME_SIZE = 48 };
void webhook_delivery_name(int64_t event_id, int64_t event_at_ms,
                           char name[WEBHOOK_DELIVERY_NAME_SIZE]);

#endif
