/*
 * All the phones of a run: makes them, shows and counts what happens to them, keeps the ledger, and
 * knows when it is time to leave.
 */
#ifndef TESTS_PHONE_SIM_FLEET_H
#define TESTS_PHONE_SIM_FLEET_H

#include "tests/phone-sim/options.h"

/* Runs until a signal, --exit-after or the stop of all phones. Returns the exit status. */
int fleet_run(const struct options *options);

#endif
