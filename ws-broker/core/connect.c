#include "ws-broker/core/connect.h"

#include "common/base/log.h"
#include "common/model/protocol.h"
#include "ws-broker/core/allocation.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/cancel.h"
#include "ws-broker/core/close.h"
#include "ws-broker/core/configuration.h"
#include "ws-broker/core/control.h"
#include "ws-broker/core/eligibility.h"
#include "ws-broker/core/lifecycle.h"
#include "ws-broker/core/offer.h"
#include "ws-broker/core/polled.h"
#include "ws-broker/core/throttle.h"
#include "ws-broker/core/token_revocation.h"
#include "ws-broker/core/warnings.h"
#include "ws-broker/core/work.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_ENTRIES = 1000,        /* of a journal */
    UPDATE_INTERVAL_MS = 1000, /* between two writes of a device's row */
    SEEN_INTERVAL_MS = 10000,  /* the same, when only last_seen_at changes */
};

/* ---- The end of a connection ---- */

static const struct request_kind disconnect_kind = {
    .name = "disconnect",
    .verb = STORE_DEVICE_DISCONNECT,
    .must_succeed = true,
};

void connect_end(struct broker *broker, const char *device_id, int64_t connection_epoch)
{
    struct store_request *request = store_request_new(&disconnect_kind, 0);
    strcpy(request->write.disconnect.device_id, device_id);
    request->write.disconnect.connection_epoch = connection_epoch;
    store_request_submit(&broker->requests, request);
}

/* ---- It may have connected ---- */

/* A newer connection here is counted after the one that is meant, or is still to be; until then it would be ended itself. */
static enum request_need need_of_end(const struct broker *broker,
                                     const struct store_request *request)
{
    const struct session *session = session_table_current(&broker->sessions,
                                                          request->write.disconnect.device_id);
    if (!session)
        return REQUEST_IS_NEEDED;
    return session->state == SESSION_READY ? REQUEST_IS_OBSOLETE : REQUEST_HAS_TO_WAIT;
}

static const struct request_kind end_kind = {
    .name = "disconnect",
    .verb = STORE_DEVICE_DISCONNECT,
    .must_succeed = true,
    .need = need_of_end,
};

/* Where the outcome is unknown, the device may be connected here for the store, and for ever: a polled one without a stream would
   be given nothing. */
static void end_if_connected(struct broker *broker, const char *device_id, int64_t now_ms)
{
    struct store_request *request = store_request_new(&end_kind, 0);
    strcpy(request->write.disconnect.device_id, device_id);
    request->write.disconnect.broker = broker->options.instance;
    store_request_submit_later(&broker->requests, request, now_ms);
}

/* ---- Its presence is committed ---- */

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct message_id));
}

/* The ids of a journal, sorted, for the caller to free; NULL when it is empty. */
static struct message_id *sort_journal(const struct store_journal_entry *entries, size_t count)
{
    struct message_id *ids = count > 0 ? allocation_check(calloc(count, sizeof(*ids))) : NULL;
    for (size_t i = 0; i < count; i++)
        ids[i] = entries[i].ref.id;
    if (ids)
        qsort(ids, count, sizeof(*ids), compare_ids);
    return ids;
}

/*
 * The window is as full as it was: a new connection does not make a device faster.
 *
 * What is in the journal stays in flight until the device reports on it or it expires; ages are only as good as the clock.
 * What a journal lacks fills the window only until reports are overdue, as with a basic device. Either the device has
 * done with it and an older copy of the database, put in place of the newer one, does not know; or another phone has it,
 * with a copy of the journal.
 */
static void restore_in_flight(struct broker *broker, struct session *session,
                              const struct store_write *write, int64_t now_ms)
{
    const struct broker_options *options = &broker->options;
    size_t count = write->connect.entry_count;
    struct message_id *journal = sort_journal(write->connect.entries, count);
    for (size_t i = 0; i < write->connect.in_flight_count; i++) {
        const struct store_in_flight *message = &write->connect.in_flight[i];
        int64_t left_ms = options->report_timeout_ms - message->silent_ms;
        if (journal && bsearch(&message->ref.id, journal, count, sizeof(*journal), compare_ids))
            left_ms = MAX(options->report_horizon_ms - message->silent_ms,
                          options->report_timeout_ms);
        if (left_ms > 0)
            session_add_written(session, &message->ref, now_ms + left_ms);
    }
    free(journal);
}

