/*
 * Where a queued message belongs: its lane (common/model/lane.h), and its rank there.
 *
 * The rank merges the lanes: the time at which a message was first due, moved by its priority. A message of high
 * priority passes those of the PRIORITY_HEAD_START_MS before it, one of low priority lets those pass that follow within
 * that time; so none is passed for ever.
 */
#ifndef COMMON_STORE_VERBS_QUEUE_PLACE_H
#define COMMON_STORE_VERBS_QUEUE_PLACE_H

#include "common/store/verbs/rows.h"

enum { PRIORITY_HEAD_START_MS = 24 * 3600 * 1000 };

/* At `now_ms`, from its options, its retry_at_ms and the time of its id. */
struct message_place queue_place(const struct message_row *row, int64_t now_ms);

#endif
