#include "frames.h"

#include "../common/json.h"
#include "../common/json_write.h"
#include "../common/protocol.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

/* ---- Members of frames about messages ---- */

static bool read_id(const struct json *object, const char *name, struct message_id *id,
                    struct frame_problem *problem)
{
    const char *text = json_text(json_member(object, name));
    return (text && message_id_parse(text, id)) ||
           refuse(problem, ERROR_INVALID_VALUE, "%s must be a UUID", name);
}

static bool read_number(const struct json *object, const char *name, int64_t least, int64_t most,
                        int64_t *number, struct frame_problem *problem)
{
    const struct json *value = json_member(object, name);
    return (value && json_integer(value, number) && *number >= least && *number <= most) ||
           refuse(problem, ERROR_INVALID_VALUE, "%s must be a whole number from %lld to %lld", name,
                  (long long)least, (long long)most);
}

static bool read_unsigned(const struct json *object, const char *name, unsigned least,
                          unsigned most, unsigned *number, struct frame_problem *problem)
{
    int64_t value = 0;
    if (!read_number(object, name, least, most, &value, problem))
        return false;
    *number = (unsigned)value;
    return true;
}

static bool read_message_id(const struct json *object, struct frame *frame,
                            struct frame_problem *problem)
{
    if (!read_id(object, "message_id", &frame->message_id, problem))
        return false;
    problem->has_message_id = true;
    problem->message_id = frame->message_id;
    return true;
}

enum { MOST_ATTEMPTS = 1000000000 };

static bool read_attempt(const struct json *object, struct frame *frame,
                         struct frame_problem *problem)
{
    return read_message_id(object, frame, problem) &&
           read_unsigned(object, "attempt", 1, MOST_ATTEMPTS, &frame->attempt, problem);
}

static bool read_error(const struct json *object, const char *code_name, struct frame *frame,
                       struct frame_problem *problem)
{
    return take_text(json_member(object, code_name), code_name, frame->error_code,
                     sizeof(frame->error_code), problem) &&
           take_text(json_member(object, "error_message"), "error_message", frame->error_message,
                     sizeof(frame->error_message), problem);
}

/* ---- The frames, each by its own function ---- */

static bool read_device_info(const struct json *object, const struct device_info *known,
                             struct frame *frame, struct frame_problem *problem)
{
    return read_info(object, known, frame, problem);
}

static bool read_device_update(const struct json *object, const struct device_info *known,
                               struct frame *frame, struct frame_problem *problem)
{
    const struct json *info = json_member(object, "info");
    if (!info || !json_is_object(info))
        return refuse(problem, ERROR_INVALID_VALUE, "info must be an object");
    return read_info(info, known, frame, problem);
}

static bool read_status_update(const struct json *object, const struct device_info *known,
                               struct frame *frame, struct frame_problem *problem)
{
    (void)known;
    if (!read_message_id(object, frame, problem))
        return false;
    const char *status = json_text(json_member(object, "status"));
    if (!status || !message_status_parse(status, &frame->status) ||
        !message_status_is_report(frame->status))
        return refuse(problem, ERROR_UNKNOWN_STATUS,
                      "status must be sending, sent, delivered or failed");
    return read_error(object, "error_code", frame, problem);
}

static bool read_hello(const struct json *object, const struct device_info *known,
                       struct frame *frame, struct frame_problem *problem)
{
    const struct json *info = json_member(object, "info");
    if (!read_id(object, "journal", &frame->journal, problem) ||
        !read_unsigned(object, "credit", 0, STORE_MAX_HAND_OVER, &frame->credit, problem))
        return false;
    if (!says_something(info)) {
        frame->info = *known;
        frame->info.extra = NULL;
        return true;
    }
    return read_device_update(object, known, frame, problem);
}

static bool read_entry(const struct json *object, struct store_journal_entry *entry,
                       struct frame_problem *problem)
{
    if (!json_is_object(object))
        return refuse(problem, ERROR_INVALID_VALUE, "an entry must be an object");
    const char *state = json_text(json_member(object, "state"));
    if (!state || (strcmp(state, "offered") != 0 && strcmp(state, "released") != 0))
        return refuse(problem, ERROR_INVALID_VALUE, "state must be offered or released");
    entry->offered = strcmp(state, "offered") == 0;
    return read_id(object, "message_id", &entry->id, problem) &&
           read_unsigned(object, "attempt", 1, MOST_ATTEMPTS, &entry->attempt, problem);
}

