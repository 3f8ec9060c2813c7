/*
 * Keywords by which a recipient opts out, or in again: STOP, START and the like.
 *
 * A list is a text, with commas between its keywords; spaces around them do not matter. An SMS is a keyword only as a whole:
 * "Please stop at ten" is none. Case does not matter, in Latin, Greek and Cyrillic letters, nor do spaces at the ends, or how
 * many there are between words. Any thread.
 */
#ifndef COMMON_MODEL_OPT_OUT_KEYWORDS_H
#define COMMON_MODEL_OPT_OUT_KEYWORDS_H

#include "common/base/base.h"
#include "common/base/errmsg.h"

enum { OPT_OUT_KEYWORD_SIZE = 65 };

/* Whether each keyword is valid UTF-8 of 1 to 64 bytes without control characters; an empty text is an empty list. On false
   `errmsg` is the end of a sentence that begins with the setting's name. */
MUST_CHECK bool opt_out_keywords_check(const char *list, char errmsg[ERRMSG_SIZE]);

/* Whether the text is a keyword of the list, which has been checked; `keyword` is it then, as the list has it. */
MUST_CHECK bool opt_out_keywords_find(const char *list, const char *text,
                                      char keyword[OPT_OUT_KEYWORD_SIZE]);

#endif
