#include "common/base/csv.h"

#include "common/base/character_name.h"
#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void refuse(struct csv_problem *problem, size_t line, const char *format, ...)
    PRINTF_FORMAT(3, 4);

static void refuse(struct csv_problem *problem, size_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->reason, sizeof(problem->reason), format, arguments);
    va_end(arguments);
    utf8_trim(problem->reason);
    problem->line = line;
}

/* ---- The encoding ---- */

static bool starts_with(const char *text, size_t length, const char *bytes, size_t count)
{
    return length >= count && memcmp(text, bytes, count) == 0;
}

/* A header begins with an ASCII character, so a zero beside it shows the encoding. */
static bool is_other_unicode(const char *text, size_t length)
{
    return starts_with(text, length, "\xff\xfe", 2) || starts_with(text, length, "\xfe\xff", 2) ||
           (length >= 2 && (text[0] == '\0' || text[1] == '\0'));
}

/* The line ends before `at`, and one more. */
static size_t line_of(const char *text, const char *at)
{
    size_t line = 1;
    for (const char *p = text; p < at; p++)
        line += *p == '\n' || (*p == '\r' && p[1] != '\n');
    return line;
}

static bool check_encoding(const char *text, size_t length, struct csv_problem *problem)
{
    const char *end = text + length, *p = text;
    if (starts_with(text, length, "PK\x03\x04", 4)) {
        refuse(problem, 0, "is a ZIP archive, as Excel's .xlsx files are; save it as CSV UTF-8");
        return false;
    }
    if (is_other_unicode(text, length)) {
        refuse(problem, 0, "is encoded in UTF-16 or UTF-32; save it in UTF-8 (Excel: CSV UTF-8)");
        return false;
    }
    while (p < end) {
        const char *start = p;
        if (utf8_next(&p, end) > 0)
            continue;
        if (*start == '\0')
            refuse(problem, line_of(text, start), "has a NUL (U+0000); remove it");
        else
            refuse(problem, line_of(text, start),
                   "is not valid UTF-8; is it in Latin-1 or Windows-1252? Save it in UTF-8 (Excel:"
                   " CSV UTF-8)");
        return false;
    }
    return true;
}

/* ---- Cells ---- */

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* Moves past a line end. */
static char *skip_line_end(struct csv_reader *reader, char *at)
{
    reader->next_line++;
    return at + (at[0] == '\r' && at[1] == '\n' ? 2 : 1);
}

static const char *separator_name(const struct csv_reader *reader)
{
    return reader->separator == ';' ? "semicolon" : reader->separator == '\t' ? "tab" : "comma";
}

/* Ends the cell at `end`, and moves past what follows it at `at`: a separator, a line end, or the end. */
static void end_cell(struct csv_reader *reader, char *end, char *at, bool *ends_row)
{
    *ends_row = at == reader->end || is_line_end(*at);
    if (at == reader->end)
        reader->at = at;
    else
        reader->at = *ends_row ? skip_line_end(reader, at) : at + 1;
    *end = '\0';
}

/* A cell in quotes moves to the left over them. */
static bool read_quoted_cell(struct csv_reader *reader, const char **cell, bool *ends_row,
                             struct csv_problem *problem)
{
    size_t first_line = reader->next_line;
    char *to = reader->at, *from = to + 1, found[CHARACTER_NAME_SIZE];
    *cell = to;
    for (;; *to++ = *from++) {
        if (from == reader->end) {
            refuse(problem, first_line, "has a quote that is never closed");
            return false;
        }
        if (*from == '"' && *++from != '"') /* the NUL at the end is no quote */
            break;
        reader->next_line += *from == '\n' || (*from == '\r' && from[1] != '\n');
    }
    if (from < reader->end && *from != reader->separator && !is_line_end(*from)) {
        const char *p = from;
        character_name(utf8_next(&p, reader->end), found);
        refuse(problem, reader->next_line,
               "has %s after a closing quote; write a quote inside a cell twice: \"\"", found);
        return false;
    }
    end_cell(reader, to, from, ends_row);
    return true;
}

static bool read_cell(struct csv_reader *reader, const char **cell, bool *ends_row,
                      struct csv_problem *problem)
{
    char *at = reader->at;
    if (at < reader->end && *at == '"')
        return read_quoted_cell(reader, cell, ends_row, problem);
    *cell = at;
    while (at < reader->end && *at != reader->separator && !is_line_end(*at)) {
        if (*at++ == '"') {
            refuse(problem, reader->next_line,
                   "has a quote inside a cell without quotes; put the cell in quotes, without a"
                   " space before them, and write a quote inside it twice: \"\"");
            return false;
        }
    }
    end_cell(reader, at, at, ends_row);
    return true;
}

