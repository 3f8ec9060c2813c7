#include "common/model/phone_number.h"

#include "common/base/character_name.h"
#include "common/base/utf8.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MIN_DIGITS = 7, MAX_DIGITS = 15 };

/* ---- Digits between the country code and the number ---- */

/*
 * The country codes with the trunk prefix 0, which is dialled only inside the country. Not in the list: countries whose
 * numbers do begin with 0 (Italy 39, San Marino 378, Ivory Coast 225, Benin 229, Gabon 241, Congo 242), countries without
 * a trunk prefix, and unassigned codes.
 */
static const char trunk_zero_codes[] =
    " 20 27 31 32 33 36 40 41 43 44 46 48 49 51 52 53 54 55 57 58 60 61 62 63 64 66 81 82 84 "
    "86 90 91 92 93 94 95 98 211 212 213 218 231 232 233 234 243 249 250 251 252 254 255 256 "
    "260 261 262 263 264 265 291 353 355 358 359 370 373 374 375 377 380 381 382 383 385 386 "
    "387 389 421 423 508 590 591 593 594 595 596 598 686 850 855 856 880 886 961 962 963 964 "
    "966 967 970 971 972 976 977 994 995 996 ";

/* Country codes without a trunk prefix where no number begins with 0. People of other countries write a 0 nevertheless. */
static const char no_zero_codes[] =
    " 30 34 45 47 56 65 216 221 228 230 237 244 248 253 257 258 266 297 298 299 350 351 352 "
    "354 356 357 371 372 376 420 502 503 504 505 506 507 509 592 597 599 670 673 675 852 853 "
    "960 965 968 973 974 975 993 998 ";

/* Other digits that people write after a country code. A number has them if it begins with one of `first` and is longer
   than the country's numbers. */
static const struct {
    const char *code, *first;
    unsigned most_digits; /* after the code */
    const char *habit;
} habits[] = {
    {"1", "01", 10, "the 1 that is dialled before it inside the country"},
    {"1", "23456789", 10, "an extension"},
    {"7", "8", 10, "the 8 that is dialled before it inside the country"},
    {"7", "01234569", 10, "an extension"},  /* 7: the code twice */
    {"44", "12356789", 10, "an extension"}, /* 4: the code twice */
    {"52", "1", 10, "the 1 that mobile numbers had until 2019"},
    {"55", "123456789", 11, "the code of a carrier"},
    {"370", "8", 8, "the 8 that is dialled before it inside the country"},
    {"375", "8", 9, "the 8 that is dialled before it inside the country"},
    {"992", "8", 9, "the 8 that is dialled before it inside the country"},
    {"993", "8", 8, "the 8 that is dialled before it inside the country"},
    {"998", "8", 9, "the 8 that is dialled before it inside the country"},
};

/* The largest number of digits after a country code, except for numbers of machines and switchboards, which may be longer
   but do not begin with the code. If a longer number begins with the code, a program has added the code twice. */
