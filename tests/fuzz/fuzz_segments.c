/* Segments hold what they may hold, and a longer text never needs fewer. */
#include "common/base/utf8.h"
#include "common/model/sms_segments.h"
#include "tests/fuzz/fuzz.h"

/* Counted another way: lead bytes, those of four bytes twice. */
static unsigned utf16_units(const char *text)
{
    unsigned units = 0;
    for (; *text; text++)
        units += ((*text & 0xc0) != 0x80) + ((*text & 0xf8) == 0xf0);
    return units;
}

static struct sms_segments checked_count(const char *text)
{
    static const struct {
        unsigned one, each;
    } limits[SMS_ENCODING_COUNT] = {
        [SMS_ENCODING_GSM7] = {160, 153},
        [SMS_ENCODING_UCS2] = {70, 67},
    };
    struct sms_segments count = sms_segments_count(text);
    unsigned one = limits[count.encoding].one, each = limits[count.encoding].each;
    unsigned characters = 0;
    for (const char *p = text; *p; p++)
        characters += (*p & 0xc0) != 0x80;

    if (count.units == 0)
        CHECK(*text == '\0' && count.segments == 0);
    else if (count.units <= one)
        CHECK(count.segments == 1);
    else /* at most one unit is left free in each: a character of two units is not split */
        CHECK(count.segments >= 2 && count.units <= count.segments * each &&
              count.units > (count.segments - 1) * (each - 1));
    if (count.encoding == SMS_ENCODING_UCS2)
        CHECK(count.units == utf16_units(text));
    else
        CHECK(count.units >= characters && count.units <= 2 * characters);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size);
    utf8_trim(text);
    struct sms_segments whole = checked_count(text);
    for (size_t length = strlen(text); length > 0; length /= 2) {
        text[length] = '\0';
        utf8_trim(text); /* not within a character */
        struct sms_segments part = checked_count(text);
        CHECK(part.segments <= whole.segments && part.encoding <= whole.encoding);
        whole = part;
    }
    free(text);
    return 0;
}
