/*
 * Prefixes of phone numbers: which destinations a gateway sends to.
 *
 * A prefix is "+" and 1 to 15 digits, the first not 0: the start of an E.164 number. Any thread.
 */
#ifndef COMMON_MODEL_PREFIX_LIST_H
#define COMMON_MODEL_PREFIX_LIST_H

#include "common/base/errmsg.h"

enum {
    PREFIX_LIST_MOST = 256,
    PREFIX_LIST_MOST_DIGITS = 15,
};

struct prefix_list {
    size_t count;
    char prefixes[PREFIX_LIST_MOST][PREFIX_LIST_MOST_DIGITS + 1]; /* without "+" */
};

/* Parses prefixes separated by spaces or commas; an empty text is an empty list. On false `errmsg` is the end of a
   sentence that begins with the setting's name. */
MUST_CHECK bool prefix_list_parse(const char *text, struct prefix_list *list,
                                  char errmsg[ERRMSG_SIZE]);

/* The number of digits of the longest prefix that `number` (E.164, with "+") starts with; 0: none. */
size_t prefix_list_match(const struct prefix_list *list, const char *number);

/* Whether messages may be sent to a number. An empty `allowed` allows all. If both lists match, the longer prefix
   decides; of two equal prefixes the denied one. */
enum prefix_verdict { PREFIX_ALLOWED, PREFIX_NOT_IN_ALLOWED, PREFIX_DENIED };
enum prefix_verdict prefix_list_judge(const struct prefix_list *allowed,
                                      const struct prefix_list *denied, const char *number);

#endif
