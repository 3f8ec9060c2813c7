/*
 * --kill-at: the program kills itself, as kill -9 does, at an instant that matters. What was written
 * to files before is there, and nothing else of it.
 */
#ifndef TESTS_PHONE_SIM_CRASH_POINT_H
#define TESTS_PHONE_SIM_CRASH_POINT_H

#include "tests/phone-sim/base.h"

enum crash_instant {
    CRASH_NEVER,
    CRASH_FRAME_READ,    /* before anything follows from it */
    CRASH_FRAME_WRITTEN, /* given to the kernel */
    CRASH_BEFORE_COMMIT, /* of the journal */
    CRASH_AFTER_COMMIT,  /* before anything follows from it */
    CRASH_BEFORE_LEDGER, /* the radio has the text, and it has not left */
    CRASH_AFTER_LEDGER,  /* it has left, and the line is there */
    CRASH_AFTER_SYNC,    /* and on disk; before the journal changes */
};

struct crash_point {
    enum crash_instant instant;
    int64_t passes; /* the last of which ends it */
};

/* From "before-commit:3" and the like; ":1" may be missing. False if it is not like that. */
bool crash_point_parse(struct crash_point *crash_point, const char *text);

void crash_point_pass(struct crash_point *crash_point, enum crash_instant instant);

#endif
