/*
 * The frames of the device protocol: JSON text to structures and back. PROTOCOL.md describes them, common/model/frames.def
 * lists them. No state, no clock; any thread.
 */
#ifndef WS_BROKER_PROTOCOL_FRAMES_H
#define WS_BROKER_PROTOCOL_FRAMES_H

#include "common/base/buffer.h"
#include "common/store/store.h"

/* How far a conversation has come: decides which frames may come next. */
enum frame_stage {
    STAGE_BASIC_INFO, /* basic: the device information */
    STAGE_BASIC,      /* basic: connected */
    STAGE_HELLO,      /* assured: hello */
    STAGE_JOURNAL,    /* assured: the journal, until its last page */
    STAGE_ASSURED,    /* assured: connected, or about to be */
};

/* A frame from a device. */
enum frame_type {
#define FRAME_IN(name, type, level, phase, reader, handler) FRAME_IS_##name,
#include "common/model/frames.def"
    FRAME_TYPE_COUNT
};

/* A frame to a device. */
enum sent_frame_type {
#define FRAME_OUT(name, type, level) FRAME_SENT_##name,
#include "common/model/frames.def"
    FRAME_SENT_COUNT
};

enum { FRAME_DETAIL_SIZE = 200, FRAME_MAX_ENTRIES = 1000 };

/* What is wrong with a frame: the content of an error frame. */
struct frame_problem {
    enum error error; /* ERROR_NONE: nothing */
    char detail[FRAME_DETAIL_SIZE];
    const char *member; /* static; NULL: the whole frame */
    bool has_message_id;
    struct message_id message_id;
};

struct frame {
    enum frame_type type;
    struct frame_problem warning; /* ERROR_MEMBER_IGNORED: a part of it was ignored */

    /* Frames about a message */
    struct message_id message_id;
    unsigned attempt;                            /* assured only; 0: missing in a report */
    enum message_status status;                  /* STATUS_UPDATE, REPORT */
    char error_code[MESSAGE_ERROR_CODE_SIZE];    /* STATUS_UPDATE, REPORT, NACK; "": none */
    char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* STATUS_UPDATE, REPORT, NACK; "": none */
    unsigned parts_sent;                         /* REPORT; at least 1 when it cannot be read */
    int64_t seq;                                 /* REPORT; -1: missing */

    /* HELLO */
    struct message_id journal; /* the journal id */
    unsigned credit;           /* HELLO, CREDIT */

    /* JOURNAL */
    struct store_journal_entry *entries; /* owned */
    size_t entry_count;
    bool last;

    /* DEVICE_INFO, DEVICE_UPDATE, HELLO: what was known before, with what is new */
    struct device_info info; /* owned */
};

/*
 * Reads a frame from a device; `text[length]` must be NUL. `known`: what the device said about itself before. A frame is
 * refused only when an essential member is missing or unreadable. All other members count as far as they can be read, and
 * `warning` says what was ignored. On true the caller calls frame_fini.
 */
MUST_CHECK bool frame_read(const char *text, size_t length, enum frame_stage stage,
                           const struct device_info *known, struct frame *frame,
                           struct frame_problem *problem);
void frame_fini(struct frame *frame);

/* Whether a frame of that type may come at that stage. */
bool frame_may_come(enum frame_type type, enum frame_stage stage);

/* Frames to a device, appended to `out`. */
void frame_write_connection_ack(struct buffer *out, const char *device_id);
void frame_write_new_sms(struct buffer *out, const struct message *message);
void frame_write_welcome(struct buffer *out, const char *device_id, int64_t session,
                         unsigned credit);
void frame_write_offer(struct buffer *out, const struct message *message);
/* Of FRAME_SENT_RELEASE, FRAME_SENT_DROP and FRAME_SENT_REVOKE, which have the same members. */
void frame_write_order(struct buffer *out, enum sent_frame_type type, const struct message_id *id,
                       unsigned attempt);
void frame_write_report_ack(struct buffer *out, int64_t seq);
void frame_write_error(struct buffer *out, const struct frame_problem *problem);

/* Whether the payload of a close frame may be in one (RFC 6455, 7.4). */
bool frame_close_is_valid(const unsigned char *payload, size_t length);

#endif
