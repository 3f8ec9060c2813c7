/* The leases of brokers, and of what one of them does for all. */
#include "common/store/verbs/transition.h"
#include "common/store/verbs/verbs.h"

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

/* One for each renewal. Not as soon as its lease is over: the clock may have made a step that counts as none, and a broker
   that is alive has renewed its lease by then. */
static enum error end_another(struct store_transaction *transaction,
                              struct store_lease_broker *lease)
{
    const int64_t now_ms = transaction->now_ms;
    struct message_id instance;
    enum error error = transaction->rows->devices->find_ended_broker(
        transaction->database, now_ms - STORE_CLOCK_STEP_MS,
        latest_end_ms(lease, now_ms) + STORE_CLOCK_STEP_MS, &instance, &lease->ended_another);
    return error == ERROR_NONE && lease->ended_another ? end_broker(transaction, &instance) : error;
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
    error = devices->save_lease(transaction->database, name, &row);
    return error == ERROR_NONE && transaction_trusts(transaction, lease->trusted_wall_ms)
               ? end_another(transaction, lease)
               : error;
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

enum error verb_lease_broker(struct store_transaction *transaction, struct store_write *write)
{
    struct store_lease_broker *lease = &write->lease;
    const struct device_rows *devices = transaction->rows->devices;
    struct message_id before;
    bool found;
    lease->keeps_house = lease->ended_another = false;
    if (lease->lease_ms == 0)
        return end_broker(transaction, &lease->instance);
    enum error error = devices->find_broker(transaction->database, lease->name, &before, &found);
    bool is_same = found && message_id_equal(&before, &lease->instance);
    if (error == ERROR_NONE && found && !is_same)
        error = end_broker(transaction, &before);
    if (error == ERROR_NONE && !is_same)
        error = end_lost(transaction, &lease->instance);
    if (error == ERROR_NONE)
        error = devices->save_broker(transaction->database, lease->name, &lease->instance,
                                     transaction->now_ms + lease->lease_ms);
    return error == ERROR_NONE ? take_housekeeping(transaction, lease) : error;
}
