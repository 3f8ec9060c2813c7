#include "api-fcgi/handlers/batch_draft.h"

#include "api-fcgi/server/query.h"
#include "common/store/batch_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_SIZE = 48, MAX_NUMBERS = 1000 };

/* ---- Messages ---- */

void batch_draft_make_room(struct batch_reading *reading, size_t count)
{
    struct batch_draft *draft = reading->draft;
    draft->id = message_id_new();
    draft->messages = calloc(count, sizeof(*draft->messages));
    if (!draft->messages)
        reading->error = ERROR_INTERNAL;
    else
        reading->room = count;
}

struct message *batch_draft_next_message(struct batch_reading *reading)
{
    return &reading->draft->messages[reading->draft->count++];
}

void batch_draft_end_message(struct batch_reading *reading, enum error error)
{
    struct batch_draft *draft = reading->draft;
    struct message *message = &draft->messages[draft->count - 1];
    if (error != ERROR_NONE) {
        reading->error = error;
    } else if (http_has_field_errors(reading->exchange)) {
        message_fini(message); /* texts that nobody needs might fill the memory */
    } else if (!message->text) {
        reading->error = ERROR_INTERNAL;
    } else {
        message_draft_finish(reading->exchange, message);
        message->batch_id = draft->id;
        draft->segments += message->segments;
    }
}

/* ---- The end ---- */

void batch_draft_add_error(struct http_exchange *exchange, const struct batch_draft *draft,
                           size_t index, enum error error, const char *detail, ...)
{
    char pointer[PLACE_SIZE] = "", text[HTTP_DETAIL_SIZE];
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(text, sizeof(text), detail, arguments);
    va_end(arguments);
    switch (draft->form) {
    case BATCH_OF_OBJECTS:
        snprintf(pointer, sizeof(pointer), "/messages/%zu", index);
        break;
    case BATCH_OF_NUMBERS:
        snprintf(pointer, sizeof(pointer), "/phone_numbers/%zu", index);
        break;
    case BATCH_OF_ROWS:
        exchange->problem.source = HTTP_IN_CSV;
        exchange->problem.line = draft->lines[index];
        break;
    }
    http_add_field_error(exchange, pointer, error, "%s", text);
}

static void refuse(struct http_exchange *exchange, const struct batch_draft *draft)
{
    static const char *const counted[] = {
        [BATCH_OF_OBJECTS] = "messages are counted from 0",
        [BATCH_OF_NUMBERS] = "numbers are counted from 0",
        [BATCH_OF_ROWS] = "lines are counted from 1, which is the header",
    };
    int errors = exchange->problem.error_count;
    if (errors > HTTP_MAX_FIELD_ERRORS)
        http_problem(exchange, ERROR_VALIDATION_FAILED,
                     "No message was accepted. `errors` has the first %d of %d errors; %s.",
                     HTTP_MAX_FIELD_ERRORS, errors, counted[draft->form]);
    else
        http_problem(exchange, ERROR_VALIDATION_FAILED,
                     "No message was accepted; see `errors` for what to change; %s.",
                     counted[draft->form]);
}

/* False after answering. */
static bool accept(struct batch_reading *reading)
{
    struct http_exchange *exchange = reading->exchange;
    bool no_memory = reading->error == ERROR_INTERNAL;
    if (reading->error != ERROR_NONE && !no_memory)
        http_store_problem(exchange, reading->error);
    else if (http_has_field_errors(exchange))
        refuse(exchange, reading->draft);
    else if (no_memory || !batch_count_duplicates(reading->draft->messages, reading->draft->count,
                                                  &reading->draft->duplicates))
        http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the batch.");
    else
        return true;
    return false;
}

static struct batch_reading begin(struct http_exchange *exchange, struct batch_draft *draft)
{
    struct batch_reading reading = {.exchange = exchange, .draft = draft};
    message_drafts_init(&reading.drafts, exchange);
    return reading;
}

/* An array of 1 to `most`: its size, or 0 after an error. */
static size_t check_array(struct http_exchange *exchange, const char *pointer,
                          const struct json *value, const char *what, size_t most)
{
    size_t count = 0;
    if (!json_is_array(value)) {
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE, "must be an array of %s, not %s",
                             what, json_type_name(value));
        return 0;
    }
    json_for_each (element, value)
        count += element != NULL;
    if (count >= 1 && count <= most)
        return count;
    http_add_field_error(exchange, pointer, ERROR_OUT_OF_RANGE, "must have 1 to %zu %s, not %zu",
                         most, what, count);
    return 0;
}