/* Stores as many cells as there is room for, and counts all. */
static bool read_row(struct csv_reader *reader, const char **cells, size_t room, size_t *count,
                     struct csv_problem *problem)
{
    bool ends_row = false;
    for (*count = 0; !ends_row; ++*count) {
        const char *cell;
        if (!read_cell(reader, &cell, &ends_row, problem))
            return false;
        if (*count < room)
            cells[*count] = cell;
    }
    return true;
}

/* ---- The header ---- */

static char find_separator(const char *at, const char *end)
{
    bool quoted = false;
    for (; at < end && (quoted || !is_line_end(*at)); at++) {
        quoted ^= *at == '"';
        if (!quoted && strchr(",;\t", *at))
            return *at;
    }
    return ',';
}

/* What cannot be seen at the end of a name: it would be another name, in a message that looks the same. */
static bool is_blank(int32_t point)
{
    return point == ' ' || character_is_foreign_space(point) || utf8_is_control(point) ||
           (point >= 0x200b && point <= 0x200d) || point == 0x2060; /* zero width */
}

static const char *without_blanks(const char *name)
{
    const char *first = NULL, *last = name, *end = name + strlen(name);
    for (const char *p = name; p < end;) {
        const char *start = p;
        if (is_blank(utf8_next(&p, end))) /* check_encoding has seen it */
            continue;
        first = first ? first : start;
        last = p;
    }
    *(char *)last = '\0'; /* of the reader's text */
    return first ? first : last;
}

static bool check_names(struct csv_reader *reader, size_t count, struct csv_problem *problem)
{
    if (count > CSV_MAX_COLUMNS) {
        refuse(problem, reader->line, "has %zu columns; the limit is %d", count, CSV_MAX_COLUMNS);
        return false;
    }
    if (strcasecmp(reader->columns[0], "sep=") == 0) {
        refuse(problem, reader->line,
               "tells Excel the separator; remove the line: it is not needed");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = reader->columns[i] = without_blanks(reader->columns[i]);
        reader->column_count = i;
        if (*name == '\0') {
            refuse(problem, reader->line, "has no name for column %zu; name it, or remove it",
                   i + 1);
            return false;
        }
        if (csv_find_column(reader, name) < i) {
            refuse(problem, reader->line, "has the column %.100s twice; rename or remove one",
                   name);
            return false;
        }
    }
    reader->column_count = count;
    return true;
}

bool csv_open(struct csv_reader *reader, char *text, size_t length, struct csv_problem *problem)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    size_t count;
    if (!check_encoding(text, length, problem))
        return false;
    *reader = (struct csv_reader){.at = text, .end = text + length, .line = 1, .next_line = 1};
    if (starts_with(text, length, byte_order_mark, 3))
        reader->at += 3;
    reader->separator = find_separator(reader->at, reader->end);
    if (reader->at == reader->end || is_line_end(*reader->at)) {
        refuse(problem, 1, "must have the names of the columns");
        return false;
    }
    return read_row(reader, reader->columns, CSV_MAX_COLUMNS, &count, problem) &&
           check_names(reader, count, problem);
}

size_t csv_find_column(const struct csv_reader *reader, const char *name)
{
    size_t i = 0;
    while (i < reader->column_count && strcmp(reader->columns[i], name) != 0)
        i++;
    return i;
}

/* ---- Rows ---- */

/* Moves past an empty line, and past all of them at the end. CSV_ROW: there is none here. */
static enum csv_step read_empty_line(struct csv_reader *reader, struct csv_problem *problem)
{
    const char blanks[] = {reader->separator, ' ', '\r', '\n', '\0'};
    char *at = reader->at;
    while (at < reader->end && (*at == reader->separator || *at == ' '))
        at++;
    if (at < reader->end && !is_line_end(*at))
        return CSV_ROW;
    if (at + strspn(at, blanks) == reader->end) {
        reader->at = reader->end;
        return CSV_END;
    }
    reader->at = skip_line_end(reader, at);
    refuse(problem, reader->line, "is empty, and rows follow it; remove it");
    return CSV_BAD_ROW;
}

enum csv_step csv_next(struct csv_reader *reader, struct csv_problem *problem)
{
    size_t count;
    reader->line = reader->next_line;
    enum csv_step step = read_empty_line(reader, problem);
    if (step != CSV_ROW)
        return step;
    if (!read_row(reader, reader->cells, reader->column_count, &count, problem))
        return CSV_BROKEN;
    if (count == reader->column_count)
        return CSV_ROW;
    refuse(problem, reader->line,
           count > reader->column_count
               ? "has %zu cells for %zu columns; put a cell with a %s in quotes"
               : "has only %zu cells for %zu columns, separated by a %s",
           count, reader->column_count, separator_name(reader));
    return CSV_BAD_ROW;
}
