/* The strict scan: a recursive descent over the grammar of RFC 8259 that builds nothing. If it may repair the text, it
   overwrites errors in place; the length does not change. */
#include "common/base/json.h"
#include "common/base/utf8.h"

#include <ctype.h>
#include <string.h>

struct scan {
    const char *start;
    const char *p;
    const char *end;
    int depth, values;
    char *mend; /* the same text if it may be repaired; else NULL */
    struct json_problem *problem;
};

static bool refuse(struct scan *scan, const char *reason)
{
    scan->problem->reason = reason;
    scan->problem->offset = (size_t)(scan->p - scan->start);
    return false;
}

/* ---- Repair ---- */

/* Overwrites the text at `at`; false if it may not be repaired. */
static bool overwrite(struct scan *scan, const char *at, const char *bytes, size_t length)
{
    if (scan->mend)
        memcpy(scan->mend + (at - scan->start), bytes, length);
    return scan->mend;
}

/* Replaces a value by an empty string and spaces. The value has at least two bytes. */
static void blank(struct scan *scan, const char *first)
{
    char *value = scan->mend + (first - scan->start);
    memset(value, ' ', (size_t)(scan->p - first));
    memset(value, '"', 2);
}

/* Replaces a container that is nested too deeply. */
static bool blank_container(struct scan *scan)
{
    const char *first = scan->p;
    size_t open = 0;
    bool in_string = false;
    do {
        char c = *scan->p++;
        if (in_string && c == '\\' && scan->p < scan->end)
            scan->p++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            open++;
        else if (!in_string && (c == '}' || c == ']'))
            open--;
    } while (open > 0 && scan->p < scan->end);
    if (open > 0)
        return refuse(scan, "the text ends too early");
    blank(scan, first);
    return true;
}

/* Words that common libraries write for numbers that JSON does not have. */
static bool blank_no_number(struct scan *scan)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    const char *first = scan->p;
    for (size_t i = 0; scan->mend && i < ARRAY_LENGTH(words); i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(scan->end - first) >= length && memcmp(first, words[i], length) == 0) {
            scan->p += length;
            blank(scan, first);
            return true;
        }
    }
    return false;
}

/* ---- The grammar ---- */

static void skip_space(struct scan *scan)
{
    while (scan->p < scan->end && strchr(" \t\r\n", *scan->p) && *scan->p)
        scan->p++;
}

static bool at(const struct scan *scan, char c)
{
    return scan->p < scan->end && *scan->p == c;
}

static bool skip(struct scan *scan, char c)
{
    if (!at(scan, c))
        return false;
    scan->p++;
    return true;
}

/* Common mistakes, and how to correct them. */
static const struct habit {
    const char *text, *reason;
} habits[] = {
    {"'", "there is a single quote; JSON uses double quotes"},
    {"\\", "there is a backslash outside a string: quotes were escaped once too often"},
    {"/", "JSON has no comments; remove it"},
    {"#", "JSON has no comments; remove it"},
    {"\xe2\x80\x9c", "there is a typographic quotation mark; write \""},
    {"\xe2\x80\x9d", "there is a typographic quotation mark; write \""},
    {"\xe2\x80\x98", "there is a typographic quotation mark; write \""},
    {"\xe2\x80\x99", "there is a typographic quotation mark; write \""},
    {"\xc2\xa0", "there is a no-break space (U+00A0) outside a string; write a plain space"},
    {"\xef\xbb\xbf", "there is a byte order mark (U+FEFF); remove it"},
    {"NaN", "NaN is not a value of JSON; write null"},
    {"Infinity", "Infinity is not a value of JSON; write null"},
    {"undefined", "undefined is not a value of JSON; leave the member out"},
    {"None", "None is not a value of JSON; write null"},
    {"NULL", "null must be in lower case"},
    {"Null", "null must be in lower case"},
    {"nil", "nil is not a value of JSON; write null"},
    {"True", "true must be in lower case"},
    {"TRUE", "true must be in lower case"},
    {"False", "false must be in lower case"},
    {"FALSE", "false must be in lower case"},
    {"<", "this looks like XML or HTML"},
    {"@", "there is an @: curl reads a file only for -d @FILE, not for --data-raw"},
    {"+", "a number may not start with +"},
    {".", "a number may not start with a decimal point"},
};

