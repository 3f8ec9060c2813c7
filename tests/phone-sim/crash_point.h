/*
 * --kill-at: the program kills itself with SIGKILL at a chosen instant. Only data written to files
 * before it survives.
 */
#ifndef TESTS_PHONE_SIM_CRASH_POINT_H
#define TESTS_PHONE_SIM_CRASH_POINT_H

#include "tests/phone-sim/base.h"

enum crash_instant {
    CRASH_NEVER,
    CRASH_FRAME_READ,    /* before the program acts on it */
    CRASH_FRAME_WRITTEN, /* passed to the kernel */
    CRASH_BEFORE_COMMIT, /* of the journal */
    CRASH_AFTER_COMMIT,  /* before the program acts on it */
    CRASH_BEFORE_LEDGER, /* the radio has the text and has not sent it */
    CRASH_AFTER_LEDGER,  /* the text is sent, and its line is written */
    CRASH_AFTER_SYNC,    /* the line is on disk; the journal has not changed */
};

struct crash_point {
    enum crash_instant instant;
    int64_t passes; /* the last one kills the program */
};

/* Parses "before-commit:3"; ":1" is the default. False if the text is not valid. */
bool crash_point_parse(struct crash_point *crash_point, const char *text);

void crash_point_pass(struct crash_point *crash_point, enum crash_instant instant);

#endif
