/*
 * Opening SQLite's connection to a database file, and its settings. It is called a handle, because a connection is a
 * device's. `problem` says in one sentence what is wrong.
 */
#ifndef COMMON_STORE_SQLITE_HANDLE_H
#define COMMON_STORE_SQLITE_HANDLE_H

#include "common/store/sqlite/statement.h"
#include "common/store/store.h"

/* Reads and writes nothing yet: it may be the database of another program. handle_close, also after false. */
MUST_CHECK bool handle_open(struct handle *handle, const char *path, int timeout_ms,
                            char problem[STORE_ERROR_SIZE]);
void handle_close(struct handle *handle);

/* Sets the pragmas; only a writer may change anything. */
MUST_CHECK bool handle_configure(struct handle *handle, enum statement_use use,
                                 char problem[STORE_ERROR_SIZE]);

/* Prepares the statements of a writer, and tries those of readers: what the database does not understand is found
   at the start. A reader prepares each when it needs it: there are many, and each would need a MiB for all. */
MUST_CHECK bool handle_prepare_all(struct handle *handle, char problem[STORE_ERROR_SIZE]);

/* The path of the database, as it was opened. */
const char *handle_path(const struct handle *handle);

#endif
