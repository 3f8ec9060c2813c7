/* A batch as CSV: a column is a member of a message or a variable, and a parameter of the query is a default. */
#include "api-fcgi/handlers/batch_draft.h"
#include "api-fcgi/server/query.h"
#include "api-fcgi/server/suggest.h"
#include "common/base/csv.h"
#include "common/base/utf8.h"
#include "common/process/placeholders.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_PARAMETER_BYTES = 8192 }; /* as nginx has for the whole request line */

struct rows {
    struct batch_reading *reading;
    struct csv_reader csv;
    const struct json_body_field *members[CSV_MAX_COLUMNS]; /* of each column; NULL: a variable */
    bool used[CSV_MAX_COLUMNS];                             /* a variable, by a placeholder */
    struct json *defaults;
    char *values, *end_of_values; /* of the defaults */
    size_t count;                 /* of all rows, also of those beyond the limit */
};

/* ---- Values ---- */

static bool is_word(const char *text, const char *word)
{
    return strcasecmp(text, word) == 0; /* spreadsheets write TRUE */
}

/* Adds the value to the object as JSON would have it, or an error. False without memory. `text` is borrowed. */
static bool add_value(struct http_exchange *exchange, struct json *object,
                      const struct json_body_field *member, const char *text)
{
    const char *name = member->pointer + 1;
    const int64_t most = (1LL << 53) - 1; /* of JSON; larger ones are out of range as well */
    char *end;
    int64_t number;
    switch (message_draft_member_type(member)) {
    case MESSAGE_MEMBER_TEXT:
        return json_add_text(object, name, text);
    case MESSAGE_MEMBER_BOOLEAN:
        if (is_word(text, "true") || is_word(text, "false"))
            return json_add_boolean(object, name, is_word(text, "true"));
        http_add_field_error(exchange, member->pointer, ERROR_WRONG_TYPE, "must be true or false");
        return true;
    case MESSAGE_MEMBER_INTEGER:
        number = strtoll(text, &end, 10);
        if ((isdigit((unsigned char)*text) || *text == '-') && *end == '\0')
            return json_add_integer(object, name, MAX(-most, MIN(number, most)));
        http_add_field_error(exchange, member->pointer, ERROR_WRONG_TYPE, "must be a whole number");
        return true;
    }
    return true;
}

static const struct json_body_field *find_member(const char *name)
{
    size_t count;
    const struct json_body_field *members = message_draft_members(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(members[i].pointer + 1, name) == 0)
            return &members[i];
    }
    return NULL;
}

/* ---- Defaults: the parameters of the query ---- */

static void take_parameter(struct http_exchange *exchange, const char *name, const char *value,
                           void *target)
{
    struct rows *rows = target;
    char *kept = rows->end_of_values;
    rows->end_of_values = stpcpy(kept, value) + 1;
    exchange->problem.source = HTTP_IN_QUERY;
    if (!add_value(exchange, rows->defaults, find_member(name), kept))
        rows->reading->error = ERROR_INTERNAL;
}

static void read_parameters(struct rows *rows)
{
    struct http_exchange *exchange = rows->reading->exchange;
    struct query_parameter table[QUERY_MAX_PARAMETERS];
    size_t member_count, count = 0;
    const struct json_body_field *members = message_draft_members(&member_count);
    for (size_t i = 0; i < member_count; i++) {
        if (strcmp(members[i].pointer, "/phone_number") != 0)
            table[count++] = (struct query_parameter){
                {members[i].pointer + 1, members[i].aliases}, false, take_parameter};
    }
    char *value = malloc(MAX_PARAMETER_BYTES);
    rows->values = rows->end_of_values = malloc(strlen(exchange->request.query) + 1);
    rows->defaults = json_new_object();
    if (value && rows->values && rows->defaults)
        query_take_long(exchange, table, count, value, MAX_PARAMETER_BYTES, rows);
    else
        rows->reading->error = ERROR_INTERNAL;
    free(value);
    exchange->problem.source = HTTP_IN_QUERY;
    if (rows->reading->error == ERROR_NONE)
        rows->reading->error = message_drafts_set_defaults(&rows->reading->drafts, rows->defaults,
                                                           "");
}

/* ---- Columns ---- */

static void at_line(const struct rows *rows, size_t line)
{
    struct http_exchange *exchange = rows->reading->exchange;
    exchange->problem.source = HTTP_IN_CSV;
    exchange->problem.line = line;
}

/* The column of a member, or column_count. */
static size_t column_of(const struct rows *rows, const struct json_body_field *member)
{
    return csv_find_column(&rows->csv, member->pointer + 1);
}

