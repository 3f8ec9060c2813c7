/* API keys. */
#include "common/store/verbs/verbs.h"

enum error verb_create_key(struct store_transaction *transaction, struct store_write *write)
{
    struct api_key *key = &write->create_key.key;
    int64_t valid_for_ms = write->create_key.valid_for_ms;
    key->created_at_ms = transaction->now_ms;
    key->expires_at_ms = valid_for_ms > 0 ? transaction->now_ms + valid_for_ms : 0;
    return transaction->rows->access->insert_key(transaction->database, key);
}

enum error verb_revoke_key(struct store_transaction *transaction, struct store_write *write)
{
    struct store_revoke_key *request = &write->revoke_key;
    request->revoked_at_ms = transaction->now_ms;
    return transaction->rows->access->revoke_key(transaction->database, request->id,
                                                 transaction->now_ms, &request->changed);
}
