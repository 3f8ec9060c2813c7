#include "common/store/postgresql/session_setup.h"

#include "common/store/postgresql/guard.h"

#include <inttypes.h>
#include <stdio.h>

/* Plans must not depend on statistics, which are often those of an empty table. */
#define PLANS                                                                                      \
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = "   \
    "off;"                                                                                         \
    " SET enable_mergejoin = off; SET enable_bitmapscan = off; SET jit = off;"

/* A process that vanishes does not keep its locks. */
#define LOST_CLIENTS                                                                               \
    " SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;"                              \
    " SET tcp_keepalives_count = 3; SET tcp_user_timeout = '25s';"

void session_setup_write(char setup[SESSION_SETUP_SIZE], int64_t timeout_ms)
{
    snprintf(setup, SESSION_SETUP_SIZE,
             PLANS LOST_CLIENTS " SET idle_in_transaction_session_timeout = %" PRId64
                                "; SET lock_timeout = %" PRId64
                                "; SELECT set_config('synchronous_commit', 'on', false)"
                                " WHERE current_setting('synchronous_commit') <> 'remote_apply';"
                                " SET standard_conforming_strings = on; SET bytea_output = hex;"
                                " SET statement_timeout = 0; SET default_transaction_isolation ="
                                " 'read committed'; " GUARD_LETS_PASS,
             timeout_ms / 2, timeout_ms - timeout_ms / 4);
}
