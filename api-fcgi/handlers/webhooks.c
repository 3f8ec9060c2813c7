/* /api/webhooks: create, list, show, change, remove, and a new secret. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/webhook_draft.h"
#include "common/store/webhook_json.h"

#include <stdlib.h>
#include <string.h>

enum http_outcome webhooks_refuse(struct http_exchange *exchange, enum error error)
{
    switch (error) {
    case ERROR_WEBHOOK_NOT_FOUND:
        return http_problem(exchange, error,
                            "There is no webhook with this id; GET /api/webhooks lists them.");
    case ERROR_TOO_MANY_WEBHOOKS:
        return http_problem(exchange, error,
                            "There may be %d webhooks. Delete one that is no longer needed.",
                            STORE_MAX_WEBHOOKS);
    case ERROR_SCOPE_MISSING:
        http_add_header(
            exchange, "WWW-Authenticate",
            "Bearer realm=\"sms-gateway\", error=\"insufficient_scope\", scope=\"text\"");
        return http_problem(
            exchange, error,
            "A webhook with texts of messages needs a key with the scope text too.");
    case ERROR_WEBHOOK_DISABLED:
        return http_problem(
            exchange, error,
            "Nothing is sent to it. Enable it first: PATCH with \"enabled\": true.");
    case ERROR_EVENT_NOT_FOUND:
        return http_problem(exchange, error,
                            "There is no such event, or retention has removed it.");
    default:
        return http_store_problem(exchange, error);
    }
}

bool webhooks_take_id(struct http_exchange *exchange, char id[WEBHOOK_ID_SIZE])
{
    const char *text = exchange->request.path_argument;
    if (strlen(text) >= WEBHOOK_ID_SIZE) {
        webhooks_refuse(exchange, ERROR_WEBHOOK_NOT_FOUND);
        return false;
    }
    strcpy(id, text);
    return true;
}

/* A draft holds secrets. */
static void release_draft(struct http_exchange *exchange)
{
    struct webhook_draft *draft = exchange->state->webhook;
    if (draft)
        explicit_bzero(draft, sizeof(*draft));
    free(draft);
    exchange->state->webhook = NULL;
}

static struct webhook_draft *new_draft(struct http_exchange *exchange)
{
    struct webhook_draft *draft = malloc(sizeof(*draft));
    exchange->state->webhook = draft;
    exchange->release = release_draft;
    if (draft)
        *draft = (struct webhook_draft){0};
    else
        http_problem(exchange, ERROR_INTERNAL, "Not enough memory.");
    return draft;
}

static void answer_webhook(struct http_exchange *exchange, int status,
                           const struct webhook *webhook, bool with_secret)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, status);
    webhook_json_put(&json, webhook, with_secret);
}

/* ---- POST /api/webhooks ---- */

bool webhooks_created(struct http_exchange *exchange)
{
    if (exchange->write.result != ERROR_NONE) {
        webhooks_refuse(exchange, exchange->write.result);
        return false;
    }
    log_info("webhook created", LOG_TEXT("webhook", exchange->write.create_webhook.webhook->id),
             LOG_TEXT_IF_ANY("key", exchange->key_id));
    return true;
}

enum http_outcome webhooks_create(struct http_exchange *exchange, struct webhook *webhook,
                                  void (*answer)(struct http_exchange *exchange))
{
    if (webhook->with_text && !(exchange->scopes & API_SCOPE_TEXT))
        return webhooks_refuse(exchange, ERROR_SCOPE_MISSING);
    if (!webhook_id_make(webhook->id) || !webhook_secret_make(webhook->secret))
        return http_problem(exchange, ERROR_INTERNAL, "No random bytes for a secret.");
    exchange->write = (struct store_write){.verb = STORE_CREATE_WEBHOOK,
                                           .create_webhook.webhook = webhook};
    return http_park(exchange, answer);
}

static void answer_created(struct http_exchange *exchange)
{
    const struct webhook *webhook = &exchange->state->webhook->webhook;
    if (!webhooks_created(exchange))
        return;
    answer_webhook(exchange, 201, webhook, true);
    http_add_header(exchange, "Location", "/api/webhooks/%s", webhook->id);
}

enum http_outcome webhooks_handle_create(struct http_exchange *exchange)
{
    struct webhook_draft *draft = new_draft(exchange);
    if (!draft || !webhook_draft_take(exchange, draft, true))
        return HTTP_ANSWERED;
    draft->webhook = draft->change.values;
    return webhooks_create(exchange, &draft->webhook, answer_created);
}

