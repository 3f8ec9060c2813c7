#include "common/base/url.h"

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
