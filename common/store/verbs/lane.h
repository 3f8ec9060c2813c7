/*
 * Lanes: how queued messages are ordered, so that one that must wait is in nobody's way.
 *
 * A message that any device may have, of normal priority and due, is in the lane "" in the order of creation, and costs
 * one index entry. Those with a wish have a lane for each target: "any", "device:ID", "group:NAME", with "/SIM" behind
 * it. Those that wait for a time are in LANE_WAITING until it comes. A claim looks at the heads of the lanes of
 * its devices; the lane of a device that is away costs nothing.
 *
 * The rank merges the lanes: the time at which a message was first due, moved by its priority. A message of high
 * priority passes those of the LANE_HEAD_START_MS before it, one of low priority lets those pass that follow within
 * that time; so none is passed for ever.
 */
#ifndef COMMON_STORE_VERBS_LANE_H
#define COMMON_STORE_VERBS_LANE_H

#include "common/store/verbs/rows.h"

#define LANE_WAITING "~" /* behind all others in the order of their names */
#define LANE_ANY     "any"

enum { LANE_HEAD_START_MS = 24 * 3600 * 1000 };

/* Where a queued message belongs at `now_ms`, from its options, its retry_at_ms and the time of its id. */
struct message_place lane_place(const struct message_row *row, int64_t now_ms);

/* The names of lanes. */
void lane_of_device(const char *device_id, char lane[STORE_LANE_SIZE]);
void lane_of_group(const char *group, char lane[STORE_LANE_SIZE]);
void lane_add_sim(const char *lane, unsigned sim, char with_sim[STORE_LANE_SIZE]);

/* Whether a device may have the messages of the lane. */
bool lane_takes(const char *lane, const char *device_id, const struct device_traits *traits);

#endif