/* ---- GET /api/webhooks, GET /api/webhooks/{webhook_id} ---- */

enum http_outcome webhooks_handle_list(struct http_exchange *exchange)
{
    struct webhook *webhooks = NULL;
    size_t count = 0;
    enum error error = store_list_webhooks(exchange->reader, &webhooks, &count);
    if (error == ERROR_NONE) {
        struct json_writer json = {.out = &exchange->response.body};
        http_begin_json(exchange, 200);
        json_begin_object(&json, NULL);
        json_begin_array(&json, "webhooks");
        for (size_t i = 0; i < count; i++)
            webhook_json_put(&json, &webhooks[i], false);
        json_end_array(&json);
        json_put_integer(&json, "count", (int64_t)count);
        json_end_object(&json);
    }
    store_free_webhooks(webhooks, count);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}

enum http_outcome webhooks_handle_get(struct http_exchange *exchange)
{
    char id[WEBHOOK_ID_SIZE];
    bool found;
    if (!webhooks_take_id(exchange, id))
        return HTTP_ANSWERED;
    struct webhook_draft *draft = new_draft(exchange);
    if (!draft)
        return HTTP_ANSWERED;
    enum error error = store_find_webhook(exchange->reader, id, &draft->webhook, &found);
    if (error != ERROR_NONE || !found)
        return webhooks_refuse(exchange, error != ERROR_NONE ? error : ERROR_WEBHOOK_NOT_FOUND);
    answer_webhook(exchange, 200, &draft->webhook, false);
    return HTTP_ANSWERED;
}

/* ---- PATCH /api/webhooks/{webhook_id}, POST /api/webhooks/{webhook_id}/secret ---- */

static void answer_changed(struct http_exchange *exchange)
{
    const struct webhook_draft *draft = exchange->state->webhook;
    if (exchange->write.result != ERROR_NONE) {
        webhooks_refuse(exchange, exchange->write.result);
        return;
    }
    bool rotated = draft->change.sets_secret;
    log_info(rotated ? "webhook secret rotated" : "webhook changed",
             LOG_TEXT("webhook", draft->webhook.id), LOG_TEXT_IF_ANY("key", exchange->key_id));
    answer_webhook(exchange, 200, &draft->webhook, rotated);
}

static enum http_outcome change(struct http_exchange *exchange, const char *id)
{
    struct webhook_draft *draft = exchange->state->webhook;
    exchange->write = (struct store_write){
        .verb = STORE_CHANGE_WEBHOOK,
        .change_webhook = {.change = &draft->change,
                           .webhook = &draft->webhook,
                           .may_read_texts = exchange->scopes & API_SCOPE_TEXT},
    };
    strcpy(exchange->write.change_webhook.id, id);
    return http_park(exchange, answer_changed);
}

enum http_outcome webhooks_handle_change(struct http_exchange *exchange)
{
    char id[WEBHOOK_ID_SIZE];
    if (!webhooks_take_id(exchange, id))
        return HTTP_ANSWERED;
    struct webhook_draft *draft = new_draft(exchange);
    if (!draft || !webhook_draft_take(exchange, draft, false))
        return HTTP_ANSWERED;
    return change(exchange, id);
}

enum http_outcome webhooks_handle_rotate(struct http_exchange *exchange)
{
    char id[WEBHOOK_ID_SIZE];
    if (!webhooks_take_id(exchange, id))
        return HTTP_ANSWERED;
    struct webhook_draft *draft = new_draft(exchange);
    if (!draft)
        return HTTP_ANSWERED;
    draft->change.sets_secret = true;
    if (!webhook_secret_make(draft->change.values.secret))
        return http_problem(exchange, ERROR_INTERNAL, "No random bytes for a secret.");
    return change(exchange, id);
}

/* ---- DELETE /api/webhooks/{webhook_id} ---- */

static void answer_removed(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    if (write->result != ERROR_NONE) {
        webhooks_refuse(exchange, write->result);
        return;
    }
    const char *id = write->remove_webhook.id;
    log_info("webhook deleted", LOG_TEXT("webhook", id), LOG_TEXT_IF_ANY("key", exchange->key_id));
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "webhook_id", id);
    json_put_bool(&json, "deleted", true);
    json_end_object(&json);
}

enum http_outcome webhooks_handle_remove(struct http_exchange *exchange)
{
    exchange->write = (struct store_write){.verb = STORE_REMOVE_WEBHOOK};
    if (!webhooks_take_id(exchange, exchange->write.remove_webhook.id))
        return HTTP_ANSWERED;
    return http_park(exchange, answer_removed);
}
