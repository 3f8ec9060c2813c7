/* The store's requests about messages: from the queue to their final status, and what is read of them. */
#ifndef COMMON_STORE_MESSAGES_H
#define COMMON_STORE_MESSAGES_H

#include "common/access/secret.h"
#include "common/base/error.h"
#include "common/model/lane.h"
#include "common/model/message.h"
#include "common/model/message_ref.h"
#include "common/store/idempotency.h"

struct store_reader;

enum {
    STORE_MAX_CLAIM = 256,
    STORE_LEAST_CLAIM = 32, /* a claim is not cut before it has as many messages */
    STORE_MAX_WANTED = 32,
    STORE_MAX_BATCH_MESSAGES = 10000,
    STORE_MAX_FAILURES = 10,       /* attempts that sent nothing, before the message is `failed` */
    STORE_FIRST_BACKOFF_MS = 5000, /* after the first of them; each is up to twice as long, */
    STORE_MAX_BACKOFF_MS = 15 * 60 * 1000, /* and none longer */
    STORE_CLOCK_STEP_MS = 60000,           /* a larger step of the wall clock was set */
    STORE_EXTERNAL_ID_SIZE = 37,
};

/* How long a message waits after that many failures before it is due again. `jitter`, from 0 to 1 and
   best random, keeps messages that failed together from coming back together. */
int64_t store_backoff_ms(unsigned failures, double jitter);

/* ---- Writes: the payloads of struct store_write ---- */

/*
 * trusted_wall_ms of a claim and of an expiry: what the wall clock says, as far as the submitter knows; 0: it has just
 * been set. Then what has expired does not become `expired`, and what is scheduled is not sent, until the clock is trusted
 * again. So it is too where the clock says something else by the time of the transaction, by more than
 * STORE_CLOCK_STEP_MS: it was set in between.
 */

/* A new message, `queued`.
   ERROR_SENDING_PAUSED, ERROR_QUEUE_FULL, ERROR_DAILY_CAP_REACHED, ERROR_KEY_CAP_REACHED,
   ERROR_RECIPIENT_CAP_REACHED: a limit refuses it, and it counts for none. ERROR_RECIPIENT_OPTED_OUT: see opt_outs.h.
   ERROR_CONTENT_NOT_SUPPORTED: it is no text, and its target is no polled device whose app sends it. What is encrypted has no
   recipient that a limit or an opt-out could be of. */
struct store_enqueue {
    /* Borrowed until done: id, request id, number, text, encoding, segments, options, batch id. */
    const struct message *message;
    char key_id[SECRET_ID_SIZE];           /* the API key it came with; "": none */
    int64_t key_daily_messages;            /* the key's limit; 0: none */
    bool ignores_opt_out;                  /* the key does */
    struct store_idempotency *idempotency; /* the submitter's, until done; NULL: none */
};

/* Many new messages at once, `queued`: all, or none and the errors of enqueue. ERROR_BURST_CAP_REACHED: the batch would
   exceed the burst limit; it is refused, and sending is not paused. ERROR_EXTERNAL_ID_TAKEN: another batch has that id. */
struct store_enqueue_batch {
    struct message_id id;                     /* of the batch */
    char external_id[STORE_EXTERNAL_ID_SIZE]; /* the client's own name for it; "": none */
    /* As of enqueue; borrowed until done. Each has batch_id = id. */
    const struct message *messages;
    size_t count;                /* 1 to STORE_MAX_BATCH_MESSAGES */
    char key_id[SECRET_ID_SIZE]; /* as of enqueue, like the next two */
    int64_t key_daily_messages;
    bool ignores_opt_out;
    struct store_idempotency *idempotency; /* as of enqueue */
    /* Out, with the error of a limit, of the recipient or of the content: the index of the first message that has it. */
    size_t refused;
};

/* A client no longer wants the next messages of a batch; each as by cancel. ERROR_BATCH_NOT_FOUND. */
struct store_cancel_batch {
    struct message_id id;
    int64_t after; /* in and out: 0, and then as it was left, until there are no more */
    size_t limit;  /* messages to look at, 1 to STORE_MAX_CLAIM */
    size_t cancelled, asked, too_late; /* out */
    bool more;                         /* out */
};

/* A client no longer wants the message. It becomes `cancelled` where no device was released to send it. Where an
   assured device has it the request is kept (`asked`), and the device decides.
   ERROR_MESSAGE_NOT_FOUND; ERROR_NOT_CANCELLABLE: it is too late. Repeating the request is no error. */
