/*
 * The frames of the device protocol: JSON text to structures and back. PROTOCOL.md is their
 * description. No state, no time; any thread.
 */
#ifndef BROKER_FRAMES_H
#define BROKER_FRAMES_H

#include "../common/buffer.h"
#include "../common/device.h"
#include "../common/error.h"
#include "../common/message.h"

enum frame_type { FRAME_IS_DEVICE_INFO, FRAME_IS_STATUS_UPDATE, FRAME_IS_DEVICE_UPDATE };

enum { FRAME_DETAIL_SIZE = 200 };

struct frame {
    enum frame_type type;

    /* FRAME_IS_STATUS_UPDATE */
    struct message_id message_id;
    enum message_status status;
    char error_code[MESSAGE_ERROR_CODE_SIZE];    /* "": none */
    char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* "": none */

    /* FRAME_IS_DEVICE_INFO and FRAME_IS_DEVICE_UPDATE: what was known before and what is new */
    struct device_info info; /* owned */
};

/* What is wrong with a frame, for the error frame that answers it. */
struct frame_problem {
    enum error error;
    char detail[FRAME_DETAIL_SIZE];
    bool has_message_id;
    struct message_id message_id;
};

/*
 * Reads a frame from a phone; `text[length]` must be NUL. The first frame of a connection is the
 * device information and has no type. `known` is what the phone said of itself before. On true the
 * caller does frame_fini.
 */
MUST_CHECK bool frame_read(const char *text, size_t length, bool first,
                           const struct device_info *known, struct frame *frame,
                           struct frame_problem *problem);
void frame_fini(struct frame *frame);

/* Frames to a phone, appended to `out`. */
void frame_write_connection_ack(struct buffer *out, const char *device_id);
void frame_write_new_sms(struct buffer *out, const struct message *message);
void frame_write_error(struct buffer *out, const struct frame_problem *problem);

#endif
