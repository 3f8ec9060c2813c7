/*
 * --kill-at: the program kills itself, as kill -9 does, at an instant that matters. What was written
 * to files before is there, and nothing else of it.
 */
#ifndef TESTS_PHONE_SIM_DOOM_H
#define TESTS_PHONE_SIM_DOOM_H

#include "tests/phone-sim/base.h"

enum doom_instant {
    DOOM_NEVER,
    DOOM_FRAME_READ,    /* before anything follows from it */
    DOOM_FRAME_WRITTEN, /* given to the kernel */
    DOOM_BEFORE_COMMIT, /* of the journal */
    DOOM_AFTER_COMMIT,  /* before anything follows from it */
    DOOM_BEFORE_LEDGER, /* the radio has the text, and it has not left */
    DOOM_AFTER_LEDGER,  /* it has left, and the line is there */
    DOOM_AFTER_SYNC,    /* and on disk; before the journal changes */
};

struct doom {
    enum doom_instant instant;
    int64_t passes; /* the last of which ends it */
};

/* From "before-commit:3" and the like; ":1" may be missing. False if it is not like that. */
bool doom_parse(struct doom *doom, const char *text);

void doom_pass(struct doom *doom, enum doom_instant instant);

#endif
