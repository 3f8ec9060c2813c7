/* What a device says about a message: see store_report in messages.h. */
#ifndef COMMON_STORE_VERBS_REPORTS_H
#define COMMON_STORE_VERBS_REPORTS_H

#include "common/store/verbs/transaction.h"

/* One report, with its refund. ERROR_MESSAGE_NOT_HELD before anything was changed. */
MUST_CHECK enum error reports_take(struct store_transaction *transaction,
                                   struct store_report *report);

#endif
