/* Events that are not of messages, for the verbs: each in the transaction of what it tells. */
#ifndef COMMON_STORE_VERBS_EVENTS_H
#define COMMON_STORE_VERBS_EVENTS_H

#include "common/store/verbs/transaction.h"

/* With one member of its detail; `value` NULL or "": without. */
MUST_CHECK enum error event_put_text(struct store_transaction *transaction, struct event_row event,
                                     const char *member, const char *value);

MUST_CHECK enum error event_put_number(struct store_transaction *transaction,
                                       struct event_row event, const char *member, double value);

/* The transaction finished a message of that batch: where it was the last one, the batch is finished once the
   transaction is. */
MUST_CHECK enum error event_note_batch(struct store_transaction *transaction,
                                       const struct message_id *batch_id);
/* Before the commit. */
MUST_CHECK enum error event_flush_batches(struct store_transaction *transaction);

/* As it is. */
MUST_CHECK enum error event_put(struct store_transaction *transaction,
                                const struct event_row *event);

#endif
