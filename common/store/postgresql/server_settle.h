/* A restored database: common/store/settle.h. */
#ifndef COMMON_STORE_POSTGRESQL_SERVER_SETTLE_H
#define COMMON_STORE_POSTGRESQL_SERVER_SETTLE_H

#include "common/store/settle.h"

enum error server_settle_run(const char *url, bool keep, int64_t *unknown,
                             char problem[STORE_ERROR_SIZE]);

#endif
