/* The handlers of the route table. Each starts on a worker, or on a thread of slow_reads.h. */
#ifndef API_FCGI_HANDLERS_HANDLERS_H
#define API_FCGI_HANDLERS_HANDLERS_H

#include "api-fcgi/server/http.h"
#include "common/base/json.h"
#include "common/base/json_write.h"

/* batches.c: what the steps of a cancellation add up. */
struct batch_cancellation {
    size_t cancelled, asked, too_late;
};

/* What a handler keeps until the step that answers, beside the store's write: `exchange->state`. Each
   handler sets its own member first. */
union handler_state {
    struct message sent;            /* messages.c, message_resend.c: the new message */
    struct json_writer pairing;     /* pairing.c: POST /api/pairings, the answer so far */
    char token[SECRET_TEXT_SIZE];   /* pairing.c: POST /api/pair */
    char ticket[SECRET_TEXT_SIZE];  /* event_ticket.c */
    char session[SECRET_TEXT_SIZE]; /* session.c: POST /api/session */
    struct batch_draft *batch;      /* batches.c: a new one */
    struct batch_cancellation cancellation;
    struct webhook_draft *webhook;        /* webhooks.c */
    char phone_number[PHONE_NUMBER_SIZE]; /* opt_outs.c: the one that is added or removed */
    bool verbose;                         /* health.c: GET /readyz?verbose */
    void *
        smsgate; /* of a route of SMSGate: on the heap, and its handler's; exchange->release frees it */
};

/* messages.c */
enum http_outcome messages_handle_send(struct http_exchange *exchange);
enum http_outcome messages_handle_get(struct http_exchange *exchange);
enum http_outcome messages_handle_cancel(struct http_exchange *exchange);
/* Answers 404 for a path whose id is not a UUID: no message has it. */
enum http_outcome messages_refuse_id(struct http_exchange *exchange);
/* Answers what the store said about the message of the path. */
enum http_outcome messages_refuse(struct http_exchange *exchange, enum error error);

/* After a write of the message in `state->sent`: 202 with the message, or why the store refused it. */
void messages_answer_accepted(struct http_exchange *exchange, bool with_text);
void messages_release_sent(struct http_exchange *exchange);

/* Answers why the store refused new messages. */
void messages_refuse_new(struct http_exchange *exchange, enum error error);

/* batches.c */
enum http_outcome batches_handle_create(struct http_exchange *exchange);
/* POST /api/send-sms with `phone_numbers`: the same for its parsed body, which is changed. */
enum http_outcome batches_handle_numbers(struct http_exchange *exchange, struct json *body);
enum http_outcome batches_handle_list(struct http_exchange *exchange);
enum http_outcome batches_handle_get(struct http_exchange *exchange);
enum http_outcome batches_handle_cancel(struct http_exchange *exchange);

/* message_replay.c: a POST that is sent again with its idempotency key. The kept answer lacks the number and the text, so
   that nothing of a message outlives it: who repeats the request has them, and `state->sent` has them then. */
void message_replay_keep(struct store_answer *answer, const struct message *message);
void message_replay_answer(struct http_exchange *exchange, bool with_text);
/* After STORE_FIND_ANSWER, for a request that has been refused and answered. */
void message_replay_answer_if_done(struct http_exchange *exchange);

/* message_resend.c */
enum http_outcome messages_handle_resend(struct http_exchange *exchange);

/* message_events.c */
enum http_outcome message_events_handle(struct http_exchange *exchange);

/* event_ticket.c */
enum http_outcome event_ticket_handle(struct http_exchange *exchange);

/* message_list.c */
enum http_outcome message_list_handle(struct http_exchange *exchange);

/* inbox.c */
enum http_outcome inbox_handle_list(struct http_exchange *exchange);
enum http_outcome inbox_handle_get(struct http_exchange *exchange);

