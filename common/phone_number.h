/* Phone numbers in E.164 (ITU-T E.164, 6.1): "+", then 7 to 15 digits, the first not 0. */
#ifndef COMMON_PHONE_NUMBER_H
#define COMMON_PHONE_NUMBER_H

#include "base.h"

enum { PHONE_NUMBER_SIZE = 17 };

/*
 * Takes what people write, with spaces, dashes, dots, slashes and parentheses anywhere after the "+",
 * and makes the one form the gateway stores. A number without "+" is refused: the gateway does not
 * guess a country. On false *reason says what to change (static text). Any thread.
 */
MUST_CHECK bool phone_number_normalise(const char *text, char number[PHONE_NUMBER_SIZE],
                                       const char **reason);

#endif
