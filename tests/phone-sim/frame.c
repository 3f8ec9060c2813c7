#include "frame.h"

#include "../../common/protocol.h"

#include <cjson/cJSON.h>
#include <string.h>

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

static enum frame_type type_of(const struct frame *frame)
{
    if (!cJSON_IsObject(frame->json) || !frame->type_name)
        return FRAME_IS_BROKEN;
    if (strcmp(frame->type_name, FRAME_CONNECTION_ACK) == 0)
        return FRAME_IS_CONNECTION_ACK;
    if (strcmp(frame->type_name, FRAME_NEW_SMS) == 0)
        return is_message_id(frame->message_id) ? FRAME_IS_NEW_SMS : FRAME_IS_BROKEN;
    if (strcmp(frame->type_name, FRAME_ERROR) == 0)
        return frame->code ? FRAME_IS_ERROR : FRAME_IS_BROKEN;
    return FRAME_IS_UNKNOWN;
}

void frame_read(struct frame *frame, const char *text, size_t length)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, length, &end, false);
    while (json && end < text + length && memchr(" \t\r\n", *end, 4))
        end++;
    if (json && end != text + length) {
        cJSON_Delete(json);
        json = NULL;
    }
    *frame = (struct frame){
        .json = json,
        .type_name = text_of(json, "type"),
        .message_id = text_of(json, "message_id"),
        .phone_number = text_of(json, "phone_number"),
        .message = text_of(json, "message"),
        .code = text_of(json, "code"),
        .detail = text_of(json, "detail"),
    };
    frame->type = type_of(frame);
}

void frame_fini(struct frame *frame)
{
    cJSON_Delete(frame->json);
    *frame = (struct frame){0};
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

size_t frame_write_device_info(char *space, const struct device *device)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "device_name", device->name);
    add_state(json, device);
    cJSON_AddStringToObject(json, "android_version", "14");
    cJSON_AddStringToObject(json, "carrier", "Simulated Mobile");
    return print(space, json);
}

size_t frame_write_device_update(char *space, const struct device *device)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "type", FRAME_DEVICE_UPDATE);
    add_state(cJSON_AddObjectToObject(json, "info"), device);
    return print(space, json);
}

static const char *status_name(enum sms_status status)
{
    switch (status) {
    case SMS_QUEUED: /* nothing that is reported */
        break;
    case SMS_SENDING:
        return "sending";
    case SMS_SENT:
        return "sent";
    case SMS_DELIVERED:
        return "delivered";
    case SMS_FAILED:
        return "failed";
    }
    return "";
}

size_t frame_write_status_update(char *space, const struct sms *sms, enum sms_status status)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "type", FRAME_STATUS_UPDATE);
    cJSON_AddStringToObject(json, "message_id", sms->id);
    cJSON_AddStringToObject(json, "status", status_name(status));
    if (status == SMS_FAILED) {
        cJSON_AddStringToObject(json, "error_code", sms->error->code);
        cJSON_AddStringToObject(json, "error_message", sms->error->message);
    }
    return print(space, json);
}