/* What the store has decided about the device's messages. */
static void send_verdicts(struct broker *broker, struct session *session,
                          const struct store_write *write)
{
    for (size_t i = 0; i < write->connect.entry_count; i++) {
        const struct store_journal_entry *entry = &write->connect.entries[i];
        if (entry->verdict == STORE_VERDICT_RELEASE)
            offer_send_release(broker, session, &entry->ref);
        else if (entry->verdict == STORE_VERDICT_DROP)
            offer_send_drop(broker, session, &entry->ref);
    }
    for (size_t i = 0; session->protocol->write_cancel && i < write->connect.in_flight_count; i++) {
        const struct store_in_flight *message = &write->connect.in_flight[i];
        if (message->cancel_requested)
            cancel_send(broker, session, &message->ref);
    }
}

static void greet(struct broker *broker, struct session *session)
{
    struct buffer frame;
    buffer_init(&frame, FRAME_MAX_BYTES);
    session->protocol->write_greeting(&frame, session->device_id, session->connection_epoch,
                                      session_limit(session));
    control_send(broker, session, session->protocol->greeting, &frame);
    warnings_send_kept(session);
}

static void complete_connect(struct broker *broker, struct session *session,
                             const struct store_write *write, int64_t now_ms)
{
    if (session->protocol->is_polled)
        polled_restore(broker, session, &write->connect, now_ms);
    else
        restore_in_flight(broker, session, write, now_ms);
    configuration_take(broker, session, &write->connect.traits, now_ms);
    /* A new connection does not bring another burst either. */
    session->budget_offset_ms = broker->housekeeping.clock.offset_ms;
    session->send_budget = write->connect.send_budget;
    configuration_limit_budget(broker, session, now_ms);
    if (session->protocol->is_polled)
        polled_greet(broker, session, &write->connect, now_ms);
    else
        greet(broker, session);
    send_verdicts(broker, session, write);
    lifecycle_enter(broker, session, SESSION_READY, now_ms);
    work_look_again(broker, now_ms);
    broker->dispatch.due = true;
    throttle_update(broker, session, now_ms);
    log_info("device connected", LOG_TEXT("device_id", session->device_id),
             LOG_TEXT("name", session->info.name),
             LOG_NUMBER("session", session->connection_epoch));
}

/* The device connects again, whether or not the store has its presence. */
static void refuse_connect(struct broker *broker, struct session *session, enum error error,
                           int64_t now_ms)
{
    if (error == ERROR_DEVICE_TOKEN_INVALID)
        session->identified = false; /* its reports do not count either */
    close_session(broker, session, error == ERROR_OUTCOME_UNKNOWN ? ERROR_STORE_UNAVAILABLE : error,
                  now_ms);
}

static void on_connected(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    const struct store_write *write = &request->write;
    struct session *session = session_table_find(&broker->sessions, request->session);
    if (write->result != ERROR_NONE) {
        if (session)
            refuse_connect(broker, session, write->result, now_ms);
        if (write->connect.polled) /* nothing comes to older streams, and the app does not know */
            polled_close_aside(broker, write->connect.holder.device_id, ERROR_STORE_UNAVAILABLE,
                               now_ms);
        if (write->result == ERROR_OUTCOME_UNKNOWN)
            end_if_connected(broker, write->connect.holder.device_id, now_ms);
        return;
    }
    if (write->connect.quarantined) {
        if (session)
            session->identified = false;
        token_revocation_quarantined(broker, write->connect.holder.device_id,
                                     write->connect.token_id,
                                     "one phone comes back after the other", now_ms);
        return;
    }
    if (!session) { /* it has gone in the meantime */
        connect_end(broker, write->connect.holder.device_id, write->connect.connection_epoch);
        return;
    }
    session->connection_epoch = write->connect.connection_epoch;
    if (session->state == SESSION_CONNECTING)
        complete_connect(broker, session, write, now_ms);
}

static void release_connect(struct store_request *request)
{
    device_info_fini(&request->write.connect.info);
    free(request->write.connect.in_flight);
    free(request->write.connect.entries);
}

static const struct request_kind connect_kind = {
    .name = "connect",
    .verb = STORE_DEVICE_CONNECT,
    .done = on_connected,
    .release = release_connect,
};

/* ---- It connects ---- */

static struct device_info copy_info(const struct device_info *info)
{
    struct device_info copy;
    if (!device_info_copy(info, &copy))
        allocation_check(NULL);
    return copy;
}

static void submit_connect(struct broker *broker, struct session *session)
{
    struct store_request *request = store_request_new(&connect_kind, session->id);
    struct store_write *write = &request->write;
    write->connect.holder = session_holder(session);
    write->connect.polled = session->protocol->is_polled;
    strcpy(write->connect.token_id, session->token_id);
    write->connect.entries = session->entries;
    write->connect.entry_count = session->entry_count;
    session->entries = NULL;
    write->connect.info = copy_info(&session->info);
    write->connect.broker = broker->options.instance;
    write->connect.in_flight_capacity = broker->options.window;
    write->connect.in_flight = allocation_check(
        calloc(broker->options.window, sizeof(*write->connect.in_flight)));
    store_request_submit(&broker->requests, request);
}

