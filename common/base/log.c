#include "common/base/log.h"

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/log_output.h"
#include "common/base/utf8.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_LINE_BYTES = PIPE_BUF, /* a pipe takes this much atomically */
    TAIL_BYTES = 3,            /* a quote, a brace and the line end */
    HEAD_BYTES = 128,          /* the longest part before the message */
    LEAST_BYTES = 32,          /* of a field besides its key: a number, or the start of a text */
    MOST_ESCAPED_BYTES = 12,   /* the longest escape of a character */
};

static const char *log_process = "?";
static enum log_level log_threshold = LOG_LEVEL_INFO;
static enum log_format log_format = LOG_FORMAT_LOGFMT;
static bool log_to_journal;
static _Thread_local char log_request_id[LOG_REQUEST_ID_SIZE];

static const struct {
    const char *name;
    const char *priority; /* sd-daemon(3) */
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", "<7>"},
    [LOG_LEVEL_INFO] = {"info", "<6>"},
    [LOG_LEVEL_WARNING] = {"warning", "<4>"},
    [LOG_LEVEL_ERROR] = {"error", "<3>"},
};

/* Whether JOURNAL_STREAM (systemd.exec(5)) has the device and inode of stderr: stderr may have been redirected since. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    char rest;
    struct stat status;
    return stream && sscanf(stream, "%llu:%llu%c", &device, &inode, &rest) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_init(const char *process, enum log_level level, enum log_format format)
{
    log_process = process;
    log_threshold = level;
    log_format = format;
    log_to_journal = stderr_is_journal();
}

bool log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < ARRAY_LENGTH(levels); i++) {
        if (strcmp(name, levels[i].name) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(const char *name, enum log_format *format)
{
    static const struct {
        const char *name;
        enum log_format format;
    } formats[] = {
        {"logfmt", LOG_FORMAT_LOGFMT}, {"json", LOG_FORMAT_JSON}, {"text", LOG_FORMAT_TEXT}};
    if (strcmp(name, "auto") == 0)
        name = isatty(STDERR_FILENO) ? "text" : "logfmt";
    for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
        if (strcmp(name, formats[i].name) == 0) {
            *format = formats[i].format;
            return true;
        }
    }
    return false;
}

bool log_writes(enum log_level level)
{
    return level >= log_threshold;
}

void log_set_request(const char *request_id)
{
    if (!memccpy(log_request_id, request_id ? request_id : "", '\0', sizeof(log_request_id)))
        log_request_id[sizeof(log_request_id) - 1] = '\0';
}

const char *log_errno_text(void)
{
    return strerrordesc_np(errno) ? strerrordesc_np(errno) : "unknown error";
}

static bool is_plain(const char *text)
{
    static const bool of_ids[256] = {
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['-'] = true};
    const char *p = text, *end = text + strlen(text);
    while (of_ids[(unsigned char)*p]) /* fast path: most values are ids */
        p++;
    while (p < end) {
        int32_t point = utf8_next(&p, end);
        if (utf8_is_control(point) || point == ' ' || point == '"' || point == '=' || point == '\\')
            return false;
    }
    return *text != '\0';
}

/* ---- One line ---- */

struct line {
    struct buffer *out;
    bool cut; /* there was no room for the whole line */
};

/* Whether `bytes` more fit. If not, only the end of the line follows. */
static bool has_room(struct line *line, size_t bytes)
{
    line->cut |= line->out->length + bytes > line->out->max_length - TAIL_BYTES;
    return !line->cut;
}

static void append_escaped(struct buffer *out, int32_t point, unsigned char byte)
{
    bool json = log_format == LOG_FORMAT_JSON;
    if (point == '"' || point == '\\')
        buffer_append(out, (const char[]){'\\', (char)point}, 2);
    else if (point < 0) /* JSON cannot hold a byte that is not UTF-8 */
        buffer_append_format(out, json ? "\\\\x%02x" : "\\x%02x", byte);
    else if (json && point > 0xffff)
        buffer_append_format(out, "\\u%04x\\u%04x", 0xd7c0 + ((unsigned)point >> 10),
                             0xdc00 | ((unsigned)point & 0x3ff));
    else
        buffer_append_format(out, json ? "\\u%04x" : "\\x%02x", (unsigned)point);
}

static void append_quoted(struct line *line, const char *text)
{
    const char *whole = text; /* start of the part to copy in one piece */
    const char *end = text + strlen(text);
    buffer_append_char(line->out, '"');
    while (text < end && has_room(line, (size_t)(text - whole) + MOST_ESCAPED_BYTES)) {
        const char *start = text;
        int32_t point = utf8_next(&text, end);
        if (!utf8_is_control(point) && point != '"' && point != '\\')
            continue;
        buffer_append(line->out, whole, (size_t)(start - whole));
        append_escaped(line->out, point, (unsigned char)*start);
        text += point < 0;
        whole = text;
    }
    buffer_append(line->out, whole, (size_t)(text - whole));
    buffer_append_char(line->out, '"');
}

