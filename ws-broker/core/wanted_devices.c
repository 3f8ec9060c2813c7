#include "ws-broker/core/wanted_devices.h"

#include "ws-broker/core/broker_state.h"

#include <string.h>

static bool takes(const struct session *session, const char *lane)
{
    return lane_takes(lane, session->device_id, session->traits);
}

struct session *wanted_devices_find(const struct broker *broker, const char *lane)
{
    const struct phone_heap *heap = &broker->phone_heap;
    char device_id[DEVICE_ID_SIZE];
    if (lane_names_device(lane, device_id)) {
        struct session *session = session_table_current(&broker->sessions, device_id);
        return session && session->heap_entry.position > 0 && takes(session, lane) ? session : NULL;
    }
    struct session *best = NULL;
    for (size_t i = 0; i < heap->count; i++) {
        struct session *session = CONTAINER_OF(heap->entries[i], struct session, heap_entry);
        if (takes(session, lane) &&
            (!best || phone_heap_prefers(&session->heap_entry, &best->heap_entry)))
            best = session;
    }
    return best;
}

static bool has_empty_slot(const struct store_claim *claim, const struct session *session)
{
    for (size_t i = 0; i < claim->slot_count; i++) {
        if (!claim->messages[i].text && strcmp(claim->slots[i].device_id, session->device_id) == 0)
            return true;
    }
    return false;
}

/* Whether another claim would reach the lane. A device with an empty slot, while the lane is wanted, takes it only here: the
   store does not know yet what the device has told. The next sweep tries again. */
static bool is_reachable(const struct broker *broker, const struct store_claim *claim,
                         const char *lane)
{
    const struct session *session = wanted_devices_find(broker, lane);
    return session && !has_empty_slot(claim, session);
}

void wanted_devices_note(struct broker *broker, const struct store_claim *claim)
{
    broker->dispatch.deferred = claim->deferred;
    broker->dispatch.wanted_count = claim->wanted_count;
    memcpy(broker->dispatch.wanted, claim->wanted, claim->wanted_count * sizeof(*claim->wanted));
    strcpy(broker->dispatch.lanes_after, claim->lanes_after);
    broker->dispatch.due |= claim->deferred || claim->lanes_left;
    for (size_t i = 0; i < claim->wanted_count && !broker->dispatch.due; i++)
        broker->dispatch.due = is_reachable(broker, claim, claim->wanted[i]);
}

void wanted_devices_eligible(struct broker *broker, const struct session *session)
{
    for (size_t i = 0; i < broker->dispatch.wanted_count && !broker->dispatch.due; i++)
        broker->dispatch.due = takes(session, broker->dispatch.wanted[i]);
}
