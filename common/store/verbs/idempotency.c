#include "common/store/verbs/idempotency.h"

#include "common/store/verbs/verbs.h"

#include <string.h>

enum error idempotency_find(struct store_transaction *transaction,
                            struct store_idempotency *idempotency)
{
    unsigned char hash[SECRET_HASH_BYTES];
    bool found;
    enum error error = transaction->rows->idempotency->find(transaction->database, idempotency,
                                                            hash, &found);
    idempotency->replayed = false;
    if (error != ERROR_NONE || !found)
        return error;
    if (memcmp(hash, idempotency->request_hash, sizeof(hash)) != 0)
        return ERROR_IDEMPOTENCY_KEY_REUSED;
    idempotency->replayed = true;
    return ERROR_NONE;
}

enum error idempotency_keep(struct store_transaction *transaction,
                            const struct store_idempotency *idempotency)
{
    return transaction->rows->idempotency->insert(transaction->database, idempotency,
                                                  transaction->now_ms);
}

enum error verb_find_answer(struct store_transaction *transaction, struct store_write *write)
{
    return idempotency_find(transaction, write->find_answer.idempotency);
}
