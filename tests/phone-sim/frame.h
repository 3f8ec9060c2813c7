/*
 * The frames of PROTOCOL.md as JSON. The only file that knows cJSON and the names of the members.
 */
#ifndef PHONE_SIM_FRAME_H
#define PHONE_SIM_FRAME_H

#include "base.h"
#include "radio.h"

struct cJSON;

enum { FRAME_SIZE = 2048 }; /* what a phone writes is shorter */

enum frame_type {
    FRAME_IS_CONNECTION_ACK,
    FRAME_IS_NEW_SMS,
    FRAME_IS_ERROR,
    FRAME_IS_UNKNOWN, /* of another type */
    FRAME_IS_BROKEN,  /* no JSON object with a type, or without the members it must have */
};

/* A frame of the gateway. Members that are missing or no text are NULL; texts are `json`'s. */
struct frame {
    enum frame_type type;
    struct cJSON *json;
    const char *type_name;
    const char *message_id; /* never NULL in a new_sms: 1 to 64 visible characters */
    const char *phone_number;
    const char *message;
    const char *code;
    const char *detail;
};

void frame_read(struct frame *frame, const char *text, size_t length);
void frame_fini(struct frame *frame);

/* What a phone says about itself. */
struct device {
    const char *name;
    int64_t battery_percent;
    bool charging;
    int64_t signal_dbm;
};

/* These write into `space` of FRAME_SIZE bytes and return the length. */
size_t frame_write_device_info(char *space, const struct device *device);
size_t frame_write_device_update(char *space, const struct device *device);
size_t frame_write_status_update(char *space, const struct sms *sms, enum sms_status status);

#endif
