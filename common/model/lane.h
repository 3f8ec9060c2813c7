/*
 * Lanes: the parts of the queue, so that a message that must wait does not delay others.
 *
 * A message that is due, has normal priority and may go to any device is in the lane "" in the order of creation, and
 * costs one index entry. Messages with options have a lane for each target: "any", "device:ID", "group:NAME", and "/SIM"
 * after it. Messages that wait for a time are in LANE_WAITING until then. A claim looks at the heads of its devices'
 * lanes; the lane of a disconnected device costs nothing.
 *
 * Any thread.
 */
#ifndef COMMON_MODEL_LANE_H
#define COMMON_MODEL_LANE_H

#include "common/model/device.h"

#define LANE_WAITING "~" /* sorts after all other names */
#define LANE_ANY     "any"

enum { LANE_SIZE = 80 };

void lane_of_target(const struct message_target *target, bool is_plain, char lane[LANE_SIZE]);
void lane_of_device(const char *device_id, char lane[LANE_SIZE]);
void lane_of_group(const char *group, char lane[LANE_SIZE]);
void lane_add_sim(const char *lane, unsigned sim, char with_sim[LANE_SIZE]);

/* Whether a device may have the messages of the lane. `traits` NULL: it has neither groups nor SIMs. */
bool lane_takes(const char *lane, const char *device_id, const struct device_traits *traits);

/* Whether the lane is that of one device, whatever the SIM; its id then. */
bool lane_names_device(const char *lane, char device_id[DEVICE_ID_SIZE]);

/* The same for a group; and the SIM that the lane asks for, or 0. */
bool lane_names_group(const char *lane, char group[DEVICE_GROUP_SIZE]);
unsigned lane_sim(const char *lane);

#endif
