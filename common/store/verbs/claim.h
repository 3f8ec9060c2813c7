/* What the two files of a claim share: claim.c gives messages to slots, claim_lanes.c finds what is in the lanes. */
#ifndef COMMON_STORE_VERBS_CLAIM_H
#define COMMON_STORE_VERBS_CLAIM_H

#include "common/store/verbs/device_use.h"

enum { CLAIM_MAX_CANDIDATES = 2048 };

/* A device with slots in the claim. */
struct claim_device {
    const char *device_id;
    size_t slot_count;
    struct device_traits traits;
    struct device_connection connection;
    bool is_counted;       /* its use, for a limit */
    struct device_use use; /* if so */
    bool used;             /* its use has changed */
};

struct claim {
    struct store_transaction *transaction;
    struct store_claim *request;
    bool is_clock_trusted;
    struct claim_device devices[STORE_MAX_CLAIM], *of_slot[STORE_MAX_CLAIM];
    size_t device_count;
    bool has_choice_of_sims; /* a device has several */

    /* The lane "" */
    struct due_message due[STORE_MAX_CLAIM];
    size_t due_count;

    /* Of the other lanes, by rank once claim_gather has run */
    struct lane_entry candidates[CLAIM_MAX_CANDIDATES];
    size_t candidate_count;
};

/* Finds the first messages of the lanes that the devices take, one more than they have slots; and lanes that none of
   them takes, for request->wanted. */
MUST_CHECK enum error claim_gather(struct claim *claim);

/* For list_due and list_lane. While the clock is not trusted, what has expired stays queued: it must not hide what is
   behind it. */
int64_t claim_expired_at_ms(const struct claim *claim);

/* Adds a lane to request->wanted, once. False where there is no room. */
bool claim_want(struct store_claim *request, const char *lane);

#endif
