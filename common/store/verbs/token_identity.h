/* Which phones use a device token: the numbers of common/model/token_use.h, and the quarantine. */
#ifndef COMMON_STORE_VERBS_TOKEN_IDENTITY_H
#define COMMON_STORE_VERBS_TOKEN_IDENTITY_H

#include "common/store/verbs/transaction.h"

/* A device connects with that token, which is active. *quarantined: two phones use it, and it is revoked now. */
MUST_CHECK enum error token_identity_note(struct store_transaction *transaction,
                                          const struct store_connect_device *connect,
                                          bool *quarantined);

/* It is certain that two phones use the token, which is active, or was until now. *quarantined: it was. */
MUST_CHECK enum error token_identity_quarantine(struct store_transaction *transaction,
                                                const char *token_id, const char *device_id,
                                                bool *quarantined);

/* The app of a polled device is an older one than before. *quarantined as above. */
MUST_CHECK enum error token_identity_note_older_app(struct store_transaction *transaction,
                                                    const char *token_id, const char *device_id,
                                                    bool *quarantined);

#endif
