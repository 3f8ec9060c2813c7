/* Recipients that have opted out, as other verbs meet them. */
#ifndef COMMON_STORE_VERBS_OPT_OUTS_H
#define COMMON_STORE_VERBS_OPT_OUTS_H

#include "common/store/verbs/transaction.h"

/* ERROR_RECIPIENT_OPTED_OUT for a number on the list. To be asked only where the list has numbers. */
MUST_CHECK enum error opt_outs_check(struct store_transaction *transaction,
                                     const char *phone_number);

/* What an SMS that has just been stored asks for: receive->opt says what changed. */
MUST_CHECK enum error opt_outs_receive(struct store_transaction *transaction,
                                       struct store_receive *receive);

/* Goes on with cancelling the queued messages of recipients that have opted out. *more: there is more to do. */
MUST_CHECK enum error opt_outs_cancel_queued(struct store_transaction *transaction, bool *more);

#endif
