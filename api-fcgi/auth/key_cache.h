/* A cache of API keys for each worker, so that it needs no lock: looking up a key costs as much as the rest
   of a request. A key stays for API_KEY_CACHE_MS, or until the process has revoked a key: `revocations` counts that, and whatever adds
   a key has read it before the key. Times are monotonic. */
#ifndef API_FCGI_AUTH_KEY_CACHE_H
#define API_FCGI_AUTH_KEY_CACHE_H

#include "common/access/api_key.h"

struct key_cache;

/* An array of `count` caches; NULL without memory. */
struct key_cache *key_cache_new(size_t count);
void key_cache_free(struct key_cache *caches);

/* Finds the key that `token` is the text of in caches[index]. A miss takes the same steps whether or not
   the cache has a key of that id. */
MUST_CHECK bool key_cache_find(const struct key_cache *caches, size_t index, const char *token,
                               int64_t now_ms, unsigned revocations, struct api_key *key);

/* Adds the key that fits `token`. It may replace another one. */
void key_cache_add(struct key_cache *caches, size_t index, const char *token, int64_t now_ms,
                   unsigned revocations, const struct api_key *key);

#endif
