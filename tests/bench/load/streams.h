/*
 * Followers of the event stream: each reads GET /api/events, counts its events, and how long after its time in the store each
 * came. One that is lost stays lost.
 */
#ifndef TESTS_BENCH_LOAD_STREAMS_H
#define TESTS_BENCH_LOAD_STREAMS_H

#include "tests/bench/load/histogram.h"

struct streams_load {
    int port;
    int count;
    double connect_rate; /* per second */
    const char **keys;   /* API keys, which they use in turn; borrowed for ever */
    size_t key_count;    /* 0: none is required */
};

struct streams_results {
    uint64_t connected; /* now, and begun */
    uint64_t lost;
    uint64_t events, bytes, reads; /* that came, of all together */
    int64_t all_connected_ns;      /* when the last had begun; 0: not yet */
    bool measuring;                /* what comes counts in this: */
    struct histogram latency;      /* from the event's time, which is that of its transaction */
};
extern struct streams_results streams_results;

void streams_start(const struct streams_load *load);

/* Connects those whose turn it is; returns when there is more. */
int64_t streams_due(int64_t now);

#endif
