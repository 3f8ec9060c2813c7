/* Where in a list the row of a message is, by its key, for lists that one transaction fills. */
#ifndef COMMON_STORE_POSTGRESQL_SEQ_PLACES_H
#define COMMON_STORE_POSTGRESQL_SEQ_PLACES_H

#include "common/base/base.h"

/* Zeroed at first. */
struct seq_places {
    struct seq_slot {
        int64_t seq;
        uint32_t place;
        uint32_t turn; /* the slot is used where it is the table's */
    } * slots;
    size_t capacity; /* a power of two, or 0 */
    size_t used;
    uint32_t turn;
};

enum { SEQ_NOWHERE = -1 };

/* SEQ_NOWHERE: it has none. */
ptrdiff_t seq_places_find(const struct seq_places *places, int64_t seq);
/* The one before is forgotten. False without memory, for a new key alone. */
MUST_CHECK bool seq_places_put(struct seq_places *places, int64_t seq, size_t place);
void seq_places_remove(struct seq_places *places, int64_t seq);
/* In a moment, whatever it has. */
void seq_places_clear(struct seq_places *places);
void seq_places_fini(struct seq_places *places);

#endif
