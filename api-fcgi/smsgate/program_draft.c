#include "api-fcgi/smsgate/program_draft.h"

#include "api-fcgi/handlers/message_draft.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/json_body.h"
#include "api-fcgi/smsgate/program.h"
#include "common/base/clock.h"
#include "common/process/option_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POINTER_SIZE = 32,
    LEAST_TTL_SECONDS = 5,
    LEAST_PRIORITY = -128,
    MOST_PRIORITY = 127,
    HIGH_PRIORITY = 100, /* from which on SMSGate's app passes over its limits */
};

bool program_id_valid(const char *id)
{
    size_t length = strlen(id);
    for (const char *p = id; *p; p++)
        if (*p <= ' ' || *p > '~' || strchr("/?#%", *p))
            return false;
    return length > 0 && length < STORE_EXTERNAL_ID_SIZE && id[strspn(id, ".")] != '\0';
}

void program_take_id(struct http_exchange *exchange, const char *pointer, const struct json *value,
                     char id[STORE_EXTERNAL_ID_SIZE])
{
    const char *text = json_body_text(exchange, pointer, value);
    if (!text || *text == '\0')
        return;
    if (program_id_valid(text))
        strcpy(id, text);
    else
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "must be 1 to 36 visible ASCII characters, without /, ?, # and %%");
}

const char *program_take_device(struct http_exchange *exchange, const char *pointer,
                                const struct json *value)
{
    const char *text = json_body_text(exchange, pointer, value);
    return text && *text ? json_body_device_id(exchange, pointer, value) : NULL;
}

/* What the members say, until all of them are there. Texts are the body's. */
struct reading {
    struct http_exchange *exchange;
    struct program_draft *draft;
    const char *text, *text_pointer;
    bool is_refused; /* whatever its text and its numbers are */
    const struct json *numbers;
    struct message_options options;
    int64_t now_ms, ttl_s; /* ttl_s 0: none */
    enum error read_error; /* of the store */
};

static void refuse_if(const struct reading *reading, const char *pointer, enum error error,
                      const char *reason)
{
    if (error != ERROR_NONE)
        http_add_field_error(reading->exchange, pointer, error, "%s", reason);
}

/* ---- The members: each takes its value, or adds a field error ---- */

static void take_id(struct http_exchange *exchange, const char *pointer, const struct json *value,
                    void *target)
{
    program_take_id(exchange, pointer, value, ((struct reading *)target)->draft->external_id);
}

static void set_text(struct reading *reading, const char *pointer, const struct json *value)
{
    const char *text = json_body_text(reading->exchange, pointer, value);
    if (reading->text_pointer)
        http_add_field_error(reading->exchange, pointer, ERROR_INVALID_VALUE,
                             "cannot be combined with %s; remove one of them",
                             reading->text_pointer + 1);
    reading->text = text;
    reading->text_pointer = pointer;
}

static void take_message(struct http_exchange *exchange, const char *pointer,
                         const struct json *value, void *target)
{
    (void)exchange;
    set_text(target, pointer, value);
}

static void take_text_message(struct http_exchange *exchange, const char *pointer,
                              const struct json *value, void *target)
{
    const struct json *text = json_is_object(value) ? json_member(value, "text") : NULL;
    if (text)
        set_text(target, "/textMessage/text", text);
    else
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE, "must be an object with a text");
}

static void take_data(struct http_exchange *exchange, const char *pointer, const struct json *value,
                      void *target)
{
    struct reading *reading = target;
    const struct json *data = json_is_object(value) ? json_member(value, "data") : NULL;
    const struct json *port = data ? json_member(value, "port") : NULL;
    int64_t number;
    if (!port) {
        reading->text_pointer = pointer; /* no other error says that there is no text */
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE,
                             "must be an object with data, in Base64, and port");
        return;
    }
    set_text(reading, "/dataMessage/data", data);
    reading->options.content = MESSAGE_DATA;
    if (json_body_integer(exchange, "/dataMessage/port", port, 1, MESSAGE_DATA_MAX_PORT, &number))
        reading->options.data_port = (unsigned)number;
}

