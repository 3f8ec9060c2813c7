#include "common/model/opt_out_keywords.h"

#include "common/base/utf8.h"

#include <string.h>

/* The small letter, as in Unicode's CaseFolding.txt for the letters that people write keywords with. */
static int32_t fold(int32_t point)
{
    if (point >= 'A' && point <= 'Z')
        return point + 32;
    if (point >= 0xc0 && point <= 0xde && point != 0xd7) /* À to Þ */
        return point + 32;
    if (point >= 0x391 && point <= 0x3a9) /* Α to Ω */
        return point + 32;
    if (point == 0x3c2) /* ς at the end of a word */
        return 0x3c3;
    if (point >= 0x410 && point <= 0x42f) /* А to Я */
        return point + 32;
    if (point >= 0x400 && point <= 0x40f) /* Ѐ to Џ */
        return point + 80;
    bool is_pair = (point >= 0x100 && point <= 0x137) || (point >= 0x14a && point <= 0x177);
    bool is_odd_pair = (point >= 0x139 && point <= 0x148) || (point >= 0x179 && point <= 0x17e);
    if (is_pair) /* Ā ā to Ķ ķ: the capital is even */
        return point | 1;
    return is_odd_pair ? point + (point & 1) : point;
}

static bool is_space(int32_t point)
{
    return point == ' ' || (point >= '\t' && point <= '\r') || point == 0xa0;
}

/* Keyboards and apps for scripts from right to left put marks around a word, and U+FFFD is what became of the NUL of a C string. */
static bool is_invisible(int32_t point)
{
    return point == 0xad || point == 0x61c || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x202a && point <= 0x202e) || (point >= 0x2060 && point <= 0x2069) ||
           (point >= 0xfe00 && point <= 0xfe0f) || point == 0xfeff || point == 0xfffd;
}

/* The text before `end`, without spaces and invisible characters at its ends. */
struct span {
    const char *at, *end;
};

/* The next folded character: of several spaces one. -1 at the end. */
static int32_t next(struct span *span)
{
    if (span->at == span->end)
        return -1;
    int32_t point = utf8_next(&span->at, span->end);
    if (!is_space(point))
        return fold(point);
    for (const char *after = span->at; after < span->end; span->at = after) {
        if (!is_space(utf8_next(&after, span->end)))
            break;
    }
    return ' ';
}

static struct span trim(const char *at, const char *end)
{
    struct span span = {at, at};
    bool begun = false;
    while (at < end) {
        const char *start = at;
        int32_t point = utf8_next(&at, end);
        if (point < 0)
            break;
        if (is_space(point) || is_invisible(point))
            continue;
        if (!begun)
            span.at = start;
        begun = true;
        span.end = at;
    }
    return begun ? span : (struct span){end, end};
}

static bool is_equal(struct span a, struct span b)
{
    for (;;) {
        int32_t one = next(&a), other = next(&b);
        if (one != other)
            return false;
        if (one < 0)
            return true;
    }
}

/* The next keyword of a list, and moves *list past it. False at the end. */
static bool next_keyword(const char **list, struct span *keyword)
{
    if (!*list)
        return false;
    size_t length = strcspn(*list, ",");
    *keyword = trim(*list, *list + length);
    *list = (*list)[length] == ',' ? *list + length + 1 : NULL;
    return true;
}

static bool has_control(const char *text, const char *end)
{
    while (text < end) {
        int32_t point = utf8_next(&text, end);
        if (point < 0 || utf8_is_control(point))
            return true;
    }
    return false;
}

bool opt_out_keywords_check(const char *list, char errmsg[ERRMSG_SIZE])
{
    struct span keyword;
    if (has_control(list, list + strlen(list)))
        return errmsg_set(errmsg, "has a control character; remove it");
    if (*list == '\0')
        return true;
    while (next_keyword(&list, &keyword)) {
        size_t length = (size_t)(keyword.end - keyword.at);
        if (length == 0)
            return errmsg_set(errmsg,
                              "has an empty keyword: write one between two commas, or remove one");
        if (length >= OPT_OUT_KEYWORD_SIZE)
            return errmsg_set(errmsg, "has a keyword of %zu bytes; a keyword has at most %d",
                              length, OPT_OUT_KEYWORD_SIZE - 1);
    }
    return true;
}

bool opt_out_keywords_find(const char *list, const char *text, char keyword[OPT_OUT_KEYWORD_SIZE])
{
    struct span found, whole = trim(text, text + strlen(text));
    while (whole.at < whole.end && next_keyword(&list, &found)) {
        size_t length = (size_t)(found.end - found.at);
        if (!is_equal(found, whole) || length >= OPT_OUT_KEYWORD_SIZE)
            continue;
        memcpy(keyword, found.at, length);
        keyword[length] = '\0';
        return true;
    }
    return false;
}
