/*
 * HTTP clients on kept connections (RFC 9112): each sends a request, reads its answer, and sends the
 * next, at once or by the clock. In the second case a request is late from when it was due, not from
 * when a connection was free for it.
 */
#ifndef TESTS_BENCH_LOAD_HTTP_H
#define TESTS_BENCH_LOAD_HTTP_H

#include "tests/bench/load/histogram.h"

struct http_load {
    int port;
    int connections;
    double rate;             /* requests per second over all; 0: each as soon as it can */
    uint64_t most;           /* requests; 0: no end */
    const char *key;         /* API key; NULL: none */
    const char *post_path;   /* posts messages there, */
    int batch;               /* as many in each request; 0: one, without a batch */
    bool idempotency_keys;   /* each with a key of its own, */
    const char *const *gets; /* or gets one of these by chance */
    size_t get_count;
};

struct http_results {
    uint64_t sent;
    uint64_t answered;        /* with 2xx */
    uint64_t refused[600];    /* by status, from 300 on */
    uint64_t broken;          /* connections that ended in the middle of a request */
    struct histogram latency; /* of those with 2xx, while measuring */
    bool measuring;
};
extern struct http_results http_results;

void http_start(const struct http_load *load);

/* Sends what is due; returns when the next is. */
int64_t http_due(int64_t now);

/* No further requests; true once the last is answered. */
bool http_finish(void);

#endif
