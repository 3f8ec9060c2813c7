/*
 * The SMS of one phone: those it was given and has to send, one at a time and in their order; those
 * it has sent, and what became of them; and what of all that is still to be told to the gateway.
 *
 * Pure: time comes in as arguments, and timers go out to the heap. Nothing in here knows whether
 * the phone is connected, and SMS leave whether it is or not.
 */
#ifndef TESTS_PHONE_SIM_RADIO_H
#define TESTS_PHONE_SIM_RADIO_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/behaviour.h"
#include "tests/phone-sim/id_set.h"
#include "tests/phone-sim/sms.h"
#include "tests/phone-sim/timers.h"

#include <sys/queue.h>

enum {
    RADIO_FORGET_AFTER_MS = 10 * 60 * 1000, /* as PROTOCOL.md says */
    RADIO_CAPACITY = 100000,                /* SMS in memory */
};

struct sms {
    TAILQ_ENTRY(sms) in_all;
    TAILQ_ENTRY(sms) in_to_send;
    TAILQ_ENTRY(sms) in_to_report;
    struct radio *radio;
    struct timer timer;     /* it has left, is reported about, or can be forgotten */
    const char *error_code; /* of SMS_FAILED */
    char *text;             /* NULL once it is sent or failed */
    enum sms_status status;
    unsigned to_report; /* 1 << status for each that is still to be reported */
    bool awaits_report; /* a delivery report will come */
    bool disowned;      /* the gateway says that it is not this phone's: no more reports */
    bool finished;      /* everything about it was written to a connection */
    char id[SMS_ID_SIZE];
    char phone_number[SMS_NUMBER_SIZE];
};

struct radio_settings {
    struct timers *timers;
    struct random *random;
    const struct behaviour *behaviour;
    void (*changed)(struct radio *radio, const struct sms *sms); /* it has a new status */
};

struct radio {
    struct radio_settings settings;
    struct id_set seen;
    TAILQ_HEAD(, sms) all; /* in order of arrival, as the others */
    TAILQ_HEAD(, sms) to_send;
    TAILQ_HEAD(, sms) to_report;
    struct sms *on_air;
    size_t count;
    bool off; /* sends no more */
};

enum radio_answer {
    RADIO_ACCEPTED,
    RADIO_DUPLICATE, /* refused, and its last status will be reported again */
    RADIO_FULL,      /* refused; as if it had never come */
};

void radio_init(struct radio *radio, const struct radio_settings *settings);
void radio_fini(struct radio *radio);

/* An SMS that cannot be sent, for want of a proper number or of a text (NULL), fails at once. */
enum radio_answer radio_take(struct radio *radio, const char *id, const char *phone_number,
                             const char *text, int64_t now_ms);

/* Sends no more SMS, also not the one on air. */
void radio_switch_off(struct radio *radio);

/* The last status of every SMS, and none of the steps before, is to be reported. */
void radio_report_all_again(struct radio *radio);

/* The gateway does not want to hear of it again. */
void radio_disown(struct radio *radio, const char *id);

/* What is to be reported next; NULL if nothing. The same until radio_report_written(). */
const struct sms *radio_next_report(const struct radio *radio, enum sms_status *status);

/* The next report was written. Returns the SMS if that was the last there is to say about it, and
 * the first time so; otherwise NULL. */
const struct sms *radio_report_written(struct radio *radio);

#endif
