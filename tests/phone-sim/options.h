/* The options of the command line. */
#ifndef TESTS_PHONE_SIM_OPTIONS_H
#define TESTS_PHONE_SIM_OPTIONS_H

#include "tests/phone-sim/behaviour.h"
#include "tests/phone-sim/crash_point.h"
#include "tests/phone-sim/gateway.h"
#include "tests/phone-sim/phone.h"

#define OPTIONS_DEFAULT_ID "phone-sim"

struct options {
    char url[512];
    bool url_given;
    struct gateway gateway; /* of the URL */
    char ca[512];           /* empty: those that the machine trusts */
    int64_t count;
    char id[PHONE_ID_SIZE];
    struct behaviour behaviour;
    int64_t connect_rate; /* per second */
    int64_t seed;         /* 0: from the time */
    char ledger[512];     /* empty: none */
    char journal[512];    /* empty: in memory */
    char tokens[512];     /* empty: none */
    char pair[1200];      /* empty: it has a token, or needs none */
    bool check_sent_store;
    char kill_at[32];
    struct crash_point crash_point; /* of kill_at */
    int64_t exit_after;             /* SMS sent; 0: never */
    bool quiet;
    bool help;
};

/* False after one line on stderr: something is wrong with what the user wrote. With --help, which
 * is then printed, only `help` is set. */
bool options_read(struct options *options, int argc, char **argv);

#endif
