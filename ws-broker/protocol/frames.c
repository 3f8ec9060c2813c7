/* Frames from a device. */
#include "ws-broker/protocol/frame_reading.h"

#include "common/model/protocol.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool frame_refuse(struct frame_problem *problem, enum error error, const char *detail, ...)
{
    va_list arguments;
    va_start(arguments, detail);
    problem->error = error;
    vsnprintf(problem->detail, sizeof(problem->detail), detail, arguments);
    va_end(arguments);
    return false;
}

void frame_warn(struct reading *reading, const char *member, const char *detail, ...)
{
    struct frame_problem *warning = &reading->frame->warning;
    size_t length = strlen(warning->detail);
    va_list arguments;
    if (warning->error == ERROR_NONE) {
        warning->error = ERROR_MEMBER_IGNORED;
        warning->member = member;
    } else if (length + 2 < sizeof(warning->detail)) {
        strcpy(warning->detail + length, "; ");
        length += 2;
    }
    va_start(arguments, detail);
    vsnprintf(warning->detail + length, sizeof(warning->detail) - length, detail, arguments);
    va_end(arguments);
}

/* ---- The members of a frame ---- */

static bool refuse_member(const struct frame_member *member, const char *what,
                          struct reading *reading)
{
    enum error error = member->error != ERROR_NONE ? member->error : ERROR_INVALID_VALUE;
    return frame_refuse(reading->problem, error, "%s must be %s%s", member->name, member->wanted,
                        what);
}

static void warn_of_member(const struct frame_member *member, enum taken taken,
                           struct reading *reading)
{
    static const char *const outcomes[] = {
        [CUT] = "it was cut", [CONVERTED] = "it was converted", [IGNORED] = "it was ignored"};
    if (taken != TAKEN)
        frame_warn(reading, member->name, "%s must be %s: %s", member->name, member->wanted,
                   outcomes[taken]);
}

/* Reads one value of a member; `before` is an earlier value of the same name, or NULL. */
static bool read_value(const struct frame_member *member, const struct json *value,
                       const struct json *before, struct reading *reading)
{
    bool essential = member->weight == ESSENTIAL;
    if (before && essential)
        return json_same_scalar(before, value) ||
               refuse_member(member, ", and not two different values", reading);
    if (before)
        frame_warn(reading, member->name, "%s appears twice: the last one counts", member->name);
    enum taken taken = member->take(value, reading);
    if (essential && taken != TAKEN)
        return refuse_member(member, "", reading);
    warn_of_member(member, taken, reading);
    return true;
}

static bool read_member(const struct json *object, const struct frame_member *member,
                        struct reading *reading)
{
    const struct json *before = NULL;
    json_for_each (value, object) {
        if (!value_is_something(value) || strcmp(json_name(value), member->name) != 0)
            continue;
        if (!read_value(member, value, before, reading))
            return false;
        before = value;
    }
    if (!before && member->weight == ESSENTIAL)
        return refuse_member(member, "", reading);
    if (!before && member->weight == EXPECTED)
        frame_warn(reading, member->name, "%s must be %s: it is missing", member->name,
                   member->wanted);
    return true;
}

bool frame_read_members(const struct json *object, const struct frame_member *members, size_t count,
                        struct reading *reading)
{
    for (size_t i = 0; i < count; i++) {
        if (!read_member(object, &members[i], reading))
            return false;
    }
    return true;
}

/* ---- Members of frames about messages ---- */

static enum taken take_message_id(const struct json *value, struct reading *reading)
{
    struct frame *frame = reading->frame;
    if (!value_id(value, &frame->message_id))
        return IGNORED;
    reading->problem->has_message_id = frame->warning.has_message_id = true;
    reading->problem->message_id = frame->warning.message_id = frame->message_id;
    return TAKEN;
}

enum { MOST_ATTEMPTS = 1000000000, MOST_PARTS = 255 };

static bool read_attempt(const struct json *value, unsigned *attempt)
{
    int64_t number = 0;
    bool readable = value_integer(value, 1, MOST_ATTEMPTS, &number);
    *attempt = (unsigned)number;
    return readable;
}

static enum taken take_attempt(const struct json *value, struct reading *reading)
{
    return read_attempt(value, &reading->frame->attempt) ? TAKEN : IGNORED;
}

static enum taken take_status(const struct json *value, struct reading *reading)
{
    char word[FRAME_WORD_SIZE];
    enum message_status *status = &reading->frame->status;
    return value_word(value, word) && message_status_parse(word, status) &&
                   message_status_is_report(*status)
               ? TAKEN
               : IGNORED;
}

static enum taken take_assured_status(const struct json *value, struct reading *reading)
{
    char word[FRAME_WORD_SIZE];
    enum message_status *status = &reading->frame->status;
    return value_word(value, word) && message_status_parse(word, status) &&
                   (message_status_is_report(*status) || *status == MESSAGE_CANCELLED ||
                    *status == MESSAGE_UNKNOWN)
               ? TAKEN
               : IGNORED;
}

