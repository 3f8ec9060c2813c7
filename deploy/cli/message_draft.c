#include "deploy/cli/message_draft.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"
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
    MAX_TEXT_BYTES = 1 << 16,
    REASON_SIZE = MAX((int)ACCEPTANCE_RULES_REASON_SIZE, (int)PLACEHOLDERS_REASON_SIZE)
};

int draft_reading_open(struct draft_reading *reading, const struct command *command,
                       struct store *store)
{
    char errmsg[ERRMSG_SIZE];
    *reading = (struct draft_reading){.command = command,
                                      .now_ms = clock_wall_ms(),
                                      .number_name = "phone_number",
                                      .text_name = "message"};
    if (!acceptance_rules_load(&reading->rules, &command->settings, errmsg))
        return command_refuse(command, "%s", errmsg);
    enum error error = store_reader_open(store, &reading->reader);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    buffer_init(&reading->filled, MAX_TEXT_BYTES);
    return 0;
}

void draft_reading_close(struct draft_reading *reading)
{
    if (reading->reader)
        buffer_fini(&reading->filled);
    store_reader_close(reading->reader);
}

void draft_add_error(struct draft_reading *reading, const char *what, const char *format, ...)
{
    char text[2 * REASON_SIZE];
    va_list arguments;
    if (reading->error_count++ >= MOST_ERRORS)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    command_refuse(reading->command, "%s%s%s%s%s", reading->place,
                   *what && *reading->place ? ": " : "", what, *what || *reading->place ? " " : "",
                   text);
}

/* ---- Fields ---- */

struct draft_field {
    const char *name;
    enum draft_field_type type;
    void (*take)(struct draft_reading *reading, struct message_draft *draft, const char *name,
                 const char *text);
};

static void refuse_if(struct draft_reading *reading, const char *name, enum error error,
                      const char *reason)
{
    if (error != ERROR_NONE)
        draft_add_error(reading, name, "%s", reason);
}

static bool read_number(struct draft_reading *reading, const char *name, const char *text,
                        int64_t most, int64_t *number)
{
    char *end;
    long long given = strtoll(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || given < 1 || given > most) {
        draft_add_error(reading, name, "must be a whole number from 1 to %" PRId64, most);
        return false;
    }
    *number = given;
    return true;
}

/* Spreadsheets write TRUE. */
static bool read_boolean(struct draft_reading *reading, const char *name, const char *text,
                         bool *boolean)
{
    *boolean = strcasecmp(text, "true") == 0;
    if (*boolean || strcasecmp(text, "false") == 0)
        return true;
    draft_add_error(reading, name, "must be true or false");
    return false;
}

static void take_number(struct draft_reading *reading, struct message_draft *draft,
                        const char *name, const char *text)
{
    (void)reading, (void)name;
    draft->number = text;
}

static void take_text(struct draft_reading *reading, struct message_draft *draft, const char *name,
                      const char *text)
{
    (void)reading, (void)name;
    draft->text = text;
}

static void take_transliterate(struct draft_reading *reading, struct message_draft *draft,
                               const char *name, const char *text)
{
    (void)!read_boolean(reading, name, text, &draft->transliterate);
}

static void refuse_unknown(struct draft_reading *reading, const char *name, enum error error,
                           bool known, const char *reason)
{
    if (error != ERROR_NONE)
        reading->error = error;
    else if (!known)
        draft_add_error(reading, name, "%s; see `sms-gateway devices list`", reason);
}

static void take_device(struct draft_reading *reading, struct message_draft *draft,
                        const char *name, const char *text)
{
    struct message_target *target = &draft->options.target;
    bool known = false;
    if (!device_id_valid(text)) {
        draft_add_error(reading, name, "must be 1 to 64 letters, digits, _ and -");
        return;
    }
    enum error error = store_device_is_known(reading->reader, text, &known);
    refuse_unknown(reading, name, error, known, "names no phone that is paired");
    strcpy(target->device_id, text);
    *target->device_group = '\0';
}

