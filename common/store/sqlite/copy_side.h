/* A file of SQLite as one side of a copy: common/store/copy_side.h. */
#ifndef COMMON_STORE_SQLITE_COPY_SIDE_H
#define COMMON_STORE_SQLITE_COPY_SIDE_H

#include "common/store/copy_side.h"

extern const struct copy_side sqlite_copy_side;

#endif
