/* What refuses changes of messages that the gateway would not make, of all others that may write the tables. */
#ifndef COMMON_STORE_POSTGRESQL_GUARD_H
#define COMMON_STORE_POSTGRESQL_GUARD_H

#include "common/store/postgresql/connection.h"

/* Sessions of the gateway: its own decisions are not checked a second time. */
#define GUARD_LETS_PASS "SET sms_gateway.writer = 'yes'"

/* Makes the trigger, or removes it; either once more does no harm. False with `problem`. */
MUST_CHECK bool guard_set(const char *url, bool on, int timeout_ms, char problem[STORE_ERROR_SIZE]);

#endif
