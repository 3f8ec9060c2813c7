#include "frames.h"

#include "../common/json.h"
#include "../common/json_write.h"
#include "../common/protocol.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

PRINTF_FORMAT(3, 4)
static bool refuse(struct frame_problem *problem, enum error error, const char *detail, ...)
{
    va_list arguments;
    va_start(arguments, detail);
    problem->error = error;
    vsnprintf(problem->detail, sizeof(problem->detail), detail, arguments);
    va_end(arguments);
    return false;
}

static bool says_something(const struct json *value)
{
    return value && !json_is_null(value);
}

/* Copies a text that fits; a member that is missing or null leaves it as it is. */
static bool take_text(const struct json *value, const char *name, char *text, size_t size,
                      struct frame_problem *problem)
{
    if (!says_something(value))
        return true;
    const char *given = json_text(value);
    if (!given || strlen(given) >= size)
        return refuse(problem, ERROR_INVALID_VALUE, "%s must be a string of at most %zu bytes",
                      name, size - 1);
    strcpy(text, given);
    return true;
}

/* ---- Device information: each member we know takes its value ---- */

static bool take_name(const struct json *value, struct device_info *info,
                      struct frame_problem *problem)
{
    return take_text(value, "device_name", info->name, sizeof(info->name), problem);
}

static bool take_version(const struct json *value, struct device_info *info,
                         struct frame_problem *problem)
{
    int64_t number; /* "13" and 13 are both seen */
    if (json_integer(value, &number) && number >= 0) {
        snprintf(info->android_version, sizeof(info->android_version), "%lld", (long long)number);
        return true;
    }
    return take_text(value, "android_version", info->android_version, sizeof(info->android_version),
                     problem);
}

static bool take_battery(const struct json *value, struct device_info *info,
                         struct frame_problem *problem)
{
    double level;
    if (!json_number(value, &level) || level < 0 || level > 100)
        return refuse(problem, ERROR_INVALID_VALUE, "battery_level must be a number from 0 to 100");
    info->battery_level = level;
    return true;
}

static bool take_charging(const struct json *value, struct device_info *info,
                          struct frame_problem *problem)
{
    if (!json_is_boolean(value))
        return refuse(problem, ERROR_INVALID_VALUE, "charging must be true or false");
    info->charging = json_true(value);
    return true;
}

static bool take_signal(const struct json *value, struct device_info *info,
                        struct frame_problem *problem)
{
    int64_t strength;
    if (!json_integer(value, &strength) || strength < -200 || strength > 100)
        return refuse(problem, ERROR_INVALID_VALUE,
                      "signal_strength must be a whole number: dBm if negative, bars from 0 to 4, "
                      "percent above");
    info->signal_strength = (int)strength;
    info->has_signal_strength = true;
    return true;
}

static const struct member {
    const char *name;
    bool (*take)(const struct json *value, struct device_info *info, struct frame_problem *problem);
} members[] = {
    {"device_name", take_name},  {"android_version", take_version}, {"battery_level", take_battery},
    {"charging", take_charging}, {"signal_strength", take_signal},
};

static const struct member *find_member(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        if (strcmp(members[i].name, name) == 0)
            return &members[i];
    }
    return NULL;
}

/* What the phone says beyond the members we know: the new over the old, as one JSON object. */
static bool merge_extra(const struct json *news, const char *known, struct device_info *info,
                        struct frame_problem *problem)
{
    struct json_problem never;
    struct json *before = known ? json_parse(known, strlen(known), &never) : NULL;
    struct buffer text;
    buffer_init(&text, DEVICE_EXTRA_MAX_BYTES);
    struct json_writer json = {.out = &text};
    int count = 0;

    json_begin_object(&json, NULL);
    if (before) {
        json_for_each (member, before) {
            if (says_something(json_member(news, json_name(member))))
                continue;
            json_copy(&json, json_name(member), member);
            count++;
        }
    }
    json_for_each (member, news) {
        if (find_member(json_name(member)) || !says_something(member))
            continue;
        json_copy(&json, json_name(member), member);
        count++;
    }
    json_end_object(&json);
    json_free(before);
    bool fits = !text.failed && count <= JSON_MAX_MEMBERS; /* or we could not read it again */
    info->extra = fits && count > 0 ? buffer_take(&text) : NULL;
    buffer_fini(&text);
    return fits || refuse(problem, ERROR_INVALID_VALUE,
                          "there may be %d further members of the device information, with %d "
                          "bytes in all",
                          JSON_MAX_MEMBERS, DEVICE_EXTRA_MAX_BYTES);
}