static void append_value(struct line *line, const char *text)
{
    size_t length = strlen(text);
    bool plain = is_plain(text) && line->out->length + length + 2 * MOST_ESCAPED_BYTES <
                                       line->out->max_length - TAIL_BYTES;
    if (!plain) {
        append_quoted(line, text);
    } else if (log_format == LOG_FORMAT_JSON) {
        buffer_append_char(line->out, '"');
        buffer_append(line->out, text, length);
        buffer_append_char(line->out, '"');
    } else {
        buffer_append(line->out, text, length);
    }
}

static void append_phone(struct line *line, const char *number)
{
    size_t length = strlen(number);
    const char *last = length > 2 ? number + length - 2 : "";
    if (strspn(last, "0123456789") < strlen(last))
        last = ""; /* not a number */
    append_value(line, (const char[]){'+', '*', '*', '*', last[0], last[0] ? last[1] : '\0', '\0'});
}

static void append_key(struct line *line, const char *key)
{
    bool json = log_format == LOG_FORMAT_JSON;
    buffer_append_text(line->out, json ? ",\"" : " ");
    buffer_append_text(line->out, key);
    buffer_append_text(line->out, json ? "\":" : "=");
}

static void append_field(struct line *line, const struct log_field *field)
{
    if (field->kind == LOG_KIND_NONE || !has_room(line, strlen(field->key) + LEAST_BYTES))
        return;
    append_key(line, field->key);
    switch (field->kind) {
    case LOG_KIND_END:
    case LOG_KIND_NONE:
        break;
    case LOG_KIND_TEXT:
        append_value(line, field->text ? field->text : "");
        break;
    case LOG_KIND_NUMBER:
        buffer_append_integer(line->out, field->number);
        break;
    case LOG_KIND_PHONE:
        append_phone(line, field->text);
        break;
    }
}

/* For people: the local time, and the event as a sentence. */
static void append_text_head(struct buffer *out, enum log_level level, const char *event)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm local;
    char time_of_day[16] = "";
    if (localtime_r(&now, &local))
        strftime(time_of_day, sizeof(time_of_day), "%H:%M:%S", &local);
    buffer_append_format(out, "%s %-7s %s ", time_of_day, levels[level].name, event);
}

static bool append_text_line(struct line *line, enum log_level level, const char *event,
                             const struct log_field *fields)
{
    append_text_head(line->out, level, event);
    for (; fields->kind != LOG_KIND_END; fields++)
        append_field(line, fields);
    buffer_append_char(line->out, '\n');
    return !line->cut;
}

/* False if the line was cut. */
static bool append_line(struct buffer *out, enum log_level level, const char *event,
                        const struct log_field *fields)
{
    struct line line = {.out = out};
    bool json = log_format == LOG_FORMAT_JSON;
    char now[CLOCK_TEXT_SIZE];
    if (!has_room(&line, HEAD_BYTES))
        return false;
    if (log_format == LOG_FORMAT_TEXT)
        return append_text_line(&line, level, event, fields);
    clock_format(clock_wall_ms(), now);
    if (log_to_journal)
        buffer_append_text(out, levels[level].priority);
    buffer_append_text(out, json ? "{\"ts\":\"" : "ts=");
    buffer_append_text(out, now);
    buffer_append_text(out, json ? "\",\"level\":\"" : " level=");
    buffer_append_text(out, levels[level].name);
    buffer_append_text(out, json ? "\",\"process\":\"" : " process=");
    buffer_append_text(out, log_process);
    buffer_append_text(out, json ? "\",\"msg\":" : " msg=");
    append_value(&line, event);
    for (; fields->kind != LOG_KIND_END; fields++)
        append_field(&line, fields);
    struct log_field request = LOG_TEXT_IF_ANY("request_id", log_request_id);
    append_field(&line, &request);
    buffer_append_text(out, json ? "}\n" : "\n");
    return !line.cut;
}

/* Complete lines of this thread that are not written yet. The memory never moves or grows. */
static _Thread_local char memory[MAX_LINE_BYTES];
static _Thread_local struct buffer lines;
static _Thread_local bool holding;

/* The first line after those that were dropped. */
static void tell_dropped(unsigned count)
{
    char text[512];
    struct buffer line = {.data = text, .capacity = sizeof(text), .max_length = sizeof(text) - 1};
    const struct log_field fields[] = {LOG_NUMBER("lines", count), {.kind = LOG_KIND_END}};
    append_line(&line, LOG_LEVEL_WARNING, "nobody read the log, and lines of it were dropped",
                fields);
    if (!log_output_write(line.data, line.length))
        log_output_return_dropped(count - 1); /* that line was counted */
}

static void flush(void)
{
    bool written = lines.length == 0 || log_output_write(lines.data, lines.length);
    unsigned dropped = written ? log_output_take_dropped() : 0;
    buffer_clear(&lines);
    if (dropped > 0)
        tell_dropped(dropped);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if (!log_writes(level))
        return;
    int saved_errno = errno;
    if (!lines.data)
        lines = (struct buffer){
            .data = memory, .capacity = sizeof(memory), .max_length = sizeof(memory) - 1};
    size_t before = lines.length;
    if (!append_line(&lines, level, event, fields) && before > 0) {
        lines.length = before;
        flush();
        append_line(&lines, level, event, fields); /* cut if it is longer */
    }
    if (!holding)
        flush();
    errno = saved_errno;
}

void log_batch_begin(void)
{
    holding = true;
}

void log_batch_end(void)
{
    holding = false;
    flush();
}
