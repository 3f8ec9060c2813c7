/* {name} in the text of a batch is a placeholder for a variable; {{ and }} are braces. */
#ifndef COMMON_PROCESS_PLACEHOLDERS_H
#define COMMON_PROCESS_PLACEHOLDERS_H

#include "common/base/buffer.h"

enum { PLACEHOLDERS_REASON_SIZE = 200 };

/* Whether the text has a brace. */
MUST_CHECK bool placeholders_any(const char *text);

/* Appends the text with its placeholders filled in. `find` gives the value of a name, or NULL. False, with the end of a
   sentence about the text, for a placeholder without a variable and a brace without its pair. */
MUST_CHECK bool placeholders_fill(const char *text,
                                  const char *(*find)(const char *name, const void *context),
                                  const void *context, struct buffer *out,
                                  char reason[PLACEHOLDERS_REASON_SIZE]);

#endif
