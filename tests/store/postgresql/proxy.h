/*
 * Stands between a store and its PostgreSQL server, counts what the store waits for, and cuts connections at chosen moments.
 */
#ifndef TESTS_STORE_POSTGRESQL_PROXY_H
#define TESTS_STORE_POSTGRESQL_PROXY_H

#include <stdatomic.h>
#include <stddef.h>

enum proxy_cut {
    PROXY_CUTS_NOTHING,
    PROXY_CUTS_BEFORE, /* what ends with that sync does not reach the server */
    PROXY_WARNS, /* it does, and the answer begins with a warning: a standby was not waited for */
    PROXY_CUTS_AFTER, /* it does, and the server answers, but the answer does not reach the store */
};

struct proxy {
    char folder[64]; /* the `host` of a DSN that goes through it */
    char server[108];
    int listener, stop[2];
    atomic_int syncs; /* that stores have sent: each is a round trip */
    atomic_int cut; /* enum proxy_cut, at the sync number cut_at from now on; then nothing again */
    atomic_int cut_at;
    atomic_bool is_away; /* new connections are refused */
    void *thread;
};

/* To the server whose socket is in that folder. */
struct proxy *proxy_start(const char *server_folder);
void proxy_stop(struct proxy *proxy);

/* Cuts at the `number`th sync from now on, 1 being the next. */
void proxy_cut_at(struct proxy *proxy, enum proxy_cut cut, int number);

#endif
