/*
 * The one list of errors: what a function returns, what a client is told.
 *
 * error.def maps each to its code, its HTTP status and its WebSocket close code. A function that
 * can fail returns `enum error`, ERROR_NONE (0) on success, and leaves its out-parameters alone
 * otherwise. It is logged once, where errno or SQLite's text is known.
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

/* All of these take any value but ERROR_NONE. Strings are static. Any thread. */
const char *error_code(enum error error);
const char *error_title(enum error error);
int error_http_status(enum error error); /* 0: never an HTTP answer */
int error_close_code(enum error error);  /* 0: the connection stays open */

#endif