/* The name of a column that seems to be meant for the member; NULL: none. */
static const char *suggest_column(const struct rows *rows, const struct json_body_field *member)
{
    const char *meant = NULL;
    int nearest = SUGGEST_FAR;
    for (size_t i = 0; i < rows->csv.column_count; i++) {
        struct suggestion suggestion = {member->pointer + 1, member->aliases};
        int distance = suggest_distance(rows->csv.columns[i], &suggestion);
        if (!rows->members[i] && distance < nearest) {
            nearest = distance;
            meant = rows->csv.columns[i];
        }
    }
    return meant;
}

static void require_column(struct rows *rows, const char *name, const char *otherwise)
{
    char reason[HTTP_DETAIL_SIZE];
    const struct json_body_field *member = find_member(name);
    if (column_of(rows, member) < rows->csv.column_count)
        return;
    const char *meant = suggest_column(rows, member);
    if (meant)
        snprintf(reason, sizeof(reason), "is not in the header; is it the column %.100s? Rename it",
                 meant);
    else
        snprintf(reason, sizeof(reason), "is not in the header; add the column%s", otherwise);
    message_drafts_refuse(&rows->reading->drafts, member->pointer, ERROR_REQUIRED, reason);
}

static void read_columns(struct rows *rows)
{
    const struct message_drafts *drafts = &rows->reading->drafts;
    for (size_t i = 0; i < rows->csv.column_count; i++)
        rows->members[i] = find_member(rows->csv.columns[i]);
    at_line(rows, 1);
    require_column(rows, "phone_number", "");
    if (!json_member(drafts->defaults, "message"))
        require_column(rows, "message", ", or ?message= for all rows");
}

static const char *find_column_name(const char *name, const void *context)
{
    const struct rows *rows = context;
    size_t column = csv_find_column(&rows->csv, name);
    return column < rows->csv.column_count ? rows->csv.columns[column] : NULL;
}

/* Its placeholders must be columns: an error for all rows that have no text of their own. */
static void check_default_text(struct rows *rows)
{
    struct message_drafts *drafts = &rows->reading->drafts;
    const struct json *member = json_member(rows->defaults, "message");
    const char *text = member ? json_text(member) : NULL;
    char reason[PLACEHOLDERS_REASON_SIZE];
    buffer_clear(&drafts->text);
    if (!text || http_has_field_errors(rows->reading->exchange) ||
        placeholders_fill(text, find_column_name, rows, &drafts->text, reason))
        return;
    rows->reading->exchange->problem.source = HTTP_IN_QUERY;
    message_drafts_refuse(drafts, "/message", ERROR_INVALID_VALUE, reason);
}

static const char *find_variable(const char *name, const void *context)
{
    struct rows *rows = (struct rows *)context;
    size_t column = csv_find_column(&rows->csv, name);
    if (column == rows->csv.column_count)
        return NULL;
    rows->used[column] = true;
    return rows->csv.cells[column];
}

/* ---- Rows ---- */

/* The same object that a batch of JSON would have; NULL without memory. An empty cell is one that is not there. */
static struct json *make_object(struct rows *rows)
{
    struct json *object = json_new_object();
    for (size_t i = 0; object && i < rows->csv.column_count; i++) {
        const char *cell = rows->csv.cells[i];
        if (!rows->members[i] || *cell == '\0' ||
            add_value(rows->reading->exchange, object, rows->members[i], cell))
            continue;
        json_free(object);
        object = NULL;
    }
    return object;
}

static void read_message(struct rows *rows)
{
    struct batch_reading *reading = rows->reading;
    at_line(rows, rows->csv.line);
    reading->draft->lines[reading->draft->count] = rows->csv.line;
    struct message *message = batch_draft_next_message(reading);
    struct json *object = make_object(rows);
    enum error error = object ? message_drafts_read(&reading->drafts, object, "", message)
                              : ERROR_INTERNAL;
    batch_draft_end_message(reading, error);
    json_free(object);
}

