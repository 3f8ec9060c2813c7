#include "common/store/verbs/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char device_prefix[] = "device:", group_prefix[] = "group:";

void lane_of_device(const char *device_id, char lane[STORE_LANE_SIZE])
{
    snprintf(lane, STORE_LANE_SIZE, "%s%s", device_prefix, device_id);
}

void lane_of_group(const char *group, char lane[STORE_LANE_SIZE])
{
    snprintf(lane, STORE_LANE_SIZE, "%s%s", group_prefix, group);
}

void lane_add_sim(const char *lane, unsigned sim, char with_sim[STORE_LANE_SIZE])
{
    snprintf(with_sim, STORE_LANE_SIZE, "%.*s/%u", STORE_LANE_SIZE - 4, lane, sim % 10);
}

static void write_name(const struct message_options *options, char lane[STORE_LANE_SIZE])
{
    const struct message_target *target = &options->target;
    char name[STORE_LANE_SIZE] = "";
    if (*target->device_id)
        lane_of_device(target->device_id, name);
    else if (*target->device_group)
        lane_of_group(target->device_group, name);
    else if (target->sim != 0 || options->priority != MESSAGE_PRIORITY_NORMAL ||
             options->send_at_ms != 0)
        strcpy(name, LANE_ANY);
    if (target->sim != 0)
        lane_add_sim(name, target->sim, lane);
    else
        strcpy(lane, name);
}

static int64_t rank(const struct message_row *row)
{
    int64_t first_due_ms = MAX(message_id_time_ms(&row->id), row->options.send_at_ms);
    switch (row->options.priority) {
    case MESSAGE_PRIORITY_HIGH:
        return first_due_ms - LANE_HEAD_START_MS;
    case MESSAGE_PRIORITY_LOW:
        return first_due_ms + LANE_HEAD_START_MS;
    default:
        return first_due_ms;
    }
}

struct message_place lane_place(const struct message_row *row, int64_t now_ms)
{
    struct message_place place = {.rank_ms = rank(row)};
    int64_t due_at_ms = MAX(row->retry_at_ms, row->options.send_at_ms);
    if (due_at_ms > now_ms) {
        strcpy(place.lane, LANE_WAITING);
        place.due_at_ms = due_at_ms;
    } else {
        write_name(&row->options, place.lane);
    }
    return place;
}

/* The text behind the prefix; NULL where the lane has another. */
static const char *behind(const char *lane, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(lane, prefix, length) == 0 ? lane + length : NULL;
}

static bool is_name(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

static bool has_group(const struct device_traits *traits, const char *text, size_t length)
{
    for (size_t i = 0; i < traits->group_count; i++) {
        if (is_name(text, length, traits->groups[i]))
            return true;
    }
    return false;
}

bool lane_takes(const char *lane, const char *device_id, const struct device_traits *traits)
{
    const char *slash = strchr(lane, '/'), *name;
    if (slash && !(traits->sims & 1u << strtoul(slash + 1, NULL, 10)))
        return false;
    size_t length = slash ? (size_t)(slash - lane) : strlen(lane);
    if ((name = behind(lane, device_prefix)))
        return is_name(name, length - strlen(device_prefix), device_id);
    if ((name = behind(lane, group_prefix)))
        return has_group(traits, name, length - strlen(group_prefix));
    return is_name(lane, length, LANE_ANY) || length == 0;
}
