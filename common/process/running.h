/*
 * Finds the gateway that `make run` has started and that is running. deploy/run.sh holds flock(2) on RUNTIME_DIR/lock
 * while it runs, and writes RUNTIME_DIR/settings.env, readable by its user alone: a first line
 *
 *   # process 4711 serves http://localhost:8000 from /srv/gateway/data/sms-gateway.db
 *
 * and every effective setting, with absolute paths. DATABASE_URL is there without its password, which a tool takes from its own
 * settings, if these name the same database, or libpq from its own sources. Without the lock the file is a leftover and is ignored.
 * If RUNTIME_DIR was set in the gateway's environment only, a tool finds it by the symbolic link `elsewhere` in the
 * RUNTIME_DIR of .env or the default.
 *
 * Main thread only: it reads the environment.
 */
#ifndef COMMON_PROCESS_RUNNING_H
#define COMMON_PROCESS_RUNNING_H

#include "common/process/settings.h"

enum { RUNNING_URL_SIZE = 256 };

struct running {
    long pid;                   /* of deploy/run.sh: SIGTERM stops the gateway */
    char url[RUNNING_URL_SIZE]; /* for clients on this machine; no slash at the end */
};

/*
 * Looks in the RUNTIME_DIR of `settings`. If a gateway is found, `settings` becomes the gateway's; variables of the
 * tool's own environment still override them, and runtime_dir becomes a path that is valid in this working directory.
 * False, with `settings` unchanged: none runs, its files belong to another user, or DATABASE_PATH in the environment is
 * a different database.
 */
MUST_CHECK bool running_load(struct settings *settings, struct running *running);

/* Whether this user may not read the files in RUNTIME_DIR that tell whether a gateway runs. `owner` is the folder's. */
MUST_CHECK bool running_is_hidden(const struct settings *settings, unsigned *owner);

#endif
