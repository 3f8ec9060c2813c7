#include "common/process/option_rules.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"

#include <stdio.h>
#include <string.h>

#define MAX_AHEAD_MS (OPTION_MAX_TTL_SECONDS * 1000)

static enum error refuse(enum error error, const char *what,
                         char reason[ACCEPTANCE_RULES_REASON_SIZE])
{
    snprintf(reason, ACCEPTANCE_RULES_REASON_SIZE, "%s", what);
    return error;
}

/* ---- Times ---- */

enum { TEXT_SIZE = 64 }; /* no time is longer */

/* The text with `what` inserted at `at`. False if it is shorter, or too long. */
static bool insert(const char *text, size_t at, const char *what, char with[TEXT_SIZE])
{
    size_t length = strlen(text);
    return length >= at && length + strlen(what) < TEXT_SIZE &&
           snprintf(with, TEXT_SIZE, "%.*s%s%s", (int)at, text, what, text + at) > 0;
}

static bool is_time_with(const char *text, size_t at, const char *what)
{
    char with[TEXT_SIZE];
    int64_t wall_ms;
    return insert(text, at, what, with) && clock_parse(with, &wall_ms);
}

/* "2026-11-23T09:45:00", as isoformat() of a local time writes it. */
static bool lacks_offset(const char *text)
{
    return is_time_with(text, strlen(text), "Z");
}

/* The same for an offset of so many characters at the end, and what is inserted `at` characters after its sign. In a URL the +
   may have become a space. */
static bool is_offset_with(const char *text, size_t length, size_t at, const char *what)
{
    char with_plus[TEXT_SIZE];
    if (strlen(text) < length || strlen(text) >= sizeof(with_plus))
        return false;
    strcpy(with_plus, text);
    size_t sign = strlen(text) - length;
    if (with_plus[sign] == ' ')
        with_plus[sign] = '+';
    return strchr("+-", with_plus[sign]) && is_time_with(with_plus, sign + 1 + at, what);
}

/* "2026-11-23T09:45:00+0100", as strftime's %z writes it. */
static bool lacks_colon(const char *text)
{
    return is_offset_with(text, strlen("+0100"), 2, ":");
}

/* "2026-11-23 09:45:00+01", as PostgreSQL writes it. */
static bool lacks_minutes(const char *text)
{
    return is_offset_with(text, strlen("+01"), 2, ":00");
}

/* "2026-11-23T09:45Z", as Java writes a whole minute. */
static bool lacks_seconds(const char *text)
{
    char with_seconds[TEXT_SIZE];
    int64_t wall_ms;
    return insert(text, strlen("2026-11-23T09:45"), ":00", with_seconds) &&
           (clock_parse(with_seconds, &wall_ms) || lacks_offset(with_seconds));
}

/* "2026-11-23T09:45:00+01:00[Europe/Berlin]", as Java's ZonedDateTime writes it. */
static bool names_zone(const char *text)
{
    char without[TEXT_SIZE];
    int64_t wall_ms;
    size_t length = strcspn(text, "[");
    if (text[length] == '\0' || length >= sizeof(without))
        return false;
    snprintf(without, sizeof(without), "%.*s", (int)length, text);
    return clock_parse(without, &wall_ms) || lacks_seconds(without);
}

/* "2026-11-23" */
static bool is_date(const char *text)
{
    size_t length = strlen("2026-11-23");
    return strlen(text) == length && is_time_with(text, length, "T00:00:00Z");
}

/* "1795513500", or with a fraction: seconds, or milliseconds, since 1970. */
static bool is_number(const char *text)
{
    static const char digits[] = "0123456789";
    size_t whole = strspn(text, digits);
    const char *rest = text + whole;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, digits);
    return whole > 0 && *rest == '\0';
}

/* "2026-02-30T09:45:00Z" */
static bool has_no_such_day(const char *text)
{
    static const char first_day[] = "01";
    char other_day[TEXT_SIZE];
    size_t length = strlen(text), at = strlen("2026-02-");
    int64_t wall_ms;
    if (length < at + 2 || length >= sizeof(other_day))
        return false;
    strcpy(other_day, text);
    memcpy(other_day + at, first_day, 2);
    return clock_parse(other_day, &wall_ms);
}

