/* Writes and reads the queries of URLs. Any thread. */
#ifndef COMMON_BASE_URL_H
#define COMMON_BASE_URL_H

#include "common/base/buffer.h"

/* Appends name=value, escaped, with "?" or "&" before it. */
void url_append_parameter(struct buffer *url, const char *name, const char *value);

/* Decodes a name or a value, application/x-www-form-urlencoded: + is a space. False where it is too long for `text`, `size` bytes with
   the NUL, or is not percent-encoded UTF-8 without U+0000; `text` has the part that could be decoded. */
MUST_CHECK bool url_decode(const char *from, size_t length, char *text, size_t size);

#endif
