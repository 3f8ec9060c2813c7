#include "deploy/cli/batch_message.h"

#include "common/base/terminal.h"
#include "common/model/sms_transliteration.h"
#include "common/process/option_rules.h"
#include "common/process/placeholders.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MOST_ERRORS = 20,
    REASON_SIZE = MAX((int)ACCEPTANCE_RULES_REASON_SIZE, (int)PLACEHOLDERS_REASON_SIZE)
};

void batch_add_error(struct batch_reading *reading, const char *what, const char *format, ...)
{
    char text[2 * REASON_SIZE];
    va_list arguments;
    if (reading->error_count++ >= MOST_ERRORS)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    command_refuse(reading->command, "%s%s%s %s", reading->place,
                   *what && *reading->place ? ": " : "", what, text);
}

/* ---- Fields ---- */

struct batch_field {
    const char *name;
    enum batch_field_type type;
    void (*take)(struct batch_reading *reading, struct batch_draft *draft, const char *name,
                 const char *text);
};

static void refuse_if(struct batch_reading *reading, const char *name, enum error error,
                      const char *reason)
{
    if (error != ERROR_NONE)
        batch_add_error(reading, name, "%s", reason);
}

static bool read_number(struct batch_reading *reading, const char *name, const char *text,
                        int64_t most, int64_t *number)
{
    char *end;
    long long given = strtoll(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || given < 1 || given > most) {
        batch_add_error(reading, name, "must be a whole number from 1 to %" PRId64, most);
        return false;
    }
    *number = given;
    return true;
}

/* Spreadsheets write TRUE. */
static bool read_boolean(struct batch_reading *reading, const char *name, const char *text,
                         bool *boolean)
{
    *boolean = strcasecmp(text, "true") == 0;
    if (*boolean || strcasecmp(text, "false") == 0)
        return true;
    batch_add_error(reading, name, "must be true or false");
    return false;
}

static void take_number(struct batch_reading *reading, struct batch_draft *draft, const char *name,
                        const char *text)
{
    (void)reading, (void)name;
    draft->number = text;
}

static void take_text(struct batch_reading *reading, struct batch_draft *draft, const char *name,
                      const char *text)
{
    (void)reading, (void)name;
    draft->text = text;
}

static void take_transliterate(struct batch_reading *reading, struct batch_draft *draft,
                               const char *name, const char *text)
{
    (void)!read_boolean(reading, name, text, &draft->transliterate);
}

static void refuse_unknown(struct batch_reading *reading, const char *name, enum error error,
                           bool known, const char *reason)
{
    if (error != ERROR_NONE)
        reading->error = error;
    else if (!known)
        batch_add_error(reading, name, "%s; see `sms-gateway devices list`", reason);
}

static void take_device(struct batch_reading *reading, struct batch_draft *draft, const char *name,
                        const char *text)
{
    struct message_target *target = &draft->options.target;
    bool known = false;
    if (!device_id_valid(text)) {
        batch_add_error(reading, name, "must be 1 to 64 letters, digits, _ and -");
        return;
    }
    enum error error = store_device_is_known(reading->reader, text, &known);
    refuse_unknown(reading, name, error, known, "names no phone that is paired");
    strcpy(target->device_id, text);
    *target->device_group = '\0';
}

static void take_group(struct batch_reading *reading, struct batch_draft *draft, const char *name,
                       const char *text)
{
    struct message_target *target = &draft->options.target;
    bool known = false;
    if (!device_group_valid(text)) {
        batch_add_error(reading, name, "must be 1 to 32 letters, digits, ., _ and -");
        return;
    }
    enum error error = store_group_is_known(reading->reader, text, &known);
    refuse_unknown(reading, name, error, known, "is in the groups of no phone");
    strcpy(target->device_group, text);
    *target->device_id = '\0';
}

static void take_sim(struct batch_reading *reading, struct batch_draft *draft, const char *name,
                     const char *text)
{
    int64_t sim;
    if (read_number(reading, name, text, MESSAGE_MAX_SIM, &sim))
        draft->options.target.sim = (unsigned)sim;
}

static void take_send_at(struct batch_reading *reading, struct batch_draft *draft, const char *name,
                         const char *text)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    enum error error = option_rules_parse_time(text, &draft->options.send_at_ms, reason);
    if (error == ERROR_NONE)
        error = option_rules_check_send_at(draft->options.send_at_ms, reading->now_ms, reason);
    refuse_if(reading, name, error, reason);
}

static void take_expires_at(struct batch_reading *reading, struct batch_draft *draft,
                            const char *name, const char *text)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    draft->ttl_seconds = 0;
    refuse_if(reading, name, option_rules_parse_time(text, &draft->options.expires_at_ms, reason),
              reason);
}

static void take_ttl(struct batch_reading *reading, struct batch_draft *draft, const char *name,
                     const char *text)
{
    draft->options.expires_at_ms = 0;
    (void)!read_number(reading, name, text, OPTION_MAX_TTL_SECONDS, &draft->ttl_seconds);
}

static void take_priority(struct batch_reading *reading, struct batch_draft *draft,
                          const char *name, const char *text)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    refuse_if(reading, name, option_rules_parse_priority(text, &draft->options.priority, reason),
              reason);
}