enum error option_rules_parse_time(const char *text, int64_t *wall_ms,
                                   char reason[ACCEPTANCE_RULES_REASON_SIZE])
{
    if (clock_parse(text, wall_ms))
        return ERROR_NONE;
    if (lacks_offset(text))
        return refuse(
            ERROR_INVALID_VALUE,
            "has no UTC offset; append Z for UTC, as in 2026-11-23T09:45:00Z, or an offset"
            " such as -05:00",
            reason);
    if (lacks_colon(text))
        return refuse(ERROR_INVALID_VALUE,
                      "needs a colon in its UTC offset, as in 2026-11-23T09:45:00+01:00", reason);
    if (lacks_minutes(text))
        return refuse(ERROR_INVALID_VALUE,
                      "needs minutes in its UTC offset, as in 2026-11-23T09:45:00+01:00", reason);
    if (lacks_seconds(text))
        return refuse(ERROR_INVALID_VALUE, "has no seconds; write them, as in 2026-11-23T09:45:00Z",
                      reason);
    if (names_zone(text))
        return refuse(ERROR_INVALID_VALUE,
                      "must be like 2026-11-23T09:45:00+01:00; leave out the time zone in brackets",
                      reason);
    if (is_date(text))
        return refuse(ERROR_INVALID_VALUE,
                      "has no time of day; write one, as in 2026-11-23T00:00:00Z", reason);
    if (is_number(text))
        return refuse(ERROR_INVALID_VALUE,
                      "is a number; write an RFC 3339 time such as 2026-11-23T09:45:00Z", reason);
    if (has_no_such_day(text))
        return refuse(ERROR_INVALID_VALUE, "names a day that its month does not have", reason);
    return refuse(ERROR_INVALID_VALUE, "must be an RFC 3339 time such as 2026-11-23T09:45:00Z",
                  reason);
}

enum error option_rules_check_send_at(int64_t send_at_ms, int64_t now_ms,
                                      char reason[ACCEPTANCE_RULES_REASON_SIZE])
{
    char now[CLOCK_TEXT_SIZE];
    if (send_at_ms < now_ms - OPTION_PAST_MINUTES * 60 * 1000) {
        clock_format(now_ms, now);
        snprintf(reason, ACCEPTANCE_RULES_REASON_SIZE,
                 "is past: the time here is %s; give a time to come, or leave it out to send now",
                 now);
        return ERROR_OUT_OF_RANGE;
    }
    if (send_at_ms > now_ms + MAX_AHEAD_MS) {
        snprintf(reason, ACCEPTANCE_RULES_REASON_SIZE, "must be at most %d days ahead",
                 OPTION_MAX_DAYS);
        return ERROR_OUT_OF_RANGE;
    }
    return ERROR_NONE;
}

enum error option_rules_check_expires_at(int64_t expires_at_ms, int64_t send_at_ms, int64_t now_ms,
                                         char reason[ACCEPTANCE_RULES_REASON_SIZE])
{
    char now[CLOCK_TEXT_SIZE];
    if (expires_at_ms <= now_ms) {
        clock_format(now_ms, now);
        snprintf(reason, ACCEPTANCE_RULES_REASON_SIZE,
                 "is past: the time here is %s; give a time to come", now);
        return ERROR_OUT_OF_RANGE;
    }
    if (send_at_ms != 0 && expires_at_ms <= send_at_ms)
        return refuse(ERROR_OUT_OF_RANGE, "must be later than send_at", reason);
    if (expires_at_ms > MAX(send_at_ms, now_ms) + MAX_AHEAD_MS) {
        snprintf(reason, ACCEPTANCE_RULES_REASON_SIZE, "must be at most %d days %s",
                 OPTION_MAX_DAYS, send_at_ms > now_ms ? "after send_at" : "ahead");
        return ERROR_OUT_OF_RANGE;
    }
    return ERROR_NONE;
}

int64_t option_rules_deadline_ms(int64_t ttl_seconds, int64_t send_at_ms, int64_t now_ms)
{
    return MAX(send_at_ms, now_ms) + ttl_seconds * 1000;
}

int64_t option_rules_default_deadline_ms(const struct acceptance_rules *rules, int64_t send_at_ms)
{
    if (rules->default_ttl_seconds == 0)
        return 0;
    return option_rules_deadline_ms(rules->default_ttl_seconds, send_at_ms, clock_wall_ms());
}

/* ---- Texts ---- */

enum error option_rules_parse_priority(const char *text, enum message_priority *priority,
                                       char reason[ACCEPTANCE_RULES_REASON_SIZE])
{
    return message_priority_parse(text, priority)
               ? ERROR_NONE
               : refuse(ERROR_INVALID_VALUE, "must be high, normal or low", reason);
}

static bool has_control_character(const char *text)
{
    for (const char *end = text + strlen(text); text < end;) {
        int32_t c = utf8_next(&text, end);
        if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            return true;
    }
    return false;
}

enum error option_rules_copy_reference(const char *text, char reference[MESSAGE_REFERENCE_SIZE],
                                       char reason[ACCEPTANCE_RULES_REASON_SIZE])
{
    size_t length = strlen(text);
    if (length == 0)
        return refuse(ERROR_INVALID_VALUE, "must not be empty; leave it out", reason);
    if (length >= MESSAGE_REFERENCE_SIZE) {
        snprintf(reason, ACCEPTANCE_RULES_REASON_SIZE, "has %zu bytes in UTF-8; the limit is %d",
                 length, MESSAGE_REFERENCE_SIZE - 1);
        return ERROR_INVALID_VALUE;
    }
    if (has_control_character(text))
        return refuse(ERROR_INVALID_VALUE,
                      "has a control character, such as a tab or a line break; remove it", reason);
    strcpy(reference, text);
    return ERROR_NONE;
}
