#include "api-fcgi/auth/key_rates.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 256 };

static const int64_t minute_ns = 60000000000, second_ns = 1000000000, ms_ns = 1000000;

/* One for each key; never removed. */
struct node {
    struct node *next;
    char key_id[SECRET_ID_SIZE];
    _Atomic int64_t busy_until_ns; /* each request advances it by its share of a minute */
};

struct key_rates {
    _Atomic(struct node *) buckets[BUCKETS];
};

struct key_rates *key_rates_new(void)
{
    return calloc(1, sizeof(struct key_rates));
}

void key_rates_free(struct key_rates *rates)
{
    for (size_t i = 0; rates && i < BUCKETS; i++) {
        for (struct node *node = atomic_load(&rates->buckets[i]), *next; node; node = next) {
            next = node->next;
            free(node);
        }
    }
    free(rates);
}

static struct node *find(struct node *node, const char *key_id)
{
    while (node && strcmp(node->key_id, key_id) != 0)
        node = node->next;
    return node;
}

/* NULL without memory. */
static struct node *find_or_add(struct key_rates *rates, const char *key_id)
{
    unsigned hash = 0;
    for (const char *p = key_id; *p; p++)
        hash = 31 * hash + (unsigned char)*p;
    _Atomic(struct node *) *bucket = &rates->buckets[hash % BUCKETS];
    struct node *first = atomic_load_explicit(bucket, memory_order_acquire);
    struct node *found = find(first, key_id);
    if (found)
        return found;
    struct node *added = calloc(1, sizeof(*added));
    if (!added)
        return NULL;
    strcpy(added->key_id, key_id);
    added->next = first;
    /* Another thread may have added a node first, perhaps for the same key. */
    while (!atomic_compare_exchange_strong(bucket, &first, added)) {
        if ((found = find(first, key_id))) {
            free(added);
            return found;
        }
        added->next = first;
    }
    return added;
}

static int64_t ceil_seconds(int64_t ns)
{
    return (ns + second_ns - 1) / second_ns;
}

bool key_rates_take(struct key_rates *rates, const char *key_id, int64_t per_minute, int64_t now_ms,
                    struct key_rate *rate)
{
    struct node *node = find_or_add(rates, key_id);
    int64_t share_ns = minute_ns / per_minute, most_ns = share_ns * per_minute;
    int64_t now_ns = now_ms * ms_ns;
    int64_t before_ns = node ? atomic_load(&node->busy_until_ns) : 0, after_ns;
    do {
        after_ns = MAX(before_ns, now_ns) + share_ns;
        if (after_ns - now_ns > most_ns) {
            *rate = (struct key_rate){.reset_s = ceil_seconds(after_ns - now_ns - most_ns)};
            return false;
        }
    } while (node && !atomic_compare_exchange_weak(&node->busy_until_ns, &before_ns, after_ns));
    *rate = (struct key_rate){
        .remaining = (most_ns - (after_ns - now_ns)) / share_ns,
        .reset_s = ceil_seconds(after_ns - now_ns),
    };
    return true;
}
