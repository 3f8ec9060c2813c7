/*
 * The one loop of the load generator: sockets that are ready, and what is due by the clock.
 * One thread; times are monotonic nanoseconds.
 */
#ifndef TESTS_BENCH_LOAD_LOOP_H
#define TESTS_BENCH_LOAD_LOOP_H

#include "common/base/base.h"

/* What epoll names; part of a connection. */
struct peer {
    int fd; /* -1: none */
    void (*ready)(struct peer *peer, uint32_t events);
};

int64_t now_ns(void);

void loop_init(void);

/* Watches for input always, and for output when it is wanted. */
void loop_watch(struct peer *peer);
void loop_want_output(struct peer *peer, bool wanted);
void loop_forget(struct peer *peer); /* and closes it */

/* Runs until loop_stop. `due` is called after each round and returns when it wants to be called
   again at the latest. */
void loop_run(int64_t (*due)(int64_t now));
void loop_stop(void);

/* A TCP connection to 127.0.0.1, non-blocking, and with `wait` made already; ends the program
   without. */
int loop_connect(int port, bool wait);

/* Ends the program with a sentence on stderr. */
_Noreturn void fail(const char *format, ...) PRINTF_FORMAT(1, 2);

#endif