static const struct {
    const char *code;
    unsigned most_digits;
} lengths[] = {
    {"1", 10},   {"7", 10},   {"20", 10},  {"27", 9},  {"30", 10},  {"31", 9},   {"32", 9},
    {"33", 9},   {"34", 9},   {"36", 9},   {"39", 11}, {"40", 9},   {"41", 9},   {"43", 11},
    {"44", 10},  {"45", 8},   {"46", 10},  {"47", 8},  {"48", 9},   {"49", 11},  {"51", 9},
    {"52", 10},  {"53", 8},   {"54", 11},  {"55", 11}, {"56", 9},   {"57", 10},  {"58", 10},
    {"60", 10},  {"61", 9},   {"62", 12},  {"63", 10}, {"64", 10},  {"65", 8},   {"66", 9},
    {"81", 10},  {"82", 10},  {"84", 10},  {"86", 11}, {"90", 10},  {"91", 10},  {"92", 10},
    {"93", 9},   {"94", 9},   {"95", 10},  {"98", 10}, {"211", 9},  {"212", 9},  {"213", 9},
    {"216", 8},  {"218", 9},  {"220", 9},  {"221", 9}, {"222", 8},  {"223", 8},  {"224", 9},
    {"225", 10}, {"226", 8},  {"227", 8},  {"228", 8}, {"229", 10}, {"230", 8},  {"231", 9},
    {"232", 8},  {"233", 9},  {"234", 10}, {"235", 8}, {"236", 8},  {"237", 9},  {"238", 7},
    {"239", 7},  {"240", 9},  {"241", 8},  {"242", 9}, {"243", 9},  {"244", 9},  {"245", 9},
    {"248", 7},  {"249", 9},  {"250", 9},  {"251", 9}, {"252", 9},  {"253", 8},  {"254", 9},
    {"255", 9},  {"256", 9},  {"257", 8},  {"258", 9}, {"260", 9},  {"261", 9},  {"262", 9},
    {"263", 10}, {"264", 9},  {"265", 9},  {"266", 8}, {"267", 8},  {"268", 9},  {"269", 7},
    {"291", 7},  {"297", 7},  {"298", 6},  {"299", 6}, {"350", 8},  {"351", 9},  {"352", 9},
    {"353", 9},  {"354", 9},  {"355", 9},  {"356", 8}, {"357", 8},  {"358", 10}, {"359", 9},
    {"370", 8},  {"371", 8},  {"372", 8},  {"373", 8}, {"374", 8},  {"375", 9},  {"376", 9},
    {"377", 9},  {"380", 9},  {"381", 9},  {"382", 9}, {"383", 9},  {"385", 9},  {"386", 8},
    {"387", 8},  {"389", 8},  {"420", 9},  {"421", 9}, {"423", 9},  {"501", 7},  {"502", 8},
    {"503", 8},  {"504", 8},  {"505", 8},  {"506", 8}, {"507", 8},  {"508", 9},  {"509", 8},
    {"590", 9},  {"591", 8},  {"592", 7},  {"593", 9}, {"594", 9},  {"595", 9},  {"596", 9},
    {"597", 7},  {"598", 8},  {"599", 8},  {"670", 8}, {"673", 7},  {"675", 8},  {"676", 7},
    {"677", 7},  {"678", 7},  {"679", 7},  {"680", 7}, {"685", 7},  {"686", 8},  {"689", 9},
    {"850", 10}, {"852", 8},  {"853", 8},  {"855", 9}, {"856", 10}, {"880", 10}, {"886", 9},
    {"960", 7},  {"961", 8},  {"962", 9},  {"963", 9}, {"964", 10}, {"965", 8},  {"966", 9},
    {"967", 9},  {"968", 8},  {"970", 9},  {"971", 9}, {"972", 9},  {"973", 8},  {"974", 8},
    {"975", 8},  {"976", 10}, {"977", 10}, {"992", 9}, {"993", 8},  {"994", 9},  {"995", 9},
    {"996", 9},  {"998", 9},
};

/* The length of the country code at the start of the digits, if it is one of `codes`; else 0. No code is the start of
   another. */
static size_t code_of(const char *digits, const char *codes)
{
    for (size_t length = 2; length <= 3; length++) {
        char word[6] = " ";
        if (memchr(digits, '\0', length))
            break;
        memcpy(word + 1, digits, length);
        word[1 + length] = ' ';
        if (strstr(codes, word))
            return length;
    }
    return 0;
}

/* The same for codes with the trunk prefix 0. */
static size_t trunk_zero_code(const char *digits)
{
    return code_of(digits, trunk_zero_codes);
}

bool phone_number_has_trunk_zero(const char *digits)
{
    size_t length = trunk_zero_code(digits);
    return length > 0 && digits[length] == '0';
}

/* ---- Refusals ---- */