static const char *habit_reason(const struct scan *scan)
{
    for (size_t i = 0; i < ARRAY_LENGTH(habits); i++) {
        size_t length = strlen(habits[i].text);
        if ((size_t)(scan->end - scan->p) >= length && memcmp(scan->p, habits[i].text, length) == 0)
            return habits[i].reason;
    }
    return NULL;
}

/* `otherwise` is the reason if it is not one of the common mistakes. */
static bool refuse_habit(struct scan *scan, const char *otherwise)
{
    const char *reason = habit_reason(scan);
    return refuse(scan, reason ? reason : otherwise);
}

static bool scan_literal(struct scan *scan, const char *literal)
{
    size_t length = strlen(literal);
    if ((size_t)(scan->end - scan->p) < length || memcmp(scan->p, literal, length) != 0)
        return refuse_habit(scan, "a value is expected here");
    scan->p += length;
    return true;
}

static bool skip_digits(struct scan *scan)
{
    const char *first = scan->p;
    while (scan->p < scan->end && isdigit((unsigned char)*scan->p))
        scan->p++;
    return scan->p > first;
}

static bool scan_number(struct scan *scan)
{
    skip(scan, '-');
    if (skip(scan, '0')) {
        if (scan->p < scan->end && isdigit((unsigned char)*scan->p))
            return refuse(scan, "a number may not start with 0");
    } else if (!skip_digits(scan)) {
        return refuse_habit(scan, "a value is expected here");
    }
    if (skip(scan, '.') && !skip_digits(scan))
        return refuse(scan, "a digit is expected after the decimal point");
    if (skip(scan, 'e') || skip(scan, 'E')) {
        if (!skip(scan, '+'))
            skip(scan, '-');
        if (!skip_digits(scan))
            return refuse(scan, "a digit is expected in the exponent");
    }
    return true;
}

/* The value of the four hex digits after \u; -1 if they are missing. */
static int32_t scan_hex4(struct scan *scan)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        if (scan->p >= scan->end || !isxdigit((unsigned char)*scan->p))
            return -1;
        int c = tolower((unsigned char)*scan->p++);
        value = value << 4 | (isdigit(c) ? c - '0' : c - 'a' + 10);
    }
    return value;
}

static bool scan_low_surrogate(struct scan *scan)
{
    if (!skip(scan, '\\') || !skip(scan, 'u'))
        return false;
    int32_t low = scan_hex4(scan);
    return low >= 0xdc00 && low <= 0xdfff;
}

static bool scan_unicode_escape(struct scan *scan)
{
    const char *digits = scan->p;
    int32_t unit = scan_hex4(scan);
    if (unit < 0)
        return refuse(scan, "four hexadecimal digits are expected after \\u");
    const char *reason = NULL;
    if (unit == 0)
        reason = "the character U+0000 is not allowed";
    else if (unit >= 0xdc00 && unit <= 0xdfff)
        reason = "a low surrogate has no high surrogate before it";
    else if (unit >= 0xd800 && unit <= 0xdbff && !scan_low_surrogate(scan))
        reason = "a high surrogate has no low surrogate after it";
    if (!reason)
        return true;
    if (!overwrite(scan, digits, "fffd", 4)) /* the replacement character */
        return refuse(scan, reason);
    scan->p = digits + 4;
    return true;
}

static bool scan_escape(struct scan *scan)
{
    scan->p++;
    if (skip(scan, 'u'))
        return scan_unicode_escape(scan);
    if (scan->p < scan->end && *scan->p && strchr("\"\\/bfnrt", *scan->p)) {
        scan->p++;
        return true;
    }
    return refuse(scan, "an unknown escape");
}

/* One-byte characters that need no escape in a string. */
static const bool is_plain[256] = {
    [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... 0x7f] = true};

