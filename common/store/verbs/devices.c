/* Connections of devices, and what becomes of the messages that a device had. */
#include "common/store/verbs/device_battery.h"
#include "common/store/verbs/device_readings.h"
#include "common/store/verbs/device_use.h"
#include "common/store/verbs/events.h"
#include "common/store/verbs/token_identity.h"
#include "common/store/verbs/token_state.h"
#include "common/store/verbs/transition.h"
#include "common/store/verbs/verbs.h"

#include <string.h>

/* ---- Reconciling with the journal ---- */

/* The entry of the message's current attempt; NULL without one. There may be entries of earlier attempts, whose
   reports are not acknowledged yet. */
static struct store_journal_entry *find_entry(struct store_connect_device *connect,
                                              const struct message_row *row)
{
    for (size_t i = 0; i < connect->entry_count; i++) {
        struct store_journal_entry *entry = &connect->entries[i];
        if (message_id_equal(&entry->ref.id, &row->id) && entry->ref.attempt == row->attempt)
            return entry;
    }
    return NULL;
}

/* What becomes of a message that the device had before it connected; *keeps: it still has it. */
static enum error reconcile(struct store_transaction *transaction,
                            struct store_connect_device *connect, struct message_row *row,
                            bool *keeps)
{
    const struct store_holder *device = &connect->holder;
    struct store_journal_entry *entry = find_entry(connect, row);
    *keeps = false;
    if (message_row_has_journal(row) && !message_id_equal(&row->journal, &device->journal))
        return transition_lose_journal(transaction, row);
    *keeps = connect->polled; /* its requests say more than its connection */
    if (*keeps)
        return ERROR_NONE;
    if (entry) {
        enum store_verdict verdict;
        unsigned facts = transition_facts(row, device, entry->ref.attempt) | MESSAGE_OF_SESSION;
        enum error error = transition_judge_offer(transaction, row, facts, &verdict);
        if (entry->offered)
            entry->verdict = verdict;
        *keeps = verdict == STORE_VERDICT_RELEASE;
        if (error != ERROR_NONE || *keeps)
            return error;
    }
    *keeps = row->status != MESSAGE_DISPATCHED;
    return *keeps ? ERROR_NONE
                  : transition_return(transaction, row, TRANSITION_NOT_IN_JOURNAL, 0, NULL, NULL);
}

static void add_in_flight(struct store_connect_device *connect, const struct message_row *row,
                          int64_t silent_ms)
{
    if (connect->in_flight_count == connect->in_flight_capacity)
        return;
    connect->in_flight[connect->in_flight_count++] = (struct store_in_flight){
        .ref = {row->id, row->attempt},
        .silent_ms = silent_ms,
        .cancel_requested = row->cancel_requested,
        .status = row->status,
        .is_reported = row->report_seq >= 0,
    };
}

static enum error reconcile_all(struct store_transaction *transaction,
                                struct store_connect_device *connect)
{
    enum { MOST = 1024 };
    struct message_row *rows = transaction_scratch(transaction, MOST * sizeof(*rows));
    size_t count;
    if (!rows)
        return ERROR_INTERNAL;
    for (size_t i = 0; i < connect->entry_count; i++)
        connect->entries[i].verdict = connect->entries[i].offered ? STORE_VERDICT_DROP
                                                                  : STORE_VERDICT_NONE;
    connect->in_flight_count = 0;
    enum error error = transaction->rows->messages->list_in_flight(
        transaction->database, connect->holder.device_id, MOST, rows, &count);
    for (size_t i = 0; error == ERROR_NONE && i < count; i++) {
        int64_t silent_ms = MAX(0, transaction->now_ms - rows[i].updated_at_ms);
        bool keeps;
        error = reconcile(transaction, connect, &rows[i], &keeps);
        if (keeps)
            add_in_flight(connect, &rows[i], silent_ms);
    }
    return error;
}

/* ---- Connections ---- */

static enum error check_token(struct store_transaction *transaction,
                              struct store_connect_device *connect)
{
    connect->quarantined = connect->superseded_another = false;
    if (!*connect->token_id)
        return ERROR_NONE;
    enum error error = token_state_check(transaction, connect->token_id, connect->holder.device_id);
    return error == ERROR_NONE ? token_identity_note(transaction, connect, &connect->quarantined)
                               : error;
}

