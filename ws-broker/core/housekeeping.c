#include "ws-broker/core/housekeeping.h"

#include "common/base/log.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/superseded.h"

#include <stdlib.h>
#include <string.h>

enum {
    EXPIRE_UNSENT_INTERVAL_MS = 1000, /* those with a time of their own */
    EXPIRE_INTERVAL_MS = 60000,       /* those without a report */
    COUNT_STUCK_INTERVAL_MS = 60000,
    PURGE_INTERVAL_MS = 60000,
    PURGE_AGAIN_MS = 250, /* between two pieces: devices and clients come first */
    PURGE_PIECE = 100,    /* texts, and messages: some milliseconds */
    CLOCK_DISTRUST_MS = 3600000,
};

/* ---- Time ---- */

/* Whether it is time; sets the next time if it is. */
static bool is_due(int64_t *at_ms, int64_t interval_ms, int64_t now_ms)
{
    bool due = now_ms >= *at_ms;
    if (due)
        *at_ms = now_ms + interval_ms;
    return due;
}

/* Whether no other broker keeps house. */
static bool is_ours(const struct broker *broker, int64_t now_ms)
{
    return now_ms < broker->housekeeping.ours_until_ms;
}

/* When the wall clock has stepped, or may have stepped before the start, no message becomes unknown for an hour: ages are as
   wrong as the clock was, and devices need time to report. What was not sent waits only until a mistake may be noticed. */
static void watch_clock(struct broker *broker, int64_t now_ms, int64_t wall_ms)
{
    bool is_first = !broker->housekeeping.clock.started;
    bool was_set = clock_trust_watch(&broker->housekeeping.clock, now_ms, wall_ms);
    if (was_set)
        log_warning("the clock was set: no message becomes unknown for an hour, and for five "
                    "minutes none"
                    " expires and no scheduled one is sent");
    if (was_set || is_first)
        broker->housekeeping.trust_clock_at_ms = now_ms + CLOCK_DISTRUST_MS;
}

int64_t housekeeping_trusted_wall_ms(const struct broker *broker, int64_t now_ms)
{
    return clock_trust_wall_ms(&broker->housekeeping.clock, now_ms);
}

/* ---- Expiry ---- */

static void on_expired(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    const struct store_write *write = &request->write;
    (void)now_ms;
    if (write->result != ERROR_NONE)
        return;
    if (write->expire_unreported.unknown > 0)
        log_warning("messages without a report are now unknown",
                    LOG_NUMBER("count", write->expire_unreported.unknown));
    if (write->expire_unreported.queued > 0)
        log_warning("unanswered offers returned to queue",
                    LOG_NUMBER("count", write->expire_unreported.queued));
    if (write->expire_unreported.unknown > 0 || write->expire_unreported.queued > 0)
        broker->housekeeping.expire_at_ms = 0; /* there may be more */
    broker->dispatch.due |= write->expire_unreported.queued > 0;
}

static const struct request_kind expire_kind = {
    .name = "expire",
    .verb = STORE_EXPIRE_UNREPORTED,
    .done = on_expired,
};

static void expire_messages(struct broker *broker, int64_t now_ms)
{
    struct store_request *request = store_request_new(&expire_kind, 0);
    request->write.expire_unreported.silent_for_ms = now_ms < broker->housekeeping.trust_clock_at_ms
                                                         ? 0
                                                         : broker->options.report_horizon_ms;
    request->write.expire_unreported.offered_for_ms = 2 * broker->options.ack_timeout_ms;
    request->write.expire_unreported.limit = STORE_MAX_CLAIM;
    store_request_submit(&broker->requests, request);
}

static void on_unsent_expired(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    const struct store_write *write = &request->write;
    (void)now_ms;
    broker->housekeeping.expiring_unsent = false;
    if (write->result != ERROR_NONE ||
        (write->expire_unreported.expired == 0 && !write->expire_unreported.more_to_cancel))
        return;
    if (write->expire_unreported.expired > 0)
        log_info("messages have expired", LOG_NUMBER("count", write->expire_unreported.expired));
    broker->housekeeping.expire_unsent_at_ms = 0; /* there may be more */
}

static const struct request_kind expire_unsent_kind = {
    .name = "expire unsent",
    .verb = STORE_EXPIRE_UNREPORTED,
    .done = on_unsent_expired,
};

static void expire_unsent(struct broker *broker, int64_t now_ms)
{
    int64_t trusted_wall_ms = housekeeping_trusted_wall_ms(broker, now_ms);
    if (broker->housekeeping.expiring_unsent || trusted_wall_ms == 0 || broker->drain.active)
        return;
    broker->housekeeping.expiring_unsent = true;
    struct store_request *request = store_request_new(&expire_unsent_kind, 0);
    request->write.expire_unreported.trusted_wall_ms = trusted_wall_ms;
    request->write.expire_unreported.limit = STORE_MAX_CLAIM;
    store_request_submit(&broker->requests, request);
}

