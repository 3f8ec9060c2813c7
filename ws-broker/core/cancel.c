#include "ws-broker/core/cancel.h"

#include "ws-broker/core/allocation.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/control.h"
#include "ws-broker/core/message_log.h"
#include "ws-broker/core/throttle.h"

#include <stdlib.h>

enum {
    SEARCH_INTERVAL_MS = 200,
    MAX_FOUND = 256, /* cancel requests in one search */
};

void cancel_send(struct broker *broker, struct session *session, const struct message_id *id,
                 unsigned attempt)
{
    struct in_flight_message *message = session_find_in_flight(session, id, attempt);
    if (!message || message->cancel_sent)
        return;
    message->cancel_sent = true;
    message_log_event("cancel request sent to device", id, attempt, session->device_id);
    control_send_order(broker, session, FRAME_SENT_REVOKE, id, attempt);
}

static void start_search(struct broker *broker);

static void on_found(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    const struct store_write *write = &request->write;
    bool more = write->result == ERROR_NONE && write->find_cancel_requests.count == MAX_FOUND;
    broker->cancel.searching = false;
    broker->cancel.after = more ? write->find_cancel_requests.last : 0;
    if (write->result != ERROR_NONE)
        return;
    for (size_t i = 0; i < write->find_cancel_requests.count; i++) {
        const struct store_cancel_request *found = &write->find_cancel_requests.messages[i];
        struct session *session = session_table_current(&broker->sessions, found->device_id);
        if (!session || session->state != SESSION_READY || !session->protocol->can_cancel)
            continue;
        cancel_send(broker, session, &found->id, found->attempt);
        throttle_update(broker, session, now_ms);
    }
    if (more && !broker->drain.active)
        start_search(broker);
}

static void release_search(struct store_request *request)
{
    free(request->write.find_cancel_requests.messages);
}

static const struct request_kind search_kind = {
    .name = "find cancel requests",
    .verb = STORE_FIND_CANCEL_REQUESTS,
    .done = on_found,
    .release = release_search,
};

static void start_search(struct broker *broker)
{
    struct store_request *request = store_request_new(&search_kind, 0);
    struct store_write *write = &request->write;
    write->find_cancel_requests.after = broker->cancel.after;
    write->find_cancel_requests.capacity = MAX_FOUND;
    write->find_cancel_requests.messages = allocation_check(
        calloc(MAX_FOUND, sizeof(*write->find_cancel_requests.messages)));
    broker->cancel.searching = true;
    store_request_submit(&broker->requests, request);
}

bool cancel_search(struct broker *broker, int64_t now_ms)
{
    broker->cancel.wanted = broker->cancel.searching || now_ms < broker->cancel.not_before_ms;
    if (broker->cancel.wanted || broker->drain.active)
        return false;
    broker->cancel.not_before_ms = now_ms + SEARCH_INTERVAL_MS;
    start_search(broker);
    return true;
}