/* opt_outs.c */
enum http_outcome opt_outs_handle_list(struct http_exchange *exchange);
enum http_outcome opt_outs_handle_add(struct http_exchange *exchange);
enum http_outcome opt_outs_handle_get(struct http_exchange *exchange);
enum http_outcome opt_outs_handle_remove(struct http_exchange *exchange);

/* devices.c */
enum http_outcome devices_handle_list(struct http_exchange *exchange);
enum http_outcome devices_handle_get(struct http_exchange *exchange);
enum http_outcome devices_handle_readings(struct http_exchange *exchange);
enum http_outcome devices_handle_configure(struct http_exchange *exchange);
/* Takes an array of labels, or adds a field error. */
void devices_take_groups(struct http_exchange *exchange, const char *pointer,
                         const struct json *value, struct device_groups *groups);

/* pairing.c */
enum http_outcome pairing_handle_create(struct http_exchange *exchange);
enum http_outcome pairing_handle_pair(struct http_exchange *exchange);
enum http_outcome pairing_handle_revoke(struct http_exchange *exchange);
/* Revokes the token of the device of the path, and then `answer`s; that begins with pairing_revoked, which is false after
   answering why it was not. */
enum http_outcome pairing_revoke(struct http_exchange *exchange,
                                 void (*answer)(struct http_exchange *exchange));
MUST_CHECK bool pairing_revoked(struct http_exchange *exchange);

/* webhooks.c */
enum http_outcome webhooks_handle_create(struct http_exchange *exchange);
enum http_outcome webhooks_handle_list(struct http_exchange *exchange);
enum http_outcome webhooks_handle_get(struct http_exchange *exchange);
enum http_outcome webhooks_handle_change(struct http_exchange *exchange);
enum http_outcome webhooks_handle_rotate(struct http_exchange *exchange);
enum http_outcome webhooks_handle_remove(struct http_exchange *exchange);
/* Stores a new webhook, whose id and secret are made here, and then `answer`s; that begins with webhooks_created, which is
   false after answering why it was not. The webhook stays the caller's. */
enum http_outcome webhooks_create(struct http_exchange *exchange, struct webhook *webhook,
                                  void (*answer)(struct http_exchange *exchange));
MUST_CHECK bool webhooks_created(struct http_exchange *exchange);
/* Answers what the store said about the webhook of the path. */
enum http_outcome webhooks_refuse(struct http_exchange *exchange, enum error error);
/* The id in the path; false after answering that no webhook has it. */
MUST_CHECK bool webhooks_take_id(struct http_exchange *exchange, char id[WEBHOOK_ID_SIZE]);

/* webhook_deliveries.c */
enum http_outcome webhooks_handle_deliveries(struct http_exchange *exchange);
enum http_outcome webhooks_handle_test(struct http_exchange *exchange);
enum http_outcome webhooks_handle_redeliver(struct http_exchange *exchange);

/* overview.c */
enum http_outcome overview_handle(struct http_exchange *exchange);
enum http_outcome statistics_handle(struct http_exchange *exchange);

/* conversations.c */
enum http_outcome conversations_handle(struct http_exchange *exchange);

/* keys.c */
enum http_outcome keys_handle_list(struct http_exchange *exchange);
enum http_outcome keys_handle_revoke(struct http_exchange *exchange);

/* limits.c */
enum http_outcome limits_handle(struct http_exchange *exchange);
enum http_outcome sending_handle_pause(struct http_exchange *exchange);
enum http_outcome sending_handle_resume(struct http_exchange *exchange);

/* session.c */
enum http_outcome session_handle_get(struct http_exchange *exchange);
enum http_outcome session_handle_create(struct http_exchange *exchange);
enum http_outcome session_handle_end(struct http_exchange *exchange);

/* health.c */
enum http_outcome health_handle_livez(struct http_exchange *exchange);
enum http_outcome health_handle_readyz(struct http_exchange *exchange);

/* metrics.c */
enum http_outcome metrics_handle(struct http_exchange *exchange);

#endif
