/*
 * Which message ids a phone has seen. It must never send one twice, so nothing is ever taken out;
 * an id of whatever form costs 16 bytes: its hash.
 */
#ifndef TESTS_PHONE_SIM_ID_SET_H
#define TESTS_PHONE_SIM_ID_SET_H

#include "tests/phone-sim/base.h"

/* Zero is an empty set. */
struct id_set {
    unsigned __int128 *slots; /* zero: free */
    size_t capacity;          /* a power of two, or 0 */
    size_t count;
};

void id_set_fini(struct id_set *set);

bool id_set_has(const struct id_set *set, const char *id);

/* False if it was there already. */
bool id_set_add(struct id_set *set, const char *id);

#endif
