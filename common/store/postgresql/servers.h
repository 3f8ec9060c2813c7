/*
 * The servers of a URL, each to be tried by itself: libpq would wait for one that does not answer until the time for all is
 * over, and never come to its standby.
 */
#ifndef COMMON_STORE_POSTGRESQL_SERVERS_H
#define COMMON_STORE_POSTGRESQL_SERVERS_H

#include "common/store/postgresql/connection.h"

enum { SERVERS_MAX = 8 };

struct servers {
    int count; /* at least 1 */
    /* NULL: as the URL says. They point into `text`. */
    const char *hosts[SERVERS_MAX], *ports[SERVERS_MAX];
    char text[1024];
};

/* False with a problem, in which nothing of a password is. */
MUST_CHECK bool servers_read(struct servers *servers, const char *url,
                             char problem[STORE_ERROR_SIZE]);

/* Appends libpq's `text`, its first line, to the problem; `server`: of which of several, or NULL. What it quotes of the URL's
   password is left out. */
void servers_add_problem(char problem[STORE_ERROR_SIZE], const char *url, const char *server,
                         const char *text);

#endif
