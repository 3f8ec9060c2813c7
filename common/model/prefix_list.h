/*
 * Prefixes of phone numbers: which destinations a gateway sends to.
 *
 * A prefix is "+" and 1 to 15 digits, the first not 0: the start of a number in E.164. No memory of
 * its own, so any thread may ask.
 */
#ifndef COMMON_MODEL_PREFIX_LIST_H
#define COMMON_MODEL_PREFIX_LIST_H

#include "common/base/base.h"

enum {
    PREFIX_LIST_MOST = 256,
    PREFIX_LIST_MOST_DIGITS = 15,
    PREFIX_LIST_ERRMSG_SIZE = 128,
};

struct prefix_list {
    size_t count;
    char prefixes[PREFIX_LIST_MOST][PREFIX_LIST_MOST_DIGITS + 1]; /* without "+" */
};

/* Reads "+49 +4366,+1", with spaces and commas between; an empty text is an empty list. On false
   `errmsg` says what to change, as the end of a sentence that begins with the setting's name. */
MUST_CHECK bool prefix_list_parse(const char *text, struct prefix_list *list,
                                  char errmsg[PREFIX_LIST_ERRMSG_SIZE]);

/* Digits of the longest prefix of the list that `number` (E.164, with "+") starts with; 0: none. */
size_t prefix_list_match(const struct prefix_list *list, const char *number);

/* Whether a number may be sent to. An empty `allowed` allows all; where both lists have a prefix of
   it the longer one counts, and of two that are equal the one that denies. */
enum prefix_verdict { PREFIX_ALLOWED, PREFIX_NOT_IN_ALLOWED, PREFIX_DENIED };
enum prefix_verdict prefix_list_judge(const struct prefix_list *allowed,
                                      const struct prefix_list *denied, const char *number);

#endif
