#include "api-fcgi/handlers/batch_draft.h"

#include "api-fcgi/handlers/message_draft.h"
#include "common/process/placeholders.h"
#include "common/store/batch_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_SIZE = 48, MAX_TEXT_BYTES = 1 << 16 };

/* The body while it is read. */
struct reading {
    struct http_exchange *exchange;
    struct batch_draft *draft;
    struct json *defaults; /* or NULL */
    struct json *messages; /* or NULL */
    struct buffer text;    /* with its placeholders filled in */
    bool no_memory;
};

/* ---- The members of the body. They are changed while they are read, and belong to the reader ---- */

static void take_defaults(struct http_exchange *exchange, const char *pointer,
                          const struct json *value, void *target)
{
    struct reading *reading = target;
    if (json_is_object(value))
        reading->defaults = (struct json *)value;
    else
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE, "must be an object, not %s",
                             json_type_name(value));
}

static void take_messages(struct http_exchange *exchange, const char *pointer,
                          const struct json *value, void *target)
{
    struct reading *reading = target;
    size_t count = 0;
    if (!json_is_array(value)) {
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE,
                             "must be an array of objects, not %s", json_type_name(value));
        return;
    }
    json_for_each (message, value)
        count += message != NULL;
    if (count < 1 || count > STORE_MAX_BATCH_MESSAGES)
        http_add_field_error(exchange, pointer, ERROR_OUT_OF_RANGE,
                             "must have 1 to %d messages, not %zu", STORE_MAX_BATCH_MESSAGES,
                             count);
    else
        reading->messages = (struct json *)value;
    reading->draft->count = count;
}

static const struct json_body_field fields[] = {
    {"/defaults", false, take_defaults, " default common shared template "},
    {"/messages", true, take_messages, " message batch sms recipients rows items data list "},
};

/* ---- Placeholders ---- */

/* The variables of an object, which are taken out of it later; NULL: none, or an error was added. */
static const struct json *read_variables(struct reading *reading, const struct json *object,
                                         const char *place)
{
    char pointer[PLACE_SIZE + 16];
    const struct json *variables = json_member(object, "variables");
    bool good = !variables || json_is_object(variables);
    if (!variables)
        return NULL;
    snprintf(pointer, sizeof(pointer), "%s/variables", place);
    if (!good)
        http_add_field_error(reading->exchange, pointer, ERROR_WRONG_TYPE,
                             "must be an object of texts, not %s", json_type_name(variables));
    else
        json_for_each (value, variables) {
            if (json_text(value))
                continue;
            good = false;
            http_add_field_error(reading->exchange, pointer, ERROR_WRONG_TYPE,
                                 "must have texts only: \"%.60s\" is %s; put it in double quotes",
                                 json_name(value), json_type_name(value));
        }
    return good ? variables : NULL;
}

struct variables {
    const struct json *own, *defaults; /* each may be NULL */
};

static const char *find_variable(const char *name, const void *context)
{
    const struct variables *variables = context;
    const struct json *value = variables->own ? json_member(variables->own, name) : NULL;
    if (!value && variables->defaults)
        value = json_member(variables->defaults, name);
    return value ? json_text(value) : NULL;
}

static void fill_text(struct reading *reading, struct json *object, const char *place,
                      const struct variables *variables)
{
    char pointer[PLACE_SIZE + 16], reason[PLACEHOLDERS_REASON_SIZE];
    const struct json *member = json_member(object, "message");
    const char *text = member ? json_text(member) : NULL;
    if (!text || !placeholders_any(text))
        return;
    buffer_clear(&reading->text);
    snprintf(pointer, sizeof(pointer), "%s/message", place);
    if (!placeholders_fill(text, find_variable, variables, &reading->text, reason))
        http_add_field_error(reading->exchange, pointer, ERROR_INVALID_VALUE, "%s", reason);
    else if (!json_set_text(object, "message", reading->text.data ? reading->text.data : ""))
        reading->no_memory = true;
}

/* ---- Messages ---- */

