/* The API keys that a worker has seen, for API_KEY_CACHE_MS each: to look up a key costs as much as
   the rest of a request. Each worker has its own, so none needs a lock. */
#ifndef API_FCGI_AUTH_KEY_CACHE_H
#define API_FCGI_AUTH_KEY_CACHE_H

#include "common/access/api_key.h"

struct key_cache;

/* An array of caches. NULL without memory. */
struct key_cache *key_cache_new(size_t count);
void key_cache_free(struct key_cache *caches);

/*
 * The key that `token` is the text of, in the cache at `index` of the array. False if there is none; it
 * takes the same steps then, whether or not a key of that id is there. Times are monotonic.
 */
MUST_CHECK bool key_cache_find(const struct key_cache *caches, size_t index, const char *token,
                               int64_t now_ms, struct api_key *key);

/* Remembers a key that fits `token`, in place of the one that it had at that place. */
void key_cache_add(struct key_cache *caches, size_t index, const char *token, int64_t now_ms,
                   const struct api_key *key);

#endif
