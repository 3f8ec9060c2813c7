/* Reading why messages wait, in memory. */
#include "common/store/memory/memory.h"

#include <string.h>

static bool is_target(const struct message_target *target, const struct memory_device *device)
{
    return (!*target->device_id || strcmp(target->device_id, device->device_id) == 0) &&
           (!*target->device_group ||
            device_groups_has(&device->configuration.groups, target->device_group));
}

void memory_summarize_devices(const struct memory_tables *tables,
                              const struct message_target *target,
                              struct store_device_summary *summary)
{
    summary->known = (int64_t)tables->devices.count;
    for (size_t i = 0; i < tables->devices.count; i++) {
        const struct memory_device *device = tables->devices.rows[i];
        bool has_sim = target->sim == 0 || device->info.sim_slots & 1u << target->sim;
        if (!is_target(target, device) || !memory_is_connected(tables, device, summary->now_ms))
            continue;
        summary->connected++;
        summary->enabled += !device->configuration.disabled;
        if (device->configuration.disabled || !has_sim)
            continue;
        int64_t *first_ms = &summary->until_ms[device->wait_reason];
        summary->with_sim++;
        summary->waiting[device->wait_reason]++;
        if (device->wait_until_ms != 0 && (*first_ms == 0 || device->wait_until_ms < *first_ms))
            *first_ms = device->wait_until_ms;
    }
}

static void count_lane(struct store_lane_count counts[], size_t *count, const char *lane)
{
    size_t i = 0;
    while (i < *count && strcmp(counts[i].lane, lane) != 0)
        i++;
    if (i == STORE_MAX_LANE_COUNTS)
        return;
    if (i == *count) {
        strcpy(counts[i].lane, lane);
        counts[i].count = 0;
        ++*count;
    }
    counts[i].count++;
}

void memory_count_lanes(const struct memory_tables *tables,
                        struct store_lane_count counts[STORE_MAX_LANE_COUNTS], size_t *count,
                        int64_t *retried, int64_t *scheduled, int64_t *queued)
{
    const struct table *queue = &tables->messages_in[MESSAGE_QUEUED];
    *count = 0;
    *retried = *scheduled = 0;
    *queued = (int64_t)queue->count;
    for (size_t i = 0; i < queue->count; i++) {
        const struct message_row *row = &((const struct memory_message *)queue->rows[i])->row;
        if (strcmp(row->place.lane, LANE_WAITING) == 0)
            ++*(row->retry_at_ms != 0 ? retried : scheduled);
        else if (*row->place.lane)
            count_lane(counts, count, row->place.lane);
    }
}
