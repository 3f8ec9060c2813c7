/*
 * The frames of the device protocol: JSON text to structures and back. PROTOCOL.md is their
 * description. No state, no time; any thread.
 */
#ifndef WS_BROKER_PROTOCOL_FRAMES_H
#define WS_BROKER_PROTOCOL_FRAMES_H

#include "common/base/buffer.h"
#include "common/store/store.h"

/* Where a conversation is, which decides what may come next. */
enum frame_stage {
    STAGE_BASIC_INFO, /* basic: the device information */
    STAGE_BASIC,      /* basic, connected */
    STAGE_HELLO,      /* assured: hello */
    STAGE_JOURNAL,    /* assured: the journal, until its last page */
    STAGE_ASSURED,    /* assured, connected or about to be */
};

enum frame_type {
    FRAME_IS_DEVICE_INFO,
    FRAME_IS_DEVICE_UPDATE,
    FRAME_IS_STATUS_UPDATE,
    FRAME_IS_HELLO,
    FRAME_IS_JOURNAL,
    FRAME_IS_ACK,
    FRAME_IS_NACK,
    FRAME_IS_REPORT,
    FRAME_IS_CREDIT,
};

enum { FRAME_DETAIL_SIZE = 200, FRAME_MAX_ENTRIES = 1000 };

/* What is wrong with a frame, for the error frame that answers it. */
struct frame_problem {
    enum error error; /* ERROR_NONE: nothing */
    char detail[FRAME_DETAIL_SIZE];
    const char *member; /* static; NULL: none, or it is the whole frame */
    bool has_message_id;
    struct message_id message_id;
};

struct frame {
    enum frame_type type;
    struct frame_problem warning; /* ERROR_MEMBER_IGNORED: something in it does not count */

    /* Frames about a message */
    struct message_id message_id;
    unsigned attempt;                            /* assured only; 0: a report does not say it */
    enum message_status status;                  /* FRAME_IS_STATUS_UPDATE, FRAME_IS_REPORT */
    char error_code[MESSAGE_ERROR_CODE_SIZE];    /* likewise, and FRAME_IS_NACK; "": none */
    char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* likewise */
    unsigned parts_sent; /* FRAME_IS_REPORT; at least 1 where it cannot be read */
    int64_t seq;         /* likewise; -1: the report does not say it */

    /* FRAME_IS_HELLO */
    struct message_id journal; /* its epoch */
    unsigned credit;           /* also FRAME_IS_CREDIT */

    /* FRAME_IS_JOURNAL */
    struct store_journal_entry *entries; /* owned */
    size_t entry_count;
    bool last;

    /* FRAME_IS_DEVICE_INFO, _DEVICE_UPDATE, _HELLO: what was known before and what is new */
    struct device_info info; /* owned */
};

/*
 * Reads a frame from a phone; `text[length]` must be NUL. `known` is what the phone said of itself
 * before. A frame is refused only where a member is missing or unreadable without which it says nothing;
 * of everything else what can be read counts, and `warning` says what does not. On true the caller does
 * frame_fini.
 */
MUST_CHECK bool frame_read(const char *text, size_t length, enum frame_stage stage,
                           const struct device_info *known, struct frame *frame,
                           struct frame_problem *problem);
void frame_fini(struct frame *frame);

/* Frames to a phone, appended to `out`. */
void frame_write_connection_ack(struct buffer *out, const char *device_id);
void frame_write_new_sms(struct buffer *out, const struct message *message);
void frame_write_welcome(struct buffer *out, const char *device_id, int64_t session,
                         unsigned credit);
void frame_write_offer(struct buffer *out, const struct message *message);
/* `type` is FRAME_RELEASE, FRAME_DROP or FRAME_REVOKE of common/model/protocol.h. */
void frame_write_order(struct buffer *out, const char *type, const struct message_id *id,
                       unsigned attempt);
void frame_write_report_ack(struct buffer *out, int64_t seq);
void frame_write_error(struct buffer *out, const struct frame_problem *problem);

/* Whether the payload of a close frame may be in one (RFC 6455, 7.4). */
bool frame_close_is_valid(const unsigned char *payload, size_t length);

#endif
