#include "common/store/postgresql/seq_places.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

static const uint32_t nowhere = UINT32_MAX; /* of a slot that stays for what is behind it */

/* Its slot, or the free one where it would be. There is always a free one. */
static struct seq_slot *slot_of(const struct seq_places *places, int64_t seq)
{
    uint64_t hash = (uint64_t)seq * UINT64_C(0x9e3779b97f4a7c15);
    size_t mask = places->capacity - 1, at = (size_t)(hash >> 32) & mask;
    while (places->slots[at].turn == places->turn && places->slots[at].seq != seq)
        at = (at + 1) & mask;
    return &places->slots[at];
}

ptrdiff_t seq_places_find(const struct seq_places *places, int64_t seq)
{
    if (places->used == 0)
        return SEQ_NOWHERE;
    const struct seq_slot *slot = slot_of(places, seq);
    return slot->turn == places->turn && slot->place != nowhere ? (ptrdiff_t)slot->place
                                                                : SEQ_NOWHERE;
}

static void put(struct seq_places *places, int64_t seq, uint32_t place)
{
    struct seq_slot *slot = slot_of(places, seq);
    places->used += slot->turn != places->turn;
    *slot = (struct seq_slot){seq, place, places->turn};
}

static bool grow(struct seq_places *places)
{
    size_t capacity = MAX(2 * places->capacity, (size_t)FIRST_CAPACITY);
    struct seq_places more = {
        .slots = calloc(capacity, sizeof(*more.slots)), .capacity = capacity, .turn = 1};
    if (!more.slots)
        return false;
    for (size_t i = 0; i < places->capacity; i++) {
        const struct seq_slot *slot = &places->slots[i];
        if (slot->turn == places->turn && slot->place != nowhere)
            put(&more, slot->seq, slot->place);
    }
    free(places->slots);
    *places = more;
    return true;
}

bool seq_places_put(struct seq_places *places, int64_t seq, size_t place)
{
    bool has_slot = places->used > 0 && slot_of(places, seq)->turn == places->turn;
    if (!has_slot && 2 * (places->used + 1) > places->capacity && !grow(places))
        return false;
    put(places, seq, (uint32_t)place);
    return true;
}

void seq_places_remove(struct seq_places *places, int64_t seq)
{
    if (seq_places_find(places, seq) != SEQ_NOWHERE)
        slot_of(places, seq)->place = nowhere;
}

void seq_places_clear(struct seq_places *places)
{
    places->used = 0;
    if (places->slots && ++places->turn == 0)
        seq_places_fini(places);
}

void seq_places_fini(struct seq_places *places)
{
    free(places->slots);
    *places = (struct seq_places){0};
}
