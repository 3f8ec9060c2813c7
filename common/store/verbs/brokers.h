/* Brokers that have ended. */
#ifndef COMMON_STORE_VERBS_BROKERS_H
#define COMMON_STORE_VERBS_BROKERS_H

#include "common/store/verbs/transaction.h"

/* None has a lease, and no device is connected to one. */
MUST_CHECK enum error brokers_end_all(struct store_transaction *transaction);

#endif
