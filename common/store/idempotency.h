/*
 * What lets a client repeat a request that creates something: a key of the client's choice, kept with the answer in the
 * transaction that creates it. A write of such a request looks for its key first. Where it is known, nothing is
 * created, and the answer is the first one. A request that is refused keeps nothing.
 *
 * Writes run one after the other, in this process and in all others, so a request that arrives while the first is
 * still running waits for it.
 */
#ifndef COMMON_STORE_IDEMPOTENCY_H
#define COMMON_STORE_IDEMPOTENCY_H

#include "common/access/secret.h"
#include "common/base/buffer.h"

enum {
    STORE_IDEMPOTENCY_KEY_SIZE = 256, /* with the NUL */
    STORE_LOCATION_SIZE = 80,
    STORE_IDEMPOTENCY_KEPT_MS = 24 * 3600 * 1000, /* at least: STORE_PURGE removes what is older */
};

/* What a request is answered with once it has been done. */
struct store_answer {
    int status;                         /* of HTTP */
    char location[STORE_LOCATION_SIZE]; /* "": none */
    struct buffer body; /* the submitter's memory, also for the stored answer; opaque bytes */
};

/* A request with an idempotency key. Keys of different API keys have nothing to do with each other.
   ERROR_IDEMPOTENCY_KEY_REUSED, of a write that has one: the key belongs to another request. */
struct store_idempotency {
    char key_id[SECRET_ID_SIZE]; /* of the API key; "": none is needed */
    char key[STORE_IDEMPOTENCY_KEY_SIZE];
    unsigned char request_hash[SECRET_HASH_BYTES]; /* of all that the request asks for */

    /* In: what is kept if the write succeeds. Out, where the request was done before: what was kept then. */
    struct store_answer answer;
    bool replayed; /* out: it was done before, and the write did nothing */

    /* The backend's own */
    int64_t key_hash;
};

/* ---- Writes: the payloads of struct store_write ---- */

/* Looks for the answer to a request that can no longer be accepted, but may have been: its time has passed, or a setting
   has changed. */
struct store_find_answer {
    struct store_idempotency *idempotency; /* the submitter's; answer and replayed: out */
};

#endif
