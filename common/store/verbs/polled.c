/* Polled devices: what they fetch, report and say of themselves. */
#include "common/model/polled_app.h"
#include "common/store/verbs/device_battery.h"
#include "common/store/verbs/device_readings.h"
#include "common/store/verbs/device_use.h"
#include "common/store/verbs/reports.h"
#include "common/store/verbs/token_identity.h"
#include "common/store/verbs/token_state.h"
#include "common/store/verbs/transition.h"
#include "common/store/verbs/verbs.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_IN_FLIGHT = 1024, SEEN_EVERY_MS = 10000 };

void store_poll_messages_fini(struct store_poll_messages *poll)
{
    for (size_t i = 0; i < poll->count; i++)
        message_fini(&poll->listings[i].message);
    free(poll->listings);
    poll->listings = NULL;
    poll->count = poll->accepted = 0;
}

/* ---- The device ---- */

/* The version of its app, by which a copy of its token may be found. */
static enum error note_version(struct store_transaction *transaction, struct polled_device *device,
                               unsigned version, bool *quarantined)
{
    bool is_older = version < device->app_version;
    if (version == 0 || version == device->app_version)
        return ERROR_NONE;
    if (is_older) {
        enum error error = token_identity_note_older_app(transaction, device->token_id,
                                                         device->device_id, quarantined);
        if (error != ERROR_NONE || *quarantined)
            return error;
    }
    device->app_version = version;
    return transaction->rows->devices->save_polled(transaction->database, device);
}

/* Only the first request after an update of the app, and one every some seconds, writes anything. */
static enum error note_seen(struct store_transaction *transaction, struct store_poll_messages *poll)
{
    const struct device_rows *devices = transaction->rows->devices;
    const char *device_id = poll->holder.device_id;
    struct polled_device device;
    bool found;
    enum error error = devices->touch(transaction->database, device_id,
                                      transaction->now_ms - SEEN_EVERY_MS, transaction->now_ms);
    if (error == ERROR_NONE)
        error = devices->find_polled(transaction->database, device_id, &device, &found);
    return error == ERROR_NONE && found
               ? note_version(transaction, &device, poll->app_version, &poll->quarantined)
               : error;
}

/* Its broker chooses by these; without a connection it learns of them with the next. */
static enum error tell_broker(struct store_transaction *transaction, struct store_note_polled *note,
                              const struct device_traits *before,
                              const struct device_connection *connection)
{
    const struct device_rows *devices = transaction->rows->devices;
    struct device_traits now;
    enum error error = devices->find_traits(transaction->database, note->device_id, &now, NULL);
    if (error != ERROR_NONE)
        return error;
    note->changed = connection->connected &&
                    (now.sims != before->sims || now.charging != before->charging ||
                     now.battery_level != before->battery_level);
    return note->changed ? devices->number_change(transaction->database, note->device_id)
                         : ERROR_NONE;
}

/* What it says of itself. */
static enum error describe(struct store_transaction *transaction, struct store_note_polled *note)
{
    const struct device_rows *devices = transaction->rows->devices;
    struct store_database *database = transaction->database;
    struct device_connection connection;
    struct device_traits before;
    enum error error = devices->find_traits(database, note->device_id, &before, NULL);
    if (error == ERROR_NONE)
        error = devices->describe(database, note->device_id, note->set, &note->info,
                                  transaction->now_ms);
    if (error != ERROR_NONE || !(note->set & (POLLED_BATTERY | POLLED_SIMS)))
        return error;
    error = devices->find_connection(database, note->device_id, &connection);
    if (error == ERROR_NONE)
        error = tell_broker(transaction, note, &before, &connection);
    if (error != ERROR_NONE || !(note->set & POLLED_BATTERY))
        return error;
    error = device_reading_note(transaction, note->device_id, &note->info);
    return error == ERROR_NONE ? device_battery_note(transaction, note->device_id, &note->info,
                                                     connection.battery_low)
                               : error;
}

enum error verb_note_polled(struct store_transaction *transaction, struct store_write *write)
{
    struct store_note_polled *note = &write->note_polled;
    const struct device_rows *devices = transaction->rows->devices;
    struct polled_device device;
    bool found;
    note->changed = note->quarantined = false;
    enum error error = devices->find_polled(transaction->database, note->device_id, &device,
                                            &found);
    if (error != ERROR_NONE || !found || strcmp(device.token_id, note->token_id) != 0)
        return error;
    if (note->set & POLLED_APP_VERSION)
        error = note_version(transaction, &device, note->app_version, &note->quarantined);
    if (error != ERROR_NONE || note->quarantined)
        return error;
    if ((device.fetched | note->fetched) != device.fetched) {
        device.fetched |= note->fetched;
        error = devices->save_polled(transaction->database, &device);
    }
    return error == ERROR_NONE && note->set ? describe(transaction, note) : error;
}

