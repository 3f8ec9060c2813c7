/*
 * Polled phones: each has a stream of events, and fetches and reports messages by requests over a connection that it keeps, as the
 * SMSGate app does. Each message is reported as processed, sent and delivered, one report for each.
 */
#ifndef TESTS_BENCH_LOAD_POLLED_H
#define TESTS_BENCH_LOAD_POLLED_H

#include "common/base/base.h"

struct polled_load {
    int port;
    int count;
    double connect_rate; /* per second */
    const char **tokens; /* of each; borrowed for ever */
};

struct polled_results {
    uint64_t connected;       /* streams that have begun */
    uint64_t lost;            /* streams and connections that ended */
    uint64_t events;          /* that told of messages */
    uint64_t fetches, empty;  /* lists of messages that came, and those with none */
    uint64_t reports;         /* answered with 2xx */
    uint64_t refused;         /* other answers */
    int64_t all_connected_ns; /* when the last stream had begun; 0: not yet */
};
extern struct polled_results polled_results;

void polled_start(const struct polled_load *load);

/* Connects those whose turn it is; returns when there is more. */
int64_t polled_due(int64_t now);

#endif
