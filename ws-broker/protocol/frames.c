#include "ws-broker/protocol/frames.h"

#include "common/model/protocol.h"
#include "common/model/send_result.h"
#include "ws-broker/protocol/frame_incoming.h"
#include "ws-broker/protocol/frame_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Members of frames about messages ---- */

static enum taken take_message_id(const struct json *value, struct frame_reading *reading)
{
    struct frame *frame = reading->frame;
    if (!frame_value_id(value, &frame->ref.id))
        return IGNORED;
    reading->problem->has_message_id = frame->warning.has_message_id = true;
    reading->problem->message_id = frame->warning.message_id = frame->ref.id;
    return TAKEN;
}

enum { MAX_ATTEMPTS = 1000000000, MAX_PARTS = 255 };

static bool read_attempt(const struct json *value, unsigned *attempt)
{
    int64_t number = 0;
    bool readable = frame_value_integer(value, 1, MAX_ATTEMPTS, &number);
    *attempt = (unsigned)number;
    return readable;
}

static enum taken take_attempt(const struct json *value, struct frame_reading *reading)
{
    return read_attempt(value, &reading->frame->ref.attempt) ? TAKEN : IGNORED;
}

static enum taken take_status(const struct json *value, struct frame_reading *reading)
{
    char word[FRAME_WORD_SIZE];
    enum message_status *status = &reading->frame->status;
    return frame_value_word(value, word) && message_status_parse(word, status) &&
                   message_status_is_report(*status)
               ? TAKEN
               : IGNORED;
}

static enum taken take_assured_status(const struct json *value, struct frame_reading *reading)
{
    char word[FRAME_WORD_SIZE];
    enum message_status *status = &reading->frame->status;
    return frame_value_word(value, word) && message_status_parse(word, status) &&
                   (message_status_is_report(*status) || *status == MESSAGE_CANCELLED ||
                    *status == MESSAGE_UNKNOWN)
               ? TAKEN
               : IGNORED;
}

static enum taken take_seq(const struct json *value, struct frame_reading *reading)
{
    return frame_value_integer(value, 0, INT64_MAX / 1024, &reading->frame->seq) ? TAKEN : IGNORED;
}

/* An unreadable value is no proof that nothing was sent. */
static enum taken take_parts_sent(const struct json *value, struct frame_reading *reading)
{
    int64_t parts = 0;
    bool readable = frame_value_integer(value, 0, INT32_MAX, &parts);
    unsigned least = readable ? (unsigned)MIN(parts, MAX_PARTS) : 1;
    reading->frame->parts_sent = MAX(reading->frame->parts_sent, least);
    return !readable ? IGNORED : parts > MAX_PARTS ? CUT : TAKEN;
}

static enum taken take_error_code(const struct json *value, struct frame_reading *reading)
{
    struct frame *frame = reading->frame;
    enum taken taken = frame_value_text(value, frame->error_code, sizeof(frame->error_code));
    const char *word = taken == TAKEN ? send_result_word(frame->error_code) : NULL;
    frame->code_was_translated = word && strcmp(frame->error_code, word) != 0;
    if (word)
        strcpy(frame->error_code, word);
    return taken;
}

/* 0 means no error when the message did not fail. */
static enum taken take_report_error_code(const struct json *value, struct frame_reading *reading)
{
    double number;
    bool none = reading->frame->status != MESSAGE_FAILED &&
                frame_value_number(value, NULL, &number) && number == 0;
    return none ? TAKEN : take_error_code(value, reading);
}

static enum taken take_error_message(const struct json *value, struct frame_reading *reading)
{
    struct frame *frame = reading->frame;
    return frame_value_text(value, frame->error_message, sizeof(frame->error_message));
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

static bool read_device_info(const struct json *object, struct frame_reading *reading)
{
    return frame_read_info(object, reading);
}

/* Checks the type alone; frame_read_info reads the content. */
static enum taken take_info(const struct json *value, struct frame_reading *reading)
{
    (void)reading;
    return json_is_object(value) ? TAKEN : IGNORED;
}

static bool read_info_in(const struct json *object, struct frame_reading *reading)
{
    const struct json *last = NULL;
    json_for_each (member, object) {
        if (strcmp(json_name(member), "info") == 0 && json_is_object(member))
            last = member;
    }
    return last ? frame_read_info(last, reading) : frame_keep_info(reading);
}

static bool read_device_update(const struct json *object, struct frame_reading *reading)
{
    static const struct frame_member members[] = {
        {"info", EXPECTED, take_info, "an object", ERROR_NONE},
    };
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading) &&
           read_info_in(object, reading);
}

