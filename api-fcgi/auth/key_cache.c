#include "api-fcgi/auth/key_cache.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES = 64 };

struct key_cache {
    struct remembered_key {
        struct api_key key;
        int64_t until_ms; /* monotonic */
        unsigned revocations;
    } entries[ENTRIES];
};

struct key_cache *key_cache_new(size_t count)
{
    return calloc(count, sizeof(struct key_cache));
}

void key_cache_free(struct key_cache *caches)
{
    free(caches);
}

/* By two characters of the id. */
static size_t entry_of(const char *token)
{
    const char *hint = strlen(token) + 1 == SECRET_TEXT_SIZE ? token + 4 : "--";
    return (unsigned)(31 * hint[0] + hint[1]) % ENTRIES;
}

bool key_cache_find(const struct key_cache *caches, size_t index, const char *token, int64_t now_ms,
                    unsigned revocations, struct api_key *key)
{
    const struct remembered_key *entry = &caches[index].entries[entry_of(token)];
    if (!secret_fits(entry->key.hash, token) || now_ms >= entry->until_ms ||
        revocations != entry->revocations)
        return false;
    *key = entry->key;
    return true;
}

void key_cache_add(struct key_cache *caches, size_t index, const char *token, int64_t now_ms,
                   unsigned revocations, const struct api_key *key)
{
    caches[index].entries[entry_of(token)] = (struct remembered_key){
        *key, now_ms + API_KEY_CACHE_MS, revocations};
}
