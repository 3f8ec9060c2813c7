/*
 * When the next transaction begins: at once, or a little later, so that more writes share it.
 *
 * A transaction costs as much as some writes. While few come, none waits, because nothing would share its transaction.
 * While so many come that company is certain, those that nobody is in a hurry for wait for it (patience_us of struct
 * store_write).
 *
 * Many may come because each client sends its next request as soon as it has the answer to its last one. Then a wait
 * brings nobody, and only makes the clients slower: it begins with as many writes as there are clients, and ends in silence.
 * After some such waits those writes (is_awaited) wait no more, for a second, and longer each time. Nor do they while so many
 * come that each transaction has several without waiting. Times are monotonic. Under the store's lock.
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

    /* Of the writes that are awaited: */
    int64_t came_us;        /* the last one */
    int64_t silence_us;     /* after it means that a wait was in vain; 0: none waits for company */
    unsigned silent_waits;  /* in a row, */
    unsigned useful_waits;  /* and the others */
    int64_t hurry_until_us; /* until then they wait for no company, */
    int64_t hurry_us;       /* for so long the last time; 0: enough waits have been useful since */
};

/* How a write waits: see struct store_write. */
struct write_patience {
    int64_t patience_us;
    bool is_awaited;
};

void write_delay_init(struct write_delay *delay);

/* A write comes. */
void write_delay_add(struct write_delay *delay, struct write_patience patience, int64_t now_us);

/* A write comes while none waits. True: it is due at once, and its transaction begins; else nothing has changed. */
MUST_CHECK bool write_delay_add_alone(struct write_delay *delay, struct write_patience patience,
                                      int64_t now_us);

/* A transaction takes the writes that wait, all but `left` of them, which have waited long enough. */
void write_delay_begin(struct write_delay *delay, size_t left, int64_t now_us);

#endif
