#include "common/store/postgresql/durability.h"

#include "common/base/log.h"
#include "common/store/postgresql/statement.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    enum durability_fault fault;
    const char *setting;
} settings[] = {{FAULT_FSYNC, "fsync"}, {FAULT_FULL_PAGE_WRITES, "full_page_writes"}};

static void log_changes(int64_t read, int64_t before)
{
    bool is_first = before < 0;
    int64_t known = is_first ? 0 : before;
    for (size_t i = 0; i < ARRAY_LENGTH(settings); i++) {
        if (read & ~known & settings[i].fault)
            log_warning("PostgreSQL may lose messages in a crash; turn its setting on",
                        LOG_TEXT("setting", settings[i].setting));
    }
    bool waits = !(read & FAULT_NO_STANDBY_REQUIRED),
         waited = !(is_first || before & FAULT_NO_STANDBY_REQUIRED);
    if (waits && !waited)
        log_info("each commit waits for a standby of the database");
    if (waited && !waits)
        log_warning("commits no longer wait for a standby of the database: the loss of the primary"
                    " loses messages; see synchronous_standby_names");
}

enum store_durability durability_of(int64_t faults)
{
    return !(faults & FAULT_NO_STANDBY_REQUIRED)             ? STORE_DURABILITY_STANDBY
           : faults & (FAULT_FSYNC | FAULT_FULL_PAGE_WRITES) ? STORE_DURABILITY_NONE
                                                             : STORE_DURABILITY_SINGLE;
}

bool durability_take(int64_t read, bool needs_standby, int64_t *faults,
                     char problem[STORE_ERROR_SIZE])
{
    log_changes(read, *faults);
    *faults = read;
    const char *fault =
        read & FAULT_IS_STANDBY ? "it is a standby, which cannot be written"
        : needs_standby && read & FAULT_NO_STANDBY_REQUIRED
            ? "DATABASE_DURABILITY=standby, and its commits wait for no standby: set"
              " synchronous_standby_names"
        : needs_standby && read & FAULT_NO_STANDBY_CONNECTED
            ? "DATABASE_DURABILITY=standby, and no standby that"
              " synchronous_standby_names means is connected"
            : NULL;
    if (fault)
        snprintf(problem, STORE_ERROR_SIZE, "%s", fault);
    return !fault;
}

bool durability_check(struct connection *connection, bool needs_standby, int64_t *faults,
                      char problem[STORE_ERROR_SIZE])
{
    PGresult *result = connection_query(connection, statement_sql(READ_DURABILITY), problem);
    int64_t read = result && PQntuples(result) == 1 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10)
                                                    : -1;
    PQclear(result);
    return read >= 0 && durability_take(read, needs_standby, faults, problem);
}