static bool scan_string(struct scan *scan)
{
    if (!skip(scan, '"'))
        return refuse_habit(scan, "a name in double quotes is expected here");
    for (;;) {
        while (scan->p < scan->end && is_plain[(unsigned char)*scan->p])
            scan->p++;
        if (scan->p >= scan->end)
            return refuse(scan, "a string is not closed");
        unsigned char c = (unsigned char)*scan->p;
        if (c == '"') {
            scan->p++;
            return true;
        }
        if (c < ' ') {
            if (!overwrite(scan, scan->p, " ", 1))
                return refuse(scan,
                              "a control character must be escaped, like \\n for a line feed");
            scan->p++;
        } else if (c == '\\') {
            const char *first = scan->p;
            if (scan_escape(scan))
                continue;
            if (!overwrite(scan, first, "?", 1))
                return false;
            scan->p = first + 1;
        } else if (utf8_next(&scan->p, scan->end) < 0) {
            return refuse(scan, "the text is not valid UTF-8; is it in Latin-1 or Windows-1252?");
        }
    }
}

static bool scan_value(struct scan *scan);

static bool scan_object(struct scan *scan)
{
    int members = 0;
    scan->p++;
    skip_space(scan);
    if (skip(scan, '}'))
        return true;
    do {
        if (++members > JSON_MAX_MEMBERS && !scan->mend)
            return refuse(scan, "an object has too many members");
        skip_space(scan);
        if (at(scan, '}'))
            return refuse(scan, "there is a comma before }; remove it");
        if (!scan_string(scan))
            return false;
        skip_space(scan);
        if (!skip(scan, ':'))
            return refuse_habit(scan, "a colon is expected here");
        if (!scan_value(scan))
            return false;
        skip_space(scan);
    } while (skip(scan, ','));
    return skip(scan, '}') || refuse_habit(scan, "a comma or } is expected here");
}

static bool scan_array(struct scan *scan)
{
    scan->p++;
    skip_space(scan);
    if (skip(scan, ']'))
        return true;
    do {
        skip_space(scan);
        if (at(scan, ']'))
            return refuse(scan, "there is a comma before ]; remove it");
        if (!scan_value(scan))
            return false;
        skip_space(scan);
    } while (skip(scan, ','));
    return skip(scan, ']') || refuse_habit(scan, "a comma or ] is expected here");
}

static bool scan_value(struct scan *scan)
{
    skip_space(scan);
    if (scan->p >= scan->end)
        return refuse(scan, "the text ends too early");
    if (++scan->values > JSON_MAX_VALUES) /* a parsed value needs far more memory than its text */
        return refuse(scan, "the document has too many values");
    if (*scan->p == '{' || *scan->p == '[') {
        if (scan->depth == JSON_MAX_DEPTH)
            return scan->mend ? blank_container(scan)
                              : refuse(scan, "the value is nested too deeply");
        scan->depth++;
        bool good = *scan->p == '{' ? scan_object(scan) : scan_array(scan);
        scan->depth--;
        return good;
    }
    if (*scan->p == '"')
        return scan_string(scan);
    if (*scan->p == 't')
        return scan_literal(scan, "true");
    if (*scan->p == 'f')
        return scan_literal(scan, "false");
    if (*scan->p == 'n')
        return scan_literal(scan, "null");
    return blank_no_number(scan) || scan_number(scan);
}

static bool scan_document(struct scan *scan)
{
    *scan->problem = (struct json_problem){0};
    if (!scan_value(scan))
        return false;
    skip_space(scan);
    if (scan->p == scan->end)
        return true;
    if (at(scan, '{') || at(scan, '['))
        return refuse(scan, "another document follows; send only one");
    return refuse_habit(scan, "something follows the value");
}

bool json_scan(const char *text, size_t length, struct json_problem *problem)
{
    struct scan scan = {.start = text, .p = text, .end = text + length, .problem = problem};
    return scan_document(&scan);
}

bool json_mend(char *text, size_t length, struct json_problem *problem)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    struct scan scan = {
        .start = text, .p = text, .end = text + length, .mend = text, .problem = problem};
    if (length >= 3 && memcmp(text, byte_order_mark, 3) == 0)
        overwrite(&scan, text, "   ", 3);
    while (length > 0 && text[--length] == '\0') /* C programs often send the NUL of a string */
        overwrite(&scan, text + length, " ", 1);
    return scan_document(&scan);
}
