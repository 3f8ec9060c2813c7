#include "ws-broker/core/allocation.h"

#include "common/base/log.h"

#include <stdlib.h>

void *allocation_check(void *memory)
{
    if (!memory) {
        log_error("no memory");
        abort();
    }
    return memory;
}
