/*
 * Where the claims of a writer begin. A queue that drains leaves index entries behind, which stay as long as anybody has an old
 * snapshot: a claim that follows a full one begins a little before that one's first message. What is older is found by claims that
 * begin at the beginning: when one finds less than it asks for, after a message came back to the queue here, and once in
 * CLAIM_MARK_MS.
 */
#ifndef COMMON_STORE_POSTGRESQL_CLAIM_MARK_H
#define COMMON_STORE_POSTGRESQL_CLAIM_MARK_H

#include <stdbool.h>
#include <stdint.h>

/* Messages of that time appear in any order: they are of several nodes and transactions. */
enum { CLAIM_MARK_MS = 1000, CLAIM_MARK_ORDER_MS = 10 };

struct claim_mark {
    int64_t seq;        /* that claims of the running transaction begin at; 0: the beginning */
    int64_t next_seq;   /* of the next one, if this one is committed; -1: as this one */
    int64_t checked_ms; /* wall: when a claim last began at the beginning */
};

/* Before each attempt of a transaction. */
void claim_mark_begin(struct claim_mark *mark, int64_t now_ms);
/* A claim has found messages from `first_seq` on: as many as it asked for, or all. */
void claim_mark_note(struct claim_mark *mark, int64_t first_seq, bool is_full);
/* The running transaction looks from the beginning. */
void claim_mark_reset(struct claim_mark *mark, int64_t now_ms);
/* has_returned: there are messages below the mark now. */
void claim_mark_committed(struct claim_mark *mark, bool has_returned);

#endif
