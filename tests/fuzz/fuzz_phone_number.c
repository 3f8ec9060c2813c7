/* A normalised number keeps the digits it was given, and normalises to itself. */
#include "../../common/phone_number.h"
#include "fuzz.h"

#include <ctype.h>

static void check_form(const char *number, const char *given)
{
    size_t digits = strlen(number) - 1;
    CHECK(number[0] == '+' && number[1] != '0' && digits >= 7 && digits <= 15);
    CHECK(strspn(number + 1, "0123456789") == digits);
    for (number++; *given; given++) {
        if (isdigit((unsigned char)*given))
            CHECK(*number++ == *given);
    }
    CHECK(*number == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size), *number = malloc(PHONE_NUMBER_SIZE);
    char again[PHONE_NUMBER_SIZE];
    const char *reason = NULL;
    CHECK(number);
    if (phone_number_normalise(text, number, &reason)) {
        check_form(number, text);
        CHECK(phone_number_normalise(number, again, &reason) && strcmp(again, number) == 0);
    } else {
        CHECK(reason && *reason);
    }
    free(number);
    free(text);
    return 0;
}
