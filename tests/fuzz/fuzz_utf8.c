/* What is decoded encodes to the same bytes; what is trimmed is valid and ends no earlier. */
#include "common/base/utf8.h"
#include "tests/fuzz/fuzz.h"

static size_t encode(int32_t point, char bytes[4])
{
    if (point < 0x80) {
        bytes[0] = (char)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1; point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3f));
    bytes[0] = (char)(0xf00 >> length | point); /* 1100…, 11100…, 111100… */
    return length;
}

/* How much of it is valid. */
static size_t valid_length(const char *text, size_t size)
{
    const char *p = text, *end = text + size;
    while (p < end) {
        const char *start = p;
        char again[4];
        int32_t point = utf8_next(&p, end);
        if (point < 0) {
            CHECK(p == start);
            break;
        }
        CHECK(point <= 0x10ffff && (point < 0xd800 || point > 0xdfff));
        CHECK(encode(point, again) == (size_t)(p - start));
        CHECK(memcmp(start, again, (size_t)(p - start)) == 0);
    }
    return (size_t)(p - text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(MAX(size, 1)); /* it must not need a NUL */
    CHECK(exact);
    memcpy(exact, data, size);
    CHECK(utf8_valid((char *)exact, size) == (valid_length((char *)exact, size) == size));
    free(exact);

    char *text = text_of(data, size);
    size_t length = valid_length(text, strlen(text));
    utf8_trim(text);
    CHECK(strlen(text) == length && utf8_valid(text, length));
    free(text);
    return 0;
}