/* A deadline of the message's own takes the place of the other kind in the defaults. */
static void drop_other_deadline(struct json *object, const char *own, const char *other)
{
    if (json_member(object, own))
        json_remove(object, other);
}

static enum error read_message(struct reading *reading, struct json *object,
                               const struct json *default_variables, size_t index)
{
    char place[PLACE_SIZE];
    struct message *message = &reading->draft->messages[index];
    snprintf(place, sizeof(place), "/messages/%zu", index);
    if (!json_is_object(object)) {
        http_add_field_error(reading->exchange, place, ERROR_WRONG_TYPE,
                             "must be an object, not %s", json_type_name(object));
        return ERROR_NONE;
    }
    struct variables variables = {read_variables(reading, object, place), default_variables};
    bool own_expiry = json_member(object, "expires_at"),
         own_ttl = json_member(object, "ttl_seconds");
    if (reading->defaults && !json_set_missing(object, reading->defaults))
        reading->no_memory = true;
    if (own_expiry != own_ttl)
        drop_other_deadline(object, own_ttl ? "ttl_seconds" : "expires_at",
                            own_ttl ? "expires_at" : "ttl_seconds");
    fill_text(reading, object, place, &variables);
    json_remove(object, "variables");
    enum error error = message_draft_read(reading->exchange, object, place, message);
    if (error == ERROR_NONE) {
        message_draft_finish(reading->exchange, message);
        message->batch_id = reading->draft->id;
        reading->draft->segments += message->segments;
        reading->no_memory |= !message->text;
    }
    return error;
}

static enum error read_messages(struct reading *reading)
{
    struct batch_draft *draft = reading->draft;
    const struct json *default_variables = NULL;
    size_t index = 0;
    enum error error = ERROR_NONE;
    draft->id = message_id_new();
    draft->messages = calloc(draft->count, sizeof(*draft->messages));
    if (!draft->messages)
        return ERROR_INTERNAL;
    if (reading->defaults)
        default_variables = read_variables(reading, reading->defaults, "/defaults");
    json_for_each (object, reading->messages) {
        if (error == ERROR_NONE)
            error = read_message(reading, (struct json *)object, default_variables, index++);
    }
    return error;
}

/* False after answering. */
static bool accept(struct reading *reading, enum error error)
{
    struct http_exchange *exchange = reading->exchange;
    int errors = exchange->problem.error_count;
    if (error != ERROR_NONE)
        http_store_problem(exchange, error);
    else if (errors > HTTP_MAX_FIELD_ERRORS)
        http_problem(exchange, ERROR_VALIDATION_FAILED,
                     "No message of the batch was accepted. `errors` has the first %d of %d errors;"
                     " messages are counted from 0.",
                     HTTP_MAX_FIELD_ERRORS, errors);
    else if (errors > 0)
        http_problem(exchange, ERROR_VALIDATION_FAILED,
                     "No message of the batch was accepted; see `errors` for what to change."
                     " Messages are counted from 0.");
    else if (reading->no_memory ||
             !batch_count_duplicates(reading->draft->messages, reading->draft->count,
                                     &reading->draft->duplicates))
        http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the batch.");
    else
        return true;
    return false;
}

bool batch_draft_read(struct http_exchange *exchange, struct batch_draft *draft)
{
    struct reading reading = {.exchange = exchange, .draft = draft};
    enum error error = ERROR_NONE;
    struct json *body = json_body_parse(exchange);
    if (!body)
        return false;
    buffer_init(&reading.text, MAX_TEXT_BYTES);
    json_body_take_object(exchange, body, "", fields, ARRAY_LENGTH(fields), &reading);
    if (!http_has_field_errors(exchange))
        error = read_messages(&reading);
    bool accepted = accept(&reading, error);
    json_free(body);
    buffer_fini(&reading.text);
    return accepted;
}

void batch_draft_fini(struct batch_draft *draft)
{
    for (size_t i = 0; draft->messages && i < draft->count; i++)
        message_fini(&draft->messages[i]);
    free(draft->messages);
}
