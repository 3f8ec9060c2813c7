/*
 * The schema of the database: its versions, and the migrations to them. Nodes are upgraded one after another: each version says
 * from which one on programs work with it, and older ones go on as long as they are in that window.
 */
#ifndef COMMON_STORE_POSTGRESQL_SERVER_SCHEMA_H
#define COMMON_STORE_POSTGRESQL_SERVER_SCHEMA_H

#include "common/store/postgresql/connection.h"

struct server_schema {
    int64_t version; /* the newest */
    const char *const *
        migrations; /* SQL: [i] makes version i + 1; its last statement says so in schema_version */
};

/* The gateway's, from sql/. */
extern const struct server_schema server_schema_of_gateway;

/*
 * Creates the tables in an empty database, or runs the missing migrations, in one transaction; processes that do the same
 * wait for each other. A migration that the old version's programs do not work with needs all of them to be stopped, but for
 * `process` (role_name_write). Outside of the pipeline. False with `problem`: the database is not the gateway's, or of a version
 * that this program does not work with; it is empty, and must_exist; the server cannot be used.
 */
MUST_CHECK bool server_schema_migrate(struct connection *connection,
                                      const struct server_schema *schema, const char *process,
                                      bool must_exist, char problem[STORE_ERROR_SIZE]);

/* After a lost connection: whether this program still works with the schema. */
MUST_CHECK bool server_schema_check(struct connection *connection,
                                    const struct server_schema *schema,
                                    char problem[STORE_ERROR_SIZE]);

/* Begins a transaction with the lock of migrations: until its end no other process opens the database. */
MUST_CHECK bool server_schema_begin(struct connection *connection, char problem[STORE_ERROR_SIZE]);

/* Whether all of it was copied to another database (common/store/copy.h), with `problem`: two gateways with the same messages would
   send each twice. Also true where that cannot be read. */
MUST_CHECK bool server_schema_is_copied(struct connection *connection,
                                        char problem[STORE_ERROR_SIZE]);

#endif
