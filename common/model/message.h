/*
 * A message: one text for one recipient, and where it is in its life.
 *
 * Which status may follow which, by whom and on which facts, is the table transitions.def. The usual way: queued ->
 * dispatched -> accepted -> sending -> sent -> delivered, and failed, expired, cancelled, unknown.
 */
#ifndef COMMON_MODEL_MESSAGE_H
#define COMMON_MODEL_MESSAGE_H

#include "common/base/base.h"
#include "common/model/message_id.h"
#include "common/model/phone_number.h"
#include "common/model/request_id.h"
#include "common/model/sms_segments.h"

/* The values are in the database; they never change. */
enum message_status {
    MESSAGE_QUEUED,     /* waits for a phone */
    MESSAGE_DISPATCHED, /* offered to one phone; nothing can have been sent yet */
    MESSAGE_ACCEPTED,   /* in one phone's hands: the point of no return */
    MESSAGE_SENDING,    /* the phone is handing it to its radio */
    MESSAGE_SENT,       /* the network took it */
    MESSAGE_DELIVERED,  /* the recipient has it; final */
    MESSAGE_FAILED,     /* final, unless evidence arrives that it was sent after all */
    MESSAGE_EXPIRED,    /* likewise */
    MESSAGE_CANCELLED,  /* likewise */
    MESSAGE_UNKNOWN,    /* the phone cannot say what became of it; evidence may still arrive */
    MESSAGE_STATUS_COUNT
};

/* Who moves a message. */
enum message_actor {
    MESSAGE_ACTOR_API,
    MESSAGE_ACTOR_BROKER,
    MESSAGE_ACTOR_DEVICE, /* by a report about a message it holds */
    MESSAGE_ACTOR_OPERATOR,
    MESSAGE_ACTOR_COUNT
};

/* "queued", ... Any thread, as everything here. */
const char *message_status_name(enum message_status status);
MUST_CHECK bool message_status_parse(const char *name, enum message_status *status);

/* What is known to be true of a wish to move a message; a move may need some of it. */
enum message_fact {
    MESSAGE_BY_HOLDER = 1,     /* by the phone that has it */
    MESSAGE_OF_ATTEMPT = 2,    /* about the attempt that is the current one */
    MESSAGE_OF_JOURNAL = 4,    /* by the journal it was offered to; basic phones have none */
    MESSAGE_OF_SESSION = 8,    /* on the phone's newest connection */
    MESSAGE_NOTHING_SENT = 16, /* with the proof that no part of it reached a radio */
    MESSAGE_ALL_FACTS = 31
};

/* Whether the table has that move for that actor, and the facts suffice. */
bool message_may_become(enum message_status from, enum message_status to, enum message_actor actor,
                        unsigned facts);

/* Whether `status` is one of those a phone reports. */
bool message_status_is_report(enum message_status status);

enum { MESSAGE_ERROR_CODE_SIZE = 65, MESSAGE_ERROR_TEXT_SIZE = 257, DEVICE_ID_SIZE = 65 };

struct message {
    struct message_id id;
    struct request_id request_id; /* of the request that it came with, for the logs */
    char phone_number[PHONE_NUMBER_SIZE];
    char *text; /* UTF-8, owned */
    enum sms_encoding encoding;
    unsigned segments;
    enum message_status status;
    unsigned attempt; /* how often it was given to a phone, and which of these times it is now */
    char device_id[DEVICE_ID_SIZE];              /* "" before it was given to one */
    char error_code[MESSAGE_ERROR_CODE_SIZE];    /* "" without an error; from the phone */
    char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* likewise */
    int64_t updated_at_ms;                       /* wall */
    int64_t reached_at_ms[MESSAGE_STATUS_COUNT]; /* wall, of the last time; 0: never reached */
};

/* Frees what it owns. */
void message_fini(struct message *message);

#endif
