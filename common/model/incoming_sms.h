/*
 * An incoming SMS: what a device received from the mobile network and passed on.
 *
 * The device names each of them by a received_id of its own, and passes it on until the gateway acknowledges it: device
 * and received_id together are one SMS, however often it comes.
 */
#ifndef COMMON_MODEL_INCOMING_SMS_H
#define COMMON_MODEL_INCOMING_SMS_H

#include "common/base/base.h"
#include "common/model/message.h"
#include "common/model/sms_segments.h"

enum {
    RECEIVED_ID_SIZE = 65,
    INCOMING_ADDRESS_SIZE = 65,
};

/* What came. Of the others the text says what they have: an SMS of data, in Base64; the notification of an MMS, which has at most a
   subject. */
enum incoming_kind { INCOMING_SMS, INCOMING_DATA, INCOMING_MMS, INCOMING_KIND_COUNT };

struct incoming_sms {
    struct message_id id; /* the gateway's; its time is when the gateway got it */
    char device_id[DEVICE_ID_SIZE];
    char received_id[RECEIVED_ID_SIZE]; /* the device's name for it */
    char sender[INCOMING_ADDRESS_SIZE]; /* "": the network did not say */
    char recipient
        [INCOMING_ADDRESS_SIZE]; /* the number it was sent to; "": the device does not say */
    unsigned sim;                /* the slot that received it; 0: the device does not say */
    int64_t received_at_ms;      /* by the device's clock, right or wrong; 0: it does not say */
    char *text;                  /* UTF-8, owned; "" also once retention has removed it */
    enum sms_encoding encoding;
    unsigned segments; /* of the text as it came */
    enum incoming_kind kind;
};

/* "sms", "data", "mms". */
const char *incoming_kind_name(enum incoming_kind kind);

/* 1 to 64 visible ASCII characters, from "!" to "~". Any thread, like all functions here. */
MUST_CHECK bool received_id_valid(const char *received_id);

/* Makes a sender or a recipient of what a device says: a phone number in the form that the gateway stores, where it is one
   (phone_number.h); else as it is, for short codes and letters, without control characters and spaces at its ends, and
   cut to what fits. `text` is valid UTF-8. */
void incoming_sms_address(const char *text, char address[INCOMING_ADDRESS_SIZE]);

/* Sets the text, which is valid UTF-8 and copied, its encoding and segments. False without memory. */
MUST_CHECK bool incoming_sms_set_text(struct incoming_sms *sms, const char *text);

/* Frees the members that it owns. */
void incoming_sms_fini(struct incoming_sms *sms);

#endif
