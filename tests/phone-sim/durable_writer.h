/*
 * Writes the journals of all phones and their radio ledger to disk before the phones act on them. The
 * changes of one turn of the loop share one fsync of each file; then the phones are notified.
 */
#ifndef TESTS_PHONE_SIM_DURABLE_WRITER_H
#define TESTS_PHONE_SIM_DURABLE_WRITER_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/crash_point.h"
#include "tests/phone-sim/journal_file.h"
#include "tests/phone-sim/ledger.h"
#include "tests/phone-sim/phone.h"
#include "tests/phone-sim/timers.h"

#include <sys/queue.h>

/* The changes of one phone that are not yet on disk. */
struct unsaved {
    TAILQ_ENTRY(unsaved) in_written;
    TAILQ_ENTRY(unsaved) in_left;
    struct phone *phone;
    uint64_t number;              /* of its last journal change; 0: all are on disk */
    char name[PHONE_ID_SIZE + 8]; /* name of its journal */
};

struct durable_writer {
    struct timers *timers;
    struct crash_point *crash_point;
    struct timer timer;
    struct journal_file journal;
    struct ledger ledger;
    struct unsaved *phones;
    size_t count;
    TAILQ_HEAD(, unsaved) written;
    TAILQ_HEAD(, unsaved) left;
};

struct durable_writer_settings {
    const char *journal; /* path; empty: in memory */
    const char *ledger;  /* path; empty: none */
    bool is_assured;     /* without it there is no journal */
    bool check_sent_store;
    struct crash_point *crash_point;
};

/* False after a line on stderr. */
bool durable_writer_init(struct durable_writer *writer, struct timers *timers,
                         const struct durable_writer_settings *settings, size_t phones);
void durable_writer_fini(struct durable_writer *writer);

/* Gives an assured phone its journal, from the file or new. A clone without a journal gets a copy of
 * the journal of `original`, which is NULL for all other phones. */
void durable_writer_join(struct durable_writer *writer, struct phone *phone,
                         const struct phone *original);

/* Requests of struct phone_world. */
void durable_writer_write(struct durable_writer *writer, struct phone *phone,
                          const struct journal_write *write);
void durable_writer_sms_left(struct durable_writer *writer, struct phone *phone,
                             const struct journal_entry *entry);

void durable_writer_new_epoch(char *epoch);

/* Writes all changes to disk now. */
void durable_writer_flush(struct durable_writer *writer, int64_t now_ms);

#endif
