#include "common/base/grow_list.h"

#include "common/base/base.h"

#include <stdlib.h>

void *grow_list(void *items, size_t *capacity, size_t size)
{
    size_t more = MAX(64, *capacity * 2);
    void *grown = reallocarray(items, more, size);
    if (grown)
        *capacity = more;
    return grown;
}