static void refuse_content(struct http_exchange *exchange, const char *pointer,
                           const struct json *value, void *target)
{
    struct reading *reading = target;
    (void)value;
    reading->text_pointer = pointer; /* no other error says that there is no text */
    http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                         "is no content that a device of this gateway can send; send a text");
}

static void take_encrypted(struct http_exchange *exchange, const char *pointer,
                           const struct json *value, void *target)
{
    struct reading *reading = target;
    bool encrypted = false;
    json_body_boolean(exchange, pointer, value, &encrypted);
    if (!encrypted)
        return;
    reading->is_refused = strcmp(exchange->api->settings->encrypted_messages, "allowed") != 0;
    if (reading->is_refused)
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "must be false: limits, prefixes and opt-outs need the number and the "
                             "text; an operator allows it with ENCRYPTED_MESSAGES=allowed");
    else if (reading->options.content == MESSAGE_DATA)
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "cannot be combined with dataMessage; remove one of them");
    else
        reading->options.content = MESSAGE_ENCRYPTED;
}

static void take_device(struct http_exchange *exchange, const char *pointer,
                        const struct json *value, void *target)
{
    struct reading *reading = target;
    const char *text = program_take_device(exchange, pointer, value);
    bool known = false;
    if (!text)
        return;
    reading->read_error = store_device_is_known(exchange->reader, text, &known);
    if (known)
        strcpy(reading->options.target.device_id, text);
    else if (reading->read_error == ERROR_NONE)
        http_add_field_error(exchange, pointer, ERROR_UNKNOWN_DEVICE,
                             "names no device that is paired; GET " PROGRAM_PATH
                             "/devices lists them");
}

static void take_sim(struct http_exchange *exchange, const char *pointer, const struct json *value,
                     void *target)
{
    struct reading *reading = target;
    int64_t sim;
    if (json_body_integer(exchange, pointer, value, 1, MESSAGE_MAX_SIM, &sim))
        reading->options.target.sim = (unsigned)sim;
}

static void take_schedule(struct http_exchange *exchange, const char *pointer,
                          const struct json *value, void *target)
{
    struct reading *reading = target;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (json_body_time(exchange, pointer, value, &reading->options.send_at_ms))
        refuse_if(reading, pointer,
                  option_rules_check_send_at(reading->options.send_at_ms, reading->now_ms, reason),
                  reason);
}

static void take_ttl(struct http_exchange *exchange, const char *pointer, const struct json *value,
                     void *target)
{
    struct reading *reading = target;
    if (!json_body_integer(exchange, pointer, value, LEAST_TTL_SECONDS, OPTION_MAX_TTL_SECONDS,
                           &reading->ttl_s))
        reading->ttl_s = 0;
}

static void take_valid_until(struct http_exchange *exchange, const char *pointer,
                             const struct json *value, void *target)
{
    struct reading *reading = target;
    if (reading->ttl_s)
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "cannot be combined with ttl; remove one of them");
    else
        (void)!json_body_time(exchange, pointer, value, &reading->options.expires_at_ms);
}

static void take_priority(struct http_exchange *exchange, const char *pointer,
                          const struct json *value, void *target)
{
    struct reading *reading = target;
    int64_t priority;
    if (!json_body_integer(exchange, pointer, value, LEAST_PRIORITY, MOST_PRIORITY, &priority))
        return;
    reading->options.priority = priority >= HIGH_PRIORITY ? MESSAGE_PRIORITY_HIGH
                                : priority < 0            ? MESSAGE_PRIORITY_LOW
                                                          : MESSAGE_PRIORITY_NORMAL;
}

static void take_report(struct http_exchange *exchange, const char *pointer,
                        const struct json *value, void *target)
{
    bool wanted = true;
    json_body_boolean(exchange, pointer, value, &wanted);
    ((struct reading *)target)->options.no_delivery_report = !wanted;
}