static enum error find_send_budget(struct store_transaction *transaction,
                                   struct store_connect_device *connect)
{
    struct device_use use;
    connect->send_budget = (struct send_budget){0};
    if (!device_use_is_counted(transaction, &connect->traits))
        return ERROR_NONE;
    enum error error = device_use_find(transaction, connect->holder.device_id, &connect->traits,
                                       &use);
    if (error == ERROR_NONE)
        connect->send_budget = use.budget;
    return error;
}

/* The device is known, and what it has said of itself came by its requests. */
static enum error connect_polled(struct store_transaction *transaction,
                                 struct store_connect_device *connect)
{
    const char *device_id = connect->holder.device_id;
    const struct device_rows *devices = transaction->rows->devices;
    bool found;
    enum error error = devices->connect_polled(transaction->database, device_id,
                                               connect->connection_epoch, &connect->broker,
                                               transaction->now_ms);
    if (error == ERROR_NONE)
        error = devices->find_polled(transaction->database, device_id, &connect->polled_device,
                                     &found);
    return error == ERROR_NONE && !found ? ERROR_DEVICE_TOKEN_INVALID : error;
}

/* How the device says it is. */
static enum error note_state(struct store_transaction *transaction, const char *device_id,
                             const struct device_info *info, bool was_low)
{
    enum error error = device_reading_note(transaction, device_id, info);
    return error == ERROR_NONE ? device_battery_note(transaction, device_id, info, was_low) : error;
}

/* Two brokers may be the first to see a device that was not paired, at once: what one of them adds lets the other wait. */
static enum error find_before(struct store_transaction *transaction,
                              const struct store_connect_device *connect,
                              struct device_connection *before)
{
    const char *device_id = connect->holder.device_id;
    const struct device_rows *devices = transaction->rows->devices;
    enum error error = devices->find_connection(transaction->database, device_id, before);
    if (error != ERROR_NONE || before->epoch != 0 || *connect->token_id)
        return error;
    error = devices->add(transaction->database, device_id, transaction->now_ms);
    return error == ERROR_NONE ? devices->find_connection(transaction->database, device_id, before)
                               : error;
}

static enum error connect_device(struct store_transaction *transaction,
                                 struct store_connect_device *connect)
{
    const char *device_id = connect->holder.device_id;
    const struct device_rows *devices = transaction->rows->devices;
    const struct event_row event = {.type = EVENT_DEVICE_CONNECTED, .device_id = device_id};
    struct device_connection before;
    enum error error = find_before(transaction, connect, &before);
    connect->connection_epoch = before.epoch + 1;
    connect->superseded_another = error == ERROR_NONE && before.connected &&
                                  !message_id_equal(&before.broker, &connect->broker);
    if (connect->superseded_another)
        error = devices->add_superseded(transaction->database, device_id, before.epoch,
                                        &before.broker);
    if (error == ERROR_NONE && connect->polled)
        error = connect_polled(transaction, connect);
    else if (error == ERROR_NONE)
        error = devices->connect(transaction->database, device_id, connect->connection_epoch,
                                 &connect->info, &connect->broker, transaction->now_ms);
    if (error == ERROR_NONE)
        error = event_put(transaction, &event);
    return error == ERROR_NONE && !connect->polled
               ? note_state(transaction, device_id, &connect->info, before.battery_low)
               : error;
}

/* As it says now. */
static void take_own_traits(struct device_traits *traits, const struct device_info *info)
{
    traits->sims = info->sim_slots;
    traits->battery_level = info->battery_level;
    traits->charging = info->charging;
}

enum error verb_connect_device(struct store_transaction *transaction, struct store_write *write)
{
    struct store_connect_device *connect = &write->connect;
    const struct device_rows *devices = transaction->rows->devices;
    const char *device_id = connect->holder.device_id;
    enum error error = check_token(transaction, connect);
    if (error != ERROR_NONE || connect->quarantined)
        return error;
    error = devices->find_traits(transaction->database, device_id, &connect->traits, NULL);
    if (error == ERROR_NONE)
        error = connect_device(transaction, connect);
    if (!connect->polled)
        take_own_traits(&connect->traits, &connect->info);
    if (error == ERROR_NONE)
        error = reconcile_all(transaction, connect);
    return error == ERROR_NONE ? find_send_budget(transaction, connect) : error;
}

/* *superseded: the device has a newer connection, or none. */
static enum error check_newest(struct store_transaction *transaction, const char *device_id,
                               int64_t connection_epoch, struct device_connection *newest,
                               bool *superseded)
{
    enum error error = transaction->rows->devices->find_connection(transaction->database, device_id,
                                                                   newest);
    *superseded = error == ERROR_NONE && (newest->epoch != connection_epoch || !newest->connected);
    return error;
}

