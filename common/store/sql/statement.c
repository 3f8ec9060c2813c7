/* What statements of each backend have in common. */
#include "common/store/sql/backend.h"

#include <stdlib.h>

/* ---- Parameters ---- */

void statement_bind_id(struct statement *statement, enum field field, const struct message_id *id)
{
    statement_bind_blob(statement, field, id->bytes, MESSAGE_ID_BYTES);
}

void statement_bind_id_if_any(struct statement *statement, enum field field,
                              const struct message_id *id)
{
    static const struct message_id none;
    if (!message_id_equal(id, &none))
        statement_bind_id(statement, field, id);
}

void statement_bind_hash(struct statement *statement, enum field field,
                         const unsigned char hash[SECRET_HASH_BYTES])
{
    statement_bind_blob(statement, field, hash, SECRET_HASH_BYTES);
}

void statement_bind_message(struct statement *statement, const struct message_id *id)
{
    statement_bind_id(statement, FIELD_ID, id);
    statement_bind_integer(statement, FIELD_SEQ, message_id_seq(id));
}

/* The first fields are the times, in the order of the statuses. */
static enum field time_field(int status)
{
    _Static_assert((int)FIELD_RETURNED_AT_MS == 0 &&
                       (int)FIELD_UNKNOWN_AT_MS == MESSAGE_STATUS_COUNT - 1,
                   "a field for each status");
    return (enum field)status;
}

void statement_bind_times(struct statement *statement,
                          const int64_t reached_at_ms[MESSAGE_STATUS_COUNT])
{
    for (int status = 0; status < MESSAGE_STATUS_COUNT; status++) {
        if (reached_at_ms[status] != 0)
            statement_bind_integer(statement, time_field(status), reached_at_ms[status]);
    }
}

/* ---- Columns ---- */

bool statement_id(const struct statement *statement, enum field field, struct message_id *id)
{
    return statement_bytes(statement, field, id->bytes, MESSAGE_ID_BYTES);
}

bool statement_hash(const struct statement *statement, enum field field,
                    unsigned char hash[SECRET_HASH_BYTES])
{
    return statement_bytes(statement, field, hash, SECRET_HASH_BYTES);
}

void statement_request_id(const struct statement *statement, enum field field,
                          struct request_id *id)
{
    (void)!statement_bytes(statement, field, id->bytes, REQUEST_ID_BYTES);
}

void statement_times(const struct statement *statement, int64_t reached_at_ms[MESSAGE_STATUS_COUNT])
{
    for (int status = 0; status < MESSAGE_STATUS_COUNT; status++)
        reached_at_ms[status] = statement_integer(statement, time_field(status));
}

/* ---- Rows ---- */

enum error statement_read_list(struct handle *handle, struct statement *statement, size_t size,
                               enum error (*read)(const struct statement *row, void *item),
                               void **items, size_t *count)
{
    size_t capacity = 0;
    bool row;
    *items = NULL;
    *count = 0;
    enum error error = statement_step(handle, statement, &row);
    while (error == ERROR_NONE && row) {
        if (*count == capacity) {
            capacity = MAX(16, capacity * 2);
            void *more = reallocarray(*items, capacity, size);
            if (!more) {
                error = ERROR_INTERNAL;
                break;
            }
            *items = more;
        }
        error = read(statement, (char *)*items + size * (*count)++);
        if (error == ERROR_NONE)
            error = statement_step(handle, statement, &row);
    }
    statement_reset(statement);
    return error;
}
