/* The behaviour of all simulated phones, from the options; names have the units. */
#ifndef TESTS_PHONE_SIM_BEHAVIOUR_H
#define TESTS_PHONE_SIM_BEHAVIOUR_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/sms.h"

/* Whole numbers from `low` to `high`, both included. */
struct range {
    int64_t low;
    int64_t high;
};

/* Error codes; one is chosen at random. */
struct word_list {
    char words[16][SMS_ERROR_SIZE];
    size_t count;
};

struct behaviour {
    struct range send_ms;
    struct range report_ms;
    double failure_rate; /* of all SMS */
    struct word_list failure_codes;
    int64_t failure_parts;        /* parts that are sent nevertheless */
    double no_report_rate;        /* of the SMS sent */
    int64_t clock_offset_seconds; /* of the phones' clocks */
    struct range battery_percent;
    double battery_drain; /* percent per hour */
    bool charging;
    int64_t signal_dbm;
    int64_t signal_walk_dbm;
    struct sim sims[SIM_SLOTS]; /* of each phone */
    int64_t update_seconds;     /* 0: never */
    double receive_rate;        /* SMS that each phone receives, per second; 0: at most one */
    char receive_text[3061];    /* "": any */
    char receive_from[INCOMING_SENDER_SIZE]; /* "": any */
    struct range disconnect_seconds;         /* high 0: never */

    bool assured;
    struct range credit;
    double lie_rate;  /* of all SMS */
    double nack_rate; /* of all offers */
    struct word_list nack_codes;
    struct range lose_journal_seconds; /* high 0: never; clone_seconds too */
    struct range clone_seconds;
    bool fights; /* reconnects after it was replaced */
    struct range stop_reading_seconds;
    struct range delay_ms; /* high 0: no delay */
    bool reorder;
};

/* Random numbers (splitmix64); each phone has a stream of its own, so that runs can be repeated. */
struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* From 0 up to, but not including, 1. */
static inline double random_share(struct random *random)
{
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

static inline int64_t random_within(struct random *random, struct range range)
{
    uint64_t values = (uint64_t)(range.high - range.low) + 1;
    return range.low + (int64_t)(random_next(random) % values);
}

/* `list` is not empty. */
static inline const char *word_list_choose(const struct word_list *list, struct random *random)
{
    return list->words[random_next(random) % list->count];
}

#endif
