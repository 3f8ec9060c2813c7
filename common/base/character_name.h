/* Names of characters for error messages; an invisible or look-alike character is named by its code. */
#ifndef COMMON_BASE_CHARACTER_NAME_H
#define COMMON_BASE_CHARACTER_NAME_H

#include "common/base/base.h"

enum { CHARACTER_NAME_SIZE = 64 };

/*
 * Writes a noun phrase in ASCII without control characters, ready for any terminal or log:
 * `the letter "F"`, `a no-break space (U+00A0)`, `an Arabic-Indic digit (U+0661)`, `the character U+1F600`.
 * `point` is what utf8_next returned; -1 is `a byte that is not UTF-8`. Names are those of the Unicode
 * Character Database, shortened. Any thread.
 */
void character_name(int32_t point, char name[CHARACTER_NAME_SIZE]);

/* Whether the character is a decimal digit of a script other than ASCII. */
bool character_is_foreign_digit(int32_t point);

/* Whether the character is a dash or hyphen other than "-"; a space other than " ". */
bool character_is_foreign_dash(int32_t point);
bool character_is_foreign_space(int32_t point);

#endif
