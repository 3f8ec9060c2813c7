/* The routes of the API: the index of this program. */
#ifndef API_FCGI_ROUTES_H
#define API_FCGI_ROUTES_H

#include "api-fcgi/server/router.h"

extern const struct route_table routes_table;

#endif
