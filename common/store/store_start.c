#include "common/store/store_start.h"

#include "common/process/program.h"

struct store *store_start(const struct store_options *options)
{
    struct store *store;
    char problem[STORE_ERROR_SIZE];
    if (store_open(options, &store, problem) != ERROR_NONE)
        program_fail("cannot open the database", problem);
    return store;
}
