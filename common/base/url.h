/* Writes URLs. */
#ifndef COMMON_BASE_URL_H
#define COMMON_BASE_URL_H

#include "common/base/buffer.h"

/* Appends name=value, escaped, with "?" or "&" before it. Any thread. */
void url_append_parameter(struct buffer *url, const char *name, const char *value);

#endif