static void take_reference(struct batch_reading *reading, struct batch_draft *draft,
                           const char *name, const char *text)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    refuse_if(reading, name, option_rules_copy_reference(text, draft->options.reference, reason),
              reason);
}

static void take_report(struct batch_reading *reading, struct batch_draft *draft, const char *name,
                        const char *text)
{
    bool wanted;
    if (read_boolean(reading, name, text, &wanted))
        draft->options.no_delivery_report = !wanted;
}

static const struct batch_field fields[] = {
    {"phone_number", BATCH_FIELD_TEXT, take_number},
    {"message", BATCH_FIELD_TEXT, take_text},
    {"transliterate", BATCH_FIELD_BOOLEAN, take_transliterate},
    {"device_id", BATCH_FIELD_TEXT, take_device},
    {"device_group", BATCH_FIELD_TEXT, take_group},
    {"sim", BATCH_FIELD_INTEGER, take_sim},
    {"send_at", BATCH_FIELD_TEXT, take_send_at},
    {"expires_at", BATCH_FIELD_TEXT, take_expires_at},
    {"ttl_seconds", BATCH_FIELD_INTEGER, take_ttl},
    {"priority", BATCH_FIELD_TEXT, take_priority},
    {"reference", BATCH_FIELD_TEXT, take_reference},
    {"delivery_report", BATCH_FIELD_BOOLEAN, take_report},
};

/* Only one of each pair may be given. */
static const char *const exclusive[][2] = {{"device_id", "device_group"},
                                           {"expires_at", "ttl_seconds"}};

const struct batch_field *batch_field_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

enum batch_field_type batch_field_type(const struct batch_field *field)
{
    return field->type;
}

void batch_draft_take(struct batch_reading *reading, struct batch_draft *draft,
                      const char *(*get)(const char *name, const void *context),
                      const void *context)
{
    for (size_t i = 0; i < ARRAY_LENGTH(exclusive); i++) {
        if (get(exclusive[i][0], context) && get(exclusive[i][1], context))
            batch_add_error(reading, exclusive[i][1],
                            "cannot be combined with %s; remove one of them", exclusive[i][0]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        const char *text = get(fields[i].name, context);
        if (text)
            fields[i].take(reading, draft, fields[i].name, text);
    }
}

/* ---- The message ---- */

static void finish_number(struct batch_reading *reading, const struct batch_draft *draft,
                          struct message *message)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (draft->number)
        refuse_if(reading, "phone_number",
                  acceptance_rules_check_number(&reading->rules, draft->number,
                                                message->phone_number, reason),
                  reason);
    else
        batch_add_error(reading, "phone_number", "is required");
}

/* NULL after an error message, or with an error. The caller's to free. */
static char *make_text(struct batch_reading *reading, const struct batch_draft *draft,
                       const char *(*find)(const char *name, const void *context),
                       const void *context)
{
    char reason[PLACEHOLDERS_REASON_SIZE];
    const char *text = draft->text;
    char *made = NULL;
    if (text && placeholders_any(text)) {
        buffer_clear(&reading->filled);
        if (!placeholders_fill(text, find, context, &reading->filled, reason)) {
            batch_add_error(reading, "message", "%s", reason);
            return NULL;
        }
        text = reading->filled.data ? reading->filled.data : "";
    }
    if (!text) {
        batch_add_error(reading, "message", "is required");
        return NULL;
    }
    if (!draft->transliterate || sms_transliterate(text, &made))
        made = made ? made : strdup(text);
    if (!made)
        reading->error = ERROR_INTERNAL;
    return made;
}

static void finish_deadline(struct batch_reading *reading, const struct batch_draft *draft,
                            struct message_options *options)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (draft->ttl_seconds > 0)
        options->expires_at_ms = option_rules_deadline_ms(draft->ttl_seconds, options->send_at_ms,
                                                          reading->now_ms);
    else if (options->expires_at_ms != 0)
        refuse_if(reading, "expires_at",
                  option_rules_check_expires_at(options->expires_at_ms, options->send_at_ms,
                                                reading->now_ms, reason),
                  reason);
    else
        options->expires_at_ms = option_rules_default_deadline_ms(&reading->rules,
                                                                  options->send_at_ms);
}

void batch_draft_finish(struct batch_reading *reading, const struct batch_draft *draft,
                        const char *(*find)(const char *name, const void *context),
                        const void *context, struct message *message)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    finish_number(reading, draft, message);
    message->options = draft->options;
    finish_deadline(reading, draft, &message->options);
    message->text = make_text(reading, draft, find, context);
    if (!message->text)
        return;
    struct sms_segments count = sms_segments_count(message->text);
    refuse_if(
        reading, "message",
        acceptance_rules_check_segments(&reading->rules, count.encoding, count.segments, reason),
        reason);
    message->encoding = count.encoding;
    message->segments = count.segments;
    message->id = message_id_new();
    message->updated_at_ms = message_id_time_ms(&message->id);
    message->reached_at_ms[MESSAGE_QUEUED] = message->updated_at_ms;
}
