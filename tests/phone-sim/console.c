#include "tests/phone-sim/console.h"

#include "tests/phone-sim/utf8.h"

#include <string.h>

/* Control characters, and those that are invisible or change the direction of what follows. */
static bool is_harmless(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } harmful[] = {{0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x061c, 0x061c},
                   {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},   {0xfeff, 0xfeff},
                   {0xfff0, 0xfffb}, {0xe000, 0xf8ff}, {0xe0000, 0x10ffff}};
    for (size_t i = 0; i < ARRAY_LENGTH(harmful); i++) {
        if (c >= harmful[i].first && c <= harmful[i].last)
            return false;
    }
    return true;
}

/* Writes one character, and returns how many bytes of `text` it was. */
static size_t escape_one(char *escaped, const char *text)
{
    uint32_t c = 0;
    size_t length = utf8_decode(text, strlen(text), &c);
    if (length == 0) {
        sprintf(escaped, "\\x%02x", (unsigned char)*text);
        return 1;
    }
    if (c == '\n' || c == '\r' || c == '\t')
        sprintf(escaped, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (c == '\\')
        strcpy(escaped, "\\\\");
    else if (!is_harmless(c))
        sprintf(escaped, c < 0x10000 ? "\\u%04x" : "\\U%06x", (unsigned)c);
    else
        sprintf(escaped, "%.*s", (int)length, text);
    return length;
}

void console_escape(char *escaped, const char *text, size_t characters)
{
    for (size_t i = 0; i < characters && *text; i++) {
        text += escape_one(escaped, text);
        escaped += strlen(escaped);
    }
    strcpy(escaped, *text ? "…" : "");
}

void console_put(FILE *out, const char *text)
{
    char escaped[16];
    while (*text) {
        text += escape_one(escaped, text);
        fputs(escaped, out);
    }
}

void console_complain(const char *before, const char *format, va_list arguments)
{
    char text[2048];
    vsnprintf(text, sizeof(text), format, arguments);
    fputs(before, stderr);
    console_put(stderr, text);
}

void console_flush(struct console *console)
{
    timers_disarm(console->timers, &console->timer);
    if (*console->first == '\0')
        return;
    if (console->others > 0)
        printf("%s and %zu more: %s\n", console->first, console->others, console->text);
    else
        printf("%s  %s\n", console->first, console->text);
    *console->first = '\0';
}

static void on_timer(struct timer *timer, int64_t now_ms)
{
    (void)now_ms;
    console_flush(CONTAINER_OF(timer, struct console, timer));
}

void console_init(struct console *console, struct timers *timers, bool gathers)
{
    *console = (struct console){.timers = timers, .gathers = gathers, .timer.fire = on_timer};
}

void console_note(struct console *console, const char *id, const char *text, int64_t now_ms)
{
    char escaped[CONSOLE_TEXT_SIZE];
    console_escape(escaped, text, CONSOLE_NOTE_CHARACTERS);
    if (*console->first && strcmp(console->text, escaped) == 0) {
        console->others++;
        return;
    }
    console_flush(console);
    snprintf(console->first, sizeof(console->first), "%s", id);
    strcpy(console->text, escaped);
    console->others = 0;
    if (console->gathers)
        timers_arm(console->timers, &console->timer, now_ms + CONSOLE_GATHER_MS);
    else
        console_flush(console);
}
