/* What a broker has to do, in memory. */
#include "common/store/memory/memory.h"

#include <string.h>

static void read_cancel_requests(const struct memory_tables *tables, struct store_work *work)
{
    const struct table *accepted = &tables->messages_in[MESSAGE_ACCEPTED];
    int64_t after = message_id_seq(&work->cancel_cursor);
    work->cancel_count = 0;
    for (size_t i = 0; i < accepted->count && work->cancel_count < STORE_WORK_PAGE; i++) {
        const struct memory_message *message = accepted->rows[i];
        const struct message_row *row = &message->row;
        if (!row->cancel_requested || row->seq <= after ||
            message_id_equal(&row->id, &work->cancel_cursor) ||
            !memory_is_on_broker(tables, row->device_id, &work->broker))
            continue;
        struct store_cancel_request *request = &work->cancel_requests[work->cancel_count++];
        request->ref = (struct message_ref){row->id, row->attempt};
        strcpy(request->device_id, row->device_id);
    }
}

static enum device_token_revocation last_revocation(const struct memory_tables *tables,
                                                    const char *device_id)
{
    enum device_token_revocation reason = DEVICE_TOKEN_ACTIVE;
    int64_t last_ms = 0;
    for (size_t i = 0; i < tables->tokens.count; i++) {
        const struct device_token *token = tables->tokens.rows[i];
        if (token->revoked_at_ms > last_ms && strcmp(token->device_id, device_id) == 0) {
            last_ms = token->revoked_at_ms;
            reason = token->revocation;
        }
    }
    return reason;
}

static void read_revoked(const struct memory_tables *tables, struct store_work *work)
{
    const struct table *devices = &tables->devices;
    const char *after = work->revoked_cursor;
    work->revoked_count = 0;
    for (size_t i = table_lower_bound(devices, after);
         i < devices->count && work->revoked_count < STORE_WORK_PAGE; i++) {
        const struct memory_device *device = devices->rows[i];
        if (strcmp(device->device_id, after) == 0 || !device->connected || !device->revoked ||
            !message_id_equal(&device->broker, &work->broker))
            continue;
        struct store_revoked_device *found = &work->revoked[work->revoked_count++];
        strcpy(found->device_id, device->device_id);
        found->connection_epoch = device->connection_epoch;
        found->revocation = last_revocation(tables, device->device_id);
    }
}

static void read_superseded(const struct memory_tables *tables, struct store_work *work)
{
    const struct table *superseded = &tables->superseded;
    work->superseded_count = 0;
    for (size_t i = 0; i < superseded->count && work->superseded_count < STORE_WORK_PAGE; i++) {
        const struct memory_superseded *row = superseded->rows[i];
        if (strcmp(row->device_id, work->superseded_cursor) <= 0 ||
            !message_id_equal(&row->broker, &work->broker))
            continue;
        struct store_superseded_connection *found = &work->superseded[work->superseded_count++];
        strcpy(found->device_id, row->device_id);
        found->connection_epoch = row->connection_epoch;
    }
}

/* The device of this broker with the first decision after that number; NULL without one. */
static const struct memory_device *next_configured(const struct memory_tables *tables,
                                                   const struct message_id *broker, int64_t after)
{
    const struct memory_device *next = NULL;
    for (size_t i = 0; i < tables->devices.count; i++) {
        const struct memory_device *device = tables->devices.rows[i];
        if (device->configured > after && (!next || device->configured < next->configured) &&
            device->connected && message_id_equal(&device->broker, broker))
            next = device;
    }
    return next;
}

static void read_configured(const struct memory_tables *tables, struct store_work *work)
{
    int64_t after = work->configured_cursor;
    const struct memory_device *device;
    work->configured_count = 0;
    while (work->configured_count < STORE_CONFIGURED_PAGE &&
           (device = next_configured(tables, &work->broker, after))) {
        struct store_configured_device *found = &work->configured[work->configured_count++];
        strcpy(found->device_id, device->device_id);
        found->traits = memory_traits_of(device);
        after = device->configured;
    }
}

void memory_poll_work(const struct memory_tables *tables, int64_t now_ms, struct store_work *work)
{
    read_cancel_requests(tables, work);
    read_revoked(tables, work);
    read_superseded(tables, work);
    read_configured(tables, work);
    memset(work->stuck, 0, sizeof(work->stuck));
    if (work->stuck_for_ms != 0)
        memory_count_stuck(tables, now_ms - work->stuck_for_ms, work->stuck);
}