static bool read_journal(const struct json *object, const struct device_info *known,
                         struct frame *frame, struct frame_problem *problem)
{
    (void)known;
    const struct json *entries = json_member(object, "entries");
    const struct json *last = json_member(object, "last");
    if (!last || !json_is_boolean(last))
        return refuse(problem, ERROR_INVALID_VALUE, "last must be true or false");
    frame->last = json_true(last);
    if (!entries || !json_is_array(entries))
        return refuse(problem, ERROR_INVALID_VALUE, "entries must be an array");
    frame->entries = calloc(FRAME_MAX_ENTRIES, sizeof(*frame->entries));
    if (!frame->entries)
        return refuse(problem, ERROR_INTERNAL, "no memory");
    json_for_each (entry, entries) {
        if (frame->entry_count == FRAME_MAX_ENTRIES)
            return refuse(problem, ERROR_INVALID_VALUE, "a frame may have %d entries",
                          FRAME_MAX_ENTRIES);
        if (!read_entry(entry, &frame->entries[frame->entry_count++], problem))
            return false;
    }
    return true;
}

static bool read_ack(const struct json *object, const struct device_info *known,
                     struct frame *frame, struct frame_problem *problem)
{
    (void)known;
    return read_attempt(object, frame, problem);
}

static bool read_nack(const struct json *object, const struct device_info *known,
                      struct frame *frame, struct frame_problem *problem)
{
    (void)known;
    return read_attempt(object, frame, problem) && read_error(object, "code", frame, problem);
}

static bool read_report(const struct json *object, const struct device_info *known,
                        struct frame *frame, struct frame_problem *problem)
{
    (void)known;
    const char *status = json_text(json_member(object, "status"));
    if (!read_attempt(object, frame, problem) ||
        !read_number(object, "seq", 0, INT64_MAX / 1024, &frame->seq, problem))
        return false;
    if (!status || !message_status_parse(status, &frame->status) ||
        !(message_status_is_report(frame->status) || frame->status == MESSAGE_CANCELLED ||
          frame->status == MESSAGE_UNKNOWN))
        return refuse(problem, ERROR_UNKNOWN_STATUS,
                      "status must be sending, sent, delivered, failed, cancelled or unknown");
    if (says_something(json_member(object, "parts_sent")) &&
        !read_unsigned(object, "parts_sent", 0, 255, &frame->parts_sent, problem))
        return false;
    return read_error(object, "error_code", frame, problem);
}

static bool read_credit(const struct json *object, const struct device_info *known,
                        struct frame *frame, struct frame_problem *problem)
{
    (void)known;
    return read_unsigned(object, "credit", 0, STORE_MAX_HAND_OVER, &frame->credit, problem);
}

#define AT(stage) (1u << (stage))

static const struct frame_kind {
    const char *type; /* NULL: a frame without one */
    unsigned stages;
    enum frame_type is;
    bool (*read)(const struct json *object, const struct device_info *known, struct frame *frame,
                 struct frame_problem *problem);
} kinds[] = {
    {NULL, AT(STAGE_BASIC_INFO), FRAME_IS_DEVICE_INFO, read_device_info},
    {FRAME_STATUS_UPDATE, AT(STAGE_BASIC), FRAME_IS_STATUS_UPDATE, read_status_update},
    {FRAME_DEVICE_UPDATE, AT(STAGE_BASIC) | AT(STAGE_ASSURED), FRAME_IS_DEVICE_UPDATE,
     read_device_update},
    {FRAME_HELLO, AT(STAGE_HELLO), FRAME_IS_HELLO, read_hello},
    {FRAME_JOURNAL, AT(STAGE_JOURNAL), FRAME_IS_JOURNAL, read_journal},
    {FRAME_ACK, AT(STAGE_ASSURED), FRAME_IS_ACK, read_ack},
    {FRAME_NACK, AT(STAGE_ASSURED), FRAME_IS_NACK, read_nack},
    {FRAME_REPORT, AT(STAGE_ASSURED), FRAME_IS_REPORT, read_report},
    {FRAME_CREDIT, AT(STAGE_ASSURED), FRAME_IS_CREDIT, read_credit},
};

