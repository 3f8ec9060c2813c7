/* A normalised number keeps the digits it was given but for "(0)", and normalises to itself; a reason is a
   short text that any terminal can show. */
#include "common/model/phone_number.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>

/* The "(0)" at `p`, with spaces within; its length, or 0. */
static size_t trunk_notation(const char *p)
{
    const char *q = p;
    if (*q++ != '(')
        return 0;
    q += strspn(q, " ");
    if (*q++ != '0')
        return 0;
    q += strspn(q, " ");
    return *q == ')' ? (size_t)(q + 1 - p) : 0;
}

static void check_form(const char *number, const char *given)
{
    size_t digits = strlen(number) - 1;
    CHECK(number[0] == '+' && number[1] != '0' && digits >= 7 && digits <= 15);
    CHECK(strspn(number + 1, "0123456789") == digits);
    for (number++; *given; given++) {
        size_t dropped = trunk_notation(given);
        if (dropped)
            given += dropped - 1;
        else if (isdigit((unsigned char)*given))
            CHECK(*number++ == *given);
        else
            CHECK(strchr("+ -./()", *given));
    }
    CHECK(*number == '\0');
}

static void check_reason(const char *reason)
{
    size_t length = strlen(reason);
    CHECK(length > 10 && length < PHONE_NUMBER_REASON_SIZE - 1); /* it was not cut */
    for (const char *p = reason; *p; p++)
        CHECK(*p >= ' ' && *p < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size), *number = malloc(PHONE_NUMBER_SIZE);
    char again[PHONE_NUMBER_SIZE];
    char reason[PHONE_NUMBER_REASON_SIZE] = "";
    CHECK(number);
    if (phone_number_normalise(text, number, reason)) {
        check_form(number, text);
        CHECK(phone_number_normalise(number, again, reason) && strcmp(again, number) == 0);
    } else {
        check_reason(reason);
    }
    free(number);
    free(text);
    return 0;
}