/* ---- Messages for a device without a connection ---- */

/* Whether the device may have another message, by its send budget; *counted: it has one, which a message uses up. */
static enum error check_budget(struct store_transaction *transaction, const char *device_id,
                               bool *counted, bool *has_room)
{
    struct device_traits traits;
    struct device_use use;
    *has_room = true;
    enum error error = transaction->rows->devices->find_traits(transaction->database, device_id,
                                                               &traits, NULL);
    *counted = error == ERROR_NONE && device_use_is_counted(transaction, &traits);
    if (!*counted)
        return error;
    error = device_use_find(transaction, device_id, &traits, &use);
    *has_room = error == ERROR_NONE &&
                send_budget_wait_ms(&use.budget, 0, transaction->now_ms) == 0;
    return error;
}

static enum error claim_some(struct store_transaction *transaction,
                             const struct store_poll_messages *poll, size_t count, size_t *claimed)
{
    struct store_holder *slots = calloc(count, sizeof(*slots));
    struct message *messages = calloc(count, sizeof(*messages));
    struct store_write claim = {
        .claim = {.slots = slots,
                  .slot_count = count,
                  .messages = messages,
                  .trusted_wall_ms = poll->trusted_wall_ms},
    };
    for (size_t i = 0; slots && i < count; i++) {
        slots[i] = poll->holder;
        slots[i].assured = slots[i].polled = true;
    }
    enum error error = slots && messages ? verb_claim(transaction, &claim) : ERROR_INTERNAL;
    *claimed = claim.claim.message_count;
    for (size_t i = 0; messages && i < count; i++)
        message_fini(&messages[i]);
    free(messages);
    free(slots);
    return error;
}

/* Up to `most`. With a budget one by one, because the length of each is known only then. */
static enum error claim_within_budget(struct store_transaction *transaction,
                                      const struct store_poll_messages *poll, size_t most)
{
    bool counted, has_room;
    size_t claimed;
    enum error error;
    do {
        claimed = 0;
        error = check_budget(transaction, poll->holder.device_id, &counted, &has_room);
        if (error == ERROR_NONE && has_room)
            error = claim_some(transaction, poll, counted ? 1 : most, &claimed);
    } while (error == ERROR_NONE && counted && claimed > 0 && --most > 0);
    return error;
}

/* ---- What is listed ---- */

struct poll_state {
    struct store_transaction *transaction;
    struct store_poll_messages *poll;
    size_t window, waiting; /* messages that the app has and has not begun to send */
    size_t seen;            /* of these, those that it may have been listed before */
    bool is_clock_trusted, paused;
};

static enum error append(struct poll_state *state, const struct message_row *row, bool cancel)
{
    struct store_poll_messages *poll = state->poll;
    const struct message_rows *messages = state->transaction->rows->messages;
    if (!poll->listings)
        poll->listings = calloc(STORE_MAX_LISTED, sizeof(*poll->listings));
    if (!poll->listings)
        return ERROR_INTERNAL;
    struct store_listing *listing = &poll->listings[poll->count++];
    enum error error = messages->read_content(state->transaction->database, row, &listing->message);
    listing->cancel = cancel;
    listing->message.id = row->id;
    listing->message.attempt = row->attempt;
    listing->message.status = row->status;
    memcpy(listing->message.reached_at_ms, row->reached_at_ms, sizeof(row->reached_at_ms));
    return error;
}

/* An offer becomes the device's. */
static enum error accept(struct poll_state *state, struct message_row *row)
{
    struct store_transaction *transaction = state->transaction;
    int64_t expires_at_ms = row->options.expires_at_ms;
    unsigned facts = transition_facts(row, &state->poll->holder, row->attempt) |
                     MESSAGE_OF_SESSION; /* there is one active token, and this is it */
    if (expires_at_ms != 0 && expires_at_ms <= transaction->now_ms)
        return state->is_clock_trusted ? transition_expire(transaction, row) : ERROR_NONE;
    if (state->paused || state->waiting >= state->window ||
        !message_may_become(row->status, MESSAGE_ACCEPTED, MESSAGE_ACTOR_DEVICE, facts))
        return ERROR_NONE;
    state->waiting++;
    state->poll->accepted++;
    enum error error = transition_apply(transaction, row, MESSAGE_ACCEPTED, TRANSITION_RELEASED,
                                        NULL, NULL);
    return error == ERROR_NONE ? append(state, row, false) : error;
}

