/* The numbers of the types of rows in arrays (records.h), which are the database's own. */
#ifndef COMMON_STORE_POSTGRESQL_RECORD_TYPES_H
#define COMMON_STORE_POSTGRESQL_RECORD_TYPES_H

#include "common/base/base.h"
#include "common/base/error.h"

#include <stdint.h>

struct store_database;

struct record_types {
    uint32_t new_message, new_message_with_options, changed_message, new_message_event;
};

/* Of each new connection. */
MUST_CHECK enum error record_types_read(struct store_database *database);

#endif
