/*
 * POST /hook/{secret}: the app's own webhooks. An SMS that was received is answered once it is stored; the app repeats what is
 * not answered 2xx within five seconds, for two days.
 *
 * The secret in the path is the credential. The signature beside it can be one of another key as long as the app has not
 * fetched its settings: it is told in the log.
 */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/smsgate/mobile.h"
#include "api-fcgi/smsgate/mobile_access.h"
#include "api-fcgi/smsgate/mobile_json.h"
#include "api-fcgi/smsgate/mobile_note.h"
#include "api-fcgi/smsgate/smsgate_error.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "valid", "other", "none" */
static const char *check_signature(const struct http_request *request, const char *hook)
{
    char key[MOBILE_SECRET_SIZE], mac[SECRET_HEX_MAC_SIZE];
    if (!request->signature || !request->timestamp)
        return "none";
    const struct secret_part parts[] = {{request->body.data, request->body.length},
                                        {request->timestamp, strlen(request->timestamp)}};
    mobile_access_signing_key(hook, key);
    return secret_sign_hex(key, parts, 2, mac) && strcmp(mac, request->signature) == 0 ? "valid"
                                                                                       : "other";
}

/* ---- An SMS ---- */

/* Some versions pass the same SMS on twice, under two ids of their own: its name is what it says. Its time is in whole seconds, in
   which a sender may write to both SIMs of the phone; without a time that can be read, the app's id tells two from one. */
static bool name_sms(const char *event, const char *id, const struct json *payload,
                     struct incoming_sms *sms)
{
    struct buffer whole;
    buffer_init(&whole, 1 << 20);
    buffer_append_format(&whole, "%s %s %s ", event, sms->sender,
                         mobile_json_text(payload, "receivedAt"));
    if (sms->received_at_ms == 0)
        buffer_append_format(&whole, "id %s ", id);
    if (sms->sim > 1) /* an unknown SIM is most often the first */
        buffer_append_format(&whole, "sim %u ", sms->sim);
    buffer_append_text(&whole, sms->text);
    bool good = !whole.failed;
    if (good)
        mobile_access_digest(whole.data, sms->received_id);
    buffer_fini(&whole);
    return good;
}

/* False: no event of something received. */
static bool find_kind(const char *event, enum incoming_kind *kind)
{
    static const char *const events[INCOMING_KIND_COUNT] = {
        [INCOMING_SMS] = "sms:received",
        [INCOMING_DATA] = "sms:data-received",
        [INCOMING_MMS] = "mms:received",
    };
    for (int i = 0; i < INCOMING_KIND_COUNT; i++) {
        if (strcmp(event, events[i]) == 0) {
            *kind = (enum incoming_kind)i;
            return true;
        }
    }
    return false;
}

/* An SMS of data, and the notification of an MMS, have no text: what they have is told. */
static bool set_text(const struct json *payload, struct incoming_sms *sms)
{
    struct buffer text;
    if (sms->kind == INCOMING_SMS)
        return incoming_sms_set_text(sms, mobile_json_text(payload, "message"));
    buffer_init(&text, 1 << 20);
    if (sms->kind == INCOMING_MMS)
        buffer_append_format(&text, "[MMS, %lld bytes] %s",
                             (long long)mobile_json_integer(payload, "size", 0),
                             mobile_json_text(payload, "subject"));
    else
        buffer_append_format(&text, "[data SMS] %s", mobile_json_text(payload, "data"));
    bool good = !text.failed && incoming_sms_set_text(sms, text.data);
    buffer_fini(&text);
    return good;
}

static bool make_sms(const char *event, const struct json *body, const char *device_id,
                     struct incoming_sms *sms)
{
    const struct json *payload = json_member(body, "payload");
    const char *sender = mobile_json_text(payload, "sender");
    int64_t sim = mobile_json_integer(payload, "simNumber", 0);
    strcpy(sms->device_id, device_id);
    sms->id = message_id_new();
    sms->sim = sim >= 1 && sim <= MESSAGE_MAX_SIM ? (unsigned)sim : 0;
    incoming_sms_address(*sender ? sender : mobile_json_text(payload, "phoneNumber"), sms->sender);
    incoming_sms_address(mobile_json_text(payload, "recipient"), sms->recipient);
    if (!clock_parse(mobile_json_text(payload, "receivedAt"), &sms->received_at_ms))
        sms->received_at_ms = 0;
    return set_text(payload, sms) && name_sms(event, mobile_json_text(body, "id"), payload, sms);
}

struct received {
    struct incoming_sms sms;
    const char *signature;
};

static void log_received(const struct store_receive *receive, const char *signature)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&receive->id, id);
    if (!receive->known)
        log_info("SMS received", LOG_TEXT("incoming_id", id),
                 LOG_NUMBER_IF_ANY("segments", receive->sms->segments),
                 LOG_TEXT("device_id", receive->sms->device_id), LOG_TEXT("signature", signature));
    if (receive->opt != STORE_OPT_UNCHANGED)
        log_info(receive->opt == STORE_OPTED_OUT ? "recipient opted out" : "recipient opted in",
                 LOG_PHONE("phone_number", receive->sms->sender), LOG_TEXT("incoming_id", id));
}

