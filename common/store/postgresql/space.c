/* What `sms-gateway statistics` and the metrics say of the server. */
#include "common/store/postgresql/database.h"
#include "common/store/sql/queries.h"

void handle_read_space(struct handle *handle, struct store_statistics *statistics)
{
    (void)!statement_read_integer(handle, statement_get(handle, READ_DATABASE_BYTES),
                                  &statistics->database_bytes);
}
