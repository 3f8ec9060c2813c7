/*
 * Prints untrusted text on a terminal: control characters, and characters that are invisible or misleading
 * (utf8_is_control), are escaped. Programs print all text from outside through this module: texts, names, labels, paths,
 * arguments, settings.
 *
 * Not for the JSON of the HTTP API, which is for programs and keeps texts unchanged.
 *
 * In text the escapes are \n, \r, \t, \u009b and \U0001fffe, and \x9b for a byte that is not UTF-8; a
 * backslash stays as it is. In JSON they are those of RFC 8259, 7. Any thread, but FILE is the caller's.
 */
#ifndef COMMON_BASE_TERMINAL_H
#define COMMON_BASE_TERMINAL_H

#include "common/base/buffer.h"

#include <stdio.h>

/* Appends a text on one line. */
void terminal_append(struct buffer *out, const char *text);

/* Appends `length` bytes of JSON; escapes only inside its strings. */
void terminal_append_json(struct buffer *out, const char *json, size_t length);

/* The same, to a file. */
void terminal_put(FILE *out, const char *text);
void terminal_put_json(FILE *out, const char *json, size_t length);

/* Prints one line; escapes the whole formatted text except a line feed at its end. */
void terminal_print(FILE *out, const char *format, ...) PRINTF_FORMAT(2, 3);
void terminal_print_list(FILE *out, const char *format, va_list arguments) PRINTF_FORMAT(2, 0);

#endif
