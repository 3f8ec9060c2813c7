/*
 * The errors that functions return and that clients and devices get; error.def is the table.
 *
 * A function that can fail returns `enum error`: ERROR_NONE (0) on success. On an error it does not change its
 * out-parameters. An error is logged once, where errno or the text of SQLite is known.
 */
#ifndef COMMON_BASE_ERROR_H
#define COMMON_BASE_ERROR_H

enum error {
    ERROR_NONE,
#define ERROR(id, code, http_status, close_code, title) ERROR_##id,
#include "common/base/error.def"
#undef ERROR
    ERROR_COUNT
};

/* Not for ERROR_NONE. The strings are static. Any thread. */
const char *error_code(enum error error);
const char *error_title(enum error error);
int error_http_status(enum error error); /* 0: not used in HTTP */
int error_close_code(enum error error);  /* 0: the connection stays open */

#endif
