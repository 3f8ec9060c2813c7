/*
 * The simulated radio of an assured phone: takes one text at a time, and some time later the SMS
 * has left, or not. Pure, with timers; what left must be on record before the phone hears of it.
 */
#ifndef TESTS_PHONE_SIM_MODEM_H
#define TESTS_PHONE_SIM_MODEM_H

#include "tests/phone-sim/assured.h"
#include "tests/phone-sim/behaviour.h"
#include "tests/phone-sim/timers.h"

#include <sys/queue.h>

enum modem_state {
    MODEM_IDLE,
    MODEM_SENDING,
    MODEM_LEFT, /* until modem_recorded() */
};

struct delivery;

struct modem {
    struct timers *timers;
    struct random *random;
    const struct behaviour *behaviour;
    /* The SMS leaves now: put it on record, and call modem_recorded(). */
    void (*left)(struct modem *modem, const char *message_id, int64_t attempt);
    void (*answered)(struct modem *modem, const char *message_id, int64_t attempt,
                     const struct radio_result *result, int64_t now_ms);

    enum modem_state state;
    struct timer timer;
    char message_id[SMS_ID_SIZE];
    int64_t attempt;
    bool asks_for_report;
    struct radio_result result;
    TAILQ_HEAD(, delivery) deliveries; /* reports that will come */
};

/* After the members above `state` were set. */
void modem_init(struct modem *modem);

/* Only when it is idle. */
void modem_submit(struct modem *modem, const char *message_id, int64_t attempt,
                  bool asks_for_report, int64_t now_ms);
void modem_recorded(struct modem *modem, int64_t now_ms);

/* Will there be a delivery report? */
bool modem_awaits_delivery(const struct modem *modem, const char *message_id);

/* Stops sending, unless the SMS has left already. Did one not leave that else would have? */
bool modem_stop(struct modem *modem);

/* Forgets everything: it is idle, and no delivery report will come; also before it goes on. */
void modem_fini(struct modem *modem);

#endif
