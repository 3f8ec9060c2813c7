/*
 * The rows of messages that a transaction has read, as it has changed them since: what is read again needs no round trip.
 * They are locked until the transaction ends, so that no other process changes them.
 */
#ifndef COMMON_STORE_POSTGRESQL_MESSAGE_CACHE_H
#define COMMON_STORE_POSTGRESQL_MESSAGE_CACHE_H

#include "common/store/postgresql/seq_places.h"
#include "common/store/verbs/rows.h"

struct message_cache {
    struct message_row *rows;
    size_t count, capacity;
    struct seq_places places; /* of the rows */
};

/* sql_message_rows, through the cache of the database. */
struct message_rows message_cache_rows(void);

/* Without memory it is not kept. */
void message_cache_put(struct message_cache *cache, const struct message_row *row);
/* NULL: it has none with that key. */
const struct message_row *message_cache_find(const struct message_cache *cache, int64_t seq);
void message_cache_clear(struct message_cache *cache);
void message_cache_fini(struct message_cache *cache);

#endif
