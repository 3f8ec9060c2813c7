#include "common/store/postgresql/server_clock.h"

#include "common/base/clock.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

bool server_clock_ask(struct connection *connection, char problem[STORE_ERROR_SIZE])
{
    int64_t asked_us = clock_monotonic_us();
    PGresult *result = connection_query(connection, "SELECT " SERVER_CLOCK_US, problem);
    if (result)
        clock_follow(strtoll(PQgetvalue(result, 0, 0), NULL, 10), asked_us, clock_monotonic_us());
    PQclear(result);
    return result;
}

void server_clock_take(const PGresult *result, int64_t asked_us)
{
    uint64_t big_endian;
    int column = PQnfields(result) - 1;
    if (PQntuples(result) != 1 || PQgetlength(result, 0, column) != sizeof(big_endian))
        return;
    memcpy(&big_endian, PQgetvalue(result, 0, column), sizeof(big_endian));
    clock_follow((int64_t)be64toh(big_endian), asked_us, clock_monotonic_us());
}
