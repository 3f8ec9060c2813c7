/*
 * Puts on disk what must be there before anything follows from it: the journals of all phones and
 * their radio ledger. What comes within a turn of the loop goes to disk with one fsync each; then
 * the phones hear of it.
 */
#ifndef TESTS_PHONE_SIM_KEEPER_H
#define TESTS_PHONE_SIM_KEEPER_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/doom.h"
#include "tests/phone-sim/journal_file.h"
#include "tests/phone-sim/ledger.h"
#include "tests/phone-sim/phone.h"
#include "tests/phone-sim/timers.h"

#include <sys/queue.h>

/* What of one phone is not yet on disk. */
struct unsaved {
    TAILQ_ENTRY(unsaved) in_written;
    TAILQ_ENTRY(unsaved) in_left;
    struct phone *phone;
    uint64_t number;              /* of its last change of the journal; 0: all are on disk */
    char name[PHONE_ID_SIZE + 8]; /* of its journal */
};

struct keeper {
    struct timers *timers;
    struct doom *doom;
    struct timer timer;
    struct journal_file journal;
    struct ledger ledger;
    struct unsaved *phones;
    size_t count;
    TAILQ_HEAD(, unsaved) written;
    TAILQ_HEAD(, unsaved) left;
};

struct keeper_settings {
    const char *journal; /* path; empty: in memory */
    const char *ledger;  /* path; empty: none */
    bool is_assured;     /* or else there is no journal */
    bool check_sent_store;
    struct doom *doom;
};

/* False after a line on stderr. */
bool keeper_init(struct keeper *keeper, struct timers *timers,
                 const struct keeper_settings *settings, size_t phones);
void keeper_fini(struct keeper *keeper);

/* Gives an assured phone its journal: the one in the file, or a new one. A clone's is a copy of the
 * one of `original`, if it is not there yet; for all others that is NULL. */
void keeper_join(struct keeper *keeper, struct phone *phone, const struct phone *original);

/* The wishes of struct phone_world. */
void keeper_write(struct keeper *keeper, struct phone *phone, const struct journal_write *write);
void keeper_sms_left(struct keeper *keeper, struct phone *phone, const struct journal_entry *entry);

void keeper_new_epoch(char *epoch);

/* All to disk, now. */
void keeper_flush(struct keeper *keeper, int64_t now_ms);

#endif
