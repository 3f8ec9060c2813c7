#include "ws-broker/protocol/frame_values.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NUMBER_SIZE = 25 }; /* of a double */

bool frame_value_is_something(const struct json *value)
{
    return value && !json_is_null(value);
}

enum taken frame_value_text(const struct json *value, char *text, size_t size)
{
    const char *given = json_text(value);
    double number;
    int64_t integer;
    if (json_integer(value, &integer)) {
        snprintf(text, size, "%lld", (long long)integer);
        return TAKEN;
    }
    if (json_number(value, &number)) {
        char digits[NUMBER_SIZE] = "";
        for (int i = 15; i <= 17 && (i == 15 || strtod(digits, NULL) != number); i++)
            snprintf(digits, sizeof(digits), "%.*g", i, number);
        snprintf(text, size, "%s", digits);
        return TAKEN;
    }
    if (!given)
        return IGNORED;
    size_t whole = strlen(given);
    size_t length = whole < size ? whole : utf8_prefix(given, size - 1);
    memcpy(text, given, length);
    text[length] = '\0';
    return length < whole ? CUT : TAKEN;
}

static const char *skip_spaces(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/* What became of the NUL at the end of a C string (json_parse_mended). */
static const char mended_nul[] = "\xef\xbf\xbd";

/* Whether only spaces follow, or the end of a C string. */
static bool ends(const char *text)
{
    text = skip_spaces(text);
    while (strncmp(text, mended_nul, sizeof(mended_nul) - 1) == 0)
        text += sizeof(mended_nul) - 1;
    return *text == '\0';
}

void frame_value_cut_nul(char *text)
{
    size_t length = strlen(text), nul = sizeof(mended_nul) - 1;
    while (length >= nul && strcmp(text + length - nul, mended_nul) == 0)
        text[length -= nul] = '\0';
}

bool frame_value_number(const struct json *value, const char *unit, double *number)
{
    const char *text = json_text(value);
    if (!text)
        return json_number(value, number);
    text = skip_spaces(text);
    char *end;
    size_t length = strspn(text, "+-.0123456789eE"); /* strtod accepts more: "inf", "0x10" */
    *number = strtod(text, &end);
    if (end == text || end > text + length || !isfinite(*number))
        return false;
    if (ends(end))
        return true;
    const char *after = skip_spaces(end);
    return unit && strncasecmp(after, unit, strlen(unit)) == 0 && ends(after + strlen(unit));
}

bool frame_value_integer(const struct json *value, int64_t least, int64_t most, int64_t *number)
{
    double given;
    if (!frame_value_number(value, NULL, &given) || given != trunc(given) ||
        given < (double)least || given > (double)most)
        return false;
    *number = (int64_t)given;
    return true;
}

/* RFC 3339, and spaces around it. */
static bool read_time_text(const char *text, int64_t *wall_ms)
{
    char trimmed[64];
    if (!text)
        return false;
    text = skip_spaces(text);
    size_t length = strlen(text);
    while (length > 0 && ends(text + length - 1))
        length--;
    if (length >= sizeof(trimmed))
        return false;
    memcpy(trimmed, text, length);
    trimmed[length] = '\0';
    return clock_parse(trimmed, wall_ms);
}

bool frame_value_time(const struct json *value, int64_t *wall_ms)
{
    static const double least_ms = -62167219200000, most_ms = 253402300799999; /* clock_format */
    static const double most_seconds = 1e11;
    double number;
    int64_t read_ms;
    if (frame_value_number(value, NULL, &number))
        number = floor(fabs(number) <= most_seconds ? number * 1000 : number);
    else if (read_time_text(json_text(value), &read_ms))
        number = (double)read_ms;
    else
        return false;
    *wall_ms = (int64_t)number;
    return number >= least_ms && number <= most_ms;
}

bool frame_value_word(const struct json *value, char word[FRAME_WORD_SIZE])
{
    const char *text = json_text(value);
    if (!text)
        return false;
    text = skip_spaces(text);
    size_t length = strcspn(text, " \t\r\n\xef");
    if (length >= FRAME_WORD_SIZE || !ends(text + length))
        return false;
    for (size_t i = 0; i < length; i++)
        word[i] = (char)tolower((unsigned char)text[i]);
    word[length] = '\0';
    return true;
}

bool frame_value_boolean(const struct json *value, bool *boolean)
{
    char word[FRAME_WORD_SIZE];
    int64_t number;
    if (json_is_boolean(value)) {
        *boolean = json_true(value);
        return true;
    }
    if (frame_value_integer(value, 0, 1, &number)) {
        *boolean = number;
        return true;
    }
    if (!frame_value_word(value, word))
        return false;
    *boolean = strcmp(word, "true") == 0;
    return *boolean || strcmp(word, "false") == 0;
}

bool frame_value_id(const struct json *value, struct message_id *id)
{
    static const char urn[] = "urn:uuid:";
    enum { DIGITS = 2 * MESSAGE_ID_BYTES };
    const char *p = json_text(value);
    char digits[DIGITS + 1], text[MESSAGE_ID_TEXT_SIZE];
    int count = 0;
    if (!p)
        return false;
    if (message_id_parse(p, id)) /* as most do */
        return true;
    p = skip_spaces(p);
    if (strncasecmp(p, urn, sizeof(urn) - 1) == 0)
        p += sizeof(urn) - 1;
    bool braces = *p == '{';
    for (p += braces; count < DIGITS && (isxdigit((unsigned char)*p) || *p == '-'); p++) {
        if (*p != '-')
            digits[count++] = *p;
    }
    if (count < DIGITS || (braces && *p++ != '}') || !ends(p))
        return false;
    digits[DIGITS] = '\0';
    snprintf(text, sizeof(text), "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12,
             digits + 16, digits + 20);
    return message_id_parse(text, id);
}
