/* A restored database: common/store/settle.h. */
#ifndef COMMON_STORE_POSTGRESQL_SETTLE_H
#define COMMON_STORE_POSTGRESQL_SETTLE_H

#include "common/store/settle.h"

enum error postgresql_settle(const char *url, bool keep, struct store_settled *settled,
                             char problem[STORE_ERROR_SIZE]);

#endif