static void answer_received(struct http_exchange *exchange)
{
    const struct received *received = exchange->state->smsgate;
    if (exchange->write.result != ERROR_NONE) {
        http_store_problem(exchange, exchange->write.result);
        return;
    }
    log_received(&exchange->write.receive, received->signature);
    smsgate_answer_empty(exchange, 204);
}

static void release_received(struct http_exchange *exchange)
{
    struct received *received = exchange->state->smsgate;
    incoming_sms_fini(&received->sms);
    free(received);
}

static enum http_outcome receive(struct http_exchange *exchange, const char *hook,
                                 const struct polled_device *device, enum incoming_kind kind,
                                 const struct json *body)
{
    const char *event = mobile_json_text(body, "event");
    struct received *received = calloc(1, sizeof(*received));
    if (!received)
        return http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the SMS.");
    exchange->state->smsgate = received;
    exchange->release = release_received;
    received->signature = check_signature(&exchange->request, hook);
    received->sms.kind = kind;
    if (!make_sms(event, body, device->device_id, &received->sms))
        return http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the SMS.");
    exchange->write = (struct store_write){.verb = STORE_RECEIVE, .receive.sms = &received->sms};
    return http_park(exchange, answer_received);
}

/* ---- What a phone says of itself ---- */

/* Of payload.health.checks: {"battery:level": {"observedValue": 87}, ...} */
static bool check_value(const struct json *payload, const char *name, double *value)
{
    const struct json *health = payload ? json_member(payload, "health") : NULL;
    const struct json *checks = health ? json_member(health, "checks") : NULL;
    const struct json *check = checks ? json_member(checks, name) : NULL;
    return mobile_json_number(check, "observedValue", value);
}

static void take_battery(const struct json *payload, struct store_note_polled *note)
{
    enum { IS_CHARGING = 1 };
    double level, charging;
    if (!check_value(payload, "battery:level", &level) || level < 0 || level > 100 ||
        device_battery_percent(level) < 0)
        return;
    note->set = POLLED_BATTERY;
    note->info.battery_level = level < 1 ? device_battery_percent(level) : trunc(level);
    if (check_value(payload, "battery:charging", &charging) && charging >= 0 && charging < 256)
        note->info.charging = ((int)charging & IS_CHARGING) != 0;
}

static enum http_outcome take_ping(struct http_exchange *exchange,
                                   const struct polled_device *device, const struct json *payload)
{
    struct store_note_polled *note = mobile_note_begin(exchange, device->device_id,
                                                       device->token_id);
    take_battery(payload, note);
    return http_park(exchange, smsgate_answer_stored);
}

static enum http_outcome take_start(struct http_exchange *exchange,
                                    const struct polled_device *device, const struct json *payload)
{
    struct store_note_polled *note = mobile_note_begin(exchange, device->device_id,
                                                       device->token_id);
    const struct json *cards = payload ? json_member(payload, "simCards") : NULL;
    note->info.sims = mobile_json_sims(cards, &note->info.sim_slots);
    note->set = note->info.sims ? POLLED_SIMS : 0;
    return http_park(exchange, smsgate_answer_stored);
}

static enum http_outcome take_event(struct http_exchange *exchange, const char *hook,
                                    const struct polled_device *device, const struct json *body)
{
    const char *event = mobile_json_text(body, "event");
    const struct json *payload = json_member(body, "payload");
    enum incoming_kind kind;
    if (!payload || !json_is_object(payload))
        return smsgate_error(exchange, 400, "The event has no payload.");
    if (find_kind(event, &kind))
        return receive(exchange, hook, device, kind, body);
    if (strcmp(event, "system:ping") == 0)
        return take_ping(exchange, device, payload);
    if (strcmp(event, "app:started") == 0)
        return take_start(exchange, device, payload);
    return smsgate_answer_empty(exchange, 204); /* the app would repeat it for two days */
}

enum http_outcome mobile_handle_hook(struct http_exchange *exchange)
{
    const char *hook = exchange->request.path_argument;
    unsigned char hash[SECRET_HASH_BYTES];
    struct polled_device device;
    bool found;
    secret_hash(hook, hash);
    enum error error = store_find_hook(exchange->reader, hash, &device, &found);
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    if (!found)
        return smsgate_error(exchange, 404, "No phone has this address.");
    struct json *body = mobile_json_parse(exchange);
    if (!body)
        return HTTP_ANSWERED;
    enum http_outcome outcome = json_is_object(body)
                                    ? take_event(exchange, hook, &device, body)
                                    : smsgate_error(exchange, 400, "The body must be an object.");
    json_free(body);
    return outcome;
}
