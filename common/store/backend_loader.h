/* The backend that is not part of the programs. Private to this folder. */
#ifndef COMMON_STORE_BACKEND_LOADER_H
#define COMMON_STORE_BACKEND_LOADER_H

#include "common/store/store_backend.h"

/* Loads it once, from the folder of the program or that of the package. NULL, and a sentence that says what to install.
   Takes variables of libpq out of the environment, so no other thread may use that during the first call. */
const struct store_backend *backend_load_postgresql(char problem[STORE_ERROR_SIZE]);

#endif
