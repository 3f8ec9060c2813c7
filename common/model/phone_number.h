/*
 * Phone numbers in E.164 (ITU-T E.164, 6.1): "+", then 7 to 15 digits, the first not 0.
 *
 * A text that can only mean one number is accepted; a text that could mean another number is refused.
 */
#ifndef COMMON_MODEL_PHONE_NUMBER_H
#define COMMON_MODEL_PHONE_NUMBER_H

#include "common/base/base.h"

enum { PHONE_NUMBER_SIZE = 17, PHONE_NUMBER_REASON_SIZE = 192 };

/*
 * Converts a number as people write it to the form that the gateway stores.
 *
 * Accepted: "+", the country code and the digits that are dialled after it from abroad; between two digits spaces, one of
 * "-", "." and "/", and parentheses; spaces at either end; "(+49)". The notation "(0)" after a country
 * code whose trunk prefix is 0 (DIN 5008, BS 8573) is dropped, because no number there begins with 0.
 *
 * Refused: everything else. That is: a number without "+" (the gateway does not guess a country), any
 * other character, a second number, an extension, a short code, a trunk prefix after the country code
 * ("+49 0151", "+7 8 912", "+54 11 15", "+52 1"), a duplicate country code ("+49 49 151"),
 * the end of a decimal number ("+4915112345678.0"), and separators around nothing ("--"), where a part may be missing. Of country codes it knows the trunk prefixes and, of some, how long numbers are
 * (ITU-T Operational Bulletin, national numbering plans), and nothing about which numbers exist.
 *
 * On false `reason` says in ASCII what is wrong and what to write. It continues a sentence that begins with the field's
 * name, and quotes at most one character of the number. Any thread.
 */
MUST_CHECK bool phone_number_normalise(const char *text, char number[PHONE_NUMBER_SIZE],
                                       char reason[PHONE_NUMBER_REASON_SIZE]);

/* Whether `digits` (of a number or a prefix, without "+") have a 0 after a country code whose numbers never begin with 0.
   Never true for a normalised number. */
bool phone_number_has_trunk_zero(const char *digits);

#endif
