/*
 * The server's clock, which all nodes follow (clock_follow): leases, times that are due, and ids are the same for all, and a
 * node whose own clock is wrong harms nobody. It is asked at each connection, with each transaction, and every few seconds
 * between them.
 */
#ifndef COMMON_STORE_POSTGRESQL_SERVER_CLOCK_H
#define COMMON_STORE_POSTGRESQL_SERVER_CLOCK_H

#include "common/store/postgresql/connection.h"

/* An expression of SQL: microseconds since 1970. */
#define SERVER_CLOCK_US "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

/* Asks on a connection that is in no pipeline. */
MUST_CHECK bool server_clock_ask(struct connection *connection, char problem[STORE_ERROR_SIZE]);

/* Takes the answer to a question that was sent at asked_us (monotonic): the last column of a row, as binary. */
void server_clock_take(const PGresult *result, int64_t asked_us);

#endif
