/* Writing addresses. */
#ifndef COMMON_URL_H
#define COMMON_URL_H

#include "buffer.h"

/* Appends name=value, escaped, with "?" or "&" before it. Any thread. */
void url_append_parameter(struct buffer *url, const char *name, const char *value);

#endif
