#include "log.h"

#include "buffer.h"
#include "clock.h"
#include "utf8.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LINE_BYTES = PIPE_BUF /* what goes to a pipe as one piece */ };

static const char *log_process = "?";
static enum log_level log_threshold = LOG_LEVEL_INFO;

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_ERROR] = "error",
};

void log_init(const char *process, enum log_level level)
{
    log_process = process;
    log_threshold = level;
}

bool log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < ARRAY_LENGTH(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

const char *log_errno_text(void)
{
    return strerrordesc_np(errno) ? strerrordesc_np(errno) : "unknown error";
}

static bool is_plain(const char *text)
{
    const char *p = text, *end = text + strlen(text);
    while (isalnum((unsigned char)*p) || *p == '-') /* most are ids, and nothing else */
        p++;
    while (p < end) {
        int32_t point = utf8_next(&p, end);
        if (utf8_is_control(point) || point == ' ' || point == '"' || point == '=' || point == '\\')
            return false;
    }
    return *text != '\0';
}

static void append_value(struct buffer *line, const char *text)
{
    if (is_plain(text)) {
        buffer_append_text(line, text);
        return;
    }
    buffer_append_char(line, '"');
    for (const char *end = text + strlen(text); text < end;) {
        const char *start = text;
        int32_t point = utf8_next(&text, end);
        if (point < 0)
            buffer_append_format(line, "\\x%02x", (unsigned char)*text++);
        else if (point == '"' || point == '\\')
            buffer_append_format(line, "\\%c", (char)point);
        else if (utf8_is_control(point))
            buffer_append_format(line, "\\x%02x", (unsigned)point);
        else
            buffer_append(line, start, (size_t)(text - start));
    }
    buffer_append_char(line, '"');
}

static void append_phone(struct buffer *line, const char *number)
{
    size_t length = strlen(number);
    const char *last = length > 2 ? number + length - 2 : "";
    if (strspn(last, "0123456789") < strlen(last))
        last = ""; /* no number after all: a line end, perhaps */
    buffer_append_text(line, "+***");
    buffer_append_text(line, last);
}

static void append_field(struct buffer *line, const struct log_field *field)
{
    buffer_append_char(line, ' ');
    buffer_append_text(line, field->key);
    buffer_append_char(line, '=');
    switch (field->kind) {
    case LOG_KIND_END:
        break;
    case LOG_KIND_TEXT:
        append_value(line, field->text ? field->text : "");
        break;
    case LOG_KIND_NUMBER:
        buffer_append_integer(line, field->number);
        break;
    case LOG_KIND_PHONE:
        append_phone(line, field->text);
        break;
    }
}

static void append_line(struct buffer *line, enum log_level level, const char *event,
                        const struct log_field *fields)
{
    char now[CLOCK_TEXT_SIZE];
    clock_format(clock_wall_ms(), now);
    buffer_append_text(line, "ts=");
    buffer_append_text(line, now);
    buffer_append_text(line, " level=");
    buffer_append_text(line, level_names[level]);
    buffer_append_text(line, " process=");
    buffer_append_text(line, log_process);
    buffer_append_text(line, " msg=");
    append_value(line, event);
    for (; fields->kind != LOG_KIND_END; fields++)
        append_field(line, fields);
}

/* Whole lines of this thread that are yet to be written. The memory never moves or grows. */
static _Thread_local char memory[MAX_LINE_BYTES];
static _Thread_local struct buffer lines;
static _Thread_local bool holding;

static void flush(void)
{
    ssize_t written = lines.length > 0 ? write(STDERR_FILENO, lines.data, lines.length) : 0;
    (void)written; /* there is nowhere else to complain to */
    buffer_clear(&lines);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if (level < log_threshold)
        return;
    int saved_errno = errno;
    if (!lines.data) /* one byte is for the last line's end */
        lines = (struct buffer){
            .data = memory, .capacity = sizeof(memory) - 1, .max_length = sizeof(memory) - 2};
    size_t before = lines.length;
    append_line(&lines, level, event, fields);
    if (lines.failed && before > 0) {
        lines.length = before;
        flush();
        append_line(&lines, level, event, fields);
    }
    lines.data[lines.length++] = '\n'; /* one over the ceiling ends where it was cut */
    if (!holding || lines.failed || lines.length > lines.max_length)
        flush();
    errno = saved_errno;
}

void log_hold(void)
{
    holding = true;
}

void log_release(void)
{
    holding = false;
    flush();
}
