/*
 * Phones: WebSocket clients (RFC 6455) of either level of ws-broker/PROTOCOL.md, so light that
 * thousands of them cost less than what they measure. They answer pings, acknowledge offers at once,
 * report each message as sending, sent and delivered, and pass on SMS that they receive. There is no
 * journal behind them.
 *
 * Their frames are masked with the key 0, which is a key like any other and costs nothing.
 */
#ifndef TESTS_BENCH_LOAD_PHONES_H
#define TESTS_BENCH_LOAD_PHONES_H

#include "tests/bench/load/histogram.h"

struct phones_load {
    int port;
    int count;
    int first;           /* number of the first; the device id is bench-N */
    double connect_rate; /* per second */
    enum phone_level { PHONE_BASIC, PHONE_ASSURED, PHONE_ECHO } level;
    unsigned credit;
    int64_t sent_ns;       /* from leave to send, to `sent`; `sending` is reported at once */
    int64_t delivered_ns;  /* from there to `delivered` */
    unsigned receive;      /* incoming SMS that each has at the gateway, unanswered; 0: none */
    const char **tokens;   /* of each phone; NULL: they need none. Borrowed for ever */
    const char *echo_path; /* PHONE_ECHO: each sends a text there, and the next when it is back */
};

struct phones_results {
    uint64_t connected;    /* now, and acknowledged by the gateway */
    uint64_t lost;         /* connections that ended; they are made again */
    uint64_t errors;       /* frames of type "error" */
    uint64_t reports;      /* written */
    uint64_t acknowledged; /* of them, on the assured level */
    uint64_t frames_in, frames_out;
    uint64_t pings;
    uint64_t echoes;
    uint64_t incoming;        /* SMS that the gateway has acknowledged */
    int64_t all_connected_ns; /* when the last was; 0: not yet */
    struct histogram connect; /* from the first SYN to the acknowledgement */
};
extern struct phones_results phones_results;

void phones_start(const struct phones_load *load);

/* Whether every report was written, and acknowledged where that is done. */
bool phones_are_done(void);

/* Connects those whose turn it is, and reports what is due; returns when there is more. */
int64_t phones_due(int64_t now);

#endif
