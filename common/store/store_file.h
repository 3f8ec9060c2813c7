/*
 * The database as a whole, as a file: what an operator does to it. `problem` says in one sentence what is
 * wrong: ERROR_STORE_BUSY; ERROR_STORE_UNAVAILABLE, the file is not as it must be, or cannot be read.
 * Main thread of a program that opens no store.
 */
#ifndef COMMON_STORE_FILE_H
#define COMMON_STORE_FILE_H

#include "store.h"

/* What is in a database, in one view of it. */
struct store_file_content {
    int64_t schema_version;
    int64_t bytes;
    int64_t messages[MESSAGE_STATUS_COUNT];
    int64_t events, devices, device_tokens, api_keys;
};

/* Reads all of it: every page, index and constraint, and the counts that are kept. A gateway may be at work
   on it; its write-ahead log grows meanwhile. */
MUST_CHECK enum error store_file_check(const char *path, struct store_file_content *content,
                                       char problem[STORE_PROBLEM_SIZE]);

#endif