enum error verb_update_device(struct store_transaction *transaction, struct store_write *write)
{
    struct store_update_device *update = &write->update;
    struct device_connection newest;
    enum error error = check_newest(transaction, update->device_id, update->connection_epoch,
                                    &newest, &update->superseded);
    /* The app that was paired since has described itself, and says it once. */
    update->superseded |= newest.revoked;
    if (error != ERROR_NONE || update->superseded)
        return error;
    error = transaction->rows->devices->update(transaction->database, update->device_id,
                                               &update->info, transaction->now_ms);
    return error == ERROR_NONE
               ? note_state(transaction, update->device_id, &update->info, newest.battery_low)
               : error;
}

enum error verb_disconnect_device(struct store_transaction *transaction, struct store_write *write)
{
    struct store_disconnect_device *disconnect = &write->disconnect;
    const struct event_row event = {.type = EVENT_DEVICE_DISCONNECTED,
                                    .device_id = disconnect->device_id};
    struct device_connection newest;
    enum error error = check_newest(transaction, disconnect->device_id,
                                    disconnect->connection_epoch, &newest, &disconnect->superseded);
    bool is_any = disconnect->connection_epoch == 0;
    if (is_any)
        disconnect->superseded = !newest.connected ||
                                 !message_id_equal(&newest.broker, &disconnect->broker);
    if (error == ERROR_NONE && disconnect->superseded && is_any)
        return ERROR_NONE;
    if (error == ERROR_NONE && disconnect->superseded)
        return transaction->rows->devices->forget_superseded(
            transaction->database, disconnect->device_id, disconnect->connection_epoch);
    if (error != ERROR_NONE)
        return error;
    error = transaction->rows->devices->disconnect(transaction->database, disconnect->device_id,
                                                   transaction->now_ms);
    return error == ERROR_NONE ? event_put(transaction, &event) : error;
}

/* ---- What an operator decides ---- */

static bool same_limit(const struct device_limit *a, const struct device_limit *b)
{
    return a->is_own == b->is_own && (!a->is_own || a->most == b->most);
}

static bool is_same(const struct device_configuration *a, const struct device_configuration *b)
{
    return strcmp(a->name, b->name) == 0 && device_groups_equal(&a->groups, &b->groups) &&
           a->disabled == b->disabled && same_limit(&a->daily_segments, &b->daily_segments) &&
           same_limit(&a->window_segments, &b->window_segments);
}

enum error verb_configure_device(struct store_transaction *transaction, struct store_write *write)
{
    struct store_configure_device *request = &write->configure;
    const struct device_rows *devices = transaction->rows->devices;
    struct device_configuration *given = &request->configuration, before;
    bool found;
    request->changed = false;
    enum error error = devices->find_configuration(transaction->database, request->device_id,
                                                   &before, &found);
    if (error != ERROR_NONE || !found)
        return error == ERROR_NONE ? ERROR_DEVICE_NOT_PAIRED : error;
    struct device_configuration after = before;
    if (request->set & STORE_SET_NAME)
        strcpy(after.name, given->name);
    if (request->set & STORE_SET_GROUPS)
        after.groups = given->groups;
    if (request->set & STORE_SET_DISABLED)
        after.disabled = given->disabled;
    if (request->set & STORE_SET_DAILY_SEGMENTS)
        after.daily_segments = given->daily_segments;
    if (request->set & STORE_SET_WINDOW_SEGMENTS)
        after.window_segments = given->window_segments;
    request->changed = !is_same(&before, &after);
    *given = after;
    return request->changed
               ? devices->save_configuration(transaction->database, request->device_id, &after)
               : ERROR_NONE;
}

enum error verb_note_waits(struct store_transaction *transaction, struct store_write *write)
{
    const struct store_note_waits *note = &write->note_waits;
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < note->count && error == ERROR_NONE; i++) {
        const struct store_device_wait *wait = &note->waits[i];
        int64_t until_ms = wait->for_ms > 0 ? transaction->now_ms + wait->for_ms : 0;
        struct device_connection newest;
        bool superseded;
        error = check_newest(transaction, wait->device_id, wait->connection_epoch, &newest,
                             &superseded);
        if (error == ERROR_NONE && !superseded)
            error = transaction->rows->devices->set_wait(transaction->database, wait->device_id,
                                                         wait->reason, until_ms);
    }
    return error;
}
