/* Events that are not of messages, for the verbs: each in the transaction of what it tells. */
#ifndef COMMON_STORE_VERBS_EVENTS_H
#define COMMON_STORE_VERBS_EVENTS_H

#include "common/store/verbs/transaction.h"

/* With one member of its detail; `value` NULL or "": without. */
MUST_CHECK enum error event_put_text(struct store_transaction *transaction, struct event_row event,
                                     const char *member, const char *value);

/* As it is. */
MUST_CHECK enum error event_put(struct store_transaction *transaction,
                                const struct event_row *event);

#endif