static void take_group(struct draft_reading *reading, struct message_draft *draft, const char *name,
                       const char *text)
{
    struct message_target *target = &draft->options.target;
    bool known = false;
    if (!device_group_valid(text)) {
        draft_add_error(reading, name, "must be 1 to 32 letters, digits, ., _ and -");
        return;
    }
    enum error error = store_group_is_known(reading->reader, text, &known);
    refuse_unknown(reading, name, error, known, "is in the groups of no phone");
    strcpy(target->device_group, text);
    *target->device_id = '\0';
}

static void take_sim(struct draft_reading *reading, struct message_draft *draft, const char *name,
                     const char *text)
{
    int64_t sim;
    if (read_number(reading, name, text, MESSAGE_MAX_SIM, &sim))
        draft->options.target.sim = (unsigned)sim;
}

static void take_send_at(struct draft_reading *reading, struct message_draft *draft,
                         const char *name, const char *text)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    enum error error = option_rules_parse_time(text, &draft->options.send_at_ms, reason);
    if (error == ERROR_NONE)
        error = option_rules_check_send_at(draft->options.send_at_ms, reading->now_ms, reason);
    refuse_if(reading, name, error, reason);
}

static void take_expires_at(struct draft_reading *reading, struct message_draft *draft,
                            const char *name, const char *text)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    draft->ttl_seconds = 0;
    draft->deadline_name = name;
    refuse_if(reading, name, option_rules_parse_time(text, &draft->options.expires_at_ms, reason),
              reason);
}

static void take_ttl(struct draft_reading *reading, struct message_draft *draft, const char *name,
                     const char *text)
{
    draft->options.expires_at_ms = 0;
    (void)!read_number(reading, name, text, OPTION_MAX_TTL_SECONDS, &draft->ttl_seconds);
}

static void take_priority(struct draft_reading *reading, struct message_draft *draft,
                          const char *name, const char *text)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    refuse_if(reading, name, option_rules_parse_priority(text, &draft->options.priority, reason),
              reason);
}

static void take_reference(struct draft_reading *reading, struct message_draft *draft,
                           const char *name, const char *text)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    refuse_if(reading, name, option_rules_copy_reference(text, draft->options.reference, reason),
              reason);
}

static void take_report(struct draft_reading *reading, struct message_draft *draft,
                        const char *name, const char *text)
{
    bool wanted;
    if (read_boolean(reading, name, text, &wanted))
        draft->options.no_delivery_report = !wanted;
}

static const struct draft_field fields[] = {
    {"phone_number", DRAFT_FIELD_TEXT, take_number},
    {"message", DRAFT_FIELD_TEXT, take_text},
    {"transliterate", DRAFT_FIELD_BOOLEAN, take_transliterate},
    {"device_id", DRAFT_FIELD_TEXT, take_device},
    {"device_group", DRAFT_FIELD_TEXT, take_group},
    {"sim", DRAFT_FIELD_INTEGER, take_sim},
    {"send_at", DRAFT_FIELD_TEXT, take_send_at},
    {"expires_at", DRAFT_FIELD_TEXT, take_expires_at},
    {"ttl_seconds", DRAFT_FIELD_INTEGER, take_ttl},
    {"priority", DRAFT_FIELD_TEXT, take_priority},
    {"reference", DRAFT_FIELD_TEXT, take_reference},
    {"delivery_report", DRAFT_FIELD_BOOLEAN, take_report},
};

/* Only one of each pair may be given. */
static const char *const exclusive[][2] = {{"device_id", "device_group"},
                                           {"expires_at", "ttl_seconds"}};

const struct draft_field *draft_field_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

enum draft_field_type draft_field_type(const struct draft_field *field)
{
    return field->type;
}

