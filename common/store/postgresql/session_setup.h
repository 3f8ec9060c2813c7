/* What each session of the gateway's that reads or writes its tables begins with, as SQL. */
#ifndef COMMON_STORE_POSTGRESQL_SESSION_SETUP_H
#define COMMON_STORE_POSTGRESQL_SESSION_SETUP_H

#include <stdint.h>

enum { SESSION_SETUP_SIZE = 1024 };

/* For a client that waits `timeout_ms` for an answer. A process that stands still inside a transaction loses its locks after half of
   that, and a wait for a lock ends after three quarters: so neither the one nor the other makes its server look away. */
void session_setup_write(char setup[SESSION_SETUP_SIZE], int64_t timeout_ms);

#endif
