/* GET /api/limits, POST /api/sending/pause, POST /api/sending/resume */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/sending.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/json_body.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/process/settings_limits.h"

#include <string.h>

/* ---- GET /api/limits ---- */

static void put_limits(struct http_exchange *exchange, const struct store_sending *sending,
                       const struct store_accepted *accepted, int64_t now_ms)
{
    struct json_writer json = {.out = &exchange->response.body};
    const struct settings *settings = exchange->api->settings;
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    sending_put(&json, "sending", sending);
    sending_put_today(&json, "today", accepted->today, settings->daily_messages, now_ms);
    json_begin_object(&json, "burst");
    sending_put_use(&json, accepted->in_burst, settings->pause_after_messages);
    json_put_integer(&json, "minutes", STORE_BURST_MINUTES);
    json_end_object(&json);
    if (*exchange->key_id) {
        json_begin_object(&json, "key");
        sending_put_use(&json, accepted->by_key_today, exchange->key_daily_messages);
        json_end_object(&json);
    } else {
        json_put_null(&json, "key");
    }
    settings_limits_put(&json, settings);
    json_end_object(&json);
}

enum http_outcome limits_handle(struct http_exchange *exchange)
{
    struct store_sending sending;
    struct store_accepted accepted;
    int64_t now_ms = clock_wall_ms();
    enum error error = store_read_sending(exchange->reader, &sending);
    if (error == ERROR_NONE)
        error = store_read_accepted(exchange->reader, now_ms, exchange->key_id, &accepted);
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    put_limits(exchange, &sending, &accepted, now_ms);
    return HTTP_ANSWERED;
}

/* ---- POST /api/sending/pause, /api/sending/resume: with a JSON body, which no page of another origin can send ---- */

static void answer_set(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    struct store_sending sending;
    if (write->result != ERROR_NONE) {
        http_store_problem(exchange, write->result);
        return;
    }
    bool pause = write->set_sending.pause, changed = write->set_sending.changed;
    if (changed && pause)
        log_warning("sending is paused by the API", LOG_TEXT_IF_ANY("key", exchange->key_id));
    else if (changed)
        log_info("sending is resumed by the API", LOG_TEXT_IF_ANY("key", exchange->key_id));
    enum error error = store_read_sending(exchange->reader, &sending);
    if (error != ERROR_NONE) {
        http_store_problem(exchange, error);
        return;
    }
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    sending_put_members(&json, &sending);
    json_put_bool(&json, "changed", changed);
    json_end_object(&json);
}

static void take_reason(struct http_exchange *exchange, const char *pointer,
                        const struct json *value, void *target)
{
    struct store_set_sending *set = target;
    const char *text = json_body_text(exchange, pointer, value);
    if (!text)
        return;
    const char *rest = text, *end = text + strlen(text);
    bool has_control = false;
    while (rest < end)
        has_control |= utf8_is_control(utf8_next(&rest, end));
    if (strlen(text) >= STORE_REASON_SIZE)
        http_add_field_error(exchange, pointer, ERROR_OUT_OF_RANGE, "must have at most %d bytes",
                             STORE_REASON_SIZE - 1);
    else if (has_control)
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "must not contain control characters, line breaks or characters that"
                             " change the direction of text");
    else if (*text)
        strcpy(set->reason, text);
}

enum http_outcome sending_handle_pause(struct http_exchange *exchange)
{
    static const struct json_body_field fields[] = {
        {"/reason", false, take_reason, " why comment message note "},
    };
    exchange->write = (struct store_write){
        .verb = STORE_SET_SENDING,
        .set_sending = {.pause = true, .reason = "by hand"},
    };
    return json_body_take(exchange, fields, ARRAY_LENGTH(fields), &exchange->write.set_sending)
               ? http_park(exchange, answer_set)
               : HTTP_ANSWERED;
}

enum http_outcome sending_handle_resume(struct http_exchange *exchange)
{
    exchange->write = (struct store_write){.verb = STORE_SET_SENDING};
    return json_body_take(exchange, NULL, 0, NULL) ? http_park(exchange, answer_set)
                                                   : HTTP_ANSWERED;
}
