#include "common/store/sqlite/idempotency_index.h"

#include "common/access/secret.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST = 32768,
    FIRST_CAPACITY = 64, /* capacities are powers of two */
    PER_ADDED =
        2, /* entries merged for each one that is added: a round ends before the next is due */
    AT_ONCE = 1024, /* entries merged in one transaction, which others wait for */
};

static uint32_t *bucket_of(const struct idempotency_index *index, int64_t key_hash)
{
    return &index->newest[(uint64_t)key_hash & (index->capacity - 1)];
}

static void link_entry(struct idempotency_index *index, size_t i)
{
    uint32_t *bucket = bucket_of(index, index->entries[i].key_hash);
    index->before[i] = *bucket;
    *bucket = (uint32_t)i + 1;
}

static void link_all(struct idempotency_index *index)
{
    memset(index->newest, 0, index->capacity * sizeof(*index->newest));
    for (size_t i = 0; i < index->count; i++)
        link_entry(index, i);
}

/* Also after an error each array has room for what is there. */
static bool grow(struct idempotency_index *index)
{
    size_t capacity = MAX(2 * index->capacity, (size_t)FIRST_CAPACITY);
    if (capacity > UINT32_MAX)
        return false;
    void *entries = realloc(index->entries, capacity * sizeof(*index->entries));
    if (entries)
        index->entries = entries;
    void *before = realloc(index->before, capacity * sizeof(*index->before));
    if (before)
        index->before = before;
    void *newest = realloc(index->newest, capacity * sizeof(*index->newest));
    if (newest)
        index->newest = newest;
    if (!entries || !before || !newest)
        return false;
    index->capacity = capacity;
    link_all(index);
    return true;
}

static void end_round(struct idempotency_index *index)
{
    free(index->round);
    index->round = NULL;
    index->round_count = index->round_done = 0;
}

int64_t idempotency_index_hash(const char *key_id, const char *key)
{
    unsigned char hash[SECRET_HASH_BYTES];
    uint64_t number = 0;
    secret_hash_request(key_id, key, "", "", 0, hash);
    for (size_t i = 0; i < sizeof(number); i++)
        number = number << 8 | hash[i];
    return (int64_t)number;
}

void idempotency_index_fini(struct idempotency_index *index)
{
    end_round(index);
    free(index->entries);
    free(index->newest);
    free(index->before);
    *index = (struct idempotency_index){.most = index->most};
}

/* The first `count` stay. */
static void cut(struct idempotency_index *index, size_t count, int64_t last_id)
{
    while (index->count > count) { /* each is the newest of its bucket */
        size_t i = --index->count;
        *bucket_of(index, index->entries[i].key_hash) = index->before[i];
    }
    index->last_id = last_id;
}

/* ---- Transactions ---- */

static void note_committed(struct idempotency_index *index)
{
    index->committed_count = index->count;
    index->committed_last_id = index->last_id;
    index->changed = false;
}

/* The oldest entries, which come first. */
static void forget_merged(struct idempotency_index *index, int64_t merged_id)
{
    size_t merged = 0;
    while (merged < index->count && index->entries[merged].id <= merged_id)
        merged++;
    index->merged_id = merged_id;
    index->last_id = MAX(index->last_id, merged_id);
    index->count -= merged;
    if (merged > 0) {
        memmove(index->entries, index->entries + merged, index->count * sizeof(*index->entries));
        link_all(index);
    }
    end_round(index);
}

void idempotency_index_begin(struct idempotency_index *index)
{
    index->read = false;
    if (!index->changed)
        return;
    cut(index, index->committed_count, index->committed_last_id);
    end_round(index); /* it may have done less than it seems */
    index->changed = false;
}

void idempotency_index_commit(struct idempotency_index *index)
{
    if (idempotency_index_ends_round(index))
        forget_merged(index, index->round_id);
    note_committed(index);
}

void idempotency_index_note_merged(struct idempotency_index *index, int64_t merged_id,
                                   int64_t last_id)
{
    if (merged_id < index->merged_id || last_id < index->last_id) {
        cut(index, 0, merged_id);
        end_round(index);
        index->merged_id = merged_id;
    } else if (merged_id > index->merged_id) {
        forget_merged(index, merged_id);
    }
    note_committed(index);
}

void idempotency_index_note_read(struct idempotency_index *index, int64_t last_id)
{
    index->last_id = last_id;
    index->read = true;
    note_committed(index);
}

/* ---- Entries ---- */

bool idempotency_index_add(struct idempotency_index *index, int64_t key_hash, int64_t id)
{
    if (index->count == index->capacity && !grow(index))
        return false;
    index->entries[index->count] = (struct idempotency_entry){key_hash, id};
    link_entry(index, index->count++);
    index->last_id = id;
    index->changed = true;
    return true;
}

const struct idempotency_entry *idempotency_index_find(const struct idempotency_index *index,
                                                       int64_t key_hash, uint32_t *place)
{
    if (index->count == 0)
        return NULL;
    *place = *place == 0 ? *bucket_of(index, key_hash) : index->before[*place - 1];
    while (*place != 0 && index->entries[*place - 1].key_hash != key_hash)
        *place = index->before[*place - 1];
    return *place == 0 ? NULL : &index->entries[*place - 1];
}

/* ---- Merging ---- */

static int compare(const void *a, const void *b)
{
    const struct idempotency_entry *one = a, *other = b;
    return one->key_hash != other->key_hash ? (one->key_hash > other->key_hash ? 1 : -1)
                                            : (one->id > other->id) - (one->id < other->id);
}

static void begin_round(struct idempotency_index *index)
{
    index->round = malloc(index->count * sizeof(*index->round));
    if (!index->round)
        return;
    memcpy(index->round, index->entries, index->count * sizeof(*index->round));
    qsort(index->round, index->count, sizeof(*index->round), compare);
    index->round_count = index->count;
    index->round_id = index->entries[index->count - 1].id;
}

size_t idempotency_index_due(struct idempotency_index *index)
{
    size_t most = index->most > 0 ? index->most : MOST;
    if (!index->round && index->count >= most)
        begin_round(index);
    if (!index->round)
        return 0;
    bool behind = index->count >= 2 * most;
    size_t added = index->count - index->committed_count;
    return behind ? AT_ONCE : MIN(PER_ADDED * added, (size_t)AT_ONCE);
}

const struct idempotency_entry *idempotency_index_next(struct idempotency_index *index)
{
    if (index->round_done == index->round_count)
        return NULL;
    index->changed = true;
    return &index->round[index->round_done++];
}

bool idempotency_index_ends_round(const struct idempotency_index *index)
{
    return index->round && index->round_done == index->round_count;
}