/* Reads all rows, and stores those within the limit. False with *problem if the rest cannot be read. */
static bool read_rows(struct rows *rows, struct csv_problem *problem)
{
    struct batch_reading *reading = rows->reading;
    size_t too_many_at = 0;
    for (;;) {
        enum csv_step step = csv_next(&rows->csv, problem);
        if (step == CSV_BROKEN)
            return false;
        if (step == CSV_END)
            break;
        if (rows->count++ == reading->room)
            too_many_at = rows->csv.line;
        if (step == CSV_BAD_ROW) {
            at_line(rows, problem->line);
            http_add_field_error(reading->exchange, "", ERROR_INVALID_VALUE, "%s", problem->reason);
        } else if (rows->count <= reading->room && reading->error == ERROR_NONE) {
            read_message(rows);
        }
    }
    if (too_many_at > 0) {
        at_line(rows, too_many_at);
        http_add_field_error(reading->exchange, "", ERROR_OUT_OF_RANGE,
                             "is one too many: a batch has at most %zu messages, and this one %zu",
                             reading->room, rows->count);
    }
    return true;
}

static void refuse_empty(const struct rows *rows)
{
    at_line(rows, 1);
    http_add_field_error(
        rows->reading->exchange, "", ERROR_OUT_OF_RANGE, "must be followed by 1 to %d rows%s",
        STORE_MAX_BATCH_MESSAGES,
        rows->csv.next_line == 1
            ? "; the text is one line: curl needs --data-binary for a file, because"
              " -d removes its line ends"
            : "");
}

/* A column that no placeholder uses, and that seems to be meant for a member: messages without it would be wrong. */
static void refuse_misspelt_columns(const struct rows *rows)
{
    enum { MIN_NAME = 4 }; /* a shorter one is too like other words */
    size_t count;
    const struct json_body_field *members = message_draft_members(&count);
    at_line(rows, 1);
    for (size_t i = 0; i < count; i++) {
        const char *name = members[i].pointer + 1, *meant = NULL;
        if (strlen(name) >= MIN_NAME && column_of(rows, &members[i]) == rows->csv.column_count &&
            !json_member(rows->defaults, name))
            meant = suggest_column(rows, &members[i]);
        if (!meant || rows->used[csv_find_column(&rows->csv, meant)])
            continue;
        char pointer[128];
        snprintf(pointer, sizeof(pointer), "/%.100s", meant);
        utf8_trim(pointer);
        http_add_field_error(rows->reading->exchange, pointer, ERROR_UNKNOWN_FIELD,
                             "is in no placeholder; is it %s? Rename it, or remove the column",
                             name);
    }
}

static bool refuse_csv(struct http_exchange *exchange, const struct csv_problem *problem)
{
    buffer_clear(
        &exchange->problem.errors); /* one error at a time: rows before it may be misread too */
    exchange->problem.error_count = 0;
    if (problem->line == 0)
        http_problem(exchange, ERROR_MALFORMED_CSV, "The body %s.", problem->reason);
    else
        http_problem(exchange, ERROR_MALFORMED_CSV, "Line %zu %s.", problem->line, problem->reason);
    return false;
}

/* An upper bound: quoted line ends are counted too. */
static size_t count_lines(const struct buffer *text)
{
    size_t count = 1;
    for (size_t i = 0; i < text->length; i++)
        count += text->data[i] == '\n' || text->data[i] == '\r';
    return count;
}

static void make_room(struct batch_reading *reading, size_t lines)
{
    size_t room = MIN(lines, (size_t)STORE_MAX_BATCH_MESSAGES);
    batch_draft_make_room(reading, room);
    reading->draft->lines = calloc(room, sizeof(*reading->draft->lines));
    if (!reading->draft->lines)
        reading->error = ERROR_INTERNAL;
}

static bool read_body(struct rows *rows, struct csv_problem *problem)
{
    struct batch_reading *reading = rows->reading;
    struct buffer *text = &reading->exchange->request.body;
    size_t lines = count_lines(text);
    if (!csv_open(&rows->csv, text->data, text->length, problem))
        return false;
    reading->drafts.find_variable = find_variable;
    reading->drafts.variables = rows;
    read_parameters(rows);
    if (reading->error == ERROR_NONE)
        make_room(reading, lines);
    if (reading->error != ERROR_NONE)
        return true;
    check_default_text(rows);
    read_columns(rows);
    if (!read_rows(rows, problem))
        return false;
    if (rows->count == 0)
        refuse_empty(rows);
    if (!http_has_field_errors(reading->exchange))
        refuse_misspelt_columns(rows);
    return true;
}

bool batch_csv_read(struct batch_reading *reading)
{
    struct csv_problem problem;
    struct rows *rows = calloc(1, sizeof(*rows)); /* large for a stack */
    bool good = true;
    if (rows) {
        rows->reading = reading;
        good = read_body(rows, &problem) || refuse_csv(reading->exchange, &problem);
        json_free(rows->defaults);
        free(rows->values);
        free(rows);
    } else {
        reading->error = ERROR_INTERNAL;
    }
    return good;
}
