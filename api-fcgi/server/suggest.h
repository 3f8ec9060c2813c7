/* What a name that is not known was probably meant to be. Any thread. */
#ifndef API_FCGI_SERVER_SUGGEST_H
#define API_FCGI_SERVER_SUGGEST_H

#include "common/base/base.h"

/* A name, and other words for it that clients of other services write, with spaces around each. */
struct suggestion {
    const char *name;
    const char *aliases; /* NULL: none */
};

/*
 * How far `written` is from the name: 0 for the same but for capitals and punctuation ("phoneNumber",
 * "phone-number") or an alias, 1 or 2 for as many letters that are wrong; SUGGEST_FAR beyond that.
 */
enum { SUGGEST_FAR = 3 };
int suggest_distance(const char *written, const struct suggestion *suggestion);

#endif
