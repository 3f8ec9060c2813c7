#include "api-fcgi/smsgate/mobile_codes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* More codes are not exchanged within a minute: nginx lets each address try six. */
enum { KEPT = 256, KEPT_MS = 60 * 1000 };

struct kept_token {
    unsigned char code_hash[SECRET_HASH_BYTES];
    int64_t until_ms; /* monotonic; 0: none */
    struct device_token token;
    char text[SECRET_TEXT_SIZE];
};

struct mobile_codes {
    pthread_mutex_t lock;
    size_t next;
    struct kept_token kept[KEPT];
};

struct mobile_codes *mobile_codes_new(void)
{
    struct mobile_codes *codes = calloc(1, sizeof(*codes));
    if (codes)
        pthread_mutex_init(&codes->lock, NULL);
    return codes;
}

void mobile_codes_free(struct mobile_codes *codes)
{
    if (!codes)
        return;
    pthread_mutex_destroy(&codes->lock);
    explicit_bzero(codes->kept, sizeof(codes->kept));
    free(codes);
}

/* Under the lock. NULL: none is kept. Forgets those whose time is over. */
static struct kept_token *find(struct mobile_codes *codes,
                               const unsigned char code_hash[SECRET_HASH_BYTES], int64_t now_ms)
{
    struct kept_token *found = NULL;
    for (size_t i = 0; i < KEPT; i++) {
        struct kept_token *kept = &codes->kept[i];
        if (kept->until_ms != 0 && kept->until_ms <= now_ms)
            explicit_bzero(kept, sizeof(*kept));
        if (kept->until_ms != 0 && memcmp(kept->code_hash, code_hash, SECRET_HASH_BYTES) == 0)
            found = kept;
    }
    return found;
}

/* Under the lock. NULL without randomness. */
static struct kept_token *add(struct mobile_codes *codes,
                              const unsigned char code_hash[SECRET_HASH_BYTES],
                              const char *device_id, int64_t now_ms)
{
    struct kept_token *kept = &codes->kept[codes->next++ % KEPT];
    *kept = (struct kept_token){.until_ms = now_ms + KEPT_MS};
    memcpy(kept->code_hash, code_hash, SECRET_HASH_BYTES);
    strcpy(kept->token.device_id, device_id);
    if (secret_make(SECRET_MOBILE_TOKEN, kept->text, kept->token.id, kept->token.hash))
        return kept;
    kept->until_ms = 0;
    return NULL;
}

bool mobile_codes_take(struct mobile_codes *codes, const unsigned char code_hash[SECRET_HASH_BYTES],
                       const char *device_id, int64_t now_ms, struct device_token *token,
                       char text[SECRET_TEXT_SIZE])
{
    pthread_mutex_lock(&codes->lock);
    const struct kept_token *kept = find(codes, code_hash, now_ms);
    if (!kept)
        kept = add(codes, code_hash, device_id, now_ms);
    if (kept) {
        *token = kept->token;
        strcpy(text, kept->text);
    }
    pthread_mutex_unlock(&codes->lock);
    return kept;
}
