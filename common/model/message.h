/*
 * A message: one text for one recipient, and its status.
 *
 * Which status may follow which, by whom and on which facts, is the table transitions.def. The usual way: queued ->
 * dispatched -> accepted -> sending -> sent -> delivered, and failed, expired, cancelled, unknown.
 */
#ifndef COMMON_MODEL_MESSAGE_H
#define COMMON_MODEL_MESSAGE_H

#include "common/base/base.h"
#include "common/model/message_content.h"
#include "common/model/message_id.h"
#include "common/model/message_wait.h"
#include "common/model/phone_number.h"
#include "common/model/request_id.h"
#include "common/model/sms_segments.h"
#include "common/model/transition_reason.h"

/* The values are stored in the database and never change. */
enum message_status {
    MESSAGE_QUEUED,     /* waits for a device */
    MESSAGE_DISPATCHED, /* offered to one device; nothing can have been sent yet */
    MESSAGE_ACCEPTED,   /* accepted by one device: it may send it at any time */
    MESSAGE_SENDING,    /* the device is giving it to its radio */
    MESSAGE_SENT,       /* the mobile network has accepted it */
    MESSAGE_DELIVERED,  /* the recipient has it; final */
    MESSAGE_FAILED,     /* final, unless a late report says that it was sent */
    MESSAGE_EXPIRED,    /* as above */
    MESSAGE_CANCELLED,  /* as above */
    MESSAGE_UNKNOWN,    /* nobody knows whether it was sent; a report may still arrive */
    MESSAGE_STATUS_COUNT
};

/* Who makes a transition. */
enum message_actor {
    MESSAGE_ACTOR_API,
    MESSAGE_ACTOR_BROKER,
    MESSAGE_ACTOR_DEVICE, /* by a report about a message in flight */
    MESSAGE_ACTOR_OPERATOR,
    MESSAGE_ACTOR_COUNT
};

/* "queued", ... Any thread, like all functions here. */
const char *message_status_name(enum message_status status);
MUST_CHECK bool message_status_parse(const char *name, enum message_status *status);

/* Facts about a requested transition. A transition may require some of them. */
enum message_fact {
    MESSAGE_BY_HOLDER = 1,     /* by the device that has it */
    MESSAGE_OF_ATTEMPT = 2,    /* about the current attempt */
    MESSAGE_OF_JOURNAL = 4,    /* by the journal that it was offered to; basic devices have none */
    MESSAGE_OF_SESSION = 8,    /* on the device's newest connection */
    MESSAGE_NOTHING_SENT = 16, /* with proof that no part of it reached a radio */
    MESSAGE_ALL_FACTS = 31
};

/* Whether the table has the transition for that actor, and the facts suffice. */
bool message_may_become(enum message_status from, enum message_status to, enum message_actor actor,
                        unsigned facts);

/* Whether devices report this status. */
bool message_status_is_report(enum message_status status);

enum {
    MESSAGE_ERROR_CODE_SIZE = 65,
    MESSAGE_ERROR_TEXT_SIZE = 257,
    MESSAGE_REFERENCE_SIZE = 65,
    DEVICE_ID_SIZE = 65,
    DEVICE_GROUP_SIZE = 33,
    MESSAGE_MAX_SIM = 4,
};

/* The values are stored in the database and never change. */
enum message_priority {
    MESSAGE_PRIORITY_NORMAL,
    MESSAGE_PRIORITY_HIGH,
    MESSAGE_PRIORITY_LOW,
    MESSAGE_PRIORITY_COUNT
};

/* "normal", "high", "low" */
const char *message_priority_name(enum message_priority priority);
MUST_CHECK bool message_priority_parse(const char *name, enum message_priority *priority);

/* Which devices may send a message: those that meet all of it. */
struct message_target {
    char device_id[DEVICE_ID_SIZE];       /* "": any */
    char device_group[DEVICE_GROUP_SIZE]; /* "": any */
    unsigned sim;                         /* the slot, 1 to MESSAGE_MAX_SIM; 0: any */
};

/* What a client may ask for. All zero: nothing. */
struct message_options {
    struct message_target target;
    enum message_priority priority;
    int64_t send_at_ms;           /* wall: not before; 0: at once */
    int64_t expires_at_ms;        /* wall: not sent from then on; 0: never */
    bool no_delivery_report;      /* the device need not ask the network for one */
    enum message_content content; /* other than text: a target device is named, and polled */
    unsigned data_port;           /* of data: of the recipient's phone, 1 to 65535 */
    char reference[MESSAGE_REFERENCE_SIZE]; /* the client's own; "": none */
};

struct message {
    struct message_id id;
    struct request_id request_id; /* of the request that created it, for the logs */
    struct message_id resent_as;  /* the message that was last made of it; zero: none */
    char phone_number[PHONE_NUMBER_SIZE];
    char *text; /* UTF-8, owned; where the content is none: message_content.h */
    enum sms_encoding encoding;
    unsigned segments;
    enum message_status status;
    unsigned attempt;               /* number of dispatches so far */
    char device_id[DEVICE_ID_SIZE]; /* "" before the first dispatch */
    /* The SIM slot by which that says it sends it; of a claim: by which it is best sent; 0: none. */
    unsigned device_sim;
    char error_code[MESSAGE_ERROR_CODE_SIZE];    /* "": no error; from the device */
    char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* from the device */
    int64_t updated_at_ms;                       /* wall */
    int64_t reached_at_ms[MESSAGE_STATUS_COUNT]; /* wall, of the last transition to it; 0: never */
    struct message_options options;
    struct message_id batch_id; /* nil: it came alone */
    bool cancel_requested;      /* the device that has it has been asked not to send it */
    int64_t retry_at_ms; /* wall, of one that is queued: not before, after a failure; 0: at once */
    struct message_wait wait; /* of one that is queued: why, about a second ago */
};

/* One transition of a message. */
struct message_event {
    enum message_status status; /* that it reached */
    enum transition_reason reason;
    unsigned attempt;
    char device_id[DEVICE_ID_SIZE];              /* "": no device was involved */
    char error_code[MESSAGE_ERROR_CODE_SIZE];    /* "": none */
    char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* "": none */
    int64_t at_ms;                               /* wall */
};

/* Whether a client asked for anything. */
bool message_options_any(const struct message_options *options);

/* The same, or it is in a batch. */
bool message_has_options(const struct message *message);

/* Makes it a new message of the same content, queued at the time of that id: its times and errors end with the old
   one, and so do send_at_ms and expires_at_ms. */
void message_renew(struct message *message, const struct message_id *id,
                   const struct request_id *request_id, int64_t expires_at_ms);

/* Frees the members that it owns. */
void message_fini(struct message *message);

#endif
