/*
 * The idempotency keys that their index on disk does not have yet, in the memory of the writer.
 *
 * Keys come in no order: inserted at once, each would change another page of the index. So they are collected here, and
 * when there are many a round merges them in the order of their hashes, some with each transaction, so that a page takes several.
 * What is here may be in the index too, and its row may have been removed since: the row decides.
 *
 * No SQL is here: idempotency_rows.c reads and writes the rows. One thread at a time.
 */
#ifndef COMMON_STORE_SQLITE_IDEMPOTENCY_INDEX_H
#define COMMON_STORE_SQLITE_IDEMPOTENCY_INDEX_H

#include "common/base/base.h"

struct idempotency_entry {
    int64_t key_hash, id; /* of a row of the table idempotency */
};

struct idempotency_index {
    size_t most;                       /* entries: with as many a round begins */
    struct idempotency_entry *entries; /* their ids ascend */
    size_t count, capacity;
    /* Entries of one bucket are a chain: the number of the newest, plus one, by bucket; of the one before, by entry. 0: none */
    uint32_t *newest, *before;

    int64_t merged_id; /* every row up to it is in the index on disk, */
    int64_t last_id;   /* and every other row up to this one is here */
    size_t committed_count;
    int64_t committed_last_id;
    bool changed; /* since the last commit */
    bool read;    /* in this transaction: others may have inserted rows before it */

    struct idempotency_entry *round; /* a copy, by hash */
    size_t round_count, round_done;  /* 0: there is none */
    int64_t round_id;                /* the last */
};

/* The hash of a key, which cannot be steered: many keys of one hash would be slow. */
MUST_CHECK int64_t idempotency_index_hash(const char *key_id, const char *key);

void idempotency_index_fini(struct idempotency_index *index);

/* A transaction begins: the one before counts only if it was committed. */
void idempotency_index_begin(struct idempotency_index *index);
void idempotency_index_commit(struct idempotency_index *index);

/* What the database says in a transaction that has added nothing yet. Forgets what has been merged, and all if it is another
   database than before; rows after last_id are to be added, and then noted as committed. */
void idempotency_index_note_merged(struct idempotency_index *index, int64_t merged_id,
                                   int64_t last_id);
void idempotency_index_note_read(struct idempotency_index *index, int64_t last_id);

/* A row that was inserted after all others. False: no memory, and nothing has changed. */
MUST_CHECK bool idempotency_index_add(struct idempotency_index *index, int64_t key_hash,
                                      int64_t id);

/* The next entry of that hash, the newest first; *place is 0 at first. NULL: there is none. */
const struct idempotency_entry *idempotency_index_find(const struct idempotency_index *index,
                                                       int64_t key_hash, uint32_t *place);

/* How many entries this transaction should merge; begins a round where it is time. 0 also without memory. */
size_t idempotency_index_due(struct idempotency_index *index);
/* The next of the round; NULL: there is none. */
const struct idempotency_entry *idempotency_index_next(struct idempotency_index *index);
/* With this transaction every row up to round_id is merged. */
MUST_CHECK bool idempotency_index_ends_round(const struct idempotency_index *index);

#endif
