#include "common/base/clock.h"

#include <ctype.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { DAY_SECONDS = 86400 };

static int64_t read_clock_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The clock that is followed is the monotonic one and this. */
static atomic_bool follows;
static _Atomic int64_t ahead_us;

int64_t clock_wall_ms(void)
{
    if (atomic_load_explicit(&follows, memory_order_acquire))
        return (clock_monotonic_us() + atomic_load_explicit(&ahead_us, memory_order_relaxed)) /
               1000;
    return read_clock_us(CLOCK_REALTIME) / 1000;
}

void clock_follow(int64_t wall_us, int64_t asked_us, int64_t answered_us)
{
    int64_t least_us = wall_us - answered_us, most_us = wall_us - asked_us;
    int64_t now_us = atomic_load(&follows) ? atomic_load(&ahead_us) : (least_us + most_us) / 2;
    atomic_store(&ahead_us, MAX(least_us, MIN(now_us, most_us)));
    atomic_store_explicit(&follows, true, memory_order_release);
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

int64_t clock_monotonic_us(void)
{
    return read_clock_us(CLOCK_BOOTTIME);
}

/* Writes exactly `digits` decimal digits; much faster than printf, and each log line has a time. */
static char *put_digits(char *text, int digits, int number)
{
    for (int i = digits - 1; i >= 0; i--, number /= 10)
        text[i] = (char)('0' + number % 10);
    return text + digits;
}

static char *put_date(char *text, int64_t day)
{
    /* gmtime_r is slow and takes a lock, and a thread asks for the same day again and again. */
    static _Thread_local struct tm date;
    static _Thread_local int64_t known = INT64_MIN;
    if (day != known) {
        time_t time = (time_t)(day * DAY_SECONDS);
        gmtime_r(&time, &date);
        known = day;
    }
    text = put_digits(text, 4, date.tm_year + 1900);
    *text++ = '-';
    text = put_digits(text, 2, date.tm_mon + 1);
    *text++ = '-';
    return put_digits(text, 2, date.tm_mday);
}

/* Writes "2026-01-31T23:59:59.", without a NUL. */
static void put_second(char *text, int64_t second)
{
    int64_t day = second / DAY_SECONDS;
    int rest = (int)(second % DAY_SECONDS);
    if (rest < 0) {
        day--;
        rest += DAY_SECONDS;
    }
    text = put_date(text, day);
    *text++ = 'T';
    text = put_digits(text, 2, rest / 3600);
    *text++ = ':';
    text = put_digits(text, 2, rest / 60 % 60);
    *text++ = ':';
    text = put_digits(text, 2, rest % 60);
    *text = '.';
}

void clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    /* Several times of a message, and of its log line, are of the same second. */
    enum { SECOND_BYTES = 20 };
    static _Thread_local char known_text[SECOND_BYTES];
    static _Thread_local int64_t known = INT64_MIN;
    int64_t second = wall_ms / 1000;
    int rest_ms = (int)(wall_ms % 1000);
    if (rest_ms < 0) {
        second--;
        rest_ms += 1000;
    }
    if (second != known)
        put_second(known_text, second);
    known = second;
    memcpy(text, known_text, SECOND_BYTES);
    strcpy(put_digits(text + SECOND_BYTES, 3, rest_ms), "Z");
}

/* Reads exactly `digits` digits within [low, high]. */
static bool read_digits(const char **text, int digits, int low, int high, int *value)
{
    int sum = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*text)[i]))
            return false;
        sum = sum * 10 + ((*text)[i] - '0');
    }
    *text += digits;
    *value = sum;
    return sum >= low && sum <= high;
}

static bool read_char(const char **text, const char *allowed)
{
    for (; *allowed; allowed++) {
        if (**text == *allowed) {
            (*text)++;
            return true;
        }
    }
    return false;
}

/* RFC 3339 section 5.6, time-secfrac: up to nine digits, of which three are kept. */
static bool read_fraction(const char **text, int *milliseconds)
{
    int scale = 100, digits = 0;
    *milliseconds = 0;
    if (!read_char(text, "."))
        return true;
    for (; isdigit((unsigned char)**text) && digits < 9; (*text)++, digits++) {
        *milliseconds += (**text - '0') * scale;
        scale /= 10;
    }
    return digits > 0;
}

static bool read_offset(const char **text, int *minutes)
{
    int hours = 0, rest = 0;
    *minutes = 0;
    if (read_char(text, "Zz"))
        return true;
    int sign = **text == '-' ? -1 : 1;
    if (!read_char(text, "+-") || !read_digits(text, 2, 0, 23, &hours) || !read_char(text, ":") ||
        !read_digits(text, 2, 0, 59, &rest))
        return false;
    *minutes = sign * (hours * 60 + rest);
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap_year = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap_year);
}

bool clock_parse(const char *text, int64_t *wall_ms)
{
    int year, month, day, hour, minute, second, milliseconds, offset_minutes;
    if (!read_digits(&text, 4, 0, 9999, &year) || !read_char(&text, "-") ||
        !read_digits(&text, 2, 1, 12, &month) || !read_char(&text, "-") ||
        !read_digits(&text, 2, 1, 31, &day) || !read_char(&text, "Tt ") ||
        !read_digits(&text, 2, 0, 23, &hour) || !read_char(&text, ":") ||
        !read_digits(&text, 2, 0, 59, &minute) || !read_char(&text, ":") ||
        !read_digits(&text, 2, 0, 60, &second) || !read_fraction(&text, &milliseconds) ||
        !read_offset(&text, &offset_minutes) || *text != '\0' || day > days_in_month(year, month))
        return false;

    struct tm utc = {.tm_year = year - 1900,
                     .tm_mon = month - 1,
                     .tm_mday = day,
                     .tm_hour = hour,
                     .tm_min = minute,
                     .tm_sec = second};
    time_t time = timegm(&utc); /* a leap second becomes the second after it */
    *wall_ms = ((int64_t)time - offset_minutes * 60) * 1000 + milliseconds;
    return true;
}