static void take_numbers(struct http_exchange *exchange, const char *pointer,
                         const struct json *value, void *target)
{
    struct reading *reading = target;
    size_t count = 0;
    for (const struct json *number = json_is_array(value) ? json_first(value) : NULL; number;
         number = json_next(number))
        count++;
    if (count >= 1 && count <= PROGRAM_MAX_NUMBERS)
        reading->numbers = value;
    else
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "must be an array of 1 to %d phone numbers", PROGRAM_MAX_NUMBERS);
}

/* In this order: a deadline depends on the other times. */
static const struct json_body_field fields[] = {
    {"/id", false, take_id, NULL},
    {"/message", false, take_message, NULL},
    {"/textMessage", false, take_text_message, NULL},
    {"/dataMessage", false, take_data, NULL},
    {"/mmsMessage", false, refuse_content, NULL},
    {"/isEncrypted", false, take_encrypted, NULL},
    {"/deviceId", false, take_device, NULL},
    {"/simNumber", false, take_sim, NULL},
    {"/scheduleAt", false, take_schedule, NULL},
    {"/ttl", false, take_ttl, NULL},
    {"/validUntil", false, take_valid_until, NULL},
    {"/priority", false, take_priority, NULL},
    {"/withDeliveryReport", false, take_report, NULL},
    {"/phoneNumbers", true, take_numbers, NULL},
};

/* ---- All of it ---- */

/* From now on, as in SMSGate, also where the message is scheduled. */
static void check_deadline(struct reading *reading)
{
    struct message_options *options = &reading->options;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (reading->ttl_s)
        options->expires_at_ms = option_rules_deadline_ms(reading->ttl_s, 0, reading->now_ms);
    if (options->expires_at_ms && !http_has_field_errors(reading->exchange))
        refuse_if(reading, reading->ttl_s ? "/ttl" : "/validUntil",
                  option_rules_check_expires_at(options->expires_at_ms, options->send_at_ms,
                                                reading->now_ms, reason),
                  reason);
}

/* The segments of the text, or the most that it can have. False after a field error. */
static bool count_segments(const struct reading *reading, struct sms_segments *segments)
{
    size_t most;
    const char *reason = NULL;
    switch (reading->options.content) {
    case MESSAGE_DATA:
        *segments = (struct sms_segments){.encoding = SMS_ENCODING_8BIT, .segments = 1};
        if (!message_content_is_data(reading->text))
            reason = "must be Base64 of 1 to 133 bytes, which is what one SMS carries";
        break;
    case MESSAGE_ENCRYPTED:
        if (message_content_is_encrypted(reading->text, &most))
            *segments = message_content_most_segments(most);
        else
            reason = "must be encrypted as the app reads it, "
                     "$aes-256-cbc/pbkdf2-sha1$i=ROUNDS$SALT$DATA, because isEncrypted is true";
        break;
    case MESSAGE_TEXT:
    case MESSAGE_CONTENT_COUNT:
        *segments = sms_segments_count(reading->text);
        break;
    }
    if (reason)
        refuse_if(reading, reading->text_pointer, ERROR_INVALID_VALUE, reason);
    return !reason;
}

static void check_text(const struct reading *reading, struct sms_segments *segments)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (!reading->text_pointer)
        http_add_field_error(reading->exchange, "/textMessage", ERROR_REQUIRED,
                             "is required, with a text");
    if (!reading->text || !count_segments(reading, segments))
        return;
    refuse_if(reading, reading->text_pointer,
              acceptance_rules_check_segments(&reading->exchange->api->acceptance_rules,
                                              segments->encoding, segments->segments, reason),
              reason);
}

/* Not any phone: the gateway cannot know which has the passphrase, or is to be answered. */
static void check_device(const struct reading *reading)
{
    if (reading->options.content != MESSAGE_TEXT && !*reading->options.target.device_id &&
        !http_has_field_errors(reading->exchange))
        http_add_field_error(reading->exchange, "/deviceId", ERROR_REQUIRED,
                             "is required: the phone whose app is to send what is no plain text");
}

static bool is_repeated(const struct program_draft *draft, const char *number)
{
    for (size_t i = 0; i + 1 < draft->count; i++)
        if (strcmp(draft->messages[i].phone_number, number) == 0)
            return true;
    return false;
}

