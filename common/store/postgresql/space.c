/* What `sms-gateway statistics` and the metrics say of the server. */
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/durability.h"
#include "common/store/sql/queries.h"

/* Where it cannot be read, messages still can. */
void handle_read_space(struct handle *handle, struct store_statistics *statistics)
{
    bool row = false;
    struct store_server_health *server = &statistics->server;
    struct statement *select = statement_get(handle, READ_SERVER_HEALTH);
    if (statement_step(handle, select, &row) == ERROR_NONE && row) {
        statistics->durability = durability_of(statement_integer(select, FIELD_FAULTS));
        statistics->database_bytes = statement_integer(select, FIELD_DATABASE_BYTES);
        *server = (struct store_server_health){
            .is_there = true,
            .live_rows = statement_integer(select, FIELD_LIVE_ROWS),
            .dead_rows = statement_integer(select, FIELD_DEAD_ROWS),
            .oldest_snapshot_ms = statement_integer(select, FIELD_OLDEST_MS),
            .standbys = statement_integer(select, FIELD_STANDBYS),
            .standby_missing = statement_integer(select, FIELD_STANDBY_MISSING),
            .lag_bytes = statement_integer(select, FIELD_LAG_BYTES),
            .lag_ms = statement_integer(select, FIELD_LAG_MS),
            .event_partitions = statement_integer(select, FIELD_PARTITIONS),
            .oldest_partition_ms = statement_integer(select, FIELD_OLDEST_PARTITION_MS),
            .last_partition_ms = statement_integer(select, FIELD_LAST_PARTITION_MS),
        };
    }
    statement_reset(select);
}
