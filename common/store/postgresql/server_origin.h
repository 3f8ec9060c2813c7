/*
 * Which database this is, as the server sees it, beside what the database itself says. The two differ where it was restored from a dump,
 * or made as a copy: then messages that are open in it may have been sent since, and nobody may serve it until `sms-gateway database
 * settle` has run (common/store/settle.h). A folder of the server's that was put back, and recovery to a point in time, do not show.
 */
#ifndef COMMON_STORE_POSTGRESQL_SERVER_ORIGIN_H
#define COMMON_STORE_POSTGRESQL_SERVER_ORIGIN_H

#include "common/store/postgresql/statement.h"

/* A new database is noted. False with `problem`: it was restored, has lost commits, or was copied to another one. */
MUST_CHECK bool server_origin_check(struct connection *connection, char problem[STORE_ERROR_SIZE]);

/* It is taken for what it is from now on. */
MUST_CHECK bool server_origin_note(struct connection *connection, char problem[STORE_ERROR_SIZE]);

/* Of the pipeline, after a connection that was lost: this process knows of commits that are not there. The database has been restored
   meanwhile, or another server took over without them, and what was sent since then would be sent again: no writer goes on, and none
   begins. False. */
bool server_origin_note_lost(struct handle *handle);

#endif