/* ---- POST /api/batches ---- */

static void take_defaults(struct http_exchange *exchange, const char *pointer,
                          const struct json *value, void *target)
{
    struct batch_reading *reading = target;
    (void)exchange;
    reading->error = message_drafts_set_defaults(&reading->drafts, value, pointer);
}

static void take_messages(struct http_exchange *exchange, const char *pointer,
                          const struct json *value, void *target)
{
    struct batch_reading *reading = target;
    size_t count = check_array(exchange, pointer, value, "messages", STORE_MAX_BATCH_MESSAGES);
    size_t index = 0;
    if (count > 0 && reading->error == ERROR_NONE)
        batch_draft_make_room(reading, count);
    for (const struct json *one = count > 0 ? json_first(value) : NULL;
         one && reading->error == ERROR_NONE; one = json_next(one)) {
        char place[PLACE_SIZE];
        snprintf(place, sizeof(place), "%s/%zu", pointer, index++);
        struct message *message = batch_draft_next_message(reading);
        batch_draft_end_message(reading,
                                message_drafts_read(&reading->drafts, one, place, message));
    }
}

static const struct json_body_field fields[] = {
    {"/defaults", false, take_defaults, " default common shared template "},
    {"/messages", true, take_messages, " message batch sms recipients rows items data list "},
};

/* False after answering that the body is no JSON. */
static bool read_json(struct batch_reading *reading)
{
    struct http_exchange *exchange = reading->exchange;
    struct json *body = query_take(exchange, NULL, 0, NULL, NULL) ? json_body_parse(exchange)
                                                                  : NULL;
    if (body && json_is_array(body))
        http_add_field_error(
            exchange, "", ERROR_WRONG_TYPE,
            "the body must be an object, not an array; it is the value of \"messages\"");
    else if (body)
        json_body_take_object(exchange, body, "", fields, ARRAY_LENGTH(fields), reading);
    json_free(body);
    return body;
}

bool batch_draft_read(struct http_exchange *exchange, struct batch_draft *draft)
{
    struct batch_reading reading = begin(exchange, draft);
    reading.drafts.has_placeholders = true;
    bool is_csv = exchange->request.is_csv;
    draft->form = is_csv ? BATCH_OF_ROWS : BATCH_OF_OBJECTS;
    bool accepted = (is_csv ? batch_csv_read(&reading) : read_json(&reading)) && accept(&reading);
    message_drafts_fini(&reading.drafts);
    return accepted;
}

/* ---- POST /api/send-sms ---- */

static void read_numbers(struct batch_reading *reading, const struct json *numbers, size_t count)
{
    size_t index = 0;
    batch_draft_make_room(reading, count);
    for (const struct json *one = json_first(numbers); one && reading->error == ERROR_NONE;
         one = json_next(one)) {
        char pointer[PLACE_SIZE];
        snprintf(pointer, sizeof(pointer), "/phone_numbers/%zu", index++);
        struct message *message = batch_draft_next_message(reading);
        batch_draft_end_message(
            reading, message_drafts_read_number(&reading->drafts, one, pointer, message));
    }
}

bool batch_draft_read_numbers(struct http_exchange *exchange, struct json *body,
                              struct batch_draft *draft)
{
    struct batch_reading reading = begin(exchange, draft);
    struct json *numbers = json_take_member(body, "phone_numbers");
    draft->form = BATCH_OF_NUMBERS;
    if (json_member(body, "phone_number"))
        http_add_field_error(exchange, "/phone_numbers", ERROR_INVALID_VALUE,
                             "cannot be combined with phone_number; remove one of them");
    reading.error = message_drafts_set_defaults(&reading.drafts, body, "");
    if (!json_member(body, "message"))
        message_drafts_refuse(&reading.drafts, "/message", ERROR_REQUIRED, "is required");
    size_t count = check_array(exchange, "/phone_numbers", numbers, "phone numbers", MAX_NUMBERS);
    if (count > 0 && reading.error == ERROR_NONE)
        read_numbers(&reading, numbers, count);
    bool accepted = accept(&reading);
    message_drafts_fini(&reading.drafts);
    json_free(numbers);
    return accepted;
}

void batch_draft_fini(struct batch_draft *draft)
{
    for (size_t i = 0; i < draft->count; i++)
        message_fini(&draft->messages[i]);
    free(draft->messages);
    free(draft->lines);
}
