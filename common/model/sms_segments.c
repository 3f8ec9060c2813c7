#include "common/model/sms_segments.h"

#include "common/base/utf8.h"

#include <string.h>

static const struct {
    const char *name;
    unsigned one;  /* units in a message of one segment */
    unsigned each; /* units in each segment of several */
} encodings[SMS_ENCODING_COUNT] = {
    [SMS_ENCODING_GSM7] = {"GSM-7", 160, 153},
    [SMS_ENCODING_UCS2] = {"UCS-2", 70, 67},
    [SMS_ENCODING_8BIT] = {"8-bit", 140, 134},
};

/* 3GPP TS 23.038, 6.2.1: the default alphabet beyond ASCII, and the ASCII it lacks. */
static const int32_t default_alphabet[] = {
    0x00a1, 0x00a3, 0x00a4, 0x00a5, 0x00a7, 0x00bf, 0x00c4, 0x00c5, 0x00c6, 0x00c7,
    0x00c9, 0x00d1, 0x00d6, 0x00d8, 0x00dc, 0x00df, 0x00e0, 0x00e4, 0x00e5, 0x00e6,
    0x00e8, 0x00e9, 0x00ec, 0x00f1, 0x00f2, 0x00f6, 0x00f8, 0x00f9, 0x00fc, 0x0393,
    0x0394, 0x0398, 0x039b, 0x039e, 0x03a0, 0x03a3, 0x03a6, 0x03a8, 0x03a9,
};

enum { EURO_SIGN = 0x20ac };

/* Septets of an ASCII character: 0 if the alphabet does not have it, 2 if it needs an escape (6.2.1.1). */
static const unsigned char ascii_septets[128] = {
    ['\n'] = 1, ['\f'] = 2, ['\r'] = 1,        [' ' ... 'Z'] = 1, ['[' ... '^'] = 2,
    ['_'] = 1,  ['`'] = 0,  ['a' ... 'z'] = 1, ['{' ... '~'] = 2,
};

/* Septets of a character; 0 if the alphabet does not have it. */
static unsigned septets(int32_t point)
{
    if (point < 0x80)
        return ascii_septets[point];
    if (point == EURO_SIGN)
        return 2;
    for (size_t i = 0; i < ARRAY_LENGTH(default_alphabet); i++) {
        if (default_alphabet[i] == point)
            return 1;
    }
    return 0;
}

bool sms_segments_has_gsm7(int32_t point)
{
    return septets(point) > 0;
}

static unsigned units_of(enum sms_encoding encoding, int32_t point)
{
    switch (encoding) {
    case SMS_ENCODING_GSM7:
        return septets(point);
    case SMS_ENCODING_UCS2:
    case SMS_ENCODING_8BIT:
    case SMS_ENCODING_COUNT:
        break;
    }
    return point > 0xffff ? 2 : 1;
}

const char *sms_encoding_name(enum sms_encoding encoding)
{
    return encodings[encoding].name;
}

/* Units of the whole text; 0 if the encoding lacks one of its characters, or the text is empty. */
static unsigned count_units(enum sms_encoding encoding, const char *text, const char *end)
{
    unsigned sum = 0;
    while (text < end) {
        int32_t point = utf8_next(&text, end);
        unsigned units = point < 0 ? 0 : units_of(encoding, point);
        if (units == 0)
            return 0;
        sum += units;
    }
    return sum;
}

/* Segments of a text that does not fit into one. */
static unsigned count_segments(enum sms_encoding encoding, const char *text, const char *end)
{
    unsigned full = 0, in_last = 0; /* full segments, units in the last one */
    while (text < end) {
        unsigned units = units_of(encoding, utf8_next(&text, end));
        if (in_last + units > encodings[encoding].each) {
            full++;
            in_last = 0;
        }
        in_last += units;
    }
    return full + 1;
}

struct sms_segments sms_segments_count(const char *text)
{
    struct sms_segments count = {.encoding = SMS_ENCODING_GSM7};
    const char *end = text + strlen(text);
    count.units = count_units(count.encoding, text, end);
    if (count.units == 0) {
        count.encoding = text < end ? SMS_ENCODING_UCS2 : SMS_ENCODING_GSM7;
        count.units = count_units(count.encoding, text, end);
    }
    if (count.units > encodings[count.encoding].one)
        count.segments = count_segments(count.encoding, text, end);
    else
        count.segments = count.units > 0;
    return count;
}

struct sms_segments sms_segments_of_units(enum sms_encoding encoding, unsigned units)
{
    unsigned each = encodings[encoding].each;
    return (struct sms_segments){
        .encoding = encoding,
        .units = units,
        .segments = units <= encodings[encoding].one ? 1 : (units + each - 1) / each,
    };
}
