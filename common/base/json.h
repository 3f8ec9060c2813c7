/*
 * Reading JSON from a peer.
 *
 * cJSON parses, but only what a strict scan has let through (RFC 8259, and I-JSON, RFC 7493, where
 * that leaves a choice): valid UTF-8, no raw control characters, no "\u0000" and no lone surrogate,
 * exact number grammar, no duplicate names, at most JSON_MAX_DEPTH levels and JSON_MAX_MEMBERS names
 * in one object, nothing but white space after the value. So every string is a proper C string.
 *
 * A parsed document belongs to the caller; the values inside it are borrowed until json_free.
 * Any thread, one document per thread at a time.
 */
#ifndef COMMON_BASE_JSON_H
#define COMMON_BASE_JSON_H

#include "common/base/base.h"

enum { JSON_MAX_DEPTH = 16, JSON_MAX_MEMBERS = 256 };

/* Why a text was refused, and at which byte of it; for a name that stands twice, at its end. */
struct json_problem {
    const char *reason; /* static, reads after "the body is not valid JSON: " */
    size_t offset;
    bool no_memory; /* it may be valid */
};

struct json;

/* `text[length]` must be NUL. NULL, with *problem filled in, when the text is refused. */
MUST_CHECK struct json *json_parse(const char *text, size_t length, struct json_problem *problem);
void json_free(struct json *document);

/* The strict scan alone; json_parse does it too. Does not see duplicate names. */
MUST_CHECK bool json_scan(const char *text, size_t length, struct json_problem *problem);

/*
 * For a text of which nothing more than necessary may be lost, because it is evidence: where json_parse
 * refuses a name that stands twice, more than JSON_MAX_MEMBERS names, U+0000, a lone surrogate, a raw control
 * character, an unknown escape, NaN, Infinity, a byte order mark, NUL bytes at the end, or a container that is
 * nested too deeply, this takes it: both of the names; the replacement character; a space; "?"; an empty string
 * in place of the number or the container. *mended: json_scan would have refused it; *problem then says why.
 */
MUST_CHECK struct json *json_parse_mended(const char *text, size_t length,
                                          struct json_problem *problem, bool *mended);

/* The mending alone, in place. */
MUST_CHECK bool json_mend(char *text, size_t length, struct json_problem *problem);

bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_boolean(const struct json *value);
bool json_is_null(const struct json *value);

/* "a string", "a number", "true", "false", "null", "an array", "an object" */
const char *json_type_name(const struct json *value);

/* The members of an object, or the values of an array, in their order. NULL at the end. */
const struct json *json_first(const struct json *object);
const struct json *json_next(const struct json *member);
const char *json_name(const struct json *member);
const struct json *json_member(const struct json *object, const char *name);

#define json_for_each(member, object)                                                              \
    for (const struct json *member = json_first(object); member; member = json_next(member))

/* NULL when the value is not a string. */
const char *json_text(const struct json *value);

/* False when the value is not a finite number / not a whole number within +-(2^53 - 1), where every
   one has a double of its own (RFC 7493, 2.2). */
MUST_CHECK bool json_number(const struct json *value, double *number);
MUST_CHECK bool json_integer(const struct json *value, int64_t *integer);

/* Whether both are the same text, number, boolean or null. */
bool json_same_scalar(const struct json *a, const struct json *b);

/* False for anything but `true`. */
bool json_true(const struct json *value);

struct json_writer;

/* Writes the value again; numbers keep every digit that a double has. */
void json_copy(struct json_writer *json, const char *name, const struct json *value);

#endif
