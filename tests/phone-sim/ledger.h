/*
 * The radio ledger: a file with one line for each SMS that left a simulated radio. It is the truth
 * that tests hold against what the gateway says, and can be the phones' store of sent messages.
 */
#ifndef TESTS_PHONE_SIM_LEDGER_H
#define TESTS_PHONE_SIM_LEDGER_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/id_set.h"

struct ledger {
    const char *path;
    int file;             /* -1: there is none */
    struct id_set before; /* what was in it at the start, if that was asked for */
};

/* `path` may be empty: no ledger. False after a line on stderr. */
bool ledger_open(struct ledger *ledger, const char *path, bool read_it);
void ledger_close(struct ledger *ledger);

/* This SMS leaves now. On the basic level `attempt` is 0. Ends the program if it cannot be written:
 * without its line the SMS must not count as sent. */
void ledger_append(const struct ledger *ledger, const char *device_id, const char *message_id,
                   int64_t attempt, const char *phone_number);

/* Puts all lines on disk, or ends the program. */
void ledger_sync(const struct ledger *ledger);

/* Had the SMS left when the program started? */
bool ledger_had(const struct ledger *ledger, const char *device_id, const char *message_id,
                int64_t attempt);

#endif
