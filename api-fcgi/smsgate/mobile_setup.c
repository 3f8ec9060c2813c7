/* GET /webhooks and GET /settings: what the app is to tell the gateway by itself, and how. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/smsgate/mobile.h"
#include "api-fcgi/smsgate/mobile_access.h"
#include "api-fcgi/smsgate/mobile_note.h"
#include "common/base/json_write.h"
#include "common/base/log.h"
#include "common/model/polled_app.h"
#include "common/process/public_url.h"

#include <stdio.h>
#include <string.h>

enum { PING_SECONDS = 60 };

/* One name the app does not know makes it lose the whole list. */
static const struct {
    const char *id, *event; /* the id tells one event from another, and never changes */
    unsigned since;         /* version of the app */
} events[] = {
    {"sgw-received", "sms:received", 0},        {"sgw-ping", "system:ping", 0},
    {"sgw-data", "sms:data-received", 1039000}, {"sgw-mms", "mms:received", 1047000},
    {"sgw-started", "app:started", 1066000},
};

/* The answer is written already. */
static void answer_fetched(struct http_exchange *exchange)
{
    if (exchange->write.result != ERROR_NONE)
        http_store_problem(exchange, exchange->write.result);
}

enum http_outcome mobile_handle_webhooks(struct http_exchange *exchange)
{
    const char *agent = exchange->request.user_agent;
    unsigned version = polled_app_version(agent);
    struct device_token token;
    char base[PUBLIC_URL_SIZE], hook[MOBILE_SECRET_SIZE], url[PUBLIC_URL_SIZE + 64];
    char problem[ERRMSG_SIZE];
    if (!mobile_access_take(exchange, &token))
        return HTTP_ANSWERED;
    if (!public_url(exchange->api->settings, base, problem))
        return http_problem(exchange, ERROR_NOT_CONFIGURED, "%s", problem);
    mobile_access_hook(secret_bearer_token(exchange->request.authorization), hook);
    snprintf(url, sizeof(url), "%s/api/mobile/v1/hook/%s", base, hook);
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_array(&json, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(events); i++) {
        if (version < events[i].since)
            continue;
        json_begin_object(&json, NULL);
        json_put_text(&json, "id", events[i].id);
        json_put_text(&json, "url", url);
        json_put_text(&json, "event", events[i].event);
        json_end_object(&json);
    }
    json_end_array(&json);
    mobile_note_begin(exchange, token.device_id, token.id)->fetched = POLLED_FETCHED_WEBHOOKS;
    return http_park(exchange, answer_fetched);
}

/* Nothing that limits the app's pace, which is the gateway's, or has it forget messages. */
enum http_outcome mobile_handle_settings(struct http_exchange *exchange)
{
    struct device_token token;
    char hook[MOBILE_SECRET_SIZE], key[MOBILE_SECRET_SIZE];
    if (!mobile_access_take(exchange, &token))
        return HTTP_ANSWERED;
    mobile_access_hook(secret_bearer_token(exchange->request.authorization), hook);
    mobile_access_signing_key(hook, key);
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_object(&json, "gateway");
    json_put_text(&json, "notification_channel", "SSE_ONLY");
    json_end_object(&json);
    json_begin_object(&json, "messages");
    json_put_text(&json, "processing_order", "FIFO");
    json_end_object(&json);
    json_begin_object(&json, "ping");
    json_put_integer(&json, "interval_seconds", PING_SECONDS);
    json_end_object(&json);
    json_begin_object(&json, "webhooks");
    json_put_text(&json, "signing_key", key);
    json_end_object(&json);
    json_end_object(&json);
    mobile_note_begin(exchange, token.device_id, token.id)->fetched = POLLED_FETCHED_SETTINGS;
    return http_park(exchange, answer_fetched);
}
