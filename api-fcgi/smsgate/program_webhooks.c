/* GET and POST /webhooks, DELETE /webhooks/{id} */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/json_body.h"
#include "api-fcgi/smsgate/program.h"
#include "api-fcgi/smsgate/program_draft.h"
#include "api-fcgi/smsgate/smsgate_error.h"
#include "common/access/api_key.h"
#include "common/model/smsgate_events.h"
#include "common/process/webhook_url.h"

#include <stdlib.h>
#include <string.h>

static const char *id_of(const struct webhook *webhook)
{
    return *webhook->external_id ? webhook->external_id : webhook->id;
}

static void put_webhook(struct json_writer *json, const struct webhook *webhook,
                        const char *signing_key)
{
    json_begin_object(json, NULL);
    json_put_text(json, "id", id_of(webhook));
    json_put_text(json, "deviceId", *webhook->device_id ? webhook->device_id : NULL);
    json_put_text(json, "url", webhook->url);
    json_put_text(json, "event", smsgate_event_of_types(webhook->types));
    if (signing_key)
        json_put_text(json, "signingKey", signing_key);
    json_end_object(json);
}

enum http_outcome program_webhooks_handle_list(struct http_exchange *exchange)
{
    struct webhook *webhooks = NULL;
    size_t count = 0;
    struct json_writer json = {.out = &exchange->response.body};
    enum error error = store_list_webhooks(exchange->reader, &webhooks, &count);
    if (error == ERROR_NONE) {
        http_begin_json(exchange, 200);
        json_begin_array(&json, NULL);
        for (size_t i = 0; i < count; i++) {
            if (webhooks[i].form == WEBHOOK_SMSGATE)
                put_webhook(&json, &webhooks[i], NULL);
        }
        json_end_array(&json);
    }
    store_free_webhooks(webhooks, count);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}

/* ---- POST ---- */

struct draft {
    struct webhook webhook;
    struct webhook_rules rules;
};

static void release_draft(struct http_exchange *exchange)
{
    struct draft *draft = exchange->state->smsgate;
    explicit_bzero(draft, sizeof(*draft)); /* it has a secret */
    free(draft);
}

static void take_id(struct http_exchange *exchange, const char *pointer, const struct json *value,
                    void *target)
{
    program_take_id(exchange, pointer, value, ((struct draft *)target)->webhook.external_id);
}

static void take_device(struct http_exchange *exchange, const char *pointer,
                        const struct json *value, void *target)
{
    const char *text = program_take_device(exchange, pointer, value);
    if (text)
        strcpy(((struct draft *)target)->webhook.device_id, text);
}

static void take_url(struct http_exchange *exchange, const char *pointer, const struct json *value,
                     void *target)
{
    struct draft *draft = target;
    char problem[ERRMSG_SIZE];
    const char *text = json_body_text(exchange, pointer, value);
    if (text && webhook_url_check(text, &draft->rules, problem))
        strcpy(draft->webhook.url, text);
    else if (text)
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE, "%s", problem);
}

static void take_event(struct http_exchange *exchange, const char *pointer,
                       const struct json *value, void *target)
{
    struct draft *draft = target;
    const char *text = json_body_text(exchange, pointer, value);
    draft->webhook.types = text ? smsgate_event_types(text) : 0;
    if (text && draft->webhook.types == 0)
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "must be an event that this gateway has: " SMSGATE_EVENTS);
}

static void answer_created(struct http_exchange *exchange)
{
    const struct draft *draft = exchange->state->smsgate;
    struct json_writer json = {.out = &exchange->response.body};
    if (!webhooks_created(exchange))
        return;
    http_begin_json(exchange, 201);
    bool has_own_key = *exchange->api->settings->smsgate_signing_key == '\0';
    put_webhook(&json, &draft->webhook, has_own_key ? draft->webhook.secret : NULL);
}

static bool read_draft(struct http_exchange *exchange, struct draft *draft)
{
    static const struct json_body_field fields[] = {
        {"/id", false, take_id, NULL},
        {"/deviceId", false, take_device, NULL},
        {"/url", true, take_url, NULL},
        {"/event", true, take_event, NULL},
    };
    char problem[ERRMSG_SIZE];
    if (webhook_rules_read(exchange->api->settings, &draft->rules, problem))
        return json_body_take(exchange, fields, ARRAY_LENGTH(fields), draft);
    http_problem(exchange, ERROR_NOT_CONFIGURED, "%s.", problem);
    return false;
}

enum http_outcome program_webhooks_handle_create(struct http_exchange *exchange)
{
    struct draft *draft = calloc(1, sizeof(*draft));
    if (!draft)
        return http_problem(exchange, ERROR_INTERNAL, "Not enough memory.");
    exchange->state->smsgate = draft;
    exchange->release = release_draft;
    if (!read_draft(exchange, draft))
        return HTTP_ANSWERED;
    struct webhook *webhook = &draft->webhook;
    webhook->form = WEBHOOK_SMSGATE;
    webhook->enabled = true;
    webhook->with_text = webhook->types & EVENT_BIT(EVENT_INBOX_RECEIVED);
    return webhooks_create(exchange, webhook, answer_created);
}

/* ---- DELETE ---- */

static void answer_removed(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    if (write->result != ERROR_NONE && write->result != ERROR_WEBHOOK_NOT_FOUND) {
        webhooks_refuse(exchange, write->result);
        return;
    }
    if (write->result == ERROR_NONE)
        log_info("webhook deleted", LOG_TEXT("webhook", write->remove_webhook.id),
                 LOG_TEXT_IF_ANY("key", exchange->key_id));
    smsgate_answer_empty(exchange, 204);
}

enum http_outcome program_webhooks_handle_remove(struct http_exchange *exchange)
{
    struct webhook *webhooks = NULL;
    size_t count = 0;
    bool found = false;
    exchange->write = (struct store_write){.verb = STORE_REMOVE_WEBHOOK};
    enum error error = store_list_webhooks(exchange->reader, &webhooks, &count);
    for (size_t i = 0; i < count && error == ERROR_NONE && !found; i++) {
        found = webhooks[i].form == WEBHOOK_SMSGATE &&
                strcmp(id_of(&webhooks[i]), exchange->request.path_argument) == 0;
        if (found)
            strcpy(exchange->write.remove_webhook.id, webhooks[i].id);
    }
    store_free_webhooks(webhooks, count);
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    return found ? http_park(exchange, answer_removed) : smsgate_answer_empty(exchange, 204);
}
