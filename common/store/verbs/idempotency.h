/* Requests with an idempotency key: for each verb that creates something. */
#ifndef COMMON_STORE_VERBS_IDEMPOTENCY_H
#define COMMON_STORE_VERBS_IDEMPOTENCY_H

#include "common/store/verbs/transaction.h"

/* The first step of the verb. Sets `replayed`, and then the answer: the verb has succeeded and does nothing.
   ERROR_IDEMPOTENCY_KEY_REUSED. */
MUST_CHECK enum error idempotency_find(struct store_transaction *transaction,
                                       struct store_idempotency *idempotency);

/* Its last step, when all is created. */
MUST_CHECK enum error idempotency_keep(struct store_transaction *transaction,
                                       const struct store_idempotency *idempotency);

#endif