/* What a phone is told that sent something else. */
static bool refuse_type(enum frame_stage stage, struct frame_problem *problem)
{
    switch (stage) {
    case STAGE_BASIC_INFO:
        return refuse(problem, ERROR_NO_DEVICE_INFO,
                      "the first frame must be the device information, which has no type");
    case STAGE_BASIC:
        return refuse(problem, ERROR_UNKNOWN_FRAME_TYPE,
                      "type must be " FRAME_STATUS_UPDATE " or " FRAME_DEVICE_UPDATE);
    case STAGE_HELLO:
        return refuse(problem, ERROR_NO_DEVICE_INFO, "the first frame must be " FRAME_HELLO);
    case STAGE_JOURNAL:
        return refuse(problem, ERROR_NO_DEVICE_INFO,
                      FRAME_JOURNAL " must come before anything else");
    case STAGE_ASSURED:
        break;
    }
    return refuse(problem, ERROR_UNKNOWN_FRAME_TYPE,
                  "type must be " FRAME_ACK ", " FRAME_NACK ", " FRAME_REPORT ", " FRAME_CREDIT
                  " or " FRAME_DEVICE_UPDATE);
}

static bool read_object(const struct json *object, enum frame_stage stage,
                        const struct device_info *known, struct frame *frame,
                        struct frame_problem *problem)
{
    if (!json_is_object(object))
        return refuse(problem, ERROR_MALFORMED_FRAME, "a frame must be a JSON object");
    const struct json *member = json_member(object, "type");
    const char *type = member ? json_text(member) : NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        const struct frame_kind *kind = &kinds[i];
        bool same = kind->type ? type && strcmp(type, kind->type) == 0 : !member;
        if (same && kind->stages & AT(stage)) {
            frame->type = kind->is;
            return kind->read(object, known, frame, problem);
        }
    }
    return refuse_type(stage, problem);
}

bool frame_read(const char *text, size_t length, enum frame_stage stage,
                const struct device_info *known, struct frame *frame, struct frame_problem *problem)
{
    struct json_problem reason;
    *frame = (struct frame){.info = DEVICE_INFO_UNKNOWN};
    *problem = (struct frame_problem){0};
    struct json *document = json_parse(text, length, &reason);
    if (!document)
        return refuse(problem, ERROR_MALFORMED_FRAME, "not valid JSON: %s (at byte %zu)",
                      reason.reason, reason.offset);
    bool good = read_object(document, stage, known, frame, problem);
    json_free(document);
    if (!good)
        frame_fini(frame);
    return good;
}

void frame_fini(struct frame *frame)
{
    device_info_fini(&frame->info);
    free(frame->entries);
    frame->entries = NULL;
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

static void write_message(struct buffer *out, const char *type, const struct message *message,
                          bool with_attempt)
{
    struct json_writer json = {.out = out};
    char id[MESSAGE_ID_TEXT_SIZE], request_id[REQUEST_ID_TEXT_SIZE];
    message_id_format(&message->id, id);
    request_id_format(&message->request_id, request_id);
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", type);
    json_put_text(&json, "message_id", id);
    if (with_attempt)
        json_put_integer(&json, "attempt", message->attempt);
    json_put_text(&json, "phone_number", message->phone_number);
    json_put_text(&json, "message", message->text);
    if (*request_id)
        json_put_text(&json, "request_id", request_id);
    json_end_object(&json);
}

void frame_write_new_sms(struct buffer *out, const struct message *message)
{
    write_message(out, FRAME_NEW_SMS, message, false);
}

void frame_write_offer(struct buffer *out, const struct message *message)
{
    write_message(out, FRAME_OFFER, message, true);
}

void frame_write_welcome(struct buffer *out, const char *device_id, int64_t session,
                         unsigned credit)
{
    struct json_writer json = {.out = out};
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", FRAME_WELCOME);
    json_put_text(&json, "device_id", device_id);
    json_put_integer(&json, "session", session);
    json_put_integer(&json, "credit", credit);
    json_end_object(&json);
}

void frame_write_order(struct buffer *out, const char *type, const struct message_id *id,
                       unsigned attempt)
{
    struct json_writer json = {.out = out};
    char text[MESSAGE_ID_TEXT_SIZE];
    message_id_format(id, text);
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", type);
    json_put_text(&json, "message_id", text);
    json_put_integer(&json, "attempt", attempt);
    json_end_object(&json);
}

void frame_write_report_ack(struct buffer *out, int64_t seq)
{
    struct json_writer json = {.out = out};
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", FRAME_REPORT_ACK);
    json_put_integer(&json, "seq", seq);
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

/* ---- */

bool frame_close_is_valid(const unsigned char *payload, size_t length)
{
    if (length < 2)
        return length == 0;
    int code = payload[0] << 8 | payload[1];
    bool of_the_rfc = code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006);
    return of_the_rfc || (code >= 3000 && code <= 4999);
}