static enum taken take_seq(const struct json *value, struct reading *reading)
{
    return value_integer(value, 0, INT64_MAX / 1024, &reading->frame->seq) ? TAKEN : IGNORED;
}

/* An unreadable value is no proof that nothing was sent. */
static enum taken take_parts_sent(const struct json *value, struct reading *reading)
{
    int64_t parts = 0;
    bool readable = value_integer(value, 0, INT32_MAX, &parts);
    unsigned least = readable ? (unsigned)MIN(parts, MOST_PARTS) : 1;
    reading->frame->parts_sent = MAX(reading->frame->parts_sent, least);
    return !readable ? IGNORED : parts > MOST_PARTS ? CUT : TAKEN;
}

static enum taken take_error_code(const struct json *value, struct reading *reading)
{
    struct frame *frame = reading->frame;
    return value_text(value, frame->error_code, sizeof(frame->error_code));
}

/* 0 means no error when the message did not fail. */
static enum taken take_report_error_code(const struct json *value, struct reading *reading)
{
    double number;
    bool none = reading->frame->status != MESSAGE_FAILED && value_number(value, NULL, &number) &&
                number == 0;
    return none ? TAKEN : take_error_code(value, reading);
}

static enum taken take_error_message(const struct json *value, struct reading *reading)
{
    struct frame *frame = reading->frame;
    return value_text(value, frame->error_message, sizeof(frame->error_message));
}

#define MESSAGE_ID_MEMBER                                                                          \
    {                                                                                              \
        "message_id", ESSENTIAL, take_message_id, "a UUID", ERROR_NONE                             \
    }
#define ATTEMPT_MEMBER(weight)                                                                     \
    {                                                                                              \
        "attempt", weight, take_attempt, "a whole number from 1", ERROR_NONE                       \
    }
#define CODE_MEMBER(name, take)                                                                    \
    {                                                                                              \
        name, OPTIONAL, take, "a text of at most 64 bytes", ERROR_NONE                             \
    }
#define ERROR_MESSAGE_MEMBER                                                                       \
    {                                                                                              \
        "error_message", OPTIONAL, take_error_message, "a text of at most 256 bytes", ERROR_NONE   \
    }

/* ---- The frames ---- */

static bool read_device_info(const struct json *object, struct reading *reading)
{
    return frame_read_info(object, reading);
}

/* Checks the type alone; frame_read_info reads the content. */
static enum taken take_info(const struct json *value, struct reading *reading)
{
    (void)reading;
    return json_is_object(value) ? TAKEN : IGNORED;
}

static bool read_info_in(const struct json *object, struct reading *reading)
{
    const struct json *last = NULL;
    json_for_each (member, object) {
        if (strcmp(json_name(member), "info") == 0 && json_is_object(member))
            last = member;
    }
    return last ? frame_read_info(last, reading) : frame_keep_info(reading);
}

static bool read_device_update(const struct json *object, struct reading *reading)
{
    static const struct frame_member members[] = {
        {"info", EXPECTED, take_info, "an object", ERROR_NONE},
    };
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading) &&
           read_info_in(object, reading);
}

static bool read_status_update(const struct json *object, struct reading *reading)
{
    static const struct frame_member members[] = {
        MESSAGE_ID_MEMBER,
        {"status", ESSENTIAL, take_status, "sending, sent, delivered or failed",
         ERROR_UNKNOWN_STATUS},
        CODE_MEMBER("error_code", take_report_error_code),
        ERROR_MESSAGE_MEMBER,
    };
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading);
}

/* Without an attempt a report is still evidence about the message; without a seq it cannot be acknowledged. */
static bool read_report(const struct json *object, struct reading *reading)
{
    static const struct frame_member members[] = {
        MESSAGE_ID_MEMBER,
        {"status", ESSENTIAL, take_assured_status,
         "sending, sent, delivered, failed, cancelled or unknown", ERROR_UNKNOWN_STATUS},
        ATTEMPT_MEMBER(EXPECTED),
        {"seq", EXPECTED, take_seq,
         "a whole number from 0; a report without it cannot be acknowledged", ERROR_NONE},
        {"parts_sent", OPTIONAL, take_parts_sent, "a whole number from 0 to 255", ERROR_NONE},
        CODE_MEMBER("error_code", take_report_error_code),
        ERROR_MESSAGE_MEMBER,
    };
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading);
}

static bool read_ack(const struct json *object, struct reading *reading)
{
    static const struct frame_member members[] = {MESSAGE_ID_MEMBER, ATTEMPT_MEMBER(ESSENTIAL)};
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading);
}

