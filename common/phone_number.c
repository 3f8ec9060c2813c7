#include "phone_number.h"

#include <ctype.h>
#include <string.h>

enum { MIN_DIGITS = 7, MAX_DIGITS = 15 };

bool phone_number_normalise(const char *text, char number[PHONE_NUMBER_SIZE], const char **reason)
{
    size_t digits = 0;
    while (*text == ' ')
        text++;
    if (*text != '+') {
        *reason = "must start with + and the country code, as in +4915112345678";
        return false;
    }
    for (text++; *text; text++) {
        if (isdigit((unsigned char)*text)) {
            if (++digits <= MAX_DIGITS)
                number[digits] = *text;
        } else if (!strchr(" -./()", *text)) {
            *reason = "may have only digits after the +, with spaces, dashes, dots, slashes and "
                      "parentheses between them";
            return false;
        }
    }
    if (digits < MIN_DIGITS || digits > MAX_DIGITS) {
        *reason = "must have 7 to 15 digits";
        return false;
    }
    if (number[1] == '0') {
        *reason = "has a country code that starts with 0, and there is none";
        return false;
    }
    number[0] = '+';
    number[1 + digits] = '\0';
    return true;
}