struct store_cancel {
    struct message_id id;
    bool asked; /* out */
};

/* What has become of a connection, when there are several brokers. */
enum store_connection {
    STORE_CONNECTION_CURRENT,
    STORE_CONNECTION_SUPERSEDED, /* the device has a newer one, perhaps on another broker */
    STORE_CONNECTION_ENDED, /* another broker has ended the one that has it: its lease ran out */
};

/* The device that a message is claimed for, or that speaks about one. */
struct store_holder {
    char device_id[DEVICE_ID_SIZE];
    int64_t connection_epoch;  /* the epoch of its connection; 0: it has none */
    bool assured;              /* it has a journal: it is offered the message */
    bool polled;               /* of a claim: it may have what is no text */
    struct message_id journal; /* zero without one */
    unsigned cost;       /* of a claim: the lowest comes first; the same: devices take turns */
    bool at_daily_limit; /* out, of a claim: it was passed over and may ask again later */
    bool disabled;       /* out, of a claim: it was passed over until an operator enables it */
    enum store_connection connection; /* out, of a claim: it was passed over if not current */
};

/* Segments that a device was given and has not sent: they no longer count for its limits. */
struct store_refund {
    unsigned segments;
    int64_t given_at_ms; /* wall */
};

/* Claims the oldest messages that are due: `dispatched` for an assured device, `accepted` for a basic one. The
   oldest message goes to the first slot that may have it: whose device is the message's target, if it has one, is
   not disabled, has not reached its limit of the day, and is still on that connection. What is no text, and is not sent by
   the app of its target any more, becomes `failed`. Of slots with the same cost, the one comes first whose device
   had the last message to the same number; if it has several SIMs, the message has the one of that message as its
   device_sim. Claims nothing while sending is paused. What has expired becomes `expired`, where the clock is trusted
   (trusted_wall_ms), or is passed over; what is scheduled waits until it is trusted. */
struct store_claim {
    size_t slot_count; /* at most STORE_MAX_CLAIM */
    struct store_holder *slots;
    int64_t trusted_wall_ms; /* see above */
    /* There are other devices: a message whose last device is not in a slot may stay in the queue for the next claim, and
       that device is wanted. */
    bool may_defer;
    /* Out, by slot: room for slot_count, zeroed. An entry without a text got no message. The submitter
       frees the texts. With ERROR_OUTCOME_UNKNOWN: what was claimed, if it was committed. */
    struct message *messages;
    size_t message_count;  /* out: the number of messages claimed */
    int64_t claimed_at_ms; /* out: wall */
    bool paused;           /* out */
    bool cut; /* out: it ended early, because other stores wait; there may be more for its slots */
    /* Out: lanes of which a device would be welcome in a slot of the next claim (common/model/lane.h), because none had a slot,
       or because there were more messages than slots. Room for STORE_MAX_WANTED, the submitter's; or NULL. */
    char (*wanted)[LANE_SIZE];
    size_t wanted_count;
    char lanes_after[LANE_SIZE]; /* in and out: up to which lane that was looked for; "" at first */
    bool lanes_left;             /* out: there are lanes after that */
    bool deferred;               /* out: a message stays for a device that is wanted */
};

/* What to tell a device that has been offered a message. */
enum store_verdict {
    STORE_VERDICT_NONE,
    STORE_VERDICT_RELEASE, /* committed as `accepted`: the device may send it */
    STORE_VERDICT_DROP,    /* the offer is withdrawn */
};

/* A device has acknowledged an offer: `dispatched` becomes `accepted`, the point of no return. */
struct store_release {
    struct store_holder holder;
    struct message_ref ref;
    unsigned sim;               /* the slot by which it will be sent; 0: the device does not say */
    enum store_verdict verdict; /* out */
    bool superseded; /* out: the device has a newer connection, and is told the verdict there */
};

/* Returns a message to the queue because nothing of it can have been sent: an offer, or a frame that was never
   written to a basic device. A message that has moved on stays as it is. One with a cancel request becomes
   `cancelled`. */
struct store_return_to_queue {
    struct message_ref ref;
    char device_id[DEVICE_ID_SIZE];
    bool refused;  /* by the device: counts as a failure, and store_backoff_ms passes */
    bool hopeless; /* no device can take it: `failed` at once, with the code and the message */
    double jitter;
    char error_code[MESSAGE_ERROR_CODE_SIZE];
    const char *error_message; /* static, or NULL */
    /* A claim's transaction of unknown outcome: unless it was committed, nothing is done. 0: at once. */
    int64_t if_committed;
    bool changed; /* out: it was returned */
};

