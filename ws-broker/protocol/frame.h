/* The frames of the device protocol as structures. common/model/frames.def lists them, PROTOCOL.md describes them. */
#ifndef WS_BROKER_PROTOCOL_FRAME_H
#define WS_BROKER_PROTOCOL_FRAME_H

#include "common/model/incoming_sms.h"
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
    char received_id[RECEIVED_ID_SIZE]; /* "": none */
};

struct frame {
    enum frame_type type;
    struct frame_problem warning; /* ERROR_MEMBER_IGNORED: a part of it was ignored */

    /* Frames about a message */
    struct message_ref ref;                      /* attempt: assured only; 0: missing in a report */
    enum message_status status;                  /* STATUS_UPDATE, REPORT */
    char error_code[MESSAGE_ERROR_CODE_SIZE];    /* STATUS_UPDATE, REPORT, NACK; "": none */
    char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* STATUS_UPDATE, REPORT, NACK; "": none */
    bool code_was_translated; /* the device has another name for error_code, as Android's own */
    unsigned sim;             /* STATUS_UPDATE, REPORT, ACK, SMS_RECEIVED; 0: none */
    unsigned parts_sent;      /* REPORT; at least 1 when it cannot be read */
    int64_t seq;              /* REPORT; -1: missing */

    struct incoming_sms incoming; /* SMS_RECEIVED: what the device says of it; owned */

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

#endif
