/*
 * Reading JSON from a peer.
 *
 * cJSON parses only texts that a strict scan has accepted (RFC 8259, and I-JSON, RFC 7493, where RFC 8259 leaves a
 * choice): valid UTF-8, no raw control characters, no "\u0000" and no lone surrogate,
 * exact number grammar, no duplicate names, at most JSON_MAX_DEPTH levels, JSON_MAX_MEMBERS names
 * in one object and JSON_MAX_VALUES values, nothing but white space after the value. So every string is a proper C string.
 *
 * A parsed document belongs to the caller; the values inside it are borrowed until json_free.
 * Any thread, one document per thread at a time.
 */
#ifndef COMMON_BASE_JSON_H
#define COMMON_BASE_JSON_H

#include "common/base/base.h"

enum { JSON_MAX_DEPTH = 16, JSON_MAX_MEMBERS = 256, JSON_MAX_VALUES = 1000000 };

/* Why a text was refused, and at which byte; a duplicate name is reported at the end of the text. */
struct json_problem {
    const char *reason; /* static, reads after "the body is not valid JSON: " */
    size_t offset;
    bool no_memory; /* it may be valid */
};

struct json;

/* `text[length]` must be NUL. NULL, with *problem set, if the text is refused. */
MUST_CHECK struct json *json_parse(const char *text, size_t length, struct json_problem *problem);
void json_free(struct json *document);

/* The strict scan alone, which is part of json_parse. It does not find duplicate names. */
MUST_CHECK bool json_scan(const char *text, size_t length, struct json_problem *problem);

/*
 * A tolerant parser for reports from phones, of which as little as possible may be lost. It accepts errors that json_parse
 * refuses: duplicate names and more than JSON_MAX_MEMBERS names (it keeps all), U+0000 and lone surrogates (replacement
 * character), raw control characters (space), unknown escapes ("?"), NaN, Infinity and containers nested too deeply
 * (empty string), a byte order mark, and NUL bytes at the end. *mended: json_scan would have refused the text; *problem
 * then says why. A whole number beyond +-(2^53 - 1) becomes a string with all of its digits: it may be the name of an SMS.
 */
MUST_CHECK struct json *json_parse_mended(const char *text, size_t length,
                                          struct json_problem *problem, bool *mended);

/* The repair alone, in place. */
MUST_CHECK bool json_mend(char *text, size_t length, struct json_problem *problem);

bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_boolean(const struct json *value);
bool json_is_null(const struct json *value);

/* "a string", "a number", "true", "false", "null", "an array", "an object" */
const char *json_type_name(const struct json *value);

/* The members of an object or the values of an array, in order. NULL after the last. */
const struct json *json_first(const struct json *object);
const struct json *json_next(const struct json *member);
const char *json_name(const struct json *member);
const struct json *json_member(const struct json *object, const char *name);

#define json_for_each(member, object)                                                              \
    for (const struct json *member = json_first(object); member; member = json_next(member))

/* NULL when the value is not a string. */
const char *json_text(const struct json *value);

/* False if the value is not a finite number, or not a whole number within +-(2^53 - 1), the range in which a double is
   exact (RFC 7493, 2.2). */
MUST_CHECK bool json_number(const struct json *value, double *number);
MUST_CHECK bool json_integer(const struct json *value, int64_t *integer);

/* Whether both are the same text, number, boolean or null. */
bool json_same_scalar(const struct json *a, const struct json *b);

/* False for anything but `true`. */
bool json_true(const struct json *value);

/* Takes the member out of the object: NULL, or the caller's to free. */
MUST_CHECK struct json *json_take_member(struct json *object, const char *name);

/* ---- Making a document: what another form of the same values is read as ---- */

/* An empty object; NULL without memory. */
MUST_CHECK struct json *json_new_object(void);

/* Add a member that the object does not have. Names and texts are borrowed, and must live as long as the object. False
   without memory. */
MUST_CHECK bool json_add_text(struct json *object, const char *name, const char *text);
MUST_CHECK bool json_add_integer(struct json *object, const char *name, int64_t integer);
MUST_CHECK bool json_add_boolean(struct json *object, const char *name, bool boolean);

struct json_writer;

/* Serialises the value; numbers keep all digits of a double. */
void json_copy(struct json_writer *json, const char *name, const struct json *value);

#endif
