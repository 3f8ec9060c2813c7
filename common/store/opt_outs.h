/*
 * The store's requests about recipients that have opted out: no message to them is accepted, but from a key that ignores
 * it. options.limits says whether there are opt-outs at all.
 */
#ifndef COMMON_STORE_OPT_OUTS_H
#define COMMON_STORE_OPT_OUTS_H

#include "common/base/error.h"
#include "common/model/opt_out_keywords.h"
#include "common/model/phone_number.h"

struct store_reader;

/* How a recipient came onto the list. The values are stored in the database and never change. */
enum opt_out_source { OPT_OUT_BY_SMS, OPT_OUT_BY_API, OPT_OUT_BY_TOOL, OPT_OUT_SOURCE_COUNT };

/* "sms", "api", "tool". Any thread. */
const char *opt_out_source_name(enum opt_out_source source);

struct opt_out {
    char phone_number[PHONE_NUMBER_SIZE];
    int64_t since_ms; /* wall */
    enum opt_out_source source;
    char keyword[OPT_OUT_KEYWORD_SIZE]; /* of the SMS; "": it came otherwise */
};

enum { STORE_MAX_OPT_OUTS = 256 };

/* ---- Writes: the payloads of struct store_write ---- */

/* Adds numbers to the list, or removes them; what is so already stays as it is. Queued messages to a number that is added
   become `cancelled`: at once as far as a short look through the queue finds them, and the rest by housekeeping. So do those that a
   device was offered; one that was told to send its message is asked to cancel it, and the message is not sent again. */
struct store_change_opt_outs {
    const char (*numbers)[PHONE_NUMBER_SIZE]; /* borrowed until done */
    size_t count;                             /* 1 to STORE_MAX_OPT_OUTS */
    bool remove;
    enum opt_out_source source; /* of those that are added */
    size_t changed;             /* out */
};

/* ---- Reads: see store.h ---- */

MUST_CHECK enum error store_find_opt_out(struct store_reader *reader, const char *phone_number,
                                         struct opt_out *opt_out, bool *found);

/* By number, those after `after` ("": from the first on): room for `limit`, the caller's. */
MUST_CHECK enum error store_list_opt_outs(struct store_reader *reader, const char *after,
                                          size_t limit, struct opt_out opt_outs[], size_t *count);

#endif
