#include "deploy/cli/batch_file.h"

#include "common/base/csv.h"
#include "common/base/json.h"
#include "common/base/utf8.h"
#include "deploy/cli/message_draft.h"
#include "deploy/cli/messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NUMBER_SIZE = 32 };

/* ---- The bytes ---- */

static bool read_all(FILE *file, struct buffer *bytes)
{
    char piece[65536];
    size_t length;
    while ((length = fread(piece, 1, sizeof(piece), file)) > 0)
        buffer_append(bytes, piece, length);
    return !ferror(file) && !bytes->failed;
}

/* 0, or the exit status. */
static int read_bytes(const struct command *command, struct buffer *bytes)
{
    const char *name = command->argument;
    bool is_input = strcmp(name, "-") == 0;
    FILE *file = is_input ? stdin : fopen(name, "re");
    bool good = file && read_all(file, bytes);
    int saved_errno = errno;
    if (file && !is_input)
        fclose(file);
    if (good)
        return 0;
    if (bytes->full)
        return command_refuse(command, "%s has more than %lld bytes (MAX_BATCH_BODY_BYTES)", name,
                              (long long)command->settings.max_batch_body_bytes);
    return command_fail(command, "cannot read %s: %s%s", name, strerror(saved_errno),
                        saved_errno == EACCES ? "; with - the standard input is read" : "");
}

/* ---- Messages ---- */

struct rows {
    struct draft_reading *reading;
    struct batch_file *batch;
    struct message_draft defaults; /* of the options, then of the file */
    size_t room;
};

static bool make_room(struct rows *rows, size_t count)
{
    rows->room = MIN(count, (size_t)STORE_MAX_BATCH_MESSAGES);
    rows->batch->messages = calloc(MAX(rows->room, (size_t)1), sizeof(*rows->batch->messages));
    if (!rows->batch->messages)
        rows->reading->error = ERROR_INTERNAL;
    return rows->batch->messages;
}

static void add_message(struct rows *rows, const struct message_draft *draft,
                        const char *(*find)(const char *name, const void *context),
                        const void *context)
{
    struct message *message = &rows->batch->messages[rows->batch->count++];
    draft_finish(rows->reading, draft, find, context, message);
    message->batch_id = rows->batch->id;
    rows->batch->segments += message->segments;
}

static void refuse_count(struct rows *rows, const char *of_what, size_t count)
{
    *rows->reading->place = '\0';
    draft_add_error(rows->reading, of_what, "must have 1 to %d messages, not %zu",
                    STORE_MAX_BATCH_MESSAGES, count);
}

/* ---- JSON ---- */

/* An object, with its numbers as texts. */
struct object {
    const struct json *json;
    const struct json *variables, *default_variables; /* each may be NULL */
    char (*numbers)[NUMBER_SIZE];                     /* room for two */
};

static const char *get_member(const char *name, const void *context)
{
    const struct object *object = context;
    const struct json *value = json_member(object->json, name);
    int64_t number;
    if (!value)
        return NULL;
    if (json_text(value))
        return json_text(value);
    if (json_is_boolean(value))
        return json_true(value) ? "true" : "false";
    char *text = object->numbers[strcmp(name, "sim") == 0];
    if (json_integer(value, &number))
        snprintf(text, NUMBER_SIZE, "%lld", (long long)number);
    return text;
}

static const char *find_variable(const char *name, const void *context)
{
    const struct object *object = context;
    const struct json *value = object->variables ? json_member(object->variables, name) : NULL;
    if (!value && object->default_variables)
        value = json_member(object->default_variables, name);
    return value ? json_text(value) : NULL;
}

static bool has_type(const struct json *value, enum draft_field_type type)
{
    int64_t integer;
    switch (type) {
    case DRAFT_FIELD_TEXT:
        return json_text(value);
    case DRAFT_FIELD_INTEGER:
        return json_integer(value, &integer);
    case DRAFT_FIELD_BOOLEAN:
        return json_is_boolean(value);
    }
    return false;
}

static bool check_variables(struct draft_reading *reading, const struct json *variables)
{
    bool good = json_is_object(variables);
    if (good)
        json_for_each (value, variables)
            good &= json_text(value) != NULL;
    if (!good)
        draft_add_error(reading, "variables", "must be an object of texts");
    return good;
}

