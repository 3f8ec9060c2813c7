#include "ws-broker/core/return_to_queue.h"

#include "common/base/jitter.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/eligibility.h"
#include "ws-broker/core/message_log.h"

#include <string.h>

/* A connection that took over in the meantime has counted the message as in flight. */
static void on_returned(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    const struct store_write *write = &request->write;
    struct session *session = session_table_current(&broker->sessions,
                                                    write->return_to_queue.device_id);
    broker->dispatch.due = true;
    if (!session || write->result != ERROR_NONE || !write->return_to_queue.changed)
        return;
    session_forget(session, &write->return_to_queue.ref);
    eligibility_update(broker, session, now_ms);
}

static const struct request_kind return_kind = {
    .name = "return to queue",
    .verb = STORE_RETURN_TO_QUEUE,
    .patience_us = STORE_REQUEST_PATIENCE_TO_PHONE_US,
    .must_succeed = true,
    .done = on_returned,
};

static struct store_request *new_request(const struct message_ref *ref, const char *device_id)
{
    struct store_request *request = store_request_new(&return_kind, 0);
    request->write.return_to_queue.ref = *ref;
    strcpy(request->write.return_to_queue.device_id, device_id);
    return request;
}

void return_to_queue(struct broker *broker, const struct message_ref *ref, const char *device_id)
{
    store_request_submit(&broker->requests, new_request(ref, device_id));
}

void return_to_queue_if_claimed(struct broker *broker, const struct message_ref *ref,
                                const char *device_id, int64_t transaction)
{
    struct store_request *request = new_request(ref, device_id);
    request->write.return_to_queue.if_committed = transaction;
    store_request_submit(&broker->requests, request);
}

void return_to_queue_refused(struct broker *broker, const struct message_ref *ref,
                             const char *device_id, const char *code)
{
    struct store_request *request = new_request(ref, device_id);
    request->write.return_to_queue.refused = true;
    request->write.return_to_queue.jitter = jitter_next(&broker->jitter);
    strcpy(request->write.return_to_queue.error_code, code);
    store_request_submit(&broker->requests, request);
}

void return_to_queue_unwritable(struct broker *broker, const struct message_ref *ref,
                                const char *device_id)
{
    struct store_request *request = new_request(ref, device_id);
    request->write.return_to_queue.hopeless = true;
    strcpy(request->write.return_to_queue.error_code, MESSAGE_TOO_LONG);
    request->write.return_to_queue.error_message = "it does not fit into a frame to a device";
    message_log_event("message does not fit into a frame", ref, device_id);
    store_request_submit(&broker->requests, request);
}
