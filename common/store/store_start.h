/* The store of a program that cannot run without it. */
#ifndef COMMON_STORE_STORE_START_H
#define COMMON_STORE_STORE_START_H

#include "common/store/store.h"

/* Opens the store, as store_open. On an error it logs why and exits. Main thread, before the program serves. */
struct store *store_start(const struct store_options *options);

#endif