/* False after an error message. */
static bool check_members(struct draft_reading *reading, const struct json *object)
{
    static const char *const types[] = {"a string", "a whole number", "true or false"};
    size_t before = reading->error_count;
    if (!json_is_object(object)) {
        draft_add_error(reading, "", "must be an object, not %s", json_type_name(object));
        return false;
    }
    json_for_each (member, object) {
        const char *name = json_name(member);
        const struct draft_field *field = draft_field_find(name);
        if (strcmp(name, "variables") == 0)
            (void)!check_variables(reading, member);
        else if (!field)
            draft_add_error(reading, name, "is not a known field; remove it");
        else if (!has_type(member, draft_field_type(field)))
            draft_add_error(reading, name, "must be %s, not %s", types[draft_field_type(field)],
                            json_type_name(member));
    }
    return reading->error_count == before;
}

static void read_object(struct rows *rows, const struct json *json,
                        const struct json *default_variables, size_t index)
{
    char numbers[2][NUMBER_SIZE];
    snprintf(rows->reading->place, sizeof(rows->reading->place), "/messages/%zu", index);
    if (!check_members(rows->reading, json))
        return;
    struct object object = {json, json_member(json, "variables"), default_variables, numbers};
    struct message_draft draft = rows->defaults;
    draft_take(rows->reading, &draft, get_member, &object);
    add_message(rows, &draft, find_variable, &object);
}

static void read_defaults(struct rows *rows, const struct json *defaults)
{
    char numbers[2][NUMBER_SIZE];
    struct object object = {.json = defaults, .numbers = numbers};
    strcpy(rows->reading->place, "/defaults");
    if (check_members(rows->reading, defaults))
        draft_take(rows->reading, &rows->defaults, get_member, &object);
}

static void read_document(struct rows *rows, const struct json *document)
{
    const struct json *defaults = json_member(document, "defaults"),
                      *messages = json_member(document, "messages");
    size_t count = 0, index = 0;
    json_for_each (member, document) {
        if (member != defaults && member != messages)
            draft_add_error(rows->reading, json_name(member), "is not a known field; remove it");
    }
    if (!messages || !json_is_array(messages)) {
        draft_add_error(rows->reading, "messages", "must be an array of objects");
        return;
    }
    json_for_each (message, messages)
        count += message != NULL;
    if (count < 1 || count > STORE_MAX_BATCH_MESSAGES) {
        refuse_count(rows, "messages", count);
        return;
    }
    if (defaults)
        read_defaults(rows, defaults);
    if (rows->reading->error_count > 0 || !make_room(rows, count))
        return;
    const struct json *variables = defaults ? json_member(defaults, "variables") : NULL;
    json_for_each (message, messages)
        read_object(rows, message, variables, index++);
}

static void read_json(struct rows *rows, const struct buffer *bytes)
{
    struct json_problem problem = {0};
    struct json *document = json_parse(bytes->data, bytes->length, &problem);
    if (document && json_is_object(document))
        read_document(rows, document);
    else if (document)
        draft_add_error(rows->reading, "", "the file must have an object, not %s%s",
                        json_type_name(document),
                        json_is_array(document) ? "; it is the value of \"messages\"" : "");
    else if (problem.no_memory)
        rows->reading->error = ERROR_INTERNAL;
    else
        draft_add_error(rows->reading, "", "the file is not valid JSON: %s (at byte %zu)",
                        problem.reason, problem.offset);
    json_free(document);
}

/* ---- CSV ---- */

/* An empty cell is one that is not there. */
static const char *get_cell(const char *name, const void *context)
{
    const struct csv_reader *csv = context;
    size_t column = csv_find_column(csv, name);
    return column < csv->column_count && *csv->cells[column] ? csv->cells[column] : NULL;
}

static const char *find_cell(const char *name, const void *context)
{
    const struct csv_reader *csv = context;
    size_t column = csv_find_column(csv, name);
    return column < csv->column_count ? csv->cells[column] : NULL;
}

static void read_row(struct rows *rows, const struct csv_reader *csv)
{
    struct message_draft draft = rows->defaults;
    snprintf(rows->reading->place, sizeof(rows->reading->place), "line %zu", csv->line);
    draft_take(rows->reading, &draft, get_cell, csv);
    add_message(rows, &draft, find_cell, csv);
}

static void refuse_csv(struct rows *rows, const struct csv_problem *problem)
{
    *rows->reading->place = '\0';
    if (problem->line > 0)
        snprintf(rows->reading->place, sizeof(rows->reading->place), "line %zu", problem->line);
    draft_add_error(rows->reading, problem->line > 0 ? "" : "the file", "%s", problem->reason);
}

