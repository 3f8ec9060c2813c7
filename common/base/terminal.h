/*
 * Text from elsewhere on its way to a terminal: what the terminal would obey, or a reader would not see or
 * see wrongly (utf8_is_control), is written as an escape. Everything that a program prints and did not
 * make itself goes through here: texts, names, labels, paths, arguments, settings.
 *
 * Not for the JSON of the HTTP API, which is for programs and has texts as they are.
 *
 * In text the escapes are \n, \r, \t, \u009b and \U0001fffe, and \x9b for a byte that is not UTF-8; a
 * backslash stays as it is. In JSON they are those of RFC 8259, 7. Any thread, but FILE is the caller's.
 */
#ifndef COMMON_BASE_TERMINAL_H
#define COMMON_BASE_TERMINAL_H

#include "common/base/buffer.h"

#include <stdio.h>

/* Appends a text, on one line. */
void terminal_append(struct buffer *out, const char *text);

/* Appends `length` bytes of JSON; only what stands within its strings can need an escape. */
void terminal_append_json(struct buffer *out, const char *json, size_t length);

/* The same to a file. */
void terminal_put(FILE *out, const char *text);
void terminal_put_json(FILE *out, const char *json, size_t length);

/* Prints one line: all of what the format makes is escaped but a line feed at its end. */
void terminal_print(FILE *out, const char *format, ...) PRINTF_FORMAT(2, 3);
void terminal_print_list(FILE *out, const char *format, va_list arguments) PRINTF_FORMAT(2, 0);

#endif
