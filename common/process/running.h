/*
 * The gateway that `make run` has started here and that runs now. deploy/run.sh holds flock(2) on RUNTIME_DIR/lock
 * while it runs, and leaves in RUNTIME_DIR/settings.env, for its user alone, a first line
 *
 *   # process 4711 serves http://localhost:8000 from /srv/gateway/data/sms-gateway.db
 *
 * and every setting as it is in effect, paths absolute. Without the lock that file is a leftover, and does not count.
 * A gateway whose RUNTIME_DIR is known from its environment alone is found by the symbolic link `elsewhere` in the
 * RUNTIME_DIR that it would have without.
 *
 * Main thread only: it looks into the environment.
 */
#ifndef COMMON_PROCESS_RUNNING_H
#define COMMON_PROCESS_RUNNING_H

#include "common/process/settings.h"

enum { RUNNING_URL_SIZE = 256 };

struct running {
    long pid;                   /* of make run's script: SIGTERM stops the gateway */
    char url[RUNNING_URL_SIZE]; /* at which this machine reaches it, without a slash at the end */
};

/*
 * Looks for it from `settings`, as a tool has loaded them. Found: they become the gateway's, under the variables of the
 * tool's own environment, which stay first; runtime_dir becomes a path from this working folder. False, and
 * nothing is changed: none runs, its files are another user's, or DATABASE_PATH of the environment is another
 * gateway's.
 */
MUST_CHECK bool running_load(struct settings *settings, struct running *running);

#endif