/* The app may have become one that takes fewer at once since they were accepted. */
static enum error list_accepted(struct poll_state *state, const struct message_row *row)
{
    int64_t age_ms = state->transaction->now_ms - row->reached_at_ms[MESSAGE_ACCEPTED];
    if (row->cancel_requested)
        return state->poll->app_version >= POLLED_APP_CANCELS ? append(state, row, true)
                                                              : ERROR_NONE;
    if (age_ms >= STORE_LISTED_FOR_MS || state->seen++ >= state->window)
        return ERROR_NONE;
    return row->report_seq < 0 ? append(state, row, false) : ERROR_NONE;
}

static enum error list_row(struct poll_state *state, struct message_row *row)
{
    if (!message_id_equal(&row->journal, &state->poll->holder.journal))
        return transition_lose_journal(state->transaction, row);
    if (state->poll->count == STORE_MAX_LISTED ||
        !polled_app_sends(state->poll->app_version, row->options.content))
        return ERROR_NONE;
    if (row->status == MESSAGE_DISPATCHED)
        return accept(state, row);
    return row->status == MESSAGE_ACCEPTED ? list_accepted(state, row) : ERROR_NONE;
}

static size_t count_waiting(const struct message_row rows[], size_t count, bool with_offers)
{
    size_t waiting = 0;
    for (size_t i = 0; i < count; i++)
        waiting += rows[i].status == MESSAGE_ACCEPTED ||
                   (with_offers && rows[i].status == MESSAGE_DISPATCHED);
    return waiting;
}

static enum error list_in_flight(struct poll_state *state, struct message_row **rows, size_t *count)
{
    struct store_transaction *transaction = state->transaction;
    *count = 0;
    *rows = transaction_scratch(transaction, MOST_IN_FLIGHT * sizeof(**rows));
    return *rows ? transaction->rows->messages->list_in_flight(transaction->database,
                                                               state->poll->holder.device_id,
                                                               MOST_IN_FLIGHT, *rows, count)
                 : ERROR_INTERNAL;
}

static enum error claim_without_connection(struct poll_state *state)
{
    struct store_transaction *transaction = state->transaction;
    const char *device_id = state->poll->holder.device_id;
    struct device_connection connection;
    struct message_row *rows;
    size_t count;
    enum error error = transaction->rows->devices->find_connection(transaction->database, device_id,
                                                                   &connection);
    if (error != ERROR_NONE || connection.connected || state->paused)
        return error;
    error = list_in_flight(state, &rows, &count);
    size_t waiting = count_waiting(rows, count, true);
    if (error != ERROR_NONE || waiting >= state->window)
        return error;
    return claim_within_budget(transaction, state->poll, state->window - waiting);
}

enum error verb_poll_messages(struct store_transaction *transaction, struct store_write *write)
{
    struct store_poll_messages *poll = &write->poll_messages;
    struct poll_state state = {
        .transaction = transaction,
        .poll = poll,
        .window = polled_app_window(poll->app_version, STORE_MAX_LISTED),
        .is_clock_trusted = transaction_trusts(transaction, poll->trusted_wall_ms),
    };
    struct store_sending sending;
    struct message_row *rows;
    size_t count;
    store_poll_messages_fini(poll);
    poll->quarantined = false;
    enum error error = token_state_check(transaction, poll->token_id, poll->holder.device_id);
    if (error == ERROR_NONE)
        error = note_seen(transaction, poll);
    if (error != ERROR_NONE || poll->quarantined)
        return error;
    error = transaction->rows->limits->find_sending(transaction->database, &sending);
    if (error != ERROR_NONE)
        return error;
    state.paused = sending.paused_since_ms != 0;
    error = claim_without_connection(&state);
    if (error == ERROR_NONE)
        error = list_in_flight(&state, &rows, &count);
    if (error != ERROR_NONE)
        return error;
    state.waiting = count_waiting(rows, count, false);
    for (size_t i = count; i > 0 && error == ERROR_NONE; i--) /* the oldest first */
        error = list_row(&state, &rows[i - 1]);
    return error;
}

/* ---- Reports ---- */

enum error verb_report_polled(struct store_transaction *transaction, struct store_write *write)
{
    struct store_report_polled *request = &write->report_polled;
    enum error error = ERROR_NONE;
    bool of_another_list = false;
    request->changed = 0;
    request->quarantined = false;
    for (size_t i = 0; i < request->count && error == ERROR_NONE; i++) {
        struct store_report *report = &request->reports[i];
        report->changed = report->of_another_list = false;
        error = reports_take(transaction, report);
        if (error == ERROR_MESSAGE_NOT_HELD)
            error = ERROR_NONE;
        request->changed += report->changed;
        of_another_list |= report->of_another_list;
    }
    return error == ERROR_NONE && of_another_list
               ? token_identity_quarantine(transaction, request->token_id,
                                           request->reports[0].holder.device_id,
                                           &request->quarantined)
               : error;
}
