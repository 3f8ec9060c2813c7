/*
 * The SMS of one basic phone: those that wait to be sent, one at a time and in order; those that it has sent, with their
 * results; and the reports that the gateway has not had yet.
 *
 * Pure: time comes in as arguments, timers go into the heap. SMS are sent whether or not the phone is connected.
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
    struct timer timer;     /* until it is sent, reported, or forgotten */
    const char *error_code; /* of SMS_FAILED */
    char *text;             /* NULL once it is sent or failed */
    enum sms_status status;
    unsigned to_report;    /* 1 << status for each report to come */
    bool awaits_report;    /* waits for a delivery report */
    bool disowned;         /* the gateway said that it is not this phone's: no more reports */
    bool finished;         /* everything about it was written to a connection */
    int64_t expires_at_ms; /* 0: never */
    int64_t sim;           /* that sends it; 0: the phone has not told its SIMs */
    bool no_delivery_report;
    char id[SMS_ID_SIZE];
    char phone_number[SMS_NUMBER_SIZE];
};

/* What the gateway wants to be sent. */
struct sms_request {
    const char *id, *phone_number, *text;
    int64_t expires_at_ms, sim; /* 0: never; any */
    bool no_delivery_report;
};

struct radio_settings {
    struct timers *timers;
    struct random *random;
    const struct behaviour *behaviour;
    int64_t (*clock_ms)(struct radio *radio);                    /* wall */
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
    RADIO_DUPLICATE, /* refused; its last status is reported again */
    RADIO_FULL,      /* refused, and forgotten */
};

void radio_init(struct radio *radio, const struct radio_settings *settings);
void radio_fini(struct radio *radio);

/* An SMS with a wrong number, or without a text (NULL), fails at once. */
enum radio_answer radio_take(struct radio *radio, const struct sms_request *request,
                             int64_t now_ms);

/* Sends no more SMS, not even the one on air. */
void radio_switch_off(struct radio *radio);

/* Reports the last status of every SMS again, without the steps before it. */
void radio_report_all_again(struct radio *radio);

/* The gateway wants no more reports on this SMS. */
void radio_disown(struct radio *radio, const char *id);

/* The SMS and status to report next, the same until radio_report_written(). NULL if there is none. */
const struct sms *radio_next_report(const struct radio *radio, enum sms_status *status);

/* The next report was written. Returns the SMS if that was its last report, once; otherwise NULL. */
const struct sms *radio_report_written(struct radio *radio);

#endif
