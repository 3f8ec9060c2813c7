/* The database that the settings name. */
#ifndef COMMON_PROCESS_DATABASE_URL_H
#define COMMON_PROCESS_DATABASE_URL_H

#include "common/process/settings.h"

enum { NODE_NAME_SIZE = 41 };

/* Whether a URL is one of PostgreSQL's: postgresql: or postgres:. */
MUST_CHECK bool database_url_is_postgresql(const char *url);

/* For store_options.dsn: DATABASE_URL where that is PostgreSQL's, otherwise DATABASE_PATH. It lives in `settings`. */
const char *database_dsn(const struct settings *settings);

/* The same for people: a URL without the password and the parameters. */
void database_shown(const struct settings *settings, char shown[SETTINGS_TEXT_SIZE]);

/* NODE_NAME, or the name of this host. */
void database_node_name(const struct settings *settings, char name[NODE_NAME_SIZE]);

/* Removes what is secret from a URL of PostgreSQL: it can still be used where the password is elsewhere. */
void database_url_remove_password(char *url);

/* DATABASE_DURABILITY of a PostgreSQL database. */
MUST_CHECK bool database_needs_standby(const struct settings *settings);

/* DATABASE_URL is empty or one that the programs can use, and NODE_NAME is a name. */
MUST_CHECK bool database_url_check(const struct settings *settings, char errmsg[ERRMSG_SIZE]);

#endif
