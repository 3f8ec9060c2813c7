#include "common/model/request_id.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

static const struct request_id none;

/* The value of a hex digit; -1 for any other character. */
static int value_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct request_id request_id_parse(const char *text)
{
    struct request_id id;
    for (size_t i = 0; i < REQUEST_ID_BYTES; i++, text += 2) {
        int high = value_of(text[0]), low = high < 0 ? -1 : value_of(text[1]);
        if (low < 0)
            return none;
        id.bytes[i] = (unsigned char)(high << 4 | low);
    }
    return *text == '\0' ? id : none;
}

void request_id_format(const struct request_id *id, char text[REQUEST_ID_TEXT_SIZE])
{
    *text = '\0';
    if (request_id_is_none(id))
        return;
    for (size_t i = 0; i < REQUEST_ID_BYTES; i++) {
        *text++ = digits[id->bytes[i] >> 4];
        *text++ = digits[id->bytes[i] & 15];
    }
    *text = '\0';
}

bool request_id_is_none(const struct request_id *id)
{
    return memcmp(id, &none, sizeof(none)) == 0;
}
