/*
 * When the next transaction begins: at once, or a little later, so that more writes share it.
 *
 * A transaction costs as much as some writes. While few come, none waits, because nothing would share its transaction.
 * While so many come that company is certain, those that nobody is in a hurry for wait for it (patience_us of struct
 * store_write). Times are monotonic. Under the store's lock.
 */
#ifndef COMMON_STORE_WRITE_DELAY_H
#define COMMON_STORE_WRITE_DELAY_H

#include "common/base/base.h"

struct write_delay {
    int64_t began_us;  /* the last transaction */
    int64_t due_us;    /* the next, for the writes that wait; INT64_MAX: none does */
    size_t waiting;    /* writes */
    int64_t window_us; /* the beginning of a window in which writes are counted, */
    unsigned count;    /* in it, */
    unsigned before;   /* and in the one before */
};

void write_delay_init(struct write_delay *delay);

/* A write comes that has that patience. */
void write_delay_add(struct write_delay *delay, int64_t patience_us, int64_t now_us);

/* A transaction takes the writes that wait, all but `left` of them, which have waited long enough. */
void write_delay_begin(struct write_delay *delay, size_t left, int64_t now_us);

#endif
