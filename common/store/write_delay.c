#include "common/store/write_delay.h"

enum {
    WINDOW_US = 16000,
    COMPANY = 2, /* writes that must be expected within the patience of one */
    ENOUGH = 64, /* writes that share a transaction: more save little */
    ENOUGH_AWAITED = 10,
    MANY_AWAITED = 64, /* in a window: they share transactions without waiting for it */
    SILENT_WAITS = 3,  /* in a row: one may be chance, */
    USEFUL_WAITS = 16, /* and so may one that was not, after others that were */
    FIRST_HURRY_US = 1000000,
    LONGEST_HURRY_US = 64000000,
};

void write_delay_init(struct write_delay *delay)
{
    *delay = (struct write_delay){.due_us = INT64_MAX};
}

static void count_write(struct write_delay *delay, int64_t now_us)
{
    int64_t passed_us = now_us - delay->window_us;
    if (passed_us >= WINDOW_US) {
        delay->before = passed_us < 2 * WINDOW_US ? delay->count : 0;
        delay->count = 0;
        delay->window_us = now_us;
    }
    delay->count++;
}

static bool has_company(const struct write_delay *delay, struct write_patience patience)
{
    int64_t writes = MAX(delay->before, delay->count);
    return writes * patience.patience_us >= (int64_t)COMPANY * WINDOW_US &&
           (!patience.is_awaited || writes < MANY_AWAITED);
}

void write_delay_add(struct write_delay *delay, struct write_patience patience, int64_t now_us)
{
    count_write(delay, now_us);
    size_t enough = patience.is_awaited ? ENOUGH_AWAITED : ENOUGH;
    bool hurries = patience.is_awaited && now_us < delay->hurry_until_us;
    int64_t due_us = delay->began_us + patience.patience_us;
    bool waits = ++delay->waiting < enough && due_us > now_us && !hurries &&
                 has_company(delay, patience);
    delay->due_us = MIN(delay->due_us, waits ? due_us : now_us);
    if (!patience.is_awaited)
        return;
    delay->came_us = now_us;
    if (waits)
        delay->silence_us = patience.patience_us / 2;
}

bool write_delay_add_alone(struct write_delay *delay, struct write_patience patience,
                           int64_t now_us)
{
    struct write_delay after = *delay;
    write_delay_add(&after, patience, now_us);
    if (after.due_us > now_us)
        return false;
    write_delay_begin(&after, 0, now_us);
    *delay = after;
    return true;
}

/* What the wait that ends has brought. */
static void judge_wait(struct write_delay *delay, int64_t now_us)
{
    bool silent = now_us - delay->came_us >= delay->silence_us;
    delay->silence_us = 0;
    if (!silent) {
        delay->silent_waits = 0;
        if (++delay->useful_waits >= USEFUL_WAITS)
            delay->hurry_us = 0;
        return;
    }
    delay->useful_waits = 0;
    if (++delay->silent_waits >= SILENT_WAITS || delay->hurry_us > 0) {
        delay->silent_waits = 0;
        delay->hurry_us = MIN(MAX(2 * delay->hurry_us, FIRST_HURRY_US), LONGEST_HURRY_US);
        delay->hurry_until_us = now_us + delay->hurry_us;
    }
}

void write_delay_begin(struct write_delay *delay, size_t left, int64_t now_us)
{
    if (delay->silence_us > 0)
        judge_wait(delay, now_us);
    delay->began_us = now_us;
    delay->waiting = left;
    delay->due_us = left > 0 ? now_us : INT64_MAX;
}
