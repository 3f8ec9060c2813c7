/* The verbs: what each write of the store does, decided over the rows of its transaction (transaction.h). */
#ifndef COMMON_STORE_VERBS_VERBS_H
#define COMMON_STORE_VERBS_VERBS_H

#include "common/store/verbs/transaction.h"

#define VERB(name)                                                                                 \
    MUST_CHECK enum error verb_##name(struct store_transaction *transaction,                       \
                                      struct store_write *write)

/* messages.c */
VERB(cancel);
VERB(release);
VERB(return_to_queue);
VERB(report);

/* polled.c */
VERB(poll_messages);
VERB(report_polled);
VERB(note_polled);

/* admission.c */
VERB(enqueue);
VERB(set_sending);

/* batches.c */
VERB(enqueue_batch);
VERB(cancel_batch);

/* claim.c */
VERB(claim);

/* expiry.c */
VERB(expire_unreported);

/* resend.c */
VERB(resend);

/* receive.c */
VERB(receive);

/* opt_outs.c */
VERB(change_opt_outs);

/* retention.c */
VERB(erase);
VERB(purge);

/* idempotency.c */
VERB(find_answer);

/* devices.c */
VERB(connect_device);
VERB(update_device);
VERB(disconnect_device);
VERB(note_waits);
VERB(configure_device);

/* brokers.c */
VERB(lease_broker);

/* keys.c */
VERB(create_key);
VERB(revoke_key);
VERB(open_session);

/* webhooks.c */
VERB(create_webhook);
VERB(change_webhook);
VERB(remove_webhook);
VERB(test_webhook);
VERB(redeliver);
VERB(note_deliveries);

/* token_state.c */
VERB(create_pairing);
VERB(pair);
VERB(create_token);
VERB(revoke_token);

/* token_identity.c */
VERB(count_takeover);

/* tickets.c */
VERB(create_ticket);
VERB(take_ticket);

/* probe.c */
VERB(probe);

/* settle.c */
VERB(settle);

#undef VERB

#endif
