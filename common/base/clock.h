/*
 * Time. Wall-clock time is for people and for the database; deadlines and intervals use monotonic time, which never
 * jumps. The two never mix: names say which one a value is. Any thread.
 */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include "common/base/base.h"

/* Milliseconds since 1970-01-01T00:00:00Z, of the machine's clock, or of the one that is followed. */
int64_t clock_wall_ms(void);

/* From now on clock_wall_ms follows another machine's clock, whatever becomes of this one's: it showed wall_us at some moment
   between the two monotonic times. Each call corrects only what it proves to be wrong. */
void clock_follow(int64_t wall_us, int64_t asked_us, int64_t answered_us);

/* Milliseconds on a clock that never goes back, and that also counts while the machine sleeps. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void); /* the same in microseconds, for short durations */

#define CLOCK_TEXT_SIZE sizeof("2026-11-23T09:45:00.000Z")

/* Writes RFC 3339 in UTC with milliseconds; years 0 to 9999. */
void clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);

/* Parses RFC 3339 with any offset (section 5.6) and up to nine decimals, cut to milliseconds. False for any other text,
   or for a day that does not exist. */
MUST_CHECK bool clock_parse(const char *text, int64_t *wall_ms);

#endif
