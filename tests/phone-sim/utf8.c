#include "tests/phone-sim/utf8.h"

/* How many bytes a character has that begins with `first`; 0 if none does. */
static size_t length_by(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc0)
        return 0;
    if (first < 0xe0)
        return 2;
    if (first < 0xf0)
        return 3;
    return first < 0xf8 ? 4 : 0;
}

size_t utf8_decode(const char *text, size_t length, uint32_t *code_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    size_t needed = length > 0 ? length_by(bytes[0]) : 0;
    if (needed == 0 || needed > length)
        return 0;
    uint32_t c = needed == 1 ? bytes[0] : bytes[0] & (0x7fu >> needed);
    for (size_t i = 1; i < needed; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (bytes[i] & 0x3f);
    }
    bool is_surrogate = c >= 0xd800 && c <= 0xdfff;
    if (c < smallest[needed] || c > 0x10ffff || is_surrogate)
        return 0;
    *code_point = c;
    return needed;
}

bool utf8_is_valid(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        uint32_t code_point;
        size_t step = utf8_decode(text + at, length - at, &code_point);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}