static void read_csv_rows(struct rows *rows, struct csv_reader *csv)
{
    struct csv_problem problem;
    size_t count = 0;
    enum csv_step step;
    while ((step = csv_next(csv, &problem)) == CSV_ROW || step == CSV_BAD_ROW) {
        count++;
        if (step == CSV_BAD_ROW)
            refuse_csv(rows, &problem);
        else if (rows->batch->count < rows->room)
            read_row(rows, csv);
    }
    if (step == CSV_BROKEN)
        refuse_csv(rows, &problem);
    else if (count < 1 || count > STORE_MAX_BATCH_MESSAGES)
        refuse_count(rows, "the file", count);
}

static void require_column(struct rows *rows, const struct csv_reader *csv, const char *name,
                           const char *otherwise)
{
    if (csv_find_column(csv, name) == csv->column_count)
        draft_add_error(rows->reading, name, "is not in the header; add the column%s", otherwise);
}

static void read_csv(struct rows *rows, struct buffer *bytes)
{
    struct csv_reader *csv = malloc(sizeof(*csv)); /* large for a stack */
    struct csv_problem problem;
    if (!csv || !make_room(rows, STORE_MAX_BATCH_MESSAGES)) {
        rows->reading->error = ERROR_INTERNAL;
    } else if (!csv_open(csv, bytes->data, bytes->length, &problem)) {
        refuse_csv(rows, &problem);
    } else {
        strcpy(rows->reading->place, "line 1");
        require_column(rows, csv, "phone_number", "");
        if (!rows->defaults.text)
            require_column(rows, csv, "message", ", or give --message for all rows");
        if (rows->reading->error_count == 0)
            read_csv_rows(rows, csv);
    }
    free(csv);
}

/* ---- The file ---- */

/* What the options say of all messages. */
static void take_options(struct rows *rows)
{
    struct draft_reading *reading = rows->reading;
    const char *text = command_option(reading->command, "message");
    if (text && !utf8_valid(text, strlen(text)))
        draft_add_error(reading, "--message", "is not valid UTF-8");
    rows->defaults.text = text;
    draft_take_options(reading, &rows->defaults);
}

/* A mark before JSON is for the parser to refuse, by its name. */
static bool is_csv(const struct command *command, const struct buffer *bytes)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    const char *dot = strrchr(command->argument, '.');
    if (command_option(command, "csv") || (dot && strcasecmp(dot, ".csv") == 0))
        return true;
    const char *text = bytes->data;
    if (strncmp(text, byte_order_mark, strlen(byte_order_mark)) == 0)
        text += strlen(byte_order_mark);
    text += strspn(text, " \t\r\n");
    return *text != '{' && *text != '[' && !(dot && strcasecmp(dot, ".json") == 0);
}

static int end(const struct draft_reading *reading)
{
    if (reading->error != ERROR_NONE)
        return command_fail_error(reading->command, reading->error);
    return reading->error_count == 0
               ? 0
               : command_refuse(reading->command, "%zu error%s; nothing was sent",
                                reading->error_count, reading->error_count > 1 ? "s" : "");
}

static int read_messages(struct rows *rows)
{
    struct draft_reading *reading = rows->reading;
    struct buffer bytes;
    take_options(rows);
    int status = end(reading);
    if (status != 0)
        return status;
    buffer_init(&bytes, (size_t)reading->command->settings.max_batch_body_bytes);
    status = read_bytes(reading->command, &bytes);
    buffer_append(&bytes, "", 0); /* so that there is a NUL, also without a byte */
    if (status == 0 && !bytes.data)
        status = command_fail_error(reading->command, ERROR_INTERNAL);
    if (status == 0) {
        rows->batch->id = message_id_new();
        if (is_csv(reading->command, &bytes))
            read_csv(rows, &bytes);
        else
            read_json(rows, &bytes);
        status = end(reading);
    }
    buffer_fini(&bytes);
    return status;
}

int batch_file_read(const struct command *command, struct store *store, struct batch_file *batch)
{
    struct draft_reading reading;
    struct rows rows = {.reading = &reading, .batch = batch};
    int status = draft_reading_open(&reading, command, store);
    if (status == 0)
        status = read_messages(&rows);
    draft_reading_close(&reading);
    return status;
}

void batch_file_fini(struct batch_file *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        message_fini(&batch->messages[i]);
    free(batch->messages);
}