static void take_number(const struct reading *reading, const char *pointer, const char *text,
                        struct message *message)
{
    const struct program_draft *draft = reading->draft;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    refuse_if(reading, pointer,
              acceptance_rules_check_number(&reading->exchange->api->acceptance_rules, text,
                                            message->phone_number, reason),
              reason);
    if (*message->phone_number && is_repeated(draft, message->phone_number))
        http_add_field_error(reading->exchange, pointer, ERROR_INVALID_VALUE,
                             "is there more than once; remove one of them");
    if (reading->text)
        message->text = strdup(reading->text);
}

/* The same number twice is another text each time. */
static void take_encrypted_number(const struct reading *reading, const char *pointer,
                                  const char *number, struct message *message)
{
    size_t most, length = strlen(number);
    if (length >= MESSAGE_ENCRYPTED_NUMBER_SIZE || !message_content_is_encrypted(number, &most))
        http_add_field_error(reading->exchange, pointer, ERROR_INVALID_VALUE,
                             "must be encrypted as the text is, because isEncrypted is true");
    strcpy(message->phone_number, MESSAGE_ENCRYPTED_NUMBER);
    if (!reading->text)
        return;
    size_t size = length + 1 + strlen(reading->text) + 1;
    message->text = malloc(size);
    if (message->text)
        snprintf(message->text, size, "%s\n%s", number, reading->text);
}

static void add_message(struct reading *reading, const struct json *number,
                        const struct sms_segments *segments)
{
    struct program_draft *draft = reading->draft;
    char pointer[POINTER_SIZE];
    snprintf(pointer, sizeof(pointer), "/phoneNumbers/%zu", draft->count);
    struct message *message = &draft->messages[draft->count++];
    const char *text = json_body_text(reading->exchange, pointer, number);
    if (!text)
        return;
    if (reading->options.content == MESSAGE_ENCRYPTED)
        take_encrypted_number(reading, pointer, text, message);
    else
        take_number(reading, pointer, text, message);
    message->encoding = segments->encoding;
    message->segments = segments->segments;
    message->options = reading->options;
    message->batch_id = draft->id;
    message_draft_finish(reading->exchange, message);
}

/* False without memory. */
static bool add_messages(struct reading *reading)
{
    struct program_draft *draft = reading->draft;
    struct sms_segments segments = {0};
    bool good = true;
    if (reading->is_refused)
        return true;
    check_text(reading, &segments);
    check_deadline(reading);
    check_device(reading);
    if (!reading->numbers)
        return true;
    draft->messages = calloc(PROGRAM_MAX_NUMBERS, sizeof(*draft->messages));
    if (!draft->messages)
        return false;
    for (const struct json *number = json_first(reading->numbers); number;
         number = json_next(number))
        add_message(reading, number, &segments);
    for (size_t i = 0; i < draft->count && reading->text; i++)
        good = good && draft->messages[i].text;
    return good || http_has_field_errors(reading->exchange);
}

bool program_draft_read(struct http_exchange *exchange, struct program_draft *draft)
{
    struct reading reading = {.exchange = exchange, .draft = draft, .now_ms = clock_wall_ms()};
    struct json *body = json_body_parse(exchange);
    *draft = (struct program_draft){.id = message_id_new()};
    if (!body)
        return false;
    json_body_take_object(exchange, body, "", fields, ARRAY_LENGTH(fields), &reading);
    bool has_memory = !json_is_object(body) || add_messages(&reading);
    json_free(body);
    if (!*draft->external_id)
        message_id_format(&draft->id, draft->external_id);
    if (reading.read_error != ERROR_NONE)
        http_store_problem(exchange, reading.read_error);
    else if (!has_memory)
        http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the message.");
    else
        return json_body_accept(exchange);
    return false;
}

void program_draft_fini(struct program_draft *draft)
{
    for (size_t i = 0; i < draft->count; i++)
        message_fini(&draft->messages[i]);
    free(draft->messages);
    *draft = (struct program_draft){0};
}
