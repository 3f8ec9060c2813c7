/*
 * The state of the broker core, for the files of core/ alone. A part that is named after a file is changed by that file;
 * `dispatch.due` is set by any, to say that the store may have messages.
 */
#ifndef WS_BROKER_CORE_BROKER_STATE_H
#define WS_BROKER_CORE_BROKER_STATE_H

#include "common/store/clock_trust.h"
#include "ws-broker/core/broker_options.h"
#include "ws-broker/core/phone_heap.h"
#include "ws-broker/core/session_table.h"
#include "ws-broker/core/store_request.h"

struct broker {
    struct broker_options options;
    struct session_table sessions;
    struct phone_heap phone_heap; /* the sessions that may be given a message */
    struct action_queue actions;
    struct store_requests requests;
    int64_t wake_ms; /* when the next tick is due at the latest */
    uint64_t jitter; /* state of the generator */
    /* Queued for any device so far: the clock of phone_heap_entry.last_use. */
    uint64_t messages_sent;

    struct {
        bool due;                   /* the store may have messages that are due */
        bool claiming;              /* a claim is at the store */
        bool left_some;             /* the last claim may have left messages */
        bool paused;                /* sending was paused at the last claim */
        size_t batch;               /* slots of the next claim */
        int64_t not_before_ms;      /* the store refused the last claim, or others want it too */
        int64_t wake_ms;            /* to claim then, for that alone; INT64_MAX: at the next tick */
        int64_t submitted_ms;       /* the last claim */
        int64_t contended_until_ms; /* other processes want the database too */

        /* What the last claim said of messages that its devices could not have */
        size_t wanted_count;
        char wanted[STORE_MAX_WANTED][LANE_SIZE];
        char lanes_after[LANE_SIZE];
        bool deferred;
    } dispatch;

    struct {
        struct store_work page; /* the store's while it is polled */
        bool polling;
        bool wanted;           /* another poll was asked for too early */
        bool is_certain;       /* that there is work: it is not left to the next tick */
        int64_t not_before_ms; /* the next poll, at the earliest */
        int64_t poll_at_ms;    /* and at the latest, if the doorbell does not ring before */
        int64_t
            wake_ms; /* to poll then, for that alone; INT64_MAX: at the next tick, or when something happens */
        int64_t moves_from; /* where the moves of the poll under way began */
    } work;

    struct {
        unsigned session_count; /* while there is any, the events of messages are followed */
        int64_t seen_event;     /* the newest that was passed on */
        /* From the one behind it on they are read once more: some were of messages that a request under way will
           bring. INT64_MAX: none. */
        int64_t again_after;
    } polled;

    struct {
        bool noting; /* a request is at the store */
        bool any;    /* the store may have a reason of some device */
    } device_waits;

    struct {
        int64_t sweep_at_ms;
        int64_t lease_at_ms;
        bool has_lease; /* it has had it; */
        bool had_none;  /* a request for its first one has failed */
        bool replaced;  /* until another broker came with its name */
        /* When the lease was renewed last, and what the store's clock said then; and since when that goes on in time, and the
           clock steadily. */
        int64_t leased_at_ms, store_clock_ms, steady_since_ms;
        /* Until then no other broker expires, purges or looks for stuck messages. */
        int64_t ours_until_ms;
        int64_t expire_at_ms, expire_unsent_at_ms;
        bool expiring_unsent; /* the last request for it is at the store */
        int64_t count_stuck_at_ms;
        int64_t purge_at_ms;
        struct clock_trust clock;  /* for messages that were not sent */
        int64_t trust_clock_at_ms; /* until then the ages of others may be wrong */
    } housekeeping;

    struct {
        bool active;
        bool overdue;      /* its time is over */
        enum error reason; /* the drain reason */
        int64_t until_ms;
    } drain;
};

/* Whether devices are closed with that error because the broker drains. */
static inline bool is_drain_reason(enum error error)
{
    return error == ERROR_SHUTTING_DOWN || error == ERROR_RESTARTING;
}

#endif