static bool read_info(const struct json *object, const struct device_info *known,
                      struct frame *frame, struct frame_problem *problem)
{
    frame->info = *known;
    frame->info.extra = NULL;
    json_for_each (member, object) {
        const struct member *known_member = find_member(json_name(member));
        if (known_member && says_something(member) &&
            !known_member->take(member, &frame->info, problem))
            return false;
    }
    return merge_extra(object, known->extra, &frame->info, problem);
}

/* ---- Reports ---- */

static bool read_report(const struct json *object, struct frame *frame,
                        struct frame_problem *problem)
{
    const char *id = json_text(json_member(object, "message_id"));
    const char *status = json_text(json_member(object, "status"));

    if (!id || !message_id_parse(id, &frame->message_id))
        return refuse(problem, ERROR_INVALID_VALUE,
                      "message_id must be the id of the message, a UUID");
    problem->has_message_id = true;
    problem->message_id = frame->message_id;
    if (!status || !message_status_parse(status, &frame->status) ||
        !message_status_is_report(frame->status))
        return refuse(problem, ERROR_UNKNOWN_STATUS,
                      "status must be sending, sent, delivered or failed");
    return take_text(json_member(object, "error_code"), "error_code", frame->error_code,
                     sizeof(frame->error_code), problem) &&
           take_text(json_member(object, "error_message"), "error_message", frame->error_message,
                     sizeof(frame->error_message), problem);
}

/* ---- */

static bool read_typed(const struct json *object, const char *type, const struct device_info *known,
                       struct frame *frame, struct frame_problem *problem)
{
    if (type && strcmp(type, FRAME_STATUS_UPDATE) == 0) {
        frame->type = FRAME_IS_STATUS_UPDATE;
        return read_report(object, frame, problem);
    }
    if (type && strcmp(type, FRAME_DEVICE_UPDATE) == 0) {
        const struct json *info = json_member(object, "info");
        frame->type = FRAME_IS_DEVICE_UPDATE;
        if (!info || !json_is_object(info))
            return refuse(problem, ERROR_INVALID_VALUE, "info must be an object");
        return read_info(info, known, frame, problem);
    }
    return refuse(problem, ERROR_UNKNOWN_FRAME_TYPE,
                  "type must be " FRAME_STATUS_UPDATE " or " FRAME_DEVICE_UPDATE);
}

static bool read_object(const struct json *object, bool first, const struct device_info *known,
                        struct frame *frame, struct frame_problem *problem)
{
    if (!json_is_object(object))
        return refuse(problem, ERROR_MALFORMED_FRAME, "a frame must be a JSON object");
    const struct json *type = json_member(object, "type");
    if (!first)
        return read_typed(object, type ? json_text(type) : NULL, known, frame, problem);
    if (type)
        return refuse(problem, ERROR_NO_DEVICE_INFO,
                      "the first frame must be the device information, which has no type");
    frame->type = FRAME_IS_DEVICE_INFO;
    return read_info(object, known, frame, problem);
}

bool frame_read(const char *text, size_t length, bool first, const struct device_info *known,
                struct frame *frame, struct frame_problem *problem)
{
    struct json_problem reason;
    *frame = (struct frame){.info = DEVICE_INFO_UNKNOWN};
    *problem = (struct frame_problem){0};
    struct json *document = json_parse(text, length, &reason);
    if (!document)
        return refuse(problem, ERROR_MALFORMED_FRAME, "not valid JSON: %s (at byte %zu)",
                      reason.reason, reason.offset);
    bool good = read_object(document, first, known, frame, problem);
    json_free(document);
    if (!good)
        frame_fini(frame);
    return good;
}

void frame_fini(struct frame *frame)
{
    device_info_fini(&frame->info);
}

/* ---- To a phone ---- */

void frame_write_connection_ack(struct buffer *out, const char *device_id)
{
    struct json_writer json = {.out = out};
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", FRAME_CONNECTION_ACK);
    json_put_text(&json, "device_id", device_id);
    json_end_object(&json);
}

void frame_write_new_sms(struct buffer *out, const struct message *message)
{
    struct json_writer json = {.out = out};
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&message->id, id);
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", FRAME_NEW_SMS);
    json_put_text(&json, "message_id", id);
    json_put_text(&json, "phone_number", message->phone_number);
    json_put_text(&json, "message", message->text);
    json_end_object(&json);
}

void frame_write_error(struct buffer *out, const struct frame_problem *problem)
{
    struct json_writer json = {.out = out};
    char id[MESSAGE_ID_TEXT_SIZE];
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", FRAME_ERROR);
    json_put_text(&json, "code", error_code(problem->error));
    json_put_text(&json, "detail", problem->detail);
    if (problem->has_message_id) {
        message_id_format(&problem->message_id, id);
        json_put_text(&json, "message_id", id);
    }
    json_end_object(&json);
}