static bool read_nack(const struct json *object, struct reading *reading)
{
    static const struct frame_member members[] = {
        MESSAGE_ID_MEMBER,
        ATTEMPT_MEMBER(ESSENTIAL),
        CODE_MEMBER("code", take_error_code),
        ERROR_MESSAGE_MEMBER,
    };
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading);
}

/* A larger credit than the gateway ever uses is cut to that. */
static enum taken take_credit(const struct json *value, struct reading *reading)
{
    int64_t credit = 0;
    if (!value_integer(value, 0, INT32_MAX, &credit))
        return IGNORED;
    reading->frame->credit = (unsigned)MIN(credit, STORE_MAX_CLAIM);
    return TAKEN;
}

static const char wanted_credit[] = "a whole number from 0";

/* The nil UUID means no journal in the store. */
static enum taken take_journal_id(const struct json *value, struct reading *reading)
{
    static const struct message_id nil;
    struct message_id *id = &reading->frame->journal;
    return value_id(value, id) && !message_id_equal(id, &nil) ? TAKEN : IGNORED;
}

static bool read_hello(const struct json *object, struct reading *reading)
{
    static const struct frame_member members[] = {
        {"journal", ESSENTIAL, take_journal_id, "a random UUID, not the nil UUID", ERROR_NONE},
        {"credit", OPTIONAL, take_credit, wanted_credit, ERROR_NONE},
        {"info", OPTIONAL, take_info, "an object", ERROR_NONE},
    };
    reading->frame->credit = STORE_MAX_CLAIM;
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading) &&
           read_info_in(object, reading);
}

static bool read_credit(const struct json *object, struct reading *reading)
{
    static const struct frame_member members[] = {
        {"credit", ESSENTIAL, take_credit, wanted_credit, ERROR_NONE},
    };
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading);
}

/* ---- The journal ---- */

/* The states of a device's own journal: all but `offered` mean released. */
static bool read_state(const struct json *value, bool *offered)
{
    char word[FRAME_WORD_SIZE];
    if (!value || !value_word(value, word))
        return false;
    *offered = strcmp(word, "offered") == 0;
    return *offered || strcmp(word, "released") == 0 || strcmp(word, "submitting") == 0 ||
           strcmp(word, "done") == 0;
}

static bool read_entry(const struct json *object, struct store_journal_entry *entry)
{
    if (!json_is_object(object))
        return false;
    const struct json *id = json_member(object, "message_id");
    const struct json *attempt = json_member(object, "attempt");
    return id && value_id(id, &entry->id) && attempt && read_attempt(attempt, &entry->attempt) &&
           read_state(json_member(object, "state"), &entry->offered);
}

/* An entry that cannot be read counts as missing: an offer returns to the queue, a released message stays the device's. */
static enum taken take_entries(const struct json *value, struct reading *reading)
{
    struct frame *frame = reading->frame;
    size_t count = 0;
    if (!json_is_array(value))
        return IGNORED;
    json_for_each (entry, value)
        count++;
    if (count > FRAME_MAX_ENTRIES)
        return IGNORED;
    frame->entries = calloc(MAX(count, (size_t)1), sizeof(*frame->entries));
    if (!frame->entries)
        return IGNORED;
    json_for_each (entry, value)
        frame->entry_count += read_entry(entry, &frame->entries[frame->entry_count]);
    if (frame->entry_count < count)
        frame_warn(reading, "entries",
                   "%zu entries without a message_id, an attempt and a known state were ignored",
                   count - frame->entry_count);
    return TAKEN;
}

static enum taken take_last(const struct json *value, struct reading *reading)
{
    return value_boolean(value, &reading->frame->last) ? TAKEN : IGNORED;
}

static bool read_journal(const struct json *object, struct reading *reading)
{
    static const struct frame_member members[] = {
        {"last", ESSENTIAL, take_last, "true or false", ERROR_NONE},
        {"entries", ESSENTIAL, take_entries, "an array of at most 1000 entries", ERROR_NONE},
    };
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading);
}

/* ---- Types ---- */

/* The stages in which a frame of a level may come, by phase, as bits. */
enum {
    BASIC_GREETING = 1 << STAGE_BASIC_INFO,
    BASIC_CONNECTED = 1 << STAGE_BASIC,
    ASSURED_GREETING = 1 << STAGE_HELLO,
    ASSURED_JOURNAL = 1 << STAGE_JOURNAL,
    ASSURED_CONNECTED = 1 << STAGE_ASSURED,
    BOTH_CONNECTED = BASIC_CONNECTED | ASSURED_CONNECTED,
};

