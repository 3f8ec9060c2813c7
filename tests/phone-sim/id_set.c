#include "tests/phone-sim/id_set.h"

/* FNV-1a with 128 bits: two ids that share a hash are nothing to reckon with. */
static unsigned __int128 hash_of(const char *id)
{
    const unsigned __int128 prime = ((unsigned __int128)1 << 88) + 0x13b;
    unsigned __int128 hash = ((unsigned __int128)0x6c62272e07bb0142u << 64) + 0x62b821756295c58du;
    for (; *id; id++) {
        hash ^= (unsigned char)*id;
        hash *= prime;
    }
    return hash ? hash : 1;
}

void id_set_fini(struct id_set *set)
{
    free(set->slots);
    *set = (struct id_set){0};
}

/* Where it is, or would be. */
static size_t place_of(const struct id_set *set, unsigned __int128 hash)
{
    size_t place = (size_t)(hash ^ (hash >> 88)) & (set->capacity - 1);
    while (set->slots[place] != 0 && set->slots[place] != hash)
        place = (place + 1) & (set->capacity - 1);
    return place;
}

static bool put(struct id_set *set, unsigned __int128 hash)
{
    size_t place = place_of(set, hash);
    if (set->slots[place] != 0)
        return false;
    set->slots[place] = hash;
    set->count++;
    return true;
}

bool id_set_has(const struct id_set *set, const char *id)
{
    return set->capacity > 0 && set->slots[place_of(set, hash_of(id))] != 0;
}

static void grow(struct id_set *set)
{
    size_t capacity = MAX(set->capacity * 2, (size_t)16);
    struct id_set larger = {.capacity = capacity,
                            .slots = must_allocate(capacity, sizeof(set->slots[0]))};
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i] != 0)
            put(&larger, set->slots[i]);
    }
    free(set->slots);
    *set = larger;
}

bool id_set_add(struct id_set *set, const char *id)
{
    if (set->count >= set->capacity / 4 * 3)
        grow(set);
    return put(set, hash_of(id));
}
