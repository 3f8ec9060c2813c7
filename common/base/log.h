/*
 * Log: one line an event, logfmt or JSON, on stderr; journald or a terminal takes it from there.
 *
 *   log_info("phone connected", LOG_TEXT("device_id", id), LOG_NUMBER("session", 3));
 *   ts=2026-11-23T09:45:00.000Z level=info process=ws-broker msg="phone connected" device_id=p1 …
 *   {"ts":"2026-11-23T09:45:00.000Z","level":"info",…,"device_id":"p1","session":3}
 *   09:45:00 info    phone connected  device_id=p1 session=3
 *
 * The last, LOG_FORMAT_TEXT, is for people at a terminal: local time, and neither the process nor the request's id.
 * Control characters are escaped, and values quoted in logfmt where needed, so a peer cannot forge
 * lines. A value that a line has no room for is cut, and what would follow is left out. Where stderr is
 * the journal each line begins with its priority, "<6>" (sd-daemon(3)), which the journal takes off.
 * Message texts never go in, and numbers only through LOG_PHONE, which keeps the last two digits.
 * A line is written by one write(2), or several together between log_hold and log_release. Any
 * thread, after log_init.
 */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include "common/base/base.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON, LOG_FORMAT_TEXT };

/* LOG_KIND_NONE is for a field that has nothing to say this time. */
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
/* Without a text (""), and for 0: no field. */
#define LOG_TEXT_IF_ANY(field_key, value)   log_if(*(value) != '\0', LOG_TEXT((field_key), (value)))
#define LOG_NUMBER_IF_ANY(field_key, value) log_if((value) != 0, LOG_NUMBER((field_key), (value)))

static inline struct log_field log_if(bool any, struct log_field field)
{
    if (!any)
        field.kind = LOG_KIND_NONE;
    return field;
}

/* `process` names the program and must outlive the log. Until this is called, level is info. */
void log_init(const char *process, enum log_level level, enum log_format format);

/* "debug", "info", "warning" or "error"; "logfmt", "json", "text", or "auto": text where stderr is a terminal, and
   logfmt elsewhere. */
MUST_CHECK bool log_level_parse(const char *name, enum log_level *level);
MUST_CHECK bool log_format_parse(const char *name, enum log_format *format);

/* Whether lines of that level are written at all. */
bool log_writes(enum log_level level);

/* From here on the lines of this thread are about that request: its id is their last field. Copied;
   NULL: about none. */
enum { LOG_REQUEST_ID_SIZE = 65 };
void log_set_request(const char *request_id);

/* From here on the lines of this thread wait, as long as a pipe takes them as one piece; released, they
   are written at once. What must not be known before its line is there comes after the release. */
void log_hold(void);
void log_release(void);

void log_write(enum log_level level, const char *event, const struct log_field *fields);

#define LOG_AT(level, event, ...)                                                                  \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})

#define log_debug(...)   LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)    LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) LOG_AT(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)   LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

/* The field for errno, read when the macro is. */
#define LOG_ERRNO LOG_TEXT("error", log_errno_text())
const char *log_errno_text(void);

#endif
