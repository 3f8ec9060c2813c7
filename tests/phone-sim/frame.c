#include "tests/phone-sim/frame.h"

#include "common/model/protocol.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <time.h>

static const char *text_of(const cJSON *json, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static bool is_message_id(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return length > 0 && length < SMS_ID_SIZE;
}

/* -1 if it is none, or not exact in a double. */
static int64_t number_of(const cJSON *json, const char *name)
{
    double number = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return number >= 0 && number <= 0x1p53 && number == floor(number) ? (int64_t)number : -1;
}

/* What a frame must have. */
enum needs { NEEDS_NOTHING, NEEDS_ID, NEEDS_ATTEMPT, NEEDS_CODE, NEEDS_SEQ, NEEDS_RECEIVED_ID };

static bool has(const struct received_frame *frame, enum needs needs)
{
    switch (needs) {
    case NEEDS_NOTHING:
        return true;
    case NEEDS_ID:
        return is_message_id(frame->message_id);
    case NEEDS_ATTEMPT:
        return is_message_id(frame->message_id) && frame->attempt >= 0;
    case NEEDS_CODE:
        return frame->code;
    case NEEDS_SEQ:
        return frame->seq >= 0;
    case NEEDS_RECEIVED_ID:
        return frame->received_id;
    }
    return false;
}

static enum received_frame_type type_of(const struct received_frame *frame)
{
    static const struct {
        const char *name;
        enum received_frame_type type;
        enum needs needs;
    } types[] = {
        {FRAME_CONNECTION_ACK, FRAME_IS_CONNECTION_ACK, NEEDS_NOTHING},
        {FRAME_NEW_SMS, FRAME_IS_NEW_SMS, NEEDS_ID},
        {FRAME_ERROR, FRAME_IS_ERROR, NEEDS_CODE},
        {FRAME_SMS_RECEIVED_ACK, FRAME_IS_SMS_RECEIVED_ACK, NEEDS_RECEIVED_ID},
        {FRAME_WELCOME, FRAME_IS_WELCOME, NEEDS_NOTHING},
        {FRAME_OFFER, FRAME_IS_OFFER, NEEDS_ATTEMPT},
        {FRAME_RELEASE, FRAME_IS_RELEASE, NEEDS_ATTEMPT},
        {FRAME_DROP, FRAME_IS_DROP, NEEDS_ATTEMPT},
        {FRAME_REVOKE, FRAME_IS_REVOKE, NEEDS_ATTEMPT},
        {FRAME_REPORT_ACK, FRAME_IS_REPORT_ACK, NEEDS_SEQ},
    };
    if (!cJSON_IsObject(frame->json) || !frame->type_name)
        return FRAME_IS_BROKEN;
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        if (strcmp(frame->type_name, types[i].name) == 0)
            return has(frame, types[i].needs) ? types[i].type : FRAME_IS_BROKEN;
    }
    return FRAME_IS_UNKNOWN;
}

/* In UTC with milliseconds, as PROTOCOL.md says; 0 without one. */
static int64_t time_of(const cJSON *json, const char *name)
{
    const char *text = text_of(json, name);
    struct tm time = {0};
    int ms = 0, length = 0;
    if (!text ||
        sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &time.tm_year, &time.tm_mon, &time.tm_mday,
               &time.tm_hour, &time.tm_min, &time.tm_sec, &ms, &length) != 7 ||
        text[length] != '\0')
        return 0;
    time.tm_year -= 1900;
    time.tm_mon--;
    return (int64_t)timegm(&time) * 1000 + ms;
}

void received_frame_read(struct received_frame *frame, const char *text, size_t length)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, length, &end, false);
    while (json && end < text + length && memchr(" \t\r\n", *end, 4))
        end++;
    if (json && end != text + length) {
        cJSON_Delete(json);
        json = NULL;
    }
    *frame = (struct received_frame){
        .json = json,
        .type_name = text_of(json, "type"),
        .message_id = text_of(json, "message_id"),
        .attempt = number_of(json, "attempt"),
        .seq = number_of(json, "seq"),
        .session = number_of(json, "session"),
        .credit = number_of(json, "credit"),
        .phone_number = text_of(json, "phone_number"),
        .message = text_of(json, "message"),
        .expires_at_ms = time_of(json, "expires_at"),
        .sim = MAX(number_of(json, "sim"), 0),
        .no_delivery_report = cJSON_IsFalse(
            cJSON_GetObjectItemCaseSensitive(json, "delivery_report")),
        .code = text_of(json, "code"),
        .detail = text_of(json, "detail"),
        .received_id = text_of(json, "received_id"),
    };
    frame->type = type_of(frame);
}

void received_frame_fini(struct received_frame *frame)
{
    cJSON_Delete(frame->json);
    *frame = (struct received_frame){0};
}

static size_t print(char *space, cJSON *json)
{
    if (!json || !cJSON_PrintPreallocated(json, space, FRAME_SIZE, false)) {
        fputs("phone-sim: a frame cannot be written: out of memory\n", stderr);
        exit(1);
    }
    cJSON_Delete(json);
    return strlen(space);
}

static void add_state(cJSON *json, const struct device *device)
{
    cJSON_AddNumberToObject(json, "battery_level", (double)device->battery_percent);
    cJSON_AddBoolToObject(json, "charging", device->charging);
    cJSON_AddNumberToObject(json, "signal_strength", (double)device->signal_dbm);
}

