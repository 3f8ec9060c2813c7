/* Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF. Any thread. */
#ifndef COMMON_BASE_UTF8_H
#define COMMON_BASE_UTF8_H

#include "common/base/base.h"

/* utf8_next for characters other than ASCII. */
int32_t utf8_next_long(const char **text, const char *end);

/* Decodes the character at *text, before `end`, and moves *text past it. -1, without moving, if it is not valid UTF-8. */
static inline int32_t utf8_next(const char **text, const char *end)
{
    unsigned char c = (unsigned char)**text;
    if (c >= 0x80)
        return utf8_next_long(text, end);
    *text += 1;
    return c;
}

/* Whether terminals and logs need an escape for it: control characters (C0, DEL, C1), invalid bytes (-1), line and
   paragraph separators (U+2028, 2029), direction controls (061c, 200e, 200f, 202a to 202e, 2066 to 2069: UAX #9, 2), the
   byte order mark (feff), annotations (fff9 to fffb) and noncharacters. Joiners need none: scripts and emoji use them. */
bool utf8_is_control(int32_t point);

MUST_CHECK bool utf8_valid(const char *text, size_t length);

/* Cuts a text before the first byte that is not valid UTF-8, like a character that was cut in the middle. */
void utf8_trim(char *text);

/* The length of the longest start of a valid text, up to `most` bytes, that cuts no visible character: an accent stays
   with its letter, and an emoji with its skin tone, the other half of a flag, and joined emoji. Implements the rules of
   Unicode's annex 29 that occur in device names. A character of more than `most` bytes is cut between code points. */
size_t utf8_prefix(const char *text, size_t most);

/* Into `size` bytes, with the NUL; a text that is too long is cut as by utf8_prefix. */
void utf8_copy(const char *text, char *copy, size_t size);

#endif
