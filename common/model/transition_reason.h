/* Why a message changed its status. Any thread. */
#ifndef COMMON_MODEL_TRANSITION_REASON_H
#define COMMON_MODEL_TRANSITION_REASON_H

/* The values are stored in the database and never change. */
enum transition_reason {
    TRANSITION_CREATED,  /* the first event, which is no transition */
    TRANSITION_CLAIMED,  /* for a device */
    TRANSITION_RELEASED, /* the device acknowledged the offer */
    TRANSITION_REPORTED, /* by the device */
    TRANSITION_CANCEL_REQUESTED,
    /* Returned to the queue */
    TRANSITION_NOTHING_SENT, /* the device proved it; a failure */
    TRANSITION_REFUSED,      /* by the device; a failure */
    TRANSITION_CONNECTION_ENDED,
    TRANSITION_NOT_IN_JOURNAL,
    TRANSITION_NO_ANSWER, /* to the offer */
    TRANSITION_BROKER_ENDED,
    /* Ended, by a rule of the gateway */
    TRANSITION_TOO_LONG, /* for a frame, or for a device's limit; also when it is returned for that */
    TRANSITION_TOO_MANY_FAILURES,
    TRANSITION_NO_REPORT,
    TRANSITION_JOURNAL_LOST,
    TRANSITION_EXPIRED,               /* its expires_at_ms has come */
    TRANSITION_RESTORED,              /* it was open in a backup that was restored */
    TRANSITION_OPTED_OUT,             /* its recipient has opted out */
    TRANSITION_CONTENT_NOT_SUPPORTED, /* it is no text, and its device sends nothing else */
    TRANSITION_REASON_COUNT
};

/* "claimed", ...: a word for programs. */
const char *transition_reason_name(enum transition_reason reason);

#endif
