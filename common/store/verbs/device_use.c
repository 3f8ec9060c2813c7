#include "common/store/verbs/device_use.h"

#include "common/store/verbs/transition.h"

#include <string.h>

enum { DAY_MS = 86400000 };

/* A period that is one ahead is the current one: a clock may go back a little. */
static bool is_current(int64_t period, int64_t now)
{
    return period == now || period == now + 1;
}

void device_use_advance(struct device_use *use, int64_t window_ms, int64_t now_ms)
{
    int64_t day = now_ms / DAY_MS, window = window_ms > 0 ? now_ms / window_ms : 0;
    if (!is_current(use->day, day)) {
        use->day = day;
        use->in_day = 0;
    }
    if (!is_current(use->window, window)) {
        use->before_window = use->window == window - 1 ? use->in_window : 0;
        use->in_window = 0;
        use->window = window;
    }
}

bool device_use_is_counted(const struct store_transaction *transaction,
                           const struct device_traits *traits)
{
    const struct store_limits *limits = &transaction->limits;
    return limits->device_daily_segments > 0 || limits->device_window_ms > 0 ||
           (traits->daily_segments.is_own && traits->daily_segments.most > 0) ||
           (traits->window_segments.is_own && traits->window_segments.most > 0);
}

/* Where the settings have no window, a device with a limit of its own has one all the same. */
static int64_t window_of(const struct store_transaction *transaction)
{
    int64_t window_ms = transaction->limits.device_window_ms;
    return window_ms > 0 ? window_ms : STORE_OWN_WINDOW_MS;
}

int64_t device_use_daily_limit(const struct store_transaction *transaction,
                               const struct device_traits *traits)
{
    return device_limit_in_force(&traits->daily_segments,
                                 transaction->limits.device_daily_segments);
}

enum error device_use_find(struct store_transaction *transaction, const char *device_id,
                           struct device_use *use)
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
    device_use_advance(use, window_of(transaction), transaction->now_ms);
    return ERROR_NONE;
}

static void subtract(int64_t *count, unsigned segments)
{
    *count = MAX(0, *count - (int64_t)segments);
}

enum error device_use_refund(struct store_transaction *transaction, const struct message_row *row)
{
    int64_t window_ms = window_of(transaction);
    struct device_use use;
    bool found;
    enum error error = transaction->rows->limits->find_device_use(transaction->database,
                                                                  row->device_id, &use, &found);
    if (error != ERROR_NONE || !found)
        return error;
    enum message_status given = message_row_has_journal(row) ? MESSAGE_DISPATCHED
                                                             : MESSAGE_ACCEPTED;
    int64_t day = row->reached_at_ms[given] / DAY_MS;
    int64_t window = row->reached_at_ms[given] / window_ms;
    if (use.day == day)
        subtract(&use.in_day, row->segments);
    if (use.window == window)
        subtract(&use.in_window, row->segments);
    if (use.window == window + 1)
        subtract(&use.before_window, row->segments);
    return transaction->rows->limits->save_device_use(transaction->database, &use);
}
