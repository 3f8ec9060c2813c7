/*
 * Log: one line per event, in logfmt, JSON or text, on stderr.
 *
 *   log_info("phone connected", LOG_TEXT("device_id", id), LOG_NUMBER("session", 3));
 *   ts=2026-11-23T09:45:00.000Z level=info process=ws-broker msg="phone connected" device_id=p1 …
 *   {"ts":"2026-11-23T09:45:00.000Z","level":"info",…,"device_id":"p1","session":3}
 *   09:45:00 info    phone connected  device_id=p1 session=3
 *
 * The last line is LOG_FORMAT_TEXT, for people at a terminal: local time, without the process and the request id.
 * Control characters are escaped, and logfmt values are quoted where necessary, so that a peer cannot forge lines. A
 * value that does not fit into a line is cut, and the fields after it are left out. If stderr is the journal, each line
 * begins with its priority, "<6>" (sd-daemon(3)), which the journal removes. Message texts are never logged, and phone
 * numbers only through LOG_PHONE, which keeps the last two digits. A line is written by one write(2), or several lines
 * together between log_batch_begin and log_batch_end; where nobody reads them they are dropped (log_output.h). Any thread,
 * after log_init.
 */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include "common/base/base.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON, LOG_FORMAT_TEXT };

/* A field of LOG_KIND_NONE is left out. */
enum log_kind { LOG_KIND_END, LOG_KIND_NONE, LOG_KIND_TEXT, LOG_KIND_NUMBER, LOG_KIND_PHONE };

struct log_field {
    enum log_kind kind;
    const char *key;
    const char *text;
    int64_t number;
};

#define LOG_TEXT(field_key, value)                                                                 \
    (struct log_field)                                                                             \
    {                                                                                              \
        .kind = LOG_KIND_TEXT, .key = (field_key), .text = (value)                                 \
    }
#define LOG_NUMBER(field_key, value)                                                               \
    (struct log_field)                                                                             \
    {                                                                                              \
        .kind = LOG_KIND_NUMBER, .key = (field_key), .number = (int64_t)(value)                    \
    }
#define LOG_PHONE(field_key, value)                                                                \
    (struct log_field)                                                                             \
    {                                                                                              \
        .kind = LOG_KIND_PHONE, .key = (field_key), .text = (value)                                \
    }
/* No field for an empty text or for 0. */
#define LOG_TEXT_IF_ANY(field_key, value)   log_if(*(value) != '\0', LOG_TEXT((field_key), (value)))
#define LOG_NUMBER_IF_ANY(field_key, value) log_if((value) != 0, LOG_NUMBER((field_key), (value)))

static inline struct log_field log_if(bool any, struct log_field field)
{
    if (!any)
        field.kind = LOG_KIND_NONE;
    return field;
}

/* `process` is the name of the program; the caller keeps it. Before this call the level is info. */
void log_init(const char *process, enum log_level level, enum log_format format);

/* "debug", "info", "warning" or "error"; "logfmt", "json", "text", or "auto": text if stderr is a terminal, else
   logfmt. */
MUST_CHECK bool log_level_parse(const char *name, enum log_level *level);
MUST_CHECK bool log_format_parse(const char *name, enum log_format *format);

/* Whether lines of that level are written. */
bool log_writes(enum log_level level);

/* Sets the request id of this thread: from now on it is the last field of its lines. Copied; NULL: no request. */
enum { LOG_REQUEST_ID_SIZE = 65 };
void log_set_request(const char *request_id);

/* Between the two calls the lines of this thread are collected, up to PIPE_BUF bytes, and then written together. End
   the batch before doing anything that must not be visible before its log line. */
void log_batch_begin(void);
void log_batch_end(void);

void log_write(enum log_level level, const char *event, const struct log_field *fields);

#define LOG_AT(level, event, ...)                                                                  \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})

#define log_debug(...)   LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)    LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) LOG_AT(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)   LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

/* The field for errno, evaluated where the macro is used. */
#define LOG_ERRNO LOG_TEXT("error", log_errno_text())
const char *log_errno_text(void);

#endif
