#include "common/store/verbs/device_use.h"

#include "common/store/verbs/transition.h"

#include <string.h>

enum { DAY_MS = 86400000 };

/* A period that is one ahead is the current one: a clock may go back a little. */
static bool is_current(int64_t period, int64_t now)
{
    return period == now || period == now + 1;
}

void device_use_begin_day(struct device_use *use, int64_t now_ms)
{
    int64_t day = now_ms / DAY_MS;
    if (!is_current(use->day, day)) {
        use->day = day;
        use->in_day = 0;
    }
}

void device_use_add(struct device_use *use, unsigned segments, int64_t now_ms)
{
    use->in_day += segments;
    send_budget_spend(&use->budget, segments, now_ms);
}

bool device_use_is_counted(const struct store_transaction *transaction,
                           const struct device_traits *traits)
{
    const struct store_limits *limits = &transaction->limits;
    return limits->device_daily_segments > 0 || limits->device_window_ms > 0 ||
           (traits->daily_segments.is_own && traits->daily_segments.most > 0) ||
           (traits->window_segments.is_own && traits->window_segments.most > 0);
}

static void limit_budget(const struct store_transaction *transaction,
                         const struct device_traits *traits, struct send_budget *budget)
{
    const struct store_limits *limits = &transaction->limits;
    store_limit_budget(budget, &traits->window_segments, limits->device_window_segments,
                       limits->device_window_ms, transaction->now_ms);
}

int64_t device_use_daily_limit(const struct store_transaction *transaction,
                               const struct device_traits *traits)
{
    return device_limit_in_force(&traits->daily_segments,
                                 transaction->limits.device_daily_segments);
}

enum error device_use_find(struct store_transaction *transaction, const char *device_id,
                           const struct device_traits *traits, struct device_use *use)
{
    bool found;
    enum error error = transaction->rows->limits->find_device_use(transaction->database, device_id,
                                                                  use, &found);
    if (error != ERROR_NONE)
        return error;
    if (!found) {
        *use = (struct device_use){0};
        strcpy(use->device_id, device_id);
    }
    device_use_begin_day(use, transaction->now_ms);
    limit_budget(transaction, traits, &use->budget);
    return ERROR_NONE;
}

enum error device_use_refund(struct store_transaction *transaction, const struct message_row *row)
{
    enum message_status given = message_row_has_journal(row) ? MESSAGE_DISPATCHED
                                                             : MESSAGE_ACCEPTED;
    int64_t given_at_ms = row->reached_at_ms[given];
    struct device_traits traits;
    struct device_use use;
    bool found;
    enum error error = transaction->rows->limits->find_device_use(transaction->database,
                                                                  row->device_id, &use, &found);
    if (error != ERROR_NONE || !found)
        return error;
    error = transaction->rows->devices->find_traits(transaction->database, row->device_id, &traits,
                                                    NULL);
    if (error != ERROR_NONE)
        return error;
    limit_budget(transaction, &traits, &use.budget);
    if (use.day == given_at_ms / DAY_MS)
        use.in_day = MAX(0, use.in_day - (int64_t)row->segments);
    send_budget_refund(&use.budget, row->segments, given_at_ms);
    transaction->refund = (struct store_refund){row->segments, given_at_ms};
    return transaction->rows->limits->save_device_use(transaction->database, &use);
}
