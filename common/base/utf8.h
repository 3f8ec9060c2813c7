/* Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF. Any thread. */
#ifndef COMMON_BASE_UTF8_H
#define COMMON_BASE_UTF8_H

#include "common/base/base.h"

/* utf8_next of a character beyond ASCII. */
int32_t utf8_next_long(const char **text, const char *end);

/* Decodes the character at *text, which is before `end`, and moves past it. -1 when it is not
   valid UTF-8; *text then stays. */
static inline int32_t utf8_next(const char **text, const char *end)
{
    unsigned char c = (unsigned char)**text;
    if (c >= 0x80)
        return utf8_next_long(text, end);
    *text += 1;
    return c;
}

/* Whether it must not come to a terminal or a log as it is: a control character, of ASCII or of Unicode (C0, DEL,
   C1), or a byte that is no character at all (-1); what ends a line (U+2028, 2029) or turns its direction
   (061c, 200e, 200f, 202a to 202e, 2066 to 2069: UAX #9, 2); a byte order mark (feff), annotations (fff9 to
   fffb), and noncharacters. Joiners are not among them: scripts and emoji need them. */
bool utf8_is_control(int32_t point);

MUST_CHECK bool utf8_valid(const char *text, size_t length);

/* Ends a text before the first byte that is not valid UTF-8: what was cut in the middle of a
   character then ends before it. */
void utf8_trim(char *text);

/* The most bytes, up to `most`, with which a valid text can begin so that nothing that a reader sees as one
   character is cut: an accent stays with its letter, and an emoji with its colour, its other half (a flag) and
   what it is joined to. Of the rules of Unicode's annex 29 these are the ones for what phones have in names; a
   character of more than `most` bytes is cut between two code points. */
size_t utf8_prefix(const char *text, size_t most);

#endif
