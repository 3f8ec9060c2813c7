/*
 * A PostgreSQL database of a program's own, in the server that STORE_DSN names; each of its tests finds it as it was made.
 */
#ifndef TESTS_STORE_POSTGRESQL_FIXTURE_H
#define TESTS_STORE_POSTGRESQL_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether STORE_DSN is postgresql://USER@/postgres?host=FOLDER. */
bool is_postgresql(void);

/* With a new schema and nothing else; its DSN. One at a time. */
void postgresql_create(char *dsn, size_t size);
void postgresql_drop(const char *dsn);

/* A number that a query finds there; a statement without rows gives 0. */
int64_t postgresql_number(const char *dsn, const char *sql);

/* A session that has run the statements, until it has run others at its end. */
void *postgresql_open(const char *dsn, const char *sql);
void postgresql_close(void *session, const char *sql);

/* The text of a statement of the store, with its named parameters. */
const char *postgresql_statement(const char *id);

#endif
