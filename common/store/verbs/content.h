/* Which devices can send what is no text. */
#ifndef COMMON_STORE_VERBS_CONTENT_H
#define COMMON_STORE_VERBS_CONTENT_H

#include "common/store/verbs/transaction.h"

/* *sends: the device is a polled one, and its app sends that; every device sends a text, and none what is for no device. */
MUST_CHECK enum error content_find_sender(struct store_transaction *transaction,
                                          const struct message_options *options, bool *sends);

#endif
