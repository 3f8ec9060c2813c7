#ifndef TESTS_PHONE_SIM_UTF8_H
#define TESTS_PHONE_SIM_UTF8_H

#include "tests/phone-sim/base.h"

/* The length of the UTF-8 character at the beginning of `text` and its code point; 0 if there is
 * none, as RFC 3629 has it. Reads at most `length` bytes. */
size_t utf8_decode(const char *text, size_t length, uint32_t *code_point);

bool utf8_is_valid(const char *text, size_t length);

#endif
