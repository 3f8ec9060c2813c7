/*
 * What the program prints on its standard output. Texts of others are escaped here, so that they
 * cannot mess up a terminal. Of many phones that say the same at about the same time only the first
 * is named, and the others are counted.
 */
#ifndef TESTS_PHONE_SIM_CONSOLE_H
#define TESTS_PHONE_SIM_CONSOLE_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/timers.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    CONSOLE_GATHER_MS = 250,
    CONSOLE_SMS_CHARACTERS = 60,
    CONSOLE_NOTE_CHARACTERS = 300,
    /* An escaped character takes at most 8 bytes. */
    CONSOLE_TEXT_SIZE = CONSOLE_NOTE_CHARACTERS * 8 + 8,
};

struct console {
    struct timers *timers;
    bool gathers; /* false for a single phone: it has its lines at once */
    struct timer timer;
    char first[72];
    char text[CONSOLE_TEXT_SIZE];
    size_t others;
};

void console_init(struct console *console, struct timers *timers, bool gathers);

/* `text` is escaped and may be gathered with the same from other phones. */
void console_note(struct console *console, const char *id, const char *text, int64_t now_ms);

/* Prints what was gathered. To be called before the end, and before a line that comes after it. */
void console_flush(struct console *console);

/* `text` with C's escape sequences for what is not to be printed, and cut after `characters`.
 * `escaped` has CONSOLE_TEXT_SIZE bytes, and `characters` is at most CONSOLE_NOTE_CHARACTERS. */
void console_escape(char *escaped, const char *text, size_t characters);

/* Writes a whole text of others, escaped. */
void console_put(FILE *out, const char *text);

/* What went wrong, on the standard error: one line, escaped. */
void console_complain(const char *before, const char *format, va_list arguments)
    PRINTF_FORMAT(2, 0);

#endif