static void add_sims(cJSON *json, const struct device *device)
{
    cJSON *array = NULL;
    for (int i = 0; i < SIM_SLOTS; i++) {
        const struct sim *sim = &device->sims[i];
        if (!sim->is_there)
            continue;
        if (!array)
            array = cJSON_AddArrayToObject(json, "sims");
        cJSON *object = cJSON_CreateObject();
        cJSON_AddNumberToObject(object, "slot", i + 1);
        if (*sim->carrier)
            cJSON_AddStringToObject(object, "carrier", sim->carrier);
        if (*sim->number)
            cJSON_AddStringToObject(object, "number", sim->number);
        cJSON_AddItemToArray(array, object);
    }
}

static void add_info(cJSON *json, const struct device *device)
{
    cJSON_AddStringToObject(json, "device_name", device->name);
    add_state(json, device);
    cJSON_AddStringToObject(json, "android_version", "14");
    cJSON_AddStringToObject(json, "app_version", GATEWAY_VERSION);
    cJSON_AddStringToObject(json, "carrier", "Simulated Mobile");
    add_sims(json, device);
}

size_t frame_write_device_info(char *space, const struct device *device)
{
    cJSON *json = cJSON_CreateObject();
    add_info(json, device);
    return print(space, json);
}

size_t frame_write_device_update(char *space, const struct device *device)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "type", FRAME_DEVICE_UPDATE);
    add_state(cJSON_AddObjectToObject(json, "info"), device);
    return print(space, json);
}

static void add_sim(cJSON *json, int64_t sim)
{
    if (sim != 0)
        cJSON_AddNumberToObject(json, "sim", (double)sim);
}

size_t frame_write_status_update(char *space, const struct sms *sms, enum sms_status status)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "type", FRAME_STATUS_UPDATE);
    cJSON_AddStringToObject(json, "message_id", sms->id);
    cJSON_AddStringToObject(json, "status", sms_status_name(status));
    add_sim(json, sms->sim);
    if (status == SMS_FAILED) {
        cJSON_AddStringToObject(json, "error_code", sms->error_code);
        cJSON_AddStringToObject(json, "error_message", sms_error_find(sms->error_code)->message);
    }
    return print(space, json);
}

size_t frame_write_sms_received(char *space, const struct incoming *incoming)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "type", FRAME_SMS_RECEIVED);
    cJSON_AddStringToObject(json, "received_id", incoming->received_id);
    cJSON_AddStringToObject(json, "from", incoming->sender);
    cJSON_AddStringToObject(json, "message", incoming->text);
    cJSON_AddNumberToObject(json, "received_at", (double)incoming->received_at_ms);
    add_sim(json, incoming->sim);
    return print(space, json);
}

/* ---- The assured level ---- */

static cJSON *new_frame(const char *type)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "type", type);
    return json;
}

size_t frame_write_hello(char *space, const char *epoch, int64_t credit,
                         const struct device *device)
{
    cJSON *json = new_frame(FRAME_HELLO);
    cJSON_AddStringToObject(json, "journal", epoch);
    cJSON_AddNumberToObject(json, "credit", (double)credit);
    add_info(cJSON_AddObjectToObject(json, "info"), device);
    return print(space, json);
}

static void add_message(cJSON *json, const char *message_id, int64_t attempt)
{
    cJSON_AddStringToObject(json, "message_id", message_id);
    cJSON_AddNumberToObject(json, "attempt", (double)attempt);
}

size_t frame_write_journal(char *space, const struct journal_frame_entry *entries, size_t count,
                           bool is_last)
{
    cJSON *json = new_frame(FRAME_JOURNAL);
    cJSON *array = cJSON_AddArrayToObject(json, "entries");
    for (size_t i = 0; i < count; i++) {
        cJSON *entry = cJSON_CreateObject();
        add_message(entry, entries[i].message_id, entries[i].attempt);
        cJSON_AddStringToObject(entry, "state", entries[i].is_offered ? "offered" : "released");
        cJSON_AddItemToArray(array, entry);
    }
    cJSON_AddBoolToObject(json, "last", is_last);
    return print(space, json);
}

size_t frame_write_ack(char *space, const char *message_id, int64_t attempt, int64_t sim)
{
    cJSON *json = new_frame(FRAME_ACK);
    add_message(json, message_id, attempt);
    add_sim(json, sim);
    return print(space, json);
}

size_t frame_write_nack(char *space, const char *message_id, int64_t attempt, const char *code)
{
    cJSON *json = new_frame(FRAME_NACK);
    add_message(json, message_id, attempt);
    cJSON_AddStringToObject(json, "code", code);
    return print(space, json);
}

size_t frame_write_report(char *space, const struct journal_report *report)
{
    cJSON *json = new_frame(FRAME_REPORT);
    cJSON_AddNumberToObject(json, "seq", (double)report->seq);
    add_message(json, report->message_id, report->attempt);
    cJSON_AddStringToObject(json, "status", sms_status_name(report->status));
    if (report->status == SMS_FAILED) {
        cJSON_AddStringToObject(json, "error_code", report->error_code);
        cJSON_AddStringToObject(json, "error_message", sms_error_find(report->error_code)->message);
        cJSON_AddNumberToObject(json, "parts_sent", (double)report->parts_sent);
    }
    return print(space, json);
}

size_t frame_write_credit(char *space, int64_t credit)
{
    cJSON *json = new_frame(FRAME_CREDIT);
    cJSON_AddNumberToObject(json, "credit", (double)credit);
    return print(space, json);
}
