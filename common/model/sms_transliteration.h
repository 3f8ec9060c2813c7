/*
 * Typography in the letters of GSM-7: one typographic quote makes a text of 160 characters three segments instead of one.
 *
 * sms_transliteration.def is the table.
 */
#ifndef COMMON_MODEL_SMS_TRANSLITERATION_H
#define COMMON_MODEL_SMS_TRANSLITERATION_H

#include "common/base/base.h"

/*
 * *replaced: `text` with its replacements, the caller's to free, where that needs fewer segments. NULL where it does not,
 * or where a character is left that GSM-7 lacks: then the text is best as it is. False without memory.
 *
 * `text` must be valid UTF-8. Any thread.
 */
MUST_CHECK bool sms_transliterate(const char *text, char **replaced);

#endif
