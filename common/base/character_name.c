#include "common/base/character_name.h"

#include <ctype.h>
#include <stdio.h>

enum kind { OTHER, SPACE, DASH, DIGIT };

static const struct {
    int32_t first, last;
    enum kind kind;
    const char *name;
} ranges[] = {
    {0x00, 0x00, OTHER, "a NUL character"},
    {0x09, 0x09, SPACE, "a tab"},
    {0x0a, 0x0a, OTHER, "a line feed"},
    {0x0d, 0x0d, OTHER, "a carriage return"},
    {0x01, 0x1f, OTHER, "a control character"},
    {0x7f, 0x9f, OTHER, "a control character"},
    {0xa0, 0xa0, SPACE, "a no-break space"},
    {0xad, 0xad, DASH, "a soft hyphen"},
    {0xb2, 0xb3, OTHER, "a superscript digit"},
    {0xb9, 0xb9, OTHER, "a superscript digit"},
    {0x61c, 0x61c, OTHER, "an invisible direction mark"},
    {0x660, 0x669, DIGIT, "an Arabic-Indic digit"},
    {0x6f0, 0x6f9, DIGIT, "an extended Arabic-Indic digit"},
    {0x7c0, 0x7c9, DIGIT, "an NKo digit"},
    {0x966, 0x96f, DIGIT, "a Devanagari digit"},
    {0x9e6, 0x9ef, DIGIT, "a Bengali digit"},
    {0xa66, 0xa6f, DIGIT, "a Gurmukhi digit"},
    {0xae6, 0xaef, DIGIT, "a Gujarati digit"},
    {0xb66, 0xb6f, DIGIT, "an Oriya digit"},
    {0xbe6, 0xbef, DIGIT, "a Tamil digit"},
    {0xc66, 0xc6f, DIGIT, "a Telugu digit"},
    {0xce6, 0xcef, DIGIT, "a Kannada digit"},
    {0xd66, 0xd6f, DIGIT, "a Malayalam digit"},
    {0xe50, 0xe59, DIGIT, "a Thai digit"},
    {0xed0, 0xed9, DIGIT, "a Lao digit"},
    {0xf20, 0xf29, DIGIT, "a Tibetan digit"},
    {0x1040, 0x1049, DIGIT, "a Myanmar digit"},
    {0x1680, 0x1680, SPACE, "an Ogham space mark"},
    {0x17e0, 0x17e9, DIGIT, "a Khmer digit"},
    {0x1810, 0x1819, DIGIT, "a Mongolian digit"},
    {0x2000, 0x200a, SPACE, "a wide or thin space"},
    {0x200b, 0x200d, OTHER, "an invisible zero-width character"},
    {0x200e, 0x200f, OTHER, "an invisible direction mark"},
    {0x2010, 0x2010, DASH, "a hyphen other than \"-\""},
    {0x2011, 0x2011, DASH, "a non-breaking hyphen"},
    {0x2012, 0x2015, DASH, "a dash other than \"-\""},
    {0x2018, 0x201f, OTHER, "a typographic quotation mark"},
    {0x2028, 0x2029, OTHER, "a line separator"},
    {0x202a, 0x202e, OTHER, "an invisible direction mark"},
    {0x202f, 0x202f, SPACE, "a narrow no-break space"},
    {0x205f, 0x205f, SPACE, "a mathematical space"},
    {0x2060, 0x2065, OTHER, "an invisible character"},
    {0x2066, 0x2069, OTHER, "an invisible direction mark"},
    {0x2070, 0x2079, OTHER, "a superscript digit"},
    {0x2080, 0x2089, OTHER, "a subscript digit"},
    {0x2212, 0x2212, DASH, "a minus sign other than \"-\""},
    {0x3000, 0x3000, SPACE, "an ideographic space"},
    {0xfe58, 0xfe58, DASH, "a small dash"},
    {0xfe63, 0xfe63, DASH, "a small hyphen"},
    {0xfeff, 0xfeff, OTHER, "a byte order mark"},
    {0xff0b, 0xff0b, OTHER, "a full-width plus"},
    {0xff0d, 0xff0d, DASH, "a full-width hyphen"},
    {0xff10, 0xff19, DIGIT, "a full-width digit"},
    {0xfffd, 0xfffd, OTHER, "a replacement character, left by a wrong decoding"},
    {0x1d7ce, 0x1d7ff, DIGIT, "a mathematical digit"},
};

/* The index of the first range with the character; ARRAY_LENGTH(ranges) if there is none. */
static size_t find(int32_t point)
{
    size_t i = 0;
    while (i < ARRAY_LENGTH(ranges) && (point < ranges[i].first || point > ranges[i].last))
        i++;
    return i;
}

static bool is(int32_t point, enum kind kind)
{
    size_t i = find(point);
    return i < ARRAY_LENGTH(ranges) && ranges[i].kind == kind;
}

void character_name(int32_t point, char name[CHARACTER_NAME_SIZE])
{
    size_t i = find(point);
    if (point < 0)
        snprintf(name, CHARACTER_NAME_SIZE, "a byte that is not UTF-8");
    else if (i < ARRAY_LENGTH(ranges))
        snprintf(name, CHARACTER_NAME_SIZE, "%.50s (U+%04X)", ranges[i].name, (unsigned)point);
    else if (point >= 0x80)
        snprintf(name, CHARACTER_NAME_SIZE, "the character U+%04X", (unsigned)point);
    else if (point == ' ')
        snprintf(name, CHARACTER_NAME_SIZE, "a space");
    else if (point == '"')
        snprintf(name, CHARACTER_NAME_SIZE, "a double quote");
    else
        snprintf(name, CHARACTER_NAME_SIZE, "the %s \"%c\"",
                 isdigit((int)point)   ? "digit"
                 : isalpha((int)point) ? "letter"
                                       : "character",
                 (char)point);
}

bool character_is_foreign_digit(int32_t point)
{
    return is(point, DIGIT);
}

bool character_is_foreign_dash(int32_t point)
{
    return is(point, DASH);
}

bool character_is_foreign_space(int32_t point)
{
    return is(point, SPACE);
}
