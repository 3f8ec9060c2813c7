/* An error message for the user: one sentence that says what is wrong and what to change. */
#ifndef COMMON_BASE_ERRMSG_H
#define COMMON_BASE_ERRMSG_H

#include "common/base/base.h"

enum { ERRMSG_SIZE = 512 };

/* Formats the message; a longer one is cut off. Returns false, so that a check can return it. */
bool errmsg_set(char errmsg[ERRMSG_SIZE], const char *format, ...) PRINTF_FORMAT(2, 3);

#endif
