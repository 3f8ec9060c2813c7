/* An open PostgreSQL database: its writer with the current transaction, and its readers. */
#ifndef COMMON_STORE_POSTGRESQL_DATABASE_H
#define COMMON_STORE_POSTGRESQL_DATABASE_H

#include "common/store/postgresql/bell.h"
#include "common/store/postgresql/change_rows.h"
#include "common/store/postgresql/claim_mark.h"
#include "common/store/postgresql/last_devices.h"
#include "common/store/postgresql/message_cache.h"
#include "common/store/postgresql/open_admission.h"
#include "common/store/postgresql/outcomes.h"
#include "common/store/postgresql/record_types.h"
#include "common/store/postgresql/session_setup.h"
#include "common/store/postgresql/statement.h"
#include "common/store/store_backend.h"
#include "common/store/verbs/transaction.h"

#include <stdatomic.h>

/* Selects of a device that preload.c makes for several at once. */
enum { WANTED_KINDS = 4 };

struct store_database {
    const struct store_options *options;
    char *url;
    struct newest_timeline newest;
    struct connection role; /* has the lock of options.role */
    atomic_int fault;       /* enum error: why the writer could not connect again; store_fault */
    struct bell *bell;
    struct partition_keeper *partitions;
    unsigned topics; /* for the bell, after this batch */
    bool has_purged; /* the last batch, messages as old as that: */
    int64_t message_age_ms;
    int64_t faults;      /* of durability.h, when they were last read; -1: not yet */
    bool has_no_standby; /* that it needs */

    /* The writer */
    struct handle handle;
    struct message_rows message_rows;
    struct store_rows rows;
    struct store_transaction transaction;
    struct message_cache messages; /* of the transaction */
    struct changes changes;        /* of it, that are not sent yet */
    struct last_devices last_devices;
    bool has_event_lock; /* in it */
    struct claim_mark claim_mark;
    struct limit_rows limit_rows;
    struct opt_out_rows opt_out_rows;
    struct open_admission open_admission;
    struct wanted_devices {
        const char **ids;
        size_t count, capacity;
    } wanted[WANTED_KINDS];          /* whose rows are going to be read */
    bool collects_devices;           /* those alone */
    int64_t writer_id, writer_token; /* the row of this writer, */
    int64_t epoch;                   /* and how often it has connected */
    int64_t settled;                 /* when the row was made: how often the database had been, */
    char origin[96];                 /* and which one it was (server_origin.h) */
    int64_t
        batch; /* of the last transaction that was begun; that of a committed one is in the row */
    struct outcomes outcomes;
    int64_t
        careful_until_ms; /* monotonic: until then each write is answered, and has its savepoint */
    bool is_careful;      /* this transaction is */
    bool claims_only;     /* so far */
    size_t unchanged;     /* handle.changed at its beginning */

    struct record_types types;

    /* New messages, inserted together. */
    struct store_write *enqueue; /* the write that runs, if its message outlives it; or NULL */
    struct store_write *waiting[STORE_MAX_BATCH];
    size_t waiting_count;
    struct records added; /* while they are sent */
    struct buffer arrays[2];
};

/* Without a connection; NULL without memory. `options` stay valid until it is freed, which closes its connections and removes the
   row of its writer. */
MUST_CHECK struct store_database *database_new(const struct store_options *options);
void database_free(struct store_database *database);

struct store_database_reader {
    struct handle handle;
    struct store_database *database;
    bool has_view;
};

/* store_backend.h. */
enum error reader_open(struct store_database *database, struct store_database_reader **reader,
                       char problem[STORE_ERROR_SIZE]);
void reader_close(struct store_database_reader *reader);

/* Around every read. They do not nest. */
void reader_begin(struct store_database_reader *reader);
void reader_end(struct store_database_reader *reader);

/* Instead of these two, around the statements of a read that needs one consistent view. After an error of the first there
   is nothing to end. The second returns `error`, or its own. */
MUST_CHECK enum error reader_begin_view(struct store_database_reader *reader);
MUST_CHECK enum error reader_end_view(struct store_database_reader *reader, enum error error);

#endif
