/* The part of a claim that costs nothing where no message has options: the heads of the lanes. */
#include "common/store/verbs/claim.h"
#include "common/store/verbs/queue_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LANES = 512, LANES_A_CLAIM = 64 };

struct lanes {
    size_t count;
    struct {
        char name[LANE_SIZE];
        size_t slots; /* of devices that take it */
    } list[MAX_LANES];
};

static void add_lane(struct lanes *lanes, const char *name, size_t slots)
{
    size_t i = 0;
    while (i < lanes->count && strcmp(lanes->list[i].name, name) != 0)
        i++;
    if (i == MAX_LANES)
        return; /* another claim has fewer devices, or others */
    if (i == lanes->count) {
        strcpy(lanes->list[i].name, name);
        lanes->list[i].slots = 0;
        lanes->count++;
    }
    lanes->list[i].slots += slots;
}

/* The lane, and that for each of the device's SIMs. */
static void add_with_sims(struct lanes *lanes, const char *name, const struct claim_device *device)
{
    char with_sim[LANE_SIZE];
    add_lane(lanes, name, device->slot_count);
    for (unsigned sim = 1; sim <= MESSAGE_MAX_SIM; sim++) {
        if (device->traits.sims & 1u << sim) {
            lane_add_sim(name, sim, with_sim);
            add_lane(lanes, with_sim, device->slot_count);
        }
    }
}

static void add_lanes_of(struct lanes *lanes, const struct claim_device *device)
{
    char name[LANE_SIZE];
    if (device->traits.disabled)
        return;
    lane_of_device(device->device_id, name);
    add_with_sims(lanes, name, device);
    for (size_t i = 0; i < device->traits.groups.count; i++) {
        lane_of_group(device->traits.groups.labels[i], name);
        add_with_sims(lanes, name, device);
    }
    add_with_sims(lanes, LANE_ANY, device);
}

static int compare_entries(const void *left, const void *right)
{
    const struct lane_entry *a = left, *b = right;
    if (a->rank_ms != b->rank_ms)
        return a->rank_ms < b->rank_ms ? -1 : 1;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

bool claim_want(struct store_claim *request, const char *lane)
{
    if (!request->wanted)
        return false;
    for (size_t i = 0; i < request->wanted_count; i++) {
        if (strcmp(request->wanted[i], lane) == 0)
            return true;
    }
    if (request->wanted_count == STORE_MAX_WANTED)
        return false;
    strcpy(request->wanted[request->wanted_count++], lane);
    return true;
}

static bool is_taken(const struct claim *claim, const char *lane)
{
    for (size_t i = 0; i < claim->device_count; i++) {
        const struct claim_device *device = &claim->devices[i];
        if (!device->traits.disabled && lane_takes(lane, device->device_id, &device->traits))
            return true;
    }
    return false;
}

/* Looks at some lanes, from where the last claim ended. */
static enum error find_wanted(struct claim *claim)
{
    struct store_claim *request = claim->request;
    const struct message_rows *rows = claim->transaction->rows->messages;
    char lane[LANE_SIZE];
    for (int i = 0; i < LANES_A_CLAIM; i++) {
        enum error error = rows->find_lane(claim->transaction->database, request->lanes_after,
                                           lane);
        bool is_last = !*lane || strcmp(lane, LANE_WAITING) == 0;
        request->lanes_left = !is_last;
        if (is_last)
            request->lanes_after[0] = '\0';
        if (error != ERROR_NONE || is_last)
            return error;
        if (!is_taken(claim, lane) && !claim_want(request, lane))
            return ERROR_NONE; /* the next claim begins with this one */
        strcpy(request->lanes_after, lane);
    }
    return ERROR_NONE;
}

static enum error list_lanes(struct claim *claim, const struct lanes *lanes)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < lanes->count && error == ERROR_NONE; i++) {
        size_t count, room = CLAIM_MAX_CANDIDATES - claim->candidate_count;
        size_t most = lanes->list[i].slots + 1; /* one that stays shows that there are more */
        error = claim->transaction->rows->messages->list_lane(
            claim->transaction->database, lanes->list[i].name, claim_expired_at_ms(claim),
            MIN(most, room), claim->candidates + claim->candidate_count, &count);
        claim->candidate_count += error == ERROR_NONE ? count : 0;
    }
    qsort(claim->candidates, claim->candidate_count, sizeof(*claim->candidates), compare_entries);
    return error;
}

enum error claim_gather(struct claim *claim)
{
    char first[LANE_SIZE];
    claim->candidate_count = 0;
    enum error error = claim->transaction->rows->messages->find_lane(claim->transaction->database,
                                                                     "", first);
    if (error != ERROR_NONE || !*first || strcmp(first, LANE_WAITING) == 0)
        return error;
    struct lanes *lanes = malloc(sizeof(*lanes));
    if (!lanes)
        return ERROR_INTERNAL;
    lanes->count = 0;
    for (size_t i = 0; i < claim->device_count; i++)
        add_lanes_of(lanes, &claim->devices[i]);
    error = list_lanes(claim, lanes);
    free(lanes);
    return error == ERROR_NONE ? find_wanted(claim) : error;
}
