/* What writes have for their callers. */
#ifndef COMMON_STORE_POSTGRESQL_RESULTS_H
#define COMMON_STORE_POSTGRESQL_RESULTS_H

#include "common/store/store.h"

/* Frees what a failed attempt has given them, before they run again. */
void results_forget(struct store_write *const writes[], size_t count);

#endif
