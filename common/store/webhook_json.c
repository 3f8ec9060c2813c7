#include "common/store/webhook_json.h"

#include "common/base/utf8.h"
#include "common/model/event_types.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Types ---- */

void webhook_types_format(uint32_t types, char text[WEBHOOK_TYPES_TEXT_SIZE])
{
    size_t length = 0;
    strcpy(text, types ? "" : "*");
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        if ((types & EVENT_BIT(type)) && length < WEBHOOK_TYPES_TEXT_SIZE)
            length += (size_t)snprintf(text + length, WEBHOOK_TYPES_TEXT_SIZE - length, "%s%s",
                                       length ? " " : "", event_type_name((enum event_type)type));
    }
}

bool webhook_type_parse(const char *name, uint32_t *types, bool *all)
{
    *all = strcmp(name, "*") == 0;
    *types = *all ? 0 : event_types_named(name) & ~EVENT_BIT(EVENT_WEBHOOK_TEST);
    return *all || *types != 0;
}

static void put_types(struct json_writer *json, uint32_t types)
{
    json_begin_array(json, "types");
    if (types == 0)
        json_put_text(json, NULL, "*");
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        if (types & EVENT_BIT(type))
            json_put_text(json, NULL, event_type_name((enum event_type)type));
    }
    json_end_array(json);
}

/* ---- A webhook ---- */

bool webhook_description_check(const char *text, char problem[ERRMSG_SIZE])
{
    const char *end = text + strlen(text);
    if (end - text >= WEBHOOK_DESCRIPTION_SIZE)
        return errmsg_set(problem, "must have at most %d bytes", WEBHOOK_DESCRIPTION_SIZE - 1);
    while (text < end) {
        if (utf8_is_control(utf8_next(&text, end)))
            return errmsg_set(problem, "must not contain control characters, line breaks or "
                                       "characters that change the direction of text");
    }
    return true;
}

/* In these structs "" and 0 mean "none". */
static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static void put_status(struct json_writer *json, int status)
{
    if (status)
        json_put_integer(json, "last_status", status);
    else
        json_put_null(json, "last_status");
}

static void put_health(struct json_writer *json, const struct webhook_health *health)
{
    json_begin_object(json, "health");
    json_put_integer(json, "failures", health->failures);
    json_put_time(json, "failing_since", health->failing_since_ms);
    json_put_time(json, "next_try_at", health->next_try_ms);
    json_put_time(json, "last_try_at", health->last_try_at_ms);
    json_put_time(json, "last_success_at", health->last_success_at_ms);
    put_status(json, health->last_status);
    json_put_text(json, "last_error", or_null(health->last_error));
    json_end_object(json);
}

void webhook_json_put(struct json_writer *json, const struct webhook *webhook, bool with_secret)
{
    json_begin_object(json, NULL);
    json_put_text(json, "webhook_id", webhook->id);
    json_put_text(json, "url", webhook->url);
    put_types(json, webhook->types);
    json_put_text(json, "device_group", or_null(webhook->device_group));
    json_put_bool(json, "with_text", webhook->with_text);
    json_put_text(json, "description", or_null(webhook->description));
    if (webhook->form == WEBHOOK_SMSGATE) {
        json_put_text(json, "format", "smsgate");
        json_put_text(json, "external_id", or_null(webhook->external_id));
        json_put_text(json, "device_id", or_null(webhook->device_id));
    }
    json_put_bool(json, "enabled", webhook->enabled);
    json_put_text(json, "disabled_reason", or_null(webhook->disabled_reason));
    if (with_secret)
        json_put_text(json, "secret", webhook->secret);
    json_put_time(json, "old_secret_until", webhook->old_secret_until_ms);
    json_put_time(json, "created_at", webhook->created_at_ms);
    json_put_time(json, "updated_at", webhook->updated_at_ms);
    json_put_integer(json, "last_event_id", webhook->cursor);
    put_health(json, &webhook->health);
    json_end_object(json);
}

/* ---- A delivery ---- */

void webhook_delivery_name(int64_t event_id, int64_t event_at_ms,
                           char name[WEBHOOK_DELIVERY_NAME_SIZE])
{
    enum { BASE = 36 };
    char digits[16];
    size_t at = sizeof(digits) - 1;
    uint64_t rest = (uint64_t)MAX(event_at_ms, 0);
    digits[at] = '\0';
    do {
        digits[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[rest % BASE];
        rest /= BASE;
    } while (rest);
    snprintf(name, WEBHOOK_DELIVERY_NAME_SIZE, "evt_%" PRId64 "_%s", event_id, digits + at);
}

void webhook_json_put_delivery(struct json_writer *json, const struct webhook_delivery *delivery)
{
    static const struct message_id none;
    char name[WEBHOOK_DELIVERY_NAME_SIZE], id[MESSAGE_ID_TEXT_SIZE];
    webhook_delivery_name(delivery->event_id, delivery->event_at_ms, name);
    message_id_format(&delivery->message_id, id);
    json_begin_object(json, NULL);
    json_put_integer(json, "event_id", delivery->event_id);
    json_put_text(json, "type",
                  delivery->event_type < EVENT_TYPE_COUNT
                      ? event_type_name((enum event_type)delivery->event_type)
                      : NULL);
    json_put_time(json, "timestamp", delivery->event_at_ms);
    json_put_text(json, "message_id", message_id_equal(&delivery->message_id, &none) ? NULL : id);
    json_put_text(json, "sent_as", name);
    json_put_text(json, "state", webhook_delivery_state_name(delivery->state));
    json_put_integer(json, "tries", delivery->tries);
    json_put_time(json, "created_at", delivery->created_at_ms);
    json_put_time(json, "next_try_at",
                  delivery->state == WEBHOOK_DELIVERY_WAITING ? delivery->next_try_ms : 0);
    json_put_time(json, "last_try_at", delivery->last_try_at_ms);
    put_status(json, delivery->last_status);
    json_put_text(json, "last_error", or_null(delivery->last_error));
    json_end_object(json);
}
