/* The values of members, in all forms that apps write them in. No state; any thread. */
#ifndef WS_BROKER_PROTOCOL_FRAME_VALUES_H
#define WS_BROKER_PROTOCOL_FRAME_VALUES_H

#include "common/base/json.h"
#include "common/model/message_id.h"

/* The outcome of reading a member's value. */
enum taken { TAKEN, CUT, CONVERTED, IGNORED };

bool frame_value_is_something(const struct json *value); /* there, and not null */

/* A text, or a number as text; CUT when it is longer than size - 1 bytes. */
enum taken frame_value_text(const struct json *value, char *text, size_t size);

/* Cuts what became of the NUL at the end of a C string. */
void frame_value_cut_nul(char *text);

/* A number, or a text with a number, spaces and `unit` in any case; NULL: no unit. */
MUST_CHECK bool frame_value_number(const struct json *value, const char *unit, double *number);

/* A whole number within the bounds. */
MUST_CHECK bool frame_value_integer(const struct json *value, int64_t least, int64_t most,
                                    int64_t *number);

/* A time in milliseconds since 1970 of the years 0 to 9999: RFC 3339, or a number, also as text, of seconds or milliseconds
   since 1970. A number means seconds up to 10^11, which is the year 5138, and in milliseconds 1973. */
MUST_CHECK bool frame_value_time(const struct json *value, int64_t *wall_ms);

/* true, false, 1, 0, and these as texts. */
MUST_CHECK bool frame_value_boolean(const struct json *value, bool *boolean);

/* A UUID in any case, also without hyphens, in braces or after urn:uuid:. */
MUST_CHECK bool frame_value_id(const struct json *value, struct message_id *id);

enum { FRAME_WORD_SIZE = 32 };

/* A word, in lower case and without the spaces around it. False when it is not a text, or longer than any word of the
   protocol. */
MUST_CHECK bool frame_value_word(const struct json *value, char word[FRAME_WORD_SIZE]);

#endif
