#include "common/base/utf8.h"

#include <string.h>

int32_t utf8_next_long(const char **text, const char *end)
{
    const unsigned char *p = (const unsigned char *)*text;
    size_t left = (size_t)(end - *text);
    int32_t point;
    size_t length;
    int32_t lowest; /* a smaller value in this many bytes is overlong */

    if ((p[0] & 0xe0) == 0xc0) {
        length = 2, lowest = 0x80, point = p[0] & 0x1f;
    } else if ((p[0] & 0xf0) == 0xe0) {
        length = 3, lowest = 0x800, point = p[0] & 0x0f;
    } else if ((p[0] & 0xf8) == 0xf0) {
        length = 4, lowest = 0x10000, point = p[0] & 0x07;
    } else {
        return -1;
    }
    if (left < length)
        return -1;
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return -1;
        point = point << 6 | (p[i] & 0x3f);
    }
    if (point < lowest || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return -1;
    *text += length;
    return point;
}

bool utf8_is_control(int32_t point)
{
    if (point >= ' ' && point < 0x7f) /* fast path for ASCII */
        return false;
    return point < 0xa0 || point == 0x61c || (point >= 0x200e && point <= 0x200f) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
           (point >= 0xfdd0 && point <= 0xfdef) || point == 0xfeff ||
           (point >= 0xfff9 && point <= 0xfffb) || (point & 0xfffe) == 0xfffe;
}

void utf8_trim(char *text)
{
    const char *p = text, *end = text + strlen(text);
    while (p < end && utf8_next(&p, end) >= 0)
        ;
    text[p - text] = '\0';
}

bool utf8_valid(const char *text, size_t length)
{
    const char *end = text + length;
    while (text < end) {
        if (utf8_next(&text, end) < 0)
            return false;
    }
    return true;
}

/* ---- Cutting ---- */

enum { ZERO_WIDTH_JOINER = 0x200d };

/* Whether the code point belongs to the character before it. */
static bool extends(int32_t point)
{
    static const struct {
        int32_t first, last;
    } ranges[] = {
        {0x300, 0x36f},
        {0x1ab0, 0x1aff},
        {0x1dc0, 0x1dff},
        {0x20d0, 0x20ff},
        {0xfe00, 0xfe0f}, /* variation selectors */
        {0xfe20, 0xfe2f},
        {0x1f3fb, 0x1f3ff}, /* skin tones */
        {0xe0020, 0xe007f},
        {0xe0100, 0xe01ef}, /* tags */
        {ZERO_WIDTH_JOINER, ZERO_WIDTH_JOINER},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(ranges); i++) {
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    }
    return false;
}

static bool is_half_a_flag(int32_t point)
{
    return point >= 0x1f1e6 && point <= 0x1f1ff;
}

size_t utf8_prefix(const char *text, size_t most)
{
    const char *p = text, *end = text + strlen(text);
    size_t whole = 0,
           points = 0; /* the end of the last whole character, and of the last code point */
    int32_t before = 0;
    bool half_flag = false; /* `before` is the first half of a flag */
    while (p < end) {
        size_t at = (size_t)(p - text);
        int32_t point = utf8_next(&p, end);
        if (point < 0 || at > most)
            break;
        bool second_half = half_flag && is_half_a_flag(point);
        points = at;
        if (!extends(point) && before != ZERO_WIDTH_JOINER && !second_half)
            whole = at;
        half_flag = is_half_a_flag(point) && !second_half;
        before = point;
    }
    if ((size_t)(p - text) <= most)
        return (size_t)(p - text);
    return whole > 0 ? whole : points;
}

void utf8_copy(const char *text, char *copy, size_t size)
{
    size_t length = utf8_prefix(text, size - 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
}