void draft_take(struct draft_reading *reading, struct message_draft *draft,
                const char *(*get)(const char *name, const void *context), const void *context)
{
    for (size_t i = 0; i < ARRAY_LENGTH(exclusive); i++) {
        if (get(exclusive[i][0], context) && get(exclusive[i][1], context))
            draft_add_error(reading, exclusive[i][1],
                            "cannot be combined with %s; remove one of them", exclusive[i][0]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        const char *text = get(fields[i].name, context);
        if (text)
            fields[i].take(reading, draft, fields[i].name, text);
    }
}

/* ---- Options ---- */

/* In this order: a deadline depends on the time of sending. */
static const struct {
    const char *name, *other; /* that excludes it; NULL: none */
    const char *flag;         /* the text of a field that is given without a value */
    void (*take)(struct draft_reading *reading, struct message_draft *draft, const char *name,
                 const char *text);
} option_fields[] = {
    {"--device", NULL, NULL, take_device},
    {"--group", "--device", NULL, take_group},
    {"--sim", NULL, NULL, take_sim},
    {"--at", NULL, NULL, take_send_at},
    {"--expires", NULL, NULL, take_expires_at},
    {"--ttl", "--expires", NULL, take_ttl},
    {"--priority", NULL, NULL, take_priority},
    {"--reference", NULL, NULL, take_reference},
    {"--no-delivery-report", NULL, "false", take_report},
    {"--transliterate", NULL, "true", take_transliterate},
};

static const char *find_option(const struct draft_reading *reading, const char *name)
{
    return command_option(reading->command, name + strlen("--"));
}

void draft_take_options(struct draft_reading *reading, struct message_draft *draft)
{
    for (size_t i = 0; i < ARRAY_LENGTH(option_fields); i++) {
        const char *name = option_fields[i].name, *other = option_fields[i].other;
        const char *text = find_option(reading, name);
        if (!text)
            continue;
        if (!utf8_valid(text, strlen(text)))
            draft_add_error(reading, name, "is not valid UTF-8");
        else if (other && find_option(reading, other))
            draft_add_error(reading, name, "cannot be combined with %s; remove one of them", other);
        else
            option_fields[i].take(reading, draft, name,
                                  option_fields[i].flag ? option_fields[i].flag : text);
    }
}

/* ---- The message ---- */

static void finish_number(struct draft_reading *reading, const struct message_draft *draft,
                          struct message *message)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (draft->number)
        refuse_if(reading, reading->number_name,
                  acceptance_rules_check_number(&reading->rules, draft->number,
                                                message->phone_number, reason),
                  reason);
    else
        draft_add_error(reading, reading->number_name, "is required");
}

/* NULL after an error message, or with an error. The caller's to free. */
static char *make_text(struct draft_reading *reading, const struct message_draft *draft,
                       const char *(*find)(const char *name, const void *context),
                       const void *context)
{
    char reason[PLACEHOLDERS_REASON_SIZE];
    const char *text = draft->text;
    char *made = NULL;
    if (text && find && placeholders_any(text)) {
        buffer_clear(&reading->filled);
        if (!placeholders_fill(text, find, context, &reading->filled, reason)) {
            draft_add_error(reading, reading->text_name, "%s", reason);
            return NULL;
        }
        text = reading->filled.data ? reading->filled.data : "";
    }
    if (!text) {
        draft_add_error(reading, reading->text_name, "is required");
        return NULL;
    }
    if (!draft->transliterate || sms_transliterate(text, &made))
        made = made ? made : strdup(text);
    if (!made)
        reading->error = ERROR_INTERNAL;
    return made;
}

static void finish_deadline(struct draft_reading *reading, const struct message_draft *draft,
                            struct message_options *options)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (draft->ttl_seconds > 0)
        options->expires_at_ms = option_rules_deadline_ms(draft->ttl_seconds, options->send_at_ms,
                                                          reading->now_ms);
    else if (options->expires_at_ms != 0)
        refuse_if(reading, draft->deadline_name,
                  option_rules_check_expires_at(options->expires_at_ms, options->send_at_ms,
                                                reading->now_ms, reason),
                  reason);
    else
        options->expires_at_ms = option_rules_default_deadline_ms(&reading->rules,
                                                                  options->send_at_ms);
}

void draft_finish(struct draft_reading *reading, const struct message_draft *draft,
                  const char *(*find)(const char *name, const void *context), const void *context,
                  struct message *message)
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
        reading, reading->text_name,
        acceptance_rules_check_segments(&reading->rules, count.encoding, count.segments, reason),
        reason);
    message->encoding = count.encoding;
    message->segments = count.segments;
    message->id = message_id_new();
    message->updated_at_ms = message_id_time_ms(&message->id);
    message->reached_at_ms[MESSAGE_QUEUED] = message->updated_at_ms;
}
