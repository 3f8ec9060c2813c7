#include "common/model/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char device_prefix[] = "device:", group_prefix[] = "group:";

void lane_of_device(const char *device_id, char lane[LANE_SIZE])
{
    snprintf(lane, LANE_SIZE, "%s%s", device_prefix, device_id);
}

void lane_of_group(const char *group, char lane[LANE_SIZE])
{
    snprintf(lane, LANE_SIZE, "%s%s", group_prefix, group);
}

void lane_add_sim(const char *lane, unsigned sim, char with_sim[LANE_SIZE])
{
    snprintf(with_sim, LANE_SIZE, "%.*s/%u", LANE_SIZE - 4, lane, sim % 10);
}

void lane_of_target(const struct message_target *target, bool is_plain, char lane[LANE_SIZE])
{
    char name[LANE_SIZE] = "";
    if (*target->device_id)
        lane_of_device(target->device_id, name);
    else if (*target->device_group)
        lane_of_group(target->device_group, name);
    else if (target->sim != 0 || !is_plain)
        strcpy(name, LANE_ANY);
    if (target->sim != 0)
        lane_add_sim(name, target->sim, lane);
    else
        strcpy(lane, name);
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
    for (size_t i = 0; i < traits->groups.count; i++) {
        if (is_name(text, length, traits->groups.labels[i]))
            return true;
    }
    return false;
}

bool lane_takes(const char *lane, const char *device_id, const struct device_traits *traits)
{
    static const struct device_traits none;
    const char *slash = strchr(lane, '/'), *name;
    if (!traits)
        traits = &none;
    if (slash && !(traits->sims & 1u << strtoul(slash + 1, NULL, 10)))
        return false;
    size_t length = slash ? (size_t)(slash - lane) : strlen(lane);
    if ((name = behind(lane, device_prefix)))
        return is_name(name, length - strlen(device_prefix), device_id);
    if ((name = behind(lane, group_prefix)))
        return has_group(traits, name, length - strlen(group_prefix));
    return is_name(lane, length, LANE_ANY) || length == 0;
}

/* What is between the prefix and the SIM. */
static bool take_name(const char *lane, const char *prefix, char *name, size_t size)
{
    const char *start = behind(lane, prefix);
    size_t length = start ? strcspn(start, "/") : 0;
    if (length == 0 || length >= size)
        return false;
    memcpy(name, start, length);
    name[length] = '\0';
    return true;
}

bool lane_names_device(const char *lane, char device_id[DEVICE_ID_SIZE])
{
    return take_name(lane, device_prefix, device_id, DEVICE_ID_SIZE);
}

bool lane_names_group(const char *lane, char group[DEVICE_GROUP_SIZE])
{
    return take_name(lane, group_prefix, group, DEVICE_GROUP_SIZE);
}

unsigned lane_sim(const char *lane)
{
    const char *slash = strchr(lane, '/');
    return slash ? (unsigned)strtoul(slash + 1, NULL, 10) : 0;
}
