/*
 * The frames of PROTOCOL.md as JSON. The only file that knows cJSON and the names of the members.
 */
#ifndef TESTS_PHONE_SIM_FRAME_H
#define TESTS_PHONE_SIM_FRAME_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/journal.h"
#include "tests/phone-sim/radio.h"

struct cJSON;

enum { FRAME_SIZE = 16 * 1024 }; /* what a phone writes is shorter */

enum received_frame_type {
    FRAME_IS_CONNECTION_ACK,
    FRAME_IS_NEW_SMS,
    FRAME_IS_ERROR,
    FRAME_IS_SMS_RECEIVED_ACK,
    FRAME_IS_WELCOME, /* this and the next on the assured level */
    FRAME_IS_OFFER,
    FRAME_IS_RELEASE,
    FRAME_IS_DROP,
    FRAME_IS_REVOKE,
    FRAME_IS_REPORT_ACK,
    FRAME_IS_UNKNOWN, /* of another type */
    FRAME_IS_BROKEN,  /* no JSON object with a type, or without the members it must have */
};

/* A frame of the gateway. Members that are missing or no text are NULL, or no whole number are -1;
 * texts are `json`'s. */
struct received_frame {
    enum received_frame_type type;
    struct cJSON *json;
    const char *type_name;
    /* 1 to 64 visible characters in new_sms and in all of the assured level that are on a message;
     * and there the attempt is at least 0 */
    const char *message_id;
    int64_t attempt;
    int64_t seq; /* at least 0 in a report_ack */
    int64_t session;
    int64_t credit;
    const char *phone_number;
    const char *message;
    int64_t expires_at_ms;   /* wall; 0: never */
    int64_t sim;             /* 0: any */
    bool no_delivery_report; /* none is wanted */
    const char *code;
    const char *detail;
    const char *received_id; /* not NULL in a sms_received_ack */
};

void received_frame_read(struct received_frame *frame, const char *text, size_t length);
void received_frame_fini(struct received_frame *frame);

/* What a phone says about itself. */
struct device {
    const char *name;
    int64_t battery_percent;
    bool charging;
    int64_t signal_dbm;
    const struct sim *sims; /* SIM_SLOTS */
};

/* These write into `space` of FRAME_SIZE bytes and return the length. */
size_t frame_write_device_info(char *space, const struct device *device);
size_t frame_write_device_update(char *space, const struct device *device);
size_t frame_write_status_update(char *space, const struct sms *sms, enum sms_status status);
size_t frame_write_sms_received(char *space, const struct incoming *incoming);

/* The assured level. `count` is at most ASSURED_ENTRIES_A_PAGE. */
size_t frame_write_hello(char *space, const char *epoch, int64_t credit,
                         const struct device *device);
size_t frame_write_journal(char *space, const struct journal_frame_entry *entries, size_t count,
                           bool is_last);
/* `sim` is the slot that it will be sent by; 0: none is named. */
size_t frame_write_ack(char *space, const char *message_id, int64_t attempt, int64_t sim);
size_t frame_write_nack(char *space, const char *message_id, int64_t attempt, const char *code);
size_t frame_write_report(char *space, const struct journal_report *report);
size_t frame_write_credit(char *space, int64_t credit);

#endif
