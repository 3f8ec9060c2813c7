/*
 * Copies all that a gateway has stored from one kind of database to another: from SQLite's file to PostgreSQL, or back.
 *
 * Both are used by nobody else meanwhile: where a gateway runs on either, that is refused, and says which process. The target has no
 * rows before. It gets all of them in one transaction, in which they are read back and compared; after a kill it has none.
 *
 * A message is sent by one of the two at most: just before the target's commit the source is set aside, so that no gateway starts
 * with it. A file gets another name (DATABASE_COPIED of database_path.h), and a PostgreSQL database says where it went to.
 */
#ifndef COMMON_STORE_COPY_H
#define COMMON_STORE_COPY_H

#include "common/store/store.h"

struct store_copied_table {
    char name[64]; /* in the target */
    int64_t rows;
    uint64_t checksum; /* of all rows in any order; equal in the source and in the target */
};

enum { STORE_COPY_MAX_TABLES = 64, STORE_COPY_PLACE_SIZE = 4096 };

struct store_copy {
    struct store_copied_table tables[STORE_COPY_MAX_TABLES];
    size_t count;
    char kept[STORE_COPY_PLACE_SIZE]; /* what the source is called now */
};

/*
 * `from` and `to` are DSNs as of store_options.dsn. On an error `problem` says why in one sentence, and both are as they were
 * before; except for ERROR_OUTCOME_UNKNOWN, where the source is set aside, and the target may have everything or nothing. Errors
 * are those of database_file.h. For the main thread of a program that has no store open.
 */
MUST_CHECK enum error store_copy(const char *from, const char *to, struct store_copy *copy,
                                 char problem[STORE_ERROR_SIZE]);

#endif