static const struct frame_kind {
    const char *type;
    unsigned stages;
    bool (*read)(const struct json *object, struct reading *reading);
} kinds[FRAME_TYPE_COUNT] = {
#define FRAME_IN(name, type, level, phase, reader, handler)                                        \
    [FRAME_IS_##name] = {type, level##_##phase, reader},
#include "common/model/frames.def"
};

bool frame_may_come(enum frame_type type, enum frame_stage stage)
{
    return kinds[type].stages & 1u << stage;
}

/* Refuses a frame of another type than those of the stage, which the detail names. */
static bool refuse_unknown_type(enum frame_stage stage, struct frame_problem *problem)
{
    char names[FRAME_DETAIL_SIZE] = "";
    size_t length = 0, left = 0;
    for (int i = 0; i < FRAME_TYPE_COUNT; i++)
        left += frame_may_come((enum frame_type)i, stage);
    for (int i = 0; i < FRAME_TYPE_COUNT; i++) {
        if (!frame_may_come((enum frame_type)i, stage))
            continue;
        const char *separator = --left == 0 ? "" : left == 1 ? " or " : ", ";
        length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s", kinds[i].type,
                                   separator);
    }
    return frame_refuse(problem, ERROR_UNKNOWN_FRAME_TYPE, "type must be %s", names);
}

static bool refuse_type(enum frame_stage stage, struct frame_problem *problem)
{
    switch (stage) {
    case STAGE_BASIC_INFO:
        return frame_refuse(problem, ERROR_NO_DEVICE_INFO,
                            "the first frame must be the device information, which has no type");
    case STAGE_HELLO:
        return frame_refuse(problem, ERROR_NO_DEVICE_INFO, "the first frame must be %s",
                            FRAME_HELLO);
    case STAGE_JOURNAL:
        return frame_refuse(problem, ERROR_NO_DEVICE_INFO, "%s must come before anything else",
                            FRAME_JOURNAL);
    case STAGE_BASIC:
    case STAGE_ASSURED:
        break;
    }
    return refuse_unknown_type(stage, problem);
}

/* FRAME_TYPE_COUNT when there is none of that name. */
static enum frame_type find_type(const char *type)
{
    int i = 0;
    while (i < FRAME_TYPE_COUNT && (!type || strcmp(type, kinds[i].type) != 0))
        i++;
    return (enum frame_type)i;
}

static bool read_kind(const struct json *object, const char *type, enum frame_stage stage,
                      struct reading *reading)
{
    enum frame_type found = find_type(type), is = found;
    bool (*read)(const struct json *, struct reading *) = read_device_info;
    if (found != FRAME_TYPE_COUNT)
        read = kinds[found].read;
    /* A device update, or a frame with a type that the app invented, is understood as the device information. */
    if (stage == STAGE_BASIC_INFO && (is == FRAME_TYPE_COUNT || is == FRAME_IS_DEVICE_UPDATE))
        is = FRAME_IS_DEVICE_INFO;
    if (is == FRAME_TYPE_COUNT || !frame_may_come(is, stage))
        return refuse_type(stage, reading->problem);
    reading->frame->type = is;
    return read(object, reading);
}

static bool read_object(const struct json *object, enum frame_stage stage, struct reading *reading)
{
    char type[FRAME_WORD_SIZE];
    const struct json *member = NULL;
    if (!json_is_object(object))
        return frame_refuse(reading->problem, ERROR_MALFORMED_FRAME,
                            "a frame must be a JSON object");
    json_for_each (each, object) {
        if (strcmp(json_name(each), "type") != 0 || !value_is_something(each))
            continue;
        if (member && !json_same_scalar(member, each))
            return frame_refuse(reading->problem, ERROR_MALFORMED_FRAME,
                                "type appears twice with different values");
        member = each;
    }
    return read_kind(object, member && value_word(member, type) ? type : NULL, stage, reading);
}

bool frame_read(const char *text, size_t length, enum frame_stage stage,
                const struct device_info *known, struct frame *frame, struct frame_problem *problem)
{
    struct json_problem reason;
    bool mended;
    struct reading reading = {.frame = frame, .known = known, .problem = problem};
    *frame = (struct frame){.info = DEVICE_INFO_UNKNOWN, .seq = -1};
    *problem = (struct frame_problem){0};
    struct json *document = json_parse_mended(text, length, &reason, &mended);
    if (!document)
        return frame_refuse(problem, ERROR_MALFORMED_FRAME, "not valid JSON: %s (at byte %zu)",
                            reason.reason, reason.offset);
    if (mended)
        frame_warn(&reading, NULL, "not valid JSON: %s (at byte %zu): it was replaced",
                   reason.reason, reason.offset);
    bool good = read_object(document, stage, &reading);
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

/* ---- */

bool frame_close_is_valid(const unsigned char *payload, size_t length)
{
    if (length < 2)
        return length == 0;
    int code = payload[0] << 8 | payload[1];
    bool of_the_rfc = code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006);
    return of_the_rfc || (code >= 3000 && code <= 4999);
}