/* A device reports on a message. ERROR_MESSAGE_NOT_HELD: it is not one of the device's messages. A late or
   repeated report changes nothing and is no error. */
struct store_report {
    struct message_ref ref; /* attempt 0: the device does not say */
    int64_t seq;            /* in its journal; one that is not the latest is late. -1: none */
    struct store_holder holder;
    enum message_status status;
    unsigned sim;        /* the slot by which it was sent; 0: the device does not say */
    bool nothing_sent;   /* with the proof: `failed` is queued again, `expired` if it is early */
    bool of_one_segment; /* the proof is good only for a message of one segment */
    int64_t notes;       /* of a polled device: polled_notes_make */
    bool confirms; /* a polled device has the message, and says no more; `status` does not count */
    double jitter;
    char error_code[MESSAGE_ERROR_CODE_SIZE];    /* "": none */
    char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* "": none */
    bool changed;                                /* out: the message changed its status */
    bool
        of_another_list; /* out: another phone with this token had the message too, as its notes prove */
    struct store_refund refund; /* out */
};

/* Messages in flight without news for that long become `unknown`; offers without an answer for that long return to
   the queue; messages that nobody can have sent become `expired` at their expires_at_ms. Queued messages of recipients that have
   opted out become `cancelled`. */
struct store_expire {
    int64_t trusted_wall_ms;           /* see above */
    int64_t silent_for_ms;             /* 0: none become unknown */
    int64_t offered_for_ms;            /* 0: none return */
    unsigned limit;                    /* of each */
    unsigned unknown, queued, expired; /* out: how many */
    bool more_to_cancel;               /* out: of recipients that have opted out */
};

/* The text of a message that ended without a result, once more as a new message, which counts for the limits as any
   other. Those of enqueue; ERROR_MESSAGE_NOT_FOUND; ERROR_NOT_RESENDABLE: it was sent, or may still be sent;
   ERROR_TEXT_DELETED; ERROR_ALREADY_RESENT; ERROR_MAY_HAVE_BEEN_SENT: it is `unknown`. */
struct store_resend {
    struct message_id id;
    struct message_id new_id;
    struct request_id request_id;
    char key_id[SECRET_ID_SIZE]; /* as of enqueue, like the next two */
    int64_t key_daily_messages;
    bool ignores_opt_out;
    int64_t expires_at_ms; /* of the new message: those of the old one have passed; 0: never */
    bool again;            /* also if it was resent before */
    bool accept_duplicate; /* also if it may have been sent */
    struct store_idempotency *idempotency; /* as of enqueue */
    /* The submitter's, initialised; out: the new message, unless the request was replayed. message_fini also after an
       error. */
    struct message *message;
    struct message_id resent_as; /* out: the message that it was resent as before; zero: none */
};

/* Removes a finished message and its events; with the last message of a batch also the batch. ERROR_MESSAGE_NOT_FOUND. */
struct store_erase {
    struct message_id id;
    bool erased; /* out: it was finished */
};

/* Removes the texts, and the messages with their events, that finished that long ago; the texts of incoming SMS, and the
   incoming SMS, that were stored that long ago; the other events that are so old; the answers to requests that are older
   than STORE_IDEMPOTENCY_KEPT_MS; and readings of devices older than STORE_READINGS_KEPT_MS. Nothing of them stays in the
   database, but for events in PostgreSQL, which no read finds, until their partition is dropped; much free space is given back. */
struct store_purge {
    int64_t text_age_ms;     /* 0: no texts */
    int64_t message_age_ms;  /* 0: no messages */
    int64_t incoming_age_ms; /* 0: no incoming SMS */
    int64_t event_age_ms;    /* of events that are not of messages; 0: none */
    int64_t delivery_age_ms; /* of webhooks, since the last try; 0: only of those that are gone */
    int64_t limit;           /* of each */
    int64_t texts, messages, incoming, events, answers; /* out: how many were removed */
    int64_t deliveries;
    bool more; /* out: there is more to remove */
};

/* ---- Reads: see store.h ---- */

/* ERROR_MESSAGE_NOT_FOUND without one; otherwise the caller does message_fini. */
MUST_CHECK enum error store_find_message(struct store_reader *reader, const struct message_id *id,
                                         struct message *message);