/* The device has said who it is: this is its current connection from now on, unless it has opened a newer one. Such a
   greeting is late, perhaps from before the device was wiped. */
void connect_device(struct broker *broker, struct session *session, int64_t now_ms)
{
    struct session *other = session_table_current(&broker->sessions, session->device_id);
    session->identified = true;
    if (other && session_is_newer(other, session)) {
        close_session(broker, session, ERROR_REPLACED, now_ms);
        return;
    }
    if (other && other->protocol->is_polled && session->protocol->is_polled)
        polled_set_aside(broker, other, now_ms);
    else if (other)
        close_session(broker, other, ERROR_REPLACED, now_ms);
    if (!session_table_set_current(&broker->sessions, session))
        allocation_check(NULL);
    lifecycle_enter(broker, session, SESSION_CONNECTING, now_ms);
    submit_connect(broker, session);
}

static void take_info(struct session *session, struct frame *frame)
{
    device_info_fini(&session->info);
    session->info = frame->info;
    frame->info.sims = frame->info.extra = NULL;
    configuration_take_sims(session);
}

void connect_take_device_info(struct broker *broker, struct session *session, struct frame *frame,
                              int64_t now_ms)
{
    take_info(session, frame);
    connect_device(broker, session, now_ms);
}

void connect_take_hello(struct broker *broker, struct session *session, struct frame *frame,
                        int64_t now_ms)
{
    take_info(session, frame);
    session->journal_id = frame->journal;
    session_set_credit(session, frame->credit);
    lifecycle_enter(broker, session, SESSION_SYNCING, now_ms);
}

/* A page of the journal; the last one lets the device connect. */
void connect_take_journal(struct broker *broker, struct session *session, struct frame *frame,
                          int64_t now_ms)
{
    size_t count = session->entry_count + frame->entry_count;
    if (count > MAX_ENTRIES) {
        close_session(broker, session, ERROR_NO_DEVICE_INFO, now_ms);
        return;
    }
    if (frame->entry_count > 0) {
        session->entries = allocation_check(
            realloc(session->entries, count * sizeof(*session->entries)));
        memcpy(session->entries + session->entry_count, frame->entries,
               frame->entry_count * sizeof(*frame->entries));
        session->entry_count = count;
    }
    if (frame->last)
        connect_device(broker, session, now_ms);
}

/* ---- What it says about itself later ---- */

/* Without it a message for a SIM that the phone has told would wait until the phone says something else. */
static void on_updated(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, request->session);
    (void)now_ms;
    if (session && request->write.result != ERROR_NONE)
        session->info_changed = true; /* written again with the next tick */
}

static void release_update(struct store_request *request)
{
    device_info_fini(&request->write.update.info);
}

static const struct request_kind update_kind = {
    .name = "update device",
    .verb = STORE_DEVICE_UPDATE,
    .patience_us = STORE_REQUEST_PATIENCE_US,
    .done = on_updated,
    .release = release_update,
};

int64_t connect_update_due_ms(const struct session *session)
{
    if (session->info_changed)
        return session->updated_at_ms + UPDATE_INTERVAL_MS;
    return session->spoke ? session->updated_at_ms + SEEN_INTERVAL_MS : INT64_MAX;
}

void connect_update_device(struct broker *broker, struct session *session, int64_t now_ms)
{
    if (now_ms < connect_update_due_ms(session) || session->state != SESSION_READY)
        return;
    session->info_changed = session->spoke = false;
    session->updated_at_ms = now_ms;
    struct store_request *request = store_request_new(&update_kind, session->id);
    strcpy(request->write.update.device_id, session->device_id);
    request->write.update.info = copy_info(&session->info);
    request->write.update.connection_epoch = session->connection_epoch;
    store_request_submit(&broker->requests, request);
}

void connect_take_device_update(struct broker *broker, struct session *session, struct frame *frame,
                                int64_t now_ms)
{
    take_info(session, frame);
    session->info_changed = true;
    connect_update_device(broker, session, now_ms);
    eligibility_update(broker, session, now_ms);
}

void connect_take_credit(struct broker *broker, struct session *session, struct frame *frame,
                         int64_t now_ms)
{
    session_set_credit(session, frame->credit);
    broker->dispatch.due = true;
    eligibility_update(broker, session, now_ms);
}
