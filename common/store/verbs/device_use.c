#include "common/store/verbs/device_use.h"

#include "common/store/verbs/transition.h"

#include <string.h>

enum { DAY_MS = 86400000 };

bool device_use_is_counted(const struct store_transaction *transaction)
{
    const struct store_limits *limits = &transaction->limits;
    return limits->device_daily_segments > 0 || limits->device_window_ms > 0;
}

enum error device_use_find(struct store_transaction *transaction, const char *device_id,
                           struct device_use *use)
{
    int64_t window_ms = transaction->limits.device_window_ms;
    struct device_use stored;
    bool found;
    *use = (struct device_use){
        .day = transaction->now_ms / DAY_MS,
        .window = window_ms > 0 ? transaction->now_ms / window_ms : 0,
    };
    strcpy(use->device_id, device_id);
    enum error error = transaction->rows->limits->find_device_use(transaction->database, device_id,
                                                                  &stored, &found);
    if (error != ERROR_NONE || !found)
        return error;
    /* A period that is one ahead is the current one: a clock may go back a little. */
    if (stored.day == use->day || stored.day == use->day + 1) {
        use->day = stored.day;
        use->in_day = stored.in_day;
    }
    if (stored.window == use->window || stored.window == use->window + 1) {
        use->window = stored.window;
        use->in_window = stored.in_window;
        use->before_window = stored.before_window;
    } else if (stored.window == use->window - 1) {
        use->before_window = stored.in_window;
    }
    return ERROR_NONE;
}

static void subtract(int64_t *count, unsigned segments)
{
    *count = MAX(0, *count - (int64_t)segments);
}

enum error device_use_refund(struct store_transaction *transaction, const struct message_row *row)
{
    int64_t window_ms = transaction->limits.device_window_ms;
    struct device_use use;
    bool found;
    if (!device_use_is_counted(transaction))
        return ERROR_NONE;
    enum error error = transaction->rows->limits->find_device_use(transaction->database,
                                                                  row->device_id, &use, &found);
    if (error != ERROR_NONE || !found)
        return error;
    enum message_status given = message_row_has_journal(row) ? MESSAGE_DISPATCHED
                                                             : MESSAGE_ACCEPTED;
    int64_t day = row->reached_at_ms[given] / DAY_MS;
    int64_t window = window_ms > 0 ? row->reached_at_ms[given] / window_ms : -1;
    if (use.day == day)
        subtract(&use.in_day, row->segments);
    if (use.window == window)
        subtract(&use.in_window, row->segments);
    if (use.window == window + 1)
        subtract(&use.before_window, row->segments);
    return transaction->rows->limits->save_device_use(transaction->database, &use);
}
