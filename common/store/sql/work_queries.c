/* What a broker has to do. */
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"
#include "common/store/sql/rows.h"

static enum error read_cancel_requests(struct handle *handle, struct store_work *work)
{
    bool row;
    struct statement *select = statement_get(handle, POLL_CANCEL_REQUESTS);
    statement_bind_id(select, FIELD_BROKER, &work->broker);
    statement_bind_message(select, &work->cancel_cursor);
    statement_bind_integer(select, FIELD_LIMIT, STORE_WORK_PAGE);
    work->cancel_count = 0;
    enum error error = statement_step(handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(handle, select, &row)) {
        struct store_cancel_request *request = &work->cancel_requests[work->cancel_count++];
        request->ref.attempt = (unsigned)statement_integer(select, FIELD_ATTEMPT);
        statement_text(select, FIELD_DEVICE_ID, request->device_id, sizeof(request->device_id));
        if (!statement_id(select, FIELD_ID, &request->ref.id)) {
            error = ERROR_INTERNAL;
            break;
        }
    }
    statement_reset(select);
    return error;
}

static enum error read_revoked(struct handle *handle, struct store_work *work)
{
    bool row;
    struct statement *select = statement_get(handle, POLL_REVOKED);
    statement_bind_id(select, FIELD_BROKER, &work->broker);
    statement_bind_text(select, FIELD_DEVICE_ID, work->revoked_cursor);
    statement_bind_integer(select, FIELD_LIMIT, STORE_WORK_PAGE);
    work->revoked_count = 0;
    enum error error = statement_step(handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(handle, select, &row)) {
        struct store_revoked_device *device = &work->revoked[work->revoked_count++];
        statement_text(select, FIELD_DEVICE_ID, device->device_id, sizeof(device->device_id));
        device->connection_epoch = statement_integer(select, FIELD_CONNECTION_EPOCH);
        device->revocation = (enum device_token_revocation)statement_integer(select,
                                                                             FIELD_REVOCATION);
    }
    statement_reset(select);
    return error;
}

static enum error read_superseded(struct handle *handle, struct store_work *work)
{
    bool row;
    struct statement *select = statement_get(handle, POLL_SUPERSEDED);
    statement_bind_id(select, FIELD_BROKER, &work->broker);
    statement_bind_text(select, FIELD_DEVICE_ID, work->superseded_cursor);
    statement_bind_integer(select, FIELD_LIMIT, STORE_WORK_PAGE);
    work->superseded_count = 0;
    enum error error = statement_step(handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(handle, select, &row)) {
        struct store_superseded_connection *found = &work->superseded[work->superseded_count++];
        statement_text(select, FIELD_DEVICE_ID, found->device_id, sizeof(found->device_id));
        found->connection_epoch = statement_integer(select, FIELD_CONNECTION_EPOCH);
    }
    statement_reset(select);
    return error;
}

static enum error read_configured(struct handle *handle, struct store_work *work)
{
    bool row;
    struct statement *select = statement_get(handle, POLL_CONFIGURED);
    statement_bind_id(select, FIELD_BROKER, &work->broker);
    statement_bind_integer(select, FIELD_AFTER, work->configured_cursor);
    statement_bind_integer(select, FIELD_LIMIT, STORE_CONFIGURED_PAGE);
    work->configured_count = 0;
    enum error error = statement_step(handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(handle, select, &row)) {
        struct store_configured_device *device = &work->configured[work->configured_count++];
        statement_text(select, FIELD_DEVICE_ID, device->device_id, sizeof(device->device_id));
        sql_read_traits(select, &device->traits);
    }
    statement_reset(select);
    return error;
}

static enum error read_stuck(struct handle *handle, int64_t now_ms, struct store_work *work)
{
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
        work->stuck[i] = 0;
    return work->stuck_for_ms == 0
               ? ERROR_NONE
               : queries_read_stuck(handle, now_ms - work->stuck_for_ms, work->stuck);
}

static enum error read_all(struct handle *handle, int64_t now_ms, struct store_work *work)
{
    enum error error = read_cancel_requests(handle, work);
    if (error == ERROR_NONE)
        error = read_revoked(handle, work);
    if (error == ERROR_NONE)
        error = read_superseded(handle, work);
    if (error == ERROR_NONE)
        error = read_configured(handle, work);
    return error == ERROR_NONE ? read_stuck(handle, now_ms, work) : error;
}

enum error queries_poll_work(struct store_database_reader *reader, struct store_work *work)
{
    int64_t now_ms = reader->database->options->wall_ms();
    enum error error = reader_begin_view(reader);
    return error == ERROR_NONE ? reader_end_view(reader, read_all(&reader->handle, now_ms, work))
                               : error;
}