/* ---- Stuck messages ---- */

bool housekeeping_counts_stuck(struct broker *broker, int64_t now_ms)
{
    return is_ours(broker, now_ms) &&
           is_due(&broker->housekeeping.count_stuck_at_ms, COUNT_STUCK_INTERVAL_MS, now_ms);
}

void housekeeping_report(const int64_t stuck[MESSAGE_STATUS_COUNT],
                         const int64_t waiting[MESSAGE_WAIT_COUNT])
{
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++) {
        if (stuck[i] > 0)
            log_warning("messages are stuck",
                        LOG_TEXT("status", message_status_name((enum message_status)i)),
                        LOG_NUMBER("count", stuck[i]));
    }
    for (int i = MESSAGE_WAIT_NONE + 1; i < MESSAGE_WAIT_COUNT; i++) {
        if (waiting[i] > 0)
            log_info("messages wait",
                     LOG_TEXT("reason", message_wait_name((enum message_wait_reason)i)),
                     LOG_NUMBER("count", waiting[i]));
    }
}

/* ---- Retention ---- */

static void on_purged(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    const struct store_write *write = &request->write;
    if (write->result != ERROR_NONE)
        return; /* the next interval tries again */
    if (write->purge.more) {
        broker->housekeeping.purge_at_ms = now_ms + PURGE_AGAIN_MS;
        broker->wake_ms = MIN(broker->wake_ms, broker->housekeeping.purge_at_ms);
    }
    if (write->purge.texts > 0 || write->purge.messages > 0 || write->purge.incoming > 0 ||
        write->purge.events > 0 || write->purge.answers > 0 || write->purge.deliveries > 0)
        log_debug("old texts and messages purged", LOG_NUMBER("texts", write->purge.texts),
                  LOG_NUMBER("messages", write->purge.messages),
                  LOG_NUMBER("incoming", write->purge.incoming),
                  LOG_NUMBER("events", write->purge.events),
                  LOG_NUMBER("idempotency_keys", write->purge.answers),
                  LOG_NUMBER("webhook_deliveries", write->purge.deliveries));
}

static const struct request_kind purge_kind = {
    .name = "purge",
    .verb = STORE_PURGE,
    .done = on_purged,
};

/* Removes what retention no longer keeps, and old idempotency keys, a little at a time. A clock that is ahead would make
   everything old. */
static void purge(struct broker *broker, int64_t now_ms)
{
    const struct broker_options *options = &broker->options;
    if (now_ms < broker->housekeeping.purge_at_ms ||
        now_ms < broker->housekeeping.trust_clock_at_ms || broker->drain.active)
        return;
    broker->housekeeping.purge_at_ms = now_ms + PURGE_INTERVAL_MS;
    struct store_request *request = store_request_new(&purge_kind, 0);
    request->write.purge.text_age_ms = options->text_retention_ms;
    request->write.purge.message_age_ms = options->message_retention_ms;
    request->write.purge.incoming_age_ms = options->inbox_retention_ms;
    request->write.purge.event_age_ms = options->event_retention_ms;
    request->write.purge.delivery_age_ms = options->delivery_retention_ms;
    request->write.purge.limit = PURGE_PIECE;
    store_request_submit(&broker->requests, request);
}

/* ---- The lease ---- */

static void run_ours(struct broker *broker, int64_t now_ms)
{
    if (!is_ours(broker, now_ms))
        return;
    if (is_due(&broker->housekeeping.expire_at_ms, EXPIRE_INTERVAL_MS, now_ms))
        expire_messages(broker, now_ms);
    if (is_due(&broker->housekeeping.expire_unsent_at_ms, EXPIRE_UNSENT_INTERVAL_MS, now_ms))
        expire_unsent(broker, now_ms);
    purge(broker, now_ms);
}

/* Whether the last renewal is too long ago: others may have had no answer either. */
static bool is_overdue(const struct broker *broker, int64_t now_ms)
{
    return !broker->housekeeping.has_lease ||
           now_ms - broker->housekeeping.leased_at_ms > 2 * broker->options.lease_ms / 3;
}

/* Where the store did not answer in time, or its clock was set, the leases of others may have run out without their fault:
   for the time of a lease none of them is ended. */
