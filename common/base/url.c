#include "common/base/url.h"

#include "common/base/hex.h"
#include "common/base/utf8.h"

#include <ctype.h>
#include <string.h>

void url_append_parameter(struct buffer *url, const char *name, const char *value)
{
    buffer_append_char(url, url->data && strchr(url->data, '?') ? '&' : '?');
    buffer_append_format(url, "%s=", name);
    for (; *value; value++) {
        if (isalnum((unsigned char)*value) || strchr("-._~:", *value))
            buffer_append_char(url, *value);
        else
            buffer_append_format(url, "%%%02X", (unsigned char)*value);
    }
}

static bool is_escape(const char *from, size_t length)
{
    return length >= 3 && hex_value(from[1]) >= 0 && hex_value(from[2]) >= 0;
}

bool url_decode(const char *from, size_t length, char *text, size_t size)
{
    size_t written = 0;
    bool good = true;
    for (size_t i = 0; i < length; i++) {
        char c = from[i] == '+' ? ' ' : from[i];
        if (c == '%') {
            if (is_escape(from + i, length - i)) {
                c = (char)(hex_value(from[i + 1]) << 4 | hex_value(from[i + 2]));
                i += 2;
            } else {
                good = false;
            }
        }
        if (c == '\0' || written + 1 >= size)
            good = false;
        else
            text[written++] = c;
    }
    text[written] = '\0';
    return good && utf8_valid(text, written);
}
