#include "common/store/waits.h"

#include "common/base/clock.h"
#include "common/store/store_backend.h"

#include <string.h>

enum { VIEW_MS = 1000 };

static bool is_same_target(const struct message_target *a, const struct message_target *b)
{
    return a->sim == b->sim && strcmp(a->device_id, b->device_id) == 0 &&
           strcmp(a->device_group, b->device_group) == 0;
}

static struct wait_view *place_of(struct wait_views *views, const struct message_target *target)
{
    size_t hash = target->sim;
    for (const char *c = target->device_id; *c; c++)
        hash = hash * 31 + (unsigned char)*c;
    for (const char *c = target->device_group; *c; c++)
        hash = hash * 37 + (unsigned char)*c;
    return &views->views[hash % ARRAY_LENGTH(views->views)];
}

/* A recent view of the target: that of the store's, or else *view. */
static bool find_view(struct wait_views *views, const struct message_target *target, int64_t now_ms,
                      struct wait_view *view)
{
    const struct wait_view *place = place_of(views, target);
    pthread_mutex_lock(&views->lock);
    bool is_recent = place->read_at_ms != 0 && now_ms - place->read_at_ms < VIEW_MS &&
                     is_same_target(target, &place->target);
    if (is_recent)
        *view = *place;
    pthread_mutex_unlock(&views->lock);
    return is_recent;
}

/* Unless another thread has kept one that is newer. */
static void keep_view(struct wait_views *views, const struct wait_view *view)
{
    struct wait_view *place = place_of(views, &view->target);
    pthread_mutex_lock(&views->lock);
    if (place->read_at_ms <= view->read_at_ms)
        *place = *view;
    pthread_mutex_unlock(&views->lock);
}

/* Reads what is to be known about the devices of a target, unless that was just done. */
static enum error look_at(struct store_reader *reader, const struct message_target *target,
                          struct wait_view *view)
{
    struct store_sending sending;
    int64_t now_ms = clock_monotonic_ms();
    if (find_view(reader->views, target, now_ms, view))
        return ERROR_NONE;
    enum error error = store_read_sending(reader, &sending);
    if (error == ERROR_NONE)
        error = reader->backend->summarize_devices(reader->reader, target, &view->devices);
    if (error != ERROR_NONE)
        return error;
    view->paused = sending.paused_since_ms != 0;
    view->target = *target;
    view->read_at_ms = now_ms;
    keep_view(reader->views, view);
    return ERROR_NONE;
}

/* Of devices that are given nothing, the reason of the one that can be expected first. */
static struct message_wait judge(const struct wait_view *view)
{
    const struct store_device_summary *devices = &view->devices;
    if (view->paused)
        return (struct message_wait){MESSAGE_WAIT_PAUSED, 0};
    if (devices->known == 0)
        return (struct message_wait){MESSAGE_WAIT_NO_DEVICE, 0};
    if (devices->connected == 0)
        return (struct message_wait){MESSAGE_WAIT_DEVICE_OFFLINE, 0};
    if (devices->enabled == 0)
        return (struct message_wait){MESSAGE_WAIT_DEVICE_DISABLED, 0};
    if (devices->with_sim == 0)
        return (struct message_wait){MESSAGE_WAIT_SIM_MISSING, 0};
    enum message_wait_reason reason = MESSAGE_WAIT_NONE;
    while (reason < MESSAGE_WAIT_BATTERY && devices->waiting[reason] == 0)
        reason++;
    return (struct message_wait){reason, devices->until_ms[reason]};
}

enum error store_read_wait(struct store_reader *reader, struct message *message)
{
    const struct message_options *options = &message->options;
    if (message->status != MESSAGE_QUEUED)
        return ERROR_NONE;
    struct wait_view view;
    enum error error = look_at(reader, &options->target, &view);
    if (error != ERROR_NONE)
        return error;
    int64_t now_ms = view.devices.now_ms;
    message->wait = judge(&view);
    if (message->wait.reason == MESSAGE_WAIT_PAUSED)
        return ERROR_NONE;
    if (options->send_at_ms > now_ms)
        message->wait = (struct message_wait){MESSAGE_WAIT_SCHEDULED, options->send_at_ms};
    else if (message->retry_at_ms > now_ms)
        message->wait = (struct message_wait){MESSAGE_WAIT_RETRY_BACKOFF, message->retry_at_ms};
    return ERROR_NONE;
}

/* The target whose messages are in the lane. */
static struct message_target target_of(const char *lane)
{
    struct message_target target = {.sim = lane_sim(lane)};
    if (!lane_names_device(lane, target.device_id))
        (void)lane_names_group(lane, target.device_group);
    return target;
}

static enum error count_lane(struct store_reader *reader, const char *lane, int64_t count,
                             int64_t counts[MESSAGE_WAIT_COUNT])
{
    struct wait_view view;
    const struct message_target target = target_of(lane);
    enum error error = count > 0 ? look_at(reader, &target, &view) : ERROR_NONE;
    if (count > 0 && error == ERROR_NONE)
        counts[judge(&view).reason] += count;
    return error;
}

enum error store_count_waits(struct store_reader *reader, int64_t most,
                             int64_t counts[MESSAGE_WAIT_COUNT])
{
    struct store_lane_count lanes[STORE_MAX_LANE_COUNTS];
    size_t lane_count;
    int64_t retried, scheduled, queued;
    struct wait_view view;
    memset(counts, 0, MESSAGE_WAIT_COUNT * sizeof(*counts));
    enum error error = reader->backend->count_lanes(reader->reader, most, lanes, &lane_count,
                                                    &retried, &scheduled, &queued);
    if (error == ERROR_NONE)
        error = look_at(reader, &(struct message_target){0}, &view);
    if (error != ERROR_NONE)
        return error;
    queued -= retried + scheduled;
    for (size_t i = 0; i < lane_count && error == ERROR_NONE; i++) {
        queued -= lanes[i].count;
        error = count_lane(reader, lanes[i].lane, lanes[i].count, counts);
    }
    if (error == ERROR_NONE)
        error = count_lane(reader, "", queued, counts);
    counts[view.paused ? MESSAGE_WAIT_PAUSED : MESSAGE_WAIT_RETRY_BACKOFF] += retried;
    counts[view.paused ? MESSAGE_WAIT_PAUSED : MESSAGE_WAIT_SCHEDULED] += scheduled;
    return error;
}
