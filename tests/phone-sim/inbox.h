/*
 * The SMS that a phone has received and the gateway has not acknowledged yet (PROTOCOL.md, "Incoming SMS"). Pure: no
 * sockets, files, clock or timers. Times are monotonic milliseconds.
 */
#ifndef TESTS_PHONE_SIM_INBOX_H
#define TESTS_PHONE_SIM_INBOX_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/sms.h"

#include <sys/queue.h>

enum {
    INBOX_CAPACITY = 10000,
    INBOX_UNANSWERED = 32,        /* the most that wait for an answer at a time */
    INBOX_AGAIN_AFTER_MS = 60000, /* without an answer on the same connection */
};

struct inbox_entry {
    TAILQ_ENTRY(inbox_entry) in_all;
    struct incoming value;
    uint64_t after;  /* the change of the journal that must be durable before it is sent; 0: none */
    bool is_written; /* to this connection */
    int64_t written_at_ms;
};

struct inbox {
    TAILQ_HEAD(, inbox_entry) all; /* oldest first */
    size_t count, unanswered;
};

void inbox_init(struct inbox *inbox);
void inbox_fini(struct inbox *inbox); /* and it is empty again */

/* Copies it; there must be room. */
void inbox_put(struct inbox *inbox, const struct incoming *incoming, uint64_t after);

/* The one to write next, the same until inbox_written(); NULL if there is none now. Changes of the journal up to
 * `durable` are on disk. */
const struct incoming *inbox_next(const struct inbox *inbox, uint64_t durable);
void inbox_written(struct inbox *inbox, uint64_t durable, int64_t now_ms);

/* NULL if there is none of that id. */
const struct incoming *inbox_find(const struct inbox *inbox, const char *received_id);

/* The gateway has stored it, or never will; nothing if it is not there. */
void inbox_remove(struct inbox *inbox, const char *received_id);

/* All are to be written again, to the next connection. */
void inbox_on_disconnected(struct inbox *inbox);

/* Those that had no answer for too long are to be written again. Returns when to call it next; INT64_MAX: not before one is
 * written. */
int64_t inbox_write_again(struct inbox *inbox, int64_t now_ms);

#endif
