/* What both levels of the protocol say about an SMS: its names, its statuses, why it failed. */
#ifndef TESTS_PHONE_SIM_SMS_H
#define TESTS_PHONE_SIM_SMS_H

#include "tests/phone-sim/base.h"

enum {
    SMS_ID_SIZE = 65,
    SMS_NUMBER_SIZE = 17,
    SMS_ERROR_SIZE = 33, /* of a code that --failure-code or --nack-code names */
};

enum sms_status {
    SMS_QUEUED, /* nothing that is reported */
    SMS_SENDING,
    SMS_SENT,
    SMS_DELIVERED,
    SMS_FAILED,
    SMS_CANCELLED, /* this and the next on the assured level only */
    SMS_UNKNOWN,
    SMS_EXPIRED,
};

/* As the protocol has it; "" for SMS_QUEUED. */
const char *sms_status_name(enum sms_status status);
/* False if no status has that name. */
bool sms_status_from_name(enum sms_status *status, const char *name);

enum sms_error_class {
    SMS_ERROR_DEFINITE, /* nothing was sent, if no part was */
    SMS_ERROR_PERMANENT,
    SMS_ERROR_AMBIGUOUS, /* it may have been sent */
};

/* Why an SMS failed, in the words of Android's SmsManager.RESULT_*. */
struct sms_error {
    const char *code;
    enum sms_error_class error_class;
    const char *message;
};

/* Never NULL: a word that is not in the table is ambiguous, and its `code` is empty. */
const struct sms_error *sms_error_find(const char *code);

/* E.164: a plus, and up to 15 digits. `text` may be NULL. */
bool sms_is_phone_number(const char *text);

/* An SMS that a phone has received. */
enum { RECEIVED_ID_SIZE = 37, INCOMING_SENDER_SIZE = 65 };
struct incoming {
    char received_id[RECEIVED_ID_SIZE]; /* a UUID */
    char sender[INCOMING_SENDER_SIZE];
    char *text;
    int64_t received_at_ms; /* wall, by the phone's clock */
    int64_t sim;            /* that received it; 0: the phone has not told its SIMs */
};

/* A SIM of a simulated phone, in the place of its slot. */
enum { SIM_SLOTS = 4, SIM_TEXT_SIZE = 65 };
struct sim {
    bool is_there;
    char carrier[SIM_TEXT_SIZE], number[SIM_TEXT_SIZE]; /* "": unknown */
};

/* Whether there is a SIM in that slot; 0: any will do. */
bool sim_is_there(const struct sim sims[SIM_SLOTS], int64_t slot);

/* The slot of the SIM that sends where `slot` is asked for; 0: the phone has none to name. `sims` may be NULL. */
int64_t sim_choose(const struct sim sims[SIM_SLOTS], int64_t slot);

#endif
