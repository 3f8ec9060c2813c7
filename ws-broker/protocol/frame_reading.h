/*
 * Shared by the files that read frames, and included by them alone.
 *
 * The members of a frame are a table. A frame is refused when an essential member is missing or unreadable; any other
 * member is taken as far as it can be read, with a warning.
 */
#ifndef WS_BROKER_PROTOCOL_FRAME_READING_H
#define WS_BROKER_PROTOCOL_FRAME_READING_H

#include "common/base/json.h"
#include "ws-broker/protocol/frames.h"

struct reading {
    struct frame *frame;
    const struct device_info *known;
    struct frame_problem *problem; /* why the frame is refused */
};

/* The outcome of reading a member's value. */
enum taken { TAKEN, CUT, CONVERTED, IGNORED };

enum weight {
    OPTIONAL,  /* may be missing */
    EXPECTED,  /* the frame counts without it, with a warning */
    ESSENTIAL, /* the frame is refused without it */
};

struct frame_member {
    const char *name;
    enum weight weight;
    enum taken (*take)(const struct json *value, struct reading *reading);
    const char *wanted; /* completes "battery_level must be " */
    enum error error;   /* of a refusal; ERROR_NONE: ERROR_INVALID_VALUE */
};

/* Reads the members of an object by their table; null is the same as missing. When a member appears twice, the last one
   counts; two essential ones must be equal. False, with *reading->problem, when an essential member is missing or
   unreadable. */
MUST_CHECK bool frame_read_members(const struct json *object, const struct frame_member *members,
                                   size_t count, struct reading *reading);

/* Fills in why the frame is refused; returns false. */
PRINTF_FORMAT(3, 4)
bool frame_refuse(struct frame_problem *problem, enum error error, const char *detail, ...);

/* Adds to the frame's warning; `member` is static, or NULL. */
PRINTF_FORMAT(3, 4)
void frame_warn(struct reading *reading, const char *member, const char *detail, ...);

/* ---- frame_values.c: values in all forms that apps write them in ---- */

bool value_is_something(const struct json *value); /* there, and not null */

/* A text, or a number as text; CUT when it is longer than size - 1 bytes. */
enum taken value_text(const struct json *value, char *text, size_t size);

/* A number, or a text with a number, spaces and `unit` in any case; NULL: no unit. */
MUST_CHECK bool value_number(const struct json *value, const char *unit, double *number);

/* A whole number within the bounds. */
MUST_CHECK bool value_integer(const struct json *value, int64_t least, int64_t most,
                              int64_t *number);

/* true, false, 1, 0, and these as texts. */
MUST_CHECK bool value_boolean(const struct json *value, bool *boolean);

/* A UUID in any case, also without hyphens, in braces or after urn:uuid:. */
MUST_CHECK bool value_id(const struct json *value, struct message_id *id);

enum { FRAME_WORD_SIZE = 32 };

/* A word, in lower case and without the spaces around it. False when it is not a text, or longer than any word of the
   protocol. */
MUST_CHECK bool value_word(const struct json *value, char word[FRAME_WORD_SIZE]);

/* ---- frame_info.c ---- */

/* Reads device information over what was known. False only without memory. */
MUST_CHECK bool frame_read_info(const struct json *object, struct reading *reading);

/* Keeps the device information that was known. False only without memory. */
MUST_CHECK bool frame_keep_info(struct reading *reading);

#endif
