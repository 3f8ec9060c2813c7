#include "ws-broker/core/device_waits.h"

#include "ws-broker/core/allocation.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/eligibility.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_WAITS = 1024, /* at a time; the rest at the next tick */
    SLACK_MS = 1000,  /* a time that moved by less is the same */
};

/* What the store did not take is noted again. */
static void on_noted(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    const struct store_note_waits *note = &request->write.note_waits;
    (void)now_ms;
    broker->device_waits.noting = false;
    for (size_t i = 0; i < note->count && request->write.result != ERROR_NONE; i++) {
        struct session *session = session_table_current(&broker->sessions,
                                                        note->waits[i].device_id);
        if (session)
            session->noted_wait = MESSAGE_WAIT_COUNT; /* no reason that there is */
        broker->device_waits.any = true;
    }
}

static void release(struct store_request *request)
{
    free(request->write.note_waits.waits);
}

static const struct request_kind note_kind = {
    .name = "note waits",
    .verb = STORE_NOTE_WAITS,
    .patience_us = STORE_REQUEST_PATIENCE_US,
    .done = on_noted,
    .release = release,
};

/* Whether the session's reason is another than the one that was noted last; notes it. */
static bool has_changed(const struct broker *broker, struct session *session, int64_t now_ms,
                        struct store_device_wait *wait)
{
    wait->reason = eligibility_wait(broker, session, now_ms, &wait->for_ms);
    int64_t until_ms = wait->for_ms > 0 ? now_ms + wait->for_ms : 0;
    if (wait->reason == session->noted_wait && llabs(until_ms - session->noted_until_ms) < SLACK_MS)
        return false;
    session->noted_wait = wait->reason;
    session->noted_until_ms = until_ms;
    strcpy(wait->device_id, session->device_id);
    wait->connection_epoch = session->connection_epoch;
    return true;
}

void device_waits_note(struct broker *broker, int64_t now_ms)
{
    /* Most claims of a broker at rest are those of a sweep, and find nothing: they are no reason to go through thousands
       of sessions. */
    bool messages_wait = broker->dispatch.due || broker->dispatch.wanted_count > 0 ||
                         (broker->dispatch.claiming && broker->dispatch.left_some);
    if (!(messages_wait || broker->device_waits.any) || broker->device_waits.noting ||
        broker->drain.active)
        return;
    struct store_device_wait *waits = NULL, wait;
    size_t count = 0;
    broker->device_waits.any = false;
    for (uint32_t slot = 0; slot < broker->sessions.slot_count; slot++) {
        struct session *session = session_table_at(&broker->sessions, slot);
        if (!session || session->state != SESSION_READY || session->connection_epoch == 0)
            continue;
        /* Where nothing waits any more, what was noted is over at some time, and the next message is not to be told of it. */
        bool is_looked_at = (messages_wait || session->noted_wait != MESSAGE_WAIT_NONE) &&
                            count < MAX_WAITS;
        bool changed = is_looked_at && has_changed(broker, session, now_ms, &wait);
        broker->device_waits.any |= session->noted_wait != MESSAGE_WAIT_NONE;
        if (!changed)
            continue;
        if (!waits)
            waits = allocation_check(calloc(MAX_WAITS, sizeof(*waits)));
        waits[count++] = wait;
    }
    if (count == 0)
        return;
    struct store_request *request = store_request_new(&note_kind, 0);
    request->write.note_waits.waits = waits;
    request->write.note_waits.count = count;
    broker->device_waits.noting = true;
    store_request_submit(&broker->requests, request);
}
