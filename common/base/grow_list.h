/* Lists that grow by doubling. */
#ifndef COMMON_BASE_GROW_LIST_H
#define COMMON_BASE_GROW_LIST_H

#include <stddef.h>

/* The list of *capacity items of `size` bytes, which may have moved, with room for twice as many, and for 64 at least.
   NULL without memory: the list and *capacity are as before. */
void *grow_list(void *items, size_t *capacity, size_t size);

#endif
