/* Device tokens: which one is active, and how it ends. */
#ifndef COMMON_STORE_VERBS_TOKEN_STATE_H
#define COMMON_STORE_VERBS_TOKEN_STATE_H

#include "common/store/verbs/transaction.h"

/* ERROR_DEVICE_TOKEN_INVALID where it is not that device's active token. */
MUST_CHECK enum error token_state_check(struct store_transaction *transaction, const char *token_id,
                                        const char *device_id);

/* Revokes the device's active token and forgets how it was used; `token_id`: only that one, "": any. The device's
   connection is then to be closed. *changed: there was one. */
MUST_CHECK enum error token_state_revoke(struct store_transaction *transaction,
                                         const char *device_id, const char *token_id,
                                         enum device_token_revocation reason, bool *changed);

#endif