/* The events of a message in their order, after the first `after` of them, and at most `limit`; the first of all is
   that it was queued. ERROR_MESSAGE_NOT_FOUND without a message. The caller frees *events, also after an error. */
MUST_CHECK enum error store_read_history(struct store_reader *reader, const struct message_id *id,
                                         int64_t after, size_t limit, struct message_event **events,
                                         size_t *count);

/* Messages that one request created together. */
struct store_batch {
    struct message_id id;
    int64_t created_at_ms;                    /* wall */
    char key_id[SECRET_ID_SIZE];              /* the API key that it came with; "": none */
    char external_id[STORE_EXTERNAL_ID_SIZE]; /* "": none */
    int64_t count; /* of its messages, also of those that have been removed */
    int64_t counts[MESSAGE_STATUS_COUNT]; /* of those that are there; only read */
};

/* ERROR_BATCH_NOT_FOUND without one. */
MUST_CHECK enum error store_find_batch(struct store_reader *reader, const struct message_id *id,
                                       struct store_batch *batch);

/* The newest batches, or with `before` those that are older than that one; *count of them, at most `limit`. */
MUST_CHECK enum error store_list_batches(struct store_reader *reader,
                                         const struct message_id *before, size_t limit,
                                         struct store_batch batches[], size_t *count);

/* The batch with that external id: ERROR_BATCH_NOT_FOUND without one. */
MUST_CHECK enum error store_find_external_batch(struct store_reader *reader,
                                                const char *external_id, struct store_batch *batch);

/* The external id of a batch; "": it has none, or is gone. */
MUST_CHECK enum error store_read_external_id(struct store_reader *reader,
                                             const struct message_id *batch_id,
                                             char external_id[STORE_EXTERNAL_ID_SIZE]);

/* Which batches with an external id. A filter that is not set (false, "", NULL) lets everything through. */
struct store_external_query {
    bool has_created_after, has_created_before;
    int64_t created_after_ms;       /* wall, inclusive */
    int64_t created_before_ms;      /* wall, exclusive */
    char device_id[DEVICE_ID_SIZE]; /* that has or had one of its messages */
    /* By the numbers of its messages in each status: it looks at every batch that the other filters let through. */
    bool (*matches)(const int64_t counts[MESSAGE_STATUS_COUNT], int wanted);
    int wanted; /* for `matches` */
    bool oldest_first;
    size_t limit;
    int64_t offset;
};

/* A page of them, at most `limit` into `batches`; *total: that match the filters, on all pages. One consistent view. */
MUST_CHECK enum error store_list_external_batches(struct store_reader *reader,
                                                  const struct store_external_query *query,
                                                  struct store_batch batches[], size_t *count,
                                                  int64_t *total);

/* Which messages, newest first. A filter that is not set (false, "", 0) lets everything through. */
struct store_query {
    bool has_status;
    enum message_status status;
    char device_id[DEVICE_ID_SIZE];
    char phone_number[PHONE_NUMBER_SIZE];
    char device_group[DEVICE_GROUP_SIZE]; /* of the target */
    char reference[MESSAGE_REFERENCE_SIZE];
    struct message_id batch_id; /* nil: not set */
    bool has_created_after, has_created_before;
    int64_t created_after_ms;  /* wall, inclusive */
    int64_t created_before_ms; /* wall, exclusive */

    size_t limit; /* at least 1 */
    /* Of all texts of a page, which ends before the message that would exceed it but has at least one; 0: no bound. */
    size_t max_text_bytes;

    /* Where the page starts: after `offset` messages, or next to the message `cursor` of another page. */
    enum store_position { STORE_AT_OFFSET, STORE_OLDER_THAN, STORE_NEWER_THAN } position;
    int64_t offset;
    struct message_id cursor;
};

/* Whether there is a filter beside the status and the times. */
bool store_query_has_text_filter(const struct store_query *query);

struct store_page {
    struct message *messages; /* newest first */
    size_t count;
    int64_t total;             /* that match the filters, on all pages */
    bool has_older, has_newer; /* also where the page ended early */
};

/* One consistent view. The caller does store_page_fini, also after an error. */
MUST_CHECK enum error store_list_messages(struct store_reader *reader,
                                          const struct store_query *query, struct store_page *page);
void store_page_fini(struct store_page *page);

#endif