static void note_clock(struct broker *broker, int64_t store_clock_ms, int64_t now_ms)
{
    int64_t passed_ms = now_ms - broker->housekeeping.leased_at_ms;
    int64_t step_ms = store_clock_ms - broker->housekeeping.store_clock_ms - passed_ms;
    if (is_overdue(broker, now_ms) || llabs(step_ms) > broker->options.lease_ms / 3)
        broker->housekeeping.steady_since_ms = now_ms;
    broker->housekeeping.leased_at_ms = now_ms;
    broker->housekeeping.store_clock_ms = store_clock_ms;
    broker->housekeeping.has_lease = true;
}

static int64_t expected_store_clock_ms(const struct broker *broker, int64_t now_ms)
{
    int64_t steady_ms = now_ms - broker->housekeeping.steady_since_ms;
    if (is_overdue(broker, now_ms) || steady_ms < broker->options.lease_ms)
        return 0;
    return broker->housekeeping.store_clock_ms + now_ms - broker->housekeeping.leased_at_ms;
}

/* It was frozen, or cut off from the store, until its lease had run out. */
static void renew_lease(struct broker *broker, int64_t now_ms);

static void on_lost(struct broker *broker, bool replaced, int64_t now_ms)
{
    log_error("this broker did not renew its lease in time, and another one has ended it: its "
              "devices are to connect again");
    superseded_close_all(broker, now_ms);
    broker->housekeeping.has_lease = false;
    broker->housekeeping.replaced = replaced;
    broker->dispatch.due = true;
    if (!replaced) /* before any device connects: without one it would be taken for a dead broker */
        renew_lease(broker, now_ms);
}

/* Another broker that began its lease meanwhile may have taken this one, which had none, for one that had died, and have
   disconnected its devices. */
static void on_first_lease(struct broker *broker, bool has_others, int64_t now_ms)
{
    if (has_others && broker->housekeeping.had_none && broker->sessions.open_count > 0) {
        log_warning("the first lease came late: devices that have connected before connect again");
        superseded_close_all(broker, now_ms);
    }
    broker->housekeeping.had_none = false;
}

/* It may last a moment longer here than in the store. That does no harm: two brokers that expire the same messages find each
   other's work done. */
static void on_leased(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    const struct store_write *write = &request->write;
    if (write->result != ERROR_NONE) {
        broker->housekeeping.had_none |= !broker->housekeeping.has_lease;
        return;
    }
    if (!broker->housekeeping.has_lease)
        on_first_lease(broker, write->lease.has_others, now_ms);
    note_clock(broker, write->lease.now_ms, now_ms);
    if (write->lease.lost)
        on_lost(broker, write->lease.replaced, now_ms);
    broker->housekeeping.ours_until_ms = write->lease.keeps_house
                                             ? now_ms + broker->options.lease_ms
                                             : 0;
    if (write->lease.ended_another) {
        log_warning("a broker that did not end its lease is gone: its offers return to queue");
        broker->dispatch.due = true;
        broker->housekeeping.lease_at_ms = now_ms; /* there may be more */
    }
    run_ours(broker, now_ms);
}

static const struct request_kind lease_kind = {
    .name = "lease",
    .verb = STORE_BROKER_LEASE,
    .patience_us = STORE_REQUEST_PATIENCE_US,
    .done = on_leased,
};

static void renew_lease(struct broker *broker, int64_t now_ms)
{
    struct store_request *request = store_request_new(&lease_kind, 0);
    strcpy(request->write.lease.name, broker->options.name);
    request->write.lease.instance = broker->options.instance;
    request->write.lease.lease_ms = broker->options.lease_ms;
    request->write.lease.renews = broker->housekeeping.has_lease;
    request->write.lease.expected_now_ms = expected_store_clock_ms(broker, now_ms);
    store_request_submit(&broker->requests, request);
}

/* ---- */

void housekeeping_begin(struct broker *broker, int64_t now_ms)
{
    broker->housekeeping.sweep_at_ms = broker->housekeeping.lease_at_ms = now_ms;
    broker->housekeeping.expire_at_ms = broker->housekeeping.count_stuck_at_ms = now_ms;
}

void housekeeping_run(struct broker *broker, int64_t now_ms, int64_t wall_ms)
{
    watch_clock(broker, now_ms, wall_ms);
    if (!broker->housekeeping.replaced && /* it would end the one that has its name */
        is_due(&broker->housekeeping.lease_at_ms, broker->options.lease_ms / 3, now_ms))
        renew_lease(broker, now_ms);
    run_ours(broker, now_ms);
}

bool housekeeping_sweep_is_due(struct broker *broker, int64_t now_ms)
{
    return is_due(&broker->housekeeping.sweep_at_ms, broker->options.sweep_interval_ms, now_ms);
}
