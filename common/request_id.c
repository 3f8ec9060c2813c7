#include "request_id.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

struct request_id request_id_parse(const char *text)
{
    struct request_id id = {{0}};
    if (strlen(text) != REQUEST_ID_TEXT_SIZE - 1 ||
        strspn(text, digits) != REQUEST_ID_TEXT_SIZE - 1)
        return id;
    for (size_t i = 0; i < REQUEST_ID_TEXT_SIZE - 1; i++) {
        int value = text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10;
        id.bytes[i / 2] = (unsigned char)(id.bytes[i / 2] << 4 | value);
    }
    return id;
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
    static const struct request_id none;
    return memcmp(id, &none, sizeof(none)) == 0;
}
