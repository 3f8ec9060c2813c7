/* Suggestions for unknown names. Any thread. */
#ifndef API_FCGI_SERVER_SUGGEST_H
#define API_FCGI_SERVER_SUGGEST_H

#include "common/base/base.h"

/* A known name, and the names that clients of other services use for it, with spaces around each. */
struct suggestion {
    const char *name;
    const char *aliases; /* NULL: none */
};

/*
 * The distance of `written` from the name: 0 if only case and punctuation differ ("phoneNumber",
 * "phone-number") or for an alias; 1 or 2 for that number of typing errors; else SUGGEST_FAR.
 */
enum { SUGGEST_FAR = 3 };
int suggest_distance(const char *written, const struct suggestion *suggestion);

#endif
