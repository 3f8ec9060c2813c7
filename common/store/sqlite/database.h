/* An open SQLite database: its writer with the current transaction, and its readers. */
#ifndef COMMON_STORE_SQLITE_DATABASE_H
#define COMMON_STORE_SQLITE_DATABASE_H

#include "common/store/sqlite/database_path.h"
#include "common/store/sqlite/disk.h"
#include "common/store/sqlite/handle.h"
#include "common/store/sqlite/idempotency_index.h"
#include "common/store/sqlite/place.h"
#include "common/store/sqlite/wal.h"
#include "common/store/store_backend.h"
#include "common/store/verbs/transaction.h"

#include <pthread.h>
#include <stdatomic.h>

enum { INSERT_MAX_WAITING = 32 };

struct store_database {
    const struct store_options *options;
    char path[DATABASE_PATH_SIZE];
    pthread_rwlock_t reading; /* shared: a read; exclusive: a checkpoint that readers prevent */
    atomic_bool wants_quiet;  /* that checkpoint waits for the reads */

    /* The writer */
    struct handle handle;
    struct store_transaction transaction;
    struct place place;
    struct wal wal;
    struct disk disk;
    struct idempotency_index idempotency;
    bool locked; /* holds the write lock of place */

    int64_t careful_until_ms; /* monotonic: until then every write has its savepoint */

    /* Of this transaction */
    enum error wal_error, disk_error; /* why new messages are refused, or ERROR_NONE */
    int64_t last_event_id;            /* 0: not read yet */
    int64_t turn_ends_us;             /* monotonic: when to look whether others wait */

    /* New messages, inserted in groups */
    struct store_write *enqueue; /* the write that runs, if its message outlives it; or NULL */
    struct store_write *waiting[INSERT_MAX_WAITING];
    size_t waiting_count;
};

struct store_database_reader {
    struct handle handle;
    struct store_database *database;
    int64_t gives_way_ms,
        until_ms; /* monotonic; a read that takes longer is interrupted: the first where a checkpoint waits */
};

/* As of struct admin_rows. */
bool database_turn_is_over(struct store_database *database);

/* Around every read, which may then take options.timeout_ms. They do not nest. */
void reader_begin(struct store_database_reader *reader);
void reader_end(struct store_database_reader *reader);

/* Instead of these two, around the statements of a read that needs one consistent view. After an error of the first there
   is nothing to end. The second returns `error`, or its own. */
MUST_CHECK enum error reader_begin_view(struct store_database_reader *reader);
MUST_CHECK enum error reader_end_view(struct store_database_reader *reader, enum error error);

#endif
