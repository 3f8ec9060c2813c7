/* The leases of brokers, and of what one of them does for all. */
#include "common/store/verbs/brokers.h"
#include "common/store/verbs/transition.h"
#include "common/store/verbs/verbs.h"

#include <stdlib.h>

/* Its offers return to the queue, and its devices are no longer connected. */
static enum error end_broker(struct store_transaction *transaction,
                             const struct message_id *instance)
{
    struct message_row *rows = transaction_scratch(transaction, STORE_MAX_CLAIM * sizeof(*rows));
    size_t count;
    if (!rows)
        return ERROR_INTERNAL;
    do {
        enum error error = transaction->rows->messages->list_offered_by(
            transaction->database, instance, STORE_MAX_CLAIM, rows, &count);
        if (error == ERROR_NONE)
            error = transition_return_offers(transaction, rows, count, TRANSITION_BROKER_ENDED);
        if (error != ERROR_NONE)
            return error;
    } while (count == STORE_MAX_CLAIM);

    const struct device_rows *devices = transaction->rows->devices;
    int64_t disconnected;
    enum error error = transaction->rows->events->insert_for_broker(
        transaction->database, EVENT_DEVICE_DISCONNECTED, instance, transaction->now_ms,
        &disconnected);
    if (error == ERROR_NONE)
        error = devices->disconnect_all(transaction->database, instance, transaction->now_ms);
    if (error == ERROR_NONE)
        error = devices->remove_leases_of(transaction->database, instance);
    if (error == ERROR_NONE)
        error = devices->forget_all_superseded(transaction->database, instance);
    return error == ERROR_NONE ? devices->remove_broker(transaction->database, instance) : error;
}

/* A lease that ends later was written by a wrong clock. */
static int64_t latest_end_ms(const struct store_lease_broker *lease, int64_t now_ms)
{
    return now_ms + 2 * lease->lease_ms;
}

static bool is_free(const struct lease_row *row, const struct store_lease_broker *lease,
                    int64_t now_ms)
{
    return message_id_equal(&row->holder, &lease->instance) || row->until_ms <= now_ms ||
           row->until_ms > latest_end_ms(lease, now_ms);
}

static enum error take_housekeeping(struct store_transaction *transaction,
                                    struct store_lease_broker *lease)
{
    static const char name[] = "housekeeping";
    const struct device_rows *devices = transaction->rows->devices;
    struct lease_row row;
    bool found;
    enum error error = devices->find_lease(transaction->database, name, &row, &found);
    if (error != ERROR_NONE)
        return error;
    lease->keeps_house = !found || is_free(&row, lease, transaction->now_ms);
    if (!lease->keeps_house)
        return ERROR_NONE;
    row = (struct lease_row){lease->instance, transaction->now_ms + lease->lease_ms};
    return devices->save_lease(transaction->database, name, &row);
}

/* A step of the clock that is smaller than the time between two renewals ends no lease of a broker that is alive. */
static bool may_end_another(const struct store_transaction *transaction,
                            const struct store_lease_broker *lease)
{
    return lease->expected_now_ms != 0 &&
           llabs(transaction->now_ms - lease->expected_now_ms) <= lease->lease_ms / 3;
}

static enum error end_another(struct store_transaction *transaction,
                              struct store_lease_broker *lease)
{
    const int64_t now_ms = transaction->now_ms;
    struct message_id instance;
    enum error error = transaction->rows->devices->find_ended_broker(
        transaction->database, now_ms, latest_end_ms(lease, now_ms) + STORE_CLOCK_STEP_MS,
        &instance, &lease->ended_another);
    return error == ERROR_NONE && lease->ended_another ? end_broker(transaction, &instance) : error;
}

/* They were killed before they had their lease, and had devices all the same: while the store was busy, or the disk full. */
static enum error end_lost(struct store_transaction *transaction, const struct message_id *instance)
{
    bool found = true;
    enum error error = ERROR_NONE;
    while (error == ERROR_NONE && found) {
        struct message_id lost;
        error = transaction->rows->devices->find_lost_broker(transaction->database, instance, &lost,
                                                             &found);
        if (error == ERROR_NONE && found)
            error = end_broker(transaction, &lost);
    }
    return error;
}

enum error brokers_end_all(struct store_transaction *transaction)
{
    const struct message_id none = {{0}};
    bool found = true;
    enum error error = ERROR_NONE;
    while (error == ERROR_NONE && found) {
        struct message_id instance;
        error = transaction->rows->devices->find_ended_broker(transaction->database, INT64_MAX,
                                                              INT64_MAX, &instance, &found);
        if (error == ERROR_NONE && found)
            error = end_broker(transaction, &instance);
    }
    return error == ERROR_NONE ? end_lost(transaction, &none) : error;
}

/* The lease of another instance, or of none, has the name; *before: of which, if *found. */
static enum error begin_lease(struct store_transaction *transaction,
                              struct store_lease_broker *lease, bool found,
                              const struct message_id *before)
{
    lease->lost = lease->renews;
    lease->replaced = lease->renews && found;
    if (lease->lost) /* devices may have connected to it since it was ended */
        return end_broker(transaction, &lease->instance);
    enum error error = found ? end_broker(transaction, before) : ERROR_NONE;
    if (error == ERROR_NONE)
        error = end_lost(transaction, &lease->instance);
    struct message_id any;
    return error == ERROR_NONE
               ? transaction->rows->devices->find_ended_broker(transaction->database, INT64_MAX,
                                                               INT64_MAX, &any, &lease->has_others)
               : error;
}

enum error verb_lease_broker(struct store_transaction *transaction, struct store_write *write)
{
    struct store_lease_broker *lease = &write->lease;
    const struct device_rows *devices = transaction->rows->devices;
    struct message_id before;
    bool found;
    lease->keeps_house = lease->ended_another = lease->lost = lease->replaced = false;
    lease->has_others = false;
    lease->now_ms = transaction->now_ms;
    if (lease->lease_ms == 0)
        return end_broker(transaction, &lease->instance);
    enum error error = devices->find_broker(transaction->database, lease->name, &before, &found);
    if (error == ERROR_NONE && !(found && message_id_equal(&before, &lease->instance)))
        error = begin_lease(transaction, lease, found, &before);
    if (error != ERROR_NONE || lease->lost)
        return error;
    error = devices->save_broker(transaction->database, lease->name, &lease->instance,
                                 transaction->now_ms + lease->lease_ms);
    if (error == ERROR_NONE)
        error = take_housekeeping(transaction, lease);
    return error == ERROR_NONE && may_end_another(transaction, lease)
               ? end_another(transaction, lease)
               : error;
}
