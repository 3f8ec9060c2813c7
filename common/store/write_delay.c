#include "common/store/write_delay.h"

enum {
    WINDOW_US = 16000,
    COMPANY = 2, /* writes that must be expected within the patience of one */
    ENOUGH = 64, /* writes that share a transaction: more save little */
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

static bool has_company(const struct write_delay *delay, int64_t patience_us)
{
    int64_t writes = MAX(delay->before, delay->count);
    return writes * patience_us >= (int64_t)COMPANY * WINDOW_US;
}

void write_delay_add(struct write_delay *delay, int64_t patience_us, int64_t now_us)
{
    count_write(delay, now_us);
    bool waits = ++delay->waiting < ENOUGH && has_company(delay, patience_us);
    delay->due_us = MIN(delay->due_us, waits ? delay->began_us + patience_us : now_us);
}

void write_delay_begin(struct write_delay *delay, size_t left, int64_t now_us)
{
    delay->began_us = now_us;
    delay->waiting = left;
    delay->due_us = left > 0 ? now_us : INT64_MAX;
}