PRINTF_FORMAT(2, 3)
static bool refuse(char reason[PHONE_NUMBER_REASON_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, PHONE_NUMBER_REASON_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_uri(const char *text)
{
    static const char *const schemes[] = {
        "tel:", "sms:", "smsto:", "mms:", "mmsto:", "callto:", "sip:", "whatsapp:"};
    for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++) {
        if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
            return true;
    }
    return false;
}

static const char *skip_digits(const char *text)
{
    return text + strspn(text, "0123456789");
}

/* "4.91511E+12", as spreadsheets show a long number and then export it. */
static bool is_scientific(const char *text)
{
    text += strspn(text, " +");
    if (!isdigit((unsigned char)*text++))
        return false;
    if (*text == '.' || *text == ',')
        text = skip_digits(text + 1);
    if (*text != 'E' && *text != 'e')
        return false;
    text += 1 + (text[1] == '+');
    const char *end = skip_digits(text);
    return end > text && end[strspn(end, " ")] == '\0';
}

static bool refuse_scientific(char reason[PHONE_NUMBER_REASON_SIZE])
{
    return refuse(reason, "is a rounded amount, as spreadsheets write long numbers, and its last "
                          "digits are lost; enter it again, in a column of texts");
}

/* For a text that does not begin with "+". */
static bool refuse_beginning(const char *text, char reason[PHONE_NUMBER_REASON_SIZE])
{
    enum { SHORT_CODE_DIGITS = 6 };
    char name[CHARACTER_NAME_SIZE];
    const char *p = text;
    size_t digits = strspn(text, "0123456789"), spaces = strspn(text + digits, " ");
    if (*text == '\0')
        return refuse(reason, "is empty; write + and the country code, as in +4915112345678");
    if (is_scientific(text))
        return refuse_scientific(reason);
    if (is_uri(text))
        return refuse(
            reason,
            "is a URI, which is not supported; write only the number, as in +4915112345678");
    if (digits > 0 && digits <= SHORT_CODE_DIGITS && text[digits + spaces] == '\0')
        return refuse(reason,
                      "is a short code, or a number without its country code; short codes are"
                      " not supported, and a number must start with +, as in +4915112345678");
    if (strncmp(text, "00", 2) == 0 || strncmp(text, "0 0", 3) == 0)
        return refuse(reason, "must start with + and the country code; write + instead of the 00");
    if (strncmp(text, "011", 3) == 0)
        return refuse(reason, "must start with + and the country code; write + instead of the 011");
    if (digits > 0 || *text == '(')
        return refuse(reason, "must start with + and the country code, as in +4915112345678");
    character_name(utf8_next(&p, text + strlen(text)), name);
    return refuse(reason,
                  "must start with + and the country code, as in +4915112345678; it starts"
                  " with %s",
                  name);
}

/* Refuses the character at `p`, which is neither a digit nor a separator. */
static bool refuse_character(const char *text, const char *p, char reason[PHONE_NUMBER_REASON_SIZE])
{
    char name[CHARACTER_NAME_SIZE];
    int place = 1;
    if (is_scientific(text))
        return refuse_scientific(reason);
    for (const char *q = text; q < p; place++) {
        if (utf8_next(&q, p) < 0)
            q++;
    }
    const char *end = p + strlen(p), *next = p;
    int32_t point = utf8_next(&next, end);
    character_name(point, name);
    if (point == '+')
        return refuse(reason,
                      "has a second + at character %d; write one number, as in"
                      " +4915112345678",
                      place);
    if (point == ',' || point == ';' || point == '|' || point == '&' || point == '\n')
        return refuse(reason,
                      "has %s at character %d; write only one number: a second number needs its "
                      "own message, and extensions are not supported",
                      name, place);
    if (strchr("xXeE#pPwW*~", point) && point > 0)
        return refuse(reason,
                      "has %s at character %d; an SMS cannot be sent to extensions and tones: "
                      "write only digits, as in +4915112345678",
                      name, place);
    if (character_is_foreign_digit(point))
        return refuse(reason, "has %s at character %d; write it with the digits 0 to 9", name,
                      place);
    if (character_is_foreign_dash(point))
        return refuse(reason, "has %s at character %d; write \"-\", or leave it out", name, place);
    if (character_is_foreign_space(point))
        return refuse(reason, "has %s at character %d; write a plain space, or leave it out", name,
                      place);
    if (point >= 0 && point < 0x80 && isalpha((int)point))
        return refuse(reason, "has %s at character %d; write digits instead of letters", name,
                      place);
    return refuse(reason,
                  "has %s at character %d; remove it: only digits may follow the +, with"
                  " spaces, dashes, dots, slashes and parentheses between them",
                  name, place);
}

/* ---- Reading ---- */

struct reader {
    const char *text; /* the whole input */
    const char *p;
    char *reason;
    char *digits;
    size_t count;
    bool open;    /* within parentheses */
    bool dropped; /* "(0)" was there */
};

static bool add_digit(struct reader *reader)
{
    if (reader->count < MAX_DIGITS)
        reader->digits[reader->count] = *reader->p;
    reader->count++;
    reader->p++;
    return true;
}

/* Drops "(0)" directly after a country code with the trunk prefix 0. */
static bool take_trunk_notation(struct reader *reader, const char *end)
{
    char code[4] = "";
    memcpy(code, reader->digits, MIN(reader->count, sizeof(code) - 1));
    if (reader->count == 0 || reader->dropped || trunk_zero_code(code) != reader->count)
        return refuse(reader->reason,
                      "has \"(0)\", which is part of the number in some countries but not in "
                      "others; write the digits that are dialled from abroad");
    reader->dropped = true;
    reader->p = end;
    return true;
}

static bool open_parenthesis(struct reader *reader)
{
    if (reader->open)
        return refuse(reader->reason, "has \"(\" within parentheses; remove it");
    const char *p = reader->p + 1;
    p += strspn(p, " ");
    const char *after = p + (*p == '0');
    after += strspn(after, " ");
    if (*p == '0' && *after == ')')
        return take_trunk_notation(reader, after + 1);
    if (!isdigit((unsigned char)*p))
        return refuse(reader->reason, *p == ')' ? "has \"()\": is a part of the number missing?"
                                                : "has no digit after \"(\"; remove it");
    reader->open = true;
    reader->p++;
    return true;
}

static bool close_parenthesis(struct reader *reader)
{
    if (!reader->open)
        return refuse(reader->reason, "has \")\" without \"(\"; remove it");
    reader->open = false;
    reader->p++;
    return true;
}

/* The number of digits up to the end, if only spaces and parentheses are among them; else 0. */
static size_t count_last_digits(const char *text)
{
    size_t count = 0;
    for (; *text && strchr("0123456789 ()", *text); text++)
        count += isdigit((unsigned char)*text) != 0;
    return *text ? 0 : count;
}

/* Whether the only dot of the text, at `dot`, makes it a decimal number, as spreadsheets write it when they take a phone
   number for an amount: "+4915112345678.0". */
static bool is_decimal_point(const char *text, const char *dot)
{
    return *dot == '.' && strchr(text, '.') == dot &&
           (count_last_digits(dot + 1) == 1 ||
            (count_last_digits(dot + 1) > 0 && !strpbrk(dot, "123456789")));
}

/* A single dash, dot or slash between two digits. */
static bool take_separator(struct reader *reader)
{
    char separator = *reader->p++;
    const char *next = reader->p + strspn(reader->p, " ()");
    if (reader->count > 0 && *next && strchr("-./", *next))
        return refuse(reader->reason,
                      "has \"%c\" and \"%c\" with nothing between them: is a part of the"
                      " number missing?",
                      separator, *next);
    if (reader->count == 0 || *next == '\0')
        return refuse(reader->reason, "has \"%c\" with no digit %s it; remove it", separator,
                      *next ? "before" : "after");
    if (is_decimal_point(reader->text, reader->p - 1))
        return refuse(reader->reason,
                      "ends in a dot and %s, like a decimal number: a program took it for an "
                      "amount; store phone numbers as text, and write the digits before the dot",
                      count_last_digits(reader->p) == 1 ? "one digit" : "zeros");
    size_t rest = count_last_digits(reader->p);
    if (separator == '/' && rest < 3 && rest > 0)
        return refuse(reader->reason,
                      "ends in \"/\" and %zu digit%s, which may mean a second number;"
                      " write one number",
                      rest, rest == 1 ? "" : "s");
    return true;
}

static bool read_digits(struct reader *reader)
{
    bool good = true;
    while (good && *reader->p) {
        if (isdigit((unsigned char)*reader->p))
            good = add_digit(reader);
        else if (*reader->p == ' ')
            reader->p++;
        else if (*reader->p == '(')
            good = open_parenthesis(reader);
        else if (*reader->p == ')')
            good = close_parenthesis(reader);
        else if (strchr("-./", *reader->p))
            good = take_separator(reader);
        else
            good = refuse_character(reader->text, reader->p, reader->reason);
    }
    if (good && reader->open)
        return refuse(reader->reason, "has \"(\" without \")\": is a part of the number missing?");
    return good;
}

/* ---- Checks of the digits ---- */

/* No country has the code 8: "+8 (495) 123-45-67" would become a number in Vietnam. `text` follows the plus. */
static bool begins_with_8_alone(const char *text)
{
    text += strspn(text, " (");
    return *text == '8' && text[1] && strchr(" -./()", text[1]);
}

static bool refuse_8(char reason[PHONE_NUMBER_REASON_SIZE])
{
    return refuse(reason, "has an 8 in place of the country code, which is dialled only inside "
                          "Russia and Kazakhstan; write +7 instead of it");
}

/* `digits` are the first of `count`. */
static bool check_plan(const char *digits, size_t count, char reason[PHONE_NUMBER_REASON_SIZE])
{
    bool may_have_zero = digits[2] == '0' || digits[3] == '0'; /* seldom: it saves the searches */
    size_t code = may_have_zero ? trunk_zero_code(digits) : 0;
    size_t other = may_have_zero ? code_of(digits, no_zero_codes) : 0;
    if (code > 0 && digits[code] == '0')
        return refuse(reason,
                      "has a 0 after the country code +%.*s, which is dialled only inside the "
                      "country; leave it out",
                      (int)code, digits);
    if (other > 0 && digits[other] == '0')
        return refuse(reason, "has a 0 after the country code +%.*s, where no number begins with 0",
                      (int)other, digits);
    for (size_t i = 0; i < ARRAY_LENGTH(habits); i++) {
        if (habits[i].code[0] != digits[0]) /* quickly */
            continue;
        size_t length = strlen(habits[i].code), most = habits[i].most_digits;
        if (strncmp(digits, habits[i].code, length) == 0 && count > length + most &&
            strchr(habits[i].first, digits[length]))
            return refuse(reason,
                          "has %zu digits after +%s, where numbers have no more than %zu; leave "
                          "out %s, or anything after the number",
                          count - length, habits[i].code, most, habits[i].habit);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        if (lengths[i].code[0] != digits[0])
            continue;
        size_t length = strlen(lengths[i].code), most = lengths[i].most_digits;
        if (strncmp(digits, lengths[i].code, length) == 0 && count > length + most &&
            strncmp(digits + length, lengths[i].code, length) == 0)
            return refuse(reason,
                          "has %zu digits after +%s, where numbers have no more than %zu; leave "
                          "out the duplicate country code",
                          count - length, lengths[i].code, most);
    }
    /* Argentina: area codes begin with 11, 2 or 3, and a 9 before the area code means a mobile number. Inside the
       country 15 after the area code means the same. */
    bool mobile = strncmp(digits, "549", 3) == 0;
    if (strncmp(digits, "54", 2) == 0 &&
        (count > (mobile ? 13 : 12) || strncmp(digits + 2 + mobile, "15", 2) == 0))
        return refuse(reason, "has the 15 that is dialled only inside Argentina, or too many "
                              "digits; write +54 9, the area code and the number without 15");
    return true;
}

bool phone_number_normalise(const char *text, char number[PHONE_NUMBER_SIZE],
                            char reason[PHONE_NUMBER_REASON_SIZE])
{
    char digits[MAX_DIGITS + 1] = "";
    struct reader reader = {.text = text, .p = text, .reason = reason, .digits = digits};
    reader.p += strspn(text, " ");
    const char *plus = reader.p;
    if (*plus == '(')
        plus += 1 + strspn(plus + 1, " ");
    if (*plus != '+')
        return refuse_beginning(reader.p, reason);
    reader.open = *reader.p == '(';
    reader.p = plus + 1;
    if (!read_digits(&reader))
        return false;
    if (reader.count > 0 && digits[0] == '0')
        return refuse(reason, "has a country code that starts with 0, which does not exist; write "
                              "the country code directly after the +");
    if (begins_with_8_alone(plus + 1) || strncmp(digits, "89", 2) == 0) /* 89 is unassigned */
        return refuse_8(reason);
    if (!check_plan(digits, reader.count, reason))
        return false;
    if (reader.count < MIN_DIGITS || reader.count > MAX_DIGITS)
        return refuse(reason, "must have 7 to 15 digits, and has %zu", reader.count);
    number[0] = '+';
    memcpy(number + 1, digits, reader.count + 1);
    return true;
}