static bool read_status_update(const struct json *object, struct frame_reading *reading)
{
    static const struct frame_member members[] = {
        MESSAGE_ID_MEMBER,
        {"status", ESSENTIAL, take_status, "sending, sent, delivered, failed or expired",
         ERROR_UNKNOWN_STATUS},
        CODE_MEMBER("error_code", take_report_error_code),
        SIM_MEMBER,
        ERROR_MESSAGE_MEMBER,
    };
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading);
}

static bool read_sms_received(const struct json *object, struct frame_reading *reading)
{
    return frame_read_incoming(object, reading);
}

/* Without an attempt a report is still evidence about the message; without a seq it cannot be acknowledged. */
static bool read_report(const struct json *object, struct frame_reading *reading)
{
    static const struct frame_member members[] = {
        MESSAGE_ID_MEMBER,
        {"status", ESSENTIAL, take_assured_status,
         "sending, sent, delivered, failed, expired, cancelled or unknown", ERROR_UNKNOWN_STATUS},
        ATTEMPT_MEMBER(EXPECTED),
        {"seq", EXPECTED, take_seq,
         "a whole number from 0; a report without it cannot be acknowledged", ERROR_NONE},
        {"parts_sent", OPTIONAL, take_parts_sent, "a whole number from 0 to 255", ERROR_NONE},
        CODE_MEMBER("error_code", take_report_error_code),
        SIM_MEMBER,
        ERROR_MESSAGE_MEMBER,
    };
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading);
}

static bool read_ack(const struct json *object, struct frame_reading *reading)
{
    static const struct frame_member members[] = {MESSAGE_ID_MEMBER, ATTEMPT_MEMBER(ESSENTIAL),
                                                  SIM_MEMBER};
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading);
}

static bool read_nack(const struct json *object, struct frame_reading *reading)
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
static enum taken take_credit(const struct json *value, struct frame_reading *reading)
{
    int64_t credit = 0;
    if (!frame_value_integer(value, 0, INT32_MAX, &credit))
        return IGNORED;
    reading->frame->credit = (unsigned)MIN(credit, STORE_MAX_CLAIM);
    return TAKEN;
}

static const char wanted_credit[] = "a whole number from 0";

/* The nil UUID means no journal in the store. */
static enum taken take_journal_id(const struct json *value, struct frame_reading *reading)
{
    static const struct message_id nil;
    struct message_id *id = &reading->frame->journal;
    return frame_value_id(value, id) && !message_id_equal(id, &nil) ? TAKEN : IGNORED;
}

static bool read_hello(const struct json *object, struct frame_reading *reading)
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

static bool read_credit(const struct json *object, struct frame_reading *reading)
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
    if (!value || !frame_value_word(value, word))
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
    return id && frame_value_id(id, &entry->ref.id) && attempt &&
           read_attempt(attempt, &entry->ref.attempt) &&
           read_state(json_member(object, "state"), &entry->offered);
}

/* An entry that cannot be read counts as missing: an offer returns to the queue, a released message stays the device's. */
static enum taken take_entries(const struct json *value, struct frame_reading *reading)
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

static enum taken take_last(const struct json *value, struct frame_reading *reading)
{
    return frame_value_boolean(value, &reading->frame->last) ? TAKEN : IGNORED;
}

static bool read_journal(const struct json *object, struct frame_reading *reading)
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
    bool (*read)(const struct json *object, struct frame_reading *reading);
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
                      struct frame_reading *reading)
{
    enum frame_type found = find_type(type), is = found;
    bool (*read)(const struct json *, struct frame_reading *) = read_device_info;
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

static bool read_object(const struct json *object, enum frame_stage stage,
                        struct frame_reading *reading)
{
    char type[FRAME_WORD_SIZE];
    const struct json *member = NULL;
    if (!json_is_object(object))
        return frame_refuse(reading->problem, ERROR_MALFORMED_FRAME,
                            "a frame must be a JSON object");
    json_for_each (each, object) {
        if (strcmp(json_name(each), "type") != 0 || !frame_value_is_something(each))
            continue;
        if (member && !json_same_scalar(member, each))
            return frame_refuse(reading->problem, ERROR_MALFORMED_FRAME,
                                "type appears twice with different values");
        member = each;
    }
    return read_kind(object, member && frame_value_word(member, type) ? type : NULL, stage,
                     reading);
}

bool frame_read(const char *text, size_t length, enum frame_stage stage,
                const struct device_info *known, struct frame *frame, struct frame_problem *problem)
{
    struct json_problem reason;
    bool mended;
    struct frame_reading reading = {.frame = frame, .known = known, .problem = problem};
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
    free(frame->incoming.text);
    frame->entries = NULL;
    frame->incoming.text = NULL;
}
