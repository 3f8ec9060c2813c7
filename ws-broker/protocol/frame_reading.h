/*
 * What the files that read frames share; nobody else includes this.
 *
 * A frame's members are a table. What a member weighs is a property of its row: one that is essential makes
 * the frame be refused, any other is taken as far as it can be read, with a warning for what cannot.
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

/* What has become of a member's value. */
enum taken { TAKEN, CUT, CONVERTED, IGNORED };

enum weight {
    OPTIONAL,  /* may be missing */
    EXPECTED,  /* the frame counts without it, with a warning */
    ESSENTIAL, /* without it the frame says nothing */
};

struct frame_member {
    const char *name;
    enum weight weight;
    enum taken (*take)(const struct json *value, struct reading *reading);
    const char *wanted; /* reads after "battery_level must be " */
    enum error error;   /* of one that is essential; ERROR_NONE: ERROR_INVALID_VALUE */
};

/* Reads the members of an object by their table; null is the same as none. Of one that stands twice the last
   counts, and where it is essential both must be the same. False, with *reading->problem, when an essential one
   is missing or cannot be read. */
MUST_CHECK bool frame_read_members(const struct json *object, const struct frame_member *members,
                                   size_t count, struct reading *reading);

/* Refuses the frame. */
PRINTF_FORMAT(3, 4)
bool frame_refuse(struct frame_problem *problem, enum error error, const char *detail, ...);

/* Adds to the frame's warning; `member` is static, or NULL. */
PRINTF_FORMAT(3, 4)
void frame_warn(struct reading *reading, const char *member, const char *detail, ...);

/* ---- frame_values.c: values, also as others write them ---- */

bool value_is_something(const struct json *value); /* there, and not null */

/* A text, or a number as one; CUT where it is longer than size - 1 bytes. */
enum taken value_text(const struct json *value, char *text, size_t size);

/* A number, or one in a text, before which and after which may be spaces, and then `unit` in any case; NULL:
   none. */
MUST_CHECK bool value_number(const struct json *value, const char *unit, double *number);

/* A whole number within the bounds. */
MUST_CHECK bool value_integer(const struct json *value, int64_t least, int64_t most,
                              int64_t *number);

/* true, 1, "true", "1" and their opposites. */
MUST_CHECK bool value_boolean(const struct json *value, bool *boolean);

/* A UUID in whatever case, also without hyphens, in braces or after urn:uuid:. */
MUST_CHECK bool value_id(const struct json *value, struct message_id *id);

enum { FRAME_WORD_SIZE = 32 };

/* A word in lower case without the spaces around it. False when it is no text, or longer than any word of the
   protocol. */
MUST_CHECK bool value_word(const struct json *value, char word[FRAME_WORD_SIZE]);

/* ---- frame_info.c ---- */

/* Device information over what was known; never refused but for want of memory. */
MUST_CHECK bool frame_read_info(const struct json *object, struct reading *reading);

/* What was known, and nothing new. */
MUST_CHECK bool frame_keep_info(struct reading *reading);

#endif
