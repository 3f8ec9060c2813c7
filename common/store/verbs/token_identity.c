#include "common/store/verbs/token_identity.h"

#include "common/store/verbs/token_state.h"
#include "common/store/verbs/verbs.h"

#include <string.h>

/* Forgets old identities; *known: that one is among the others, *count: their number with it. */
static enum error look_up_identity(struct store_transaction *transaction, const char *token_id,
                                   const char *identity, bool *known, int64_t *count)
{
    const struct access_rows *rows = transaction->rows->access;
    enum error error = rows->trim_identities(transaction->database, token_id,
                                             transaction->now_ms - TOKEN_IDENTITY_KEPT_MS,
                                             TOKEN_IDENTITIES_KEPT);
    if (error == ERROR_NONE)
        error = rows->count_identities(transaction->database, token_id, identity, count, known);
    if (error == ERROR_NONE)
        *count += !*known;
    return error;
}

enum error token_identity_quarantine(struct store_transaction *transaction, const char *token_id,
                                     const char *device_id, bool *quarantined)
{
    return token_state_revoke(transaction, device_id, token_id, DEVICE_TOKEN_QUARANTINED,
                              quarantined);
}

static enum error quarantine(struct store_transaction *transaction, const char *token_id,
                             const char *device_id)
{
    bool changed;
    return token_identity_quarantine(transaction, token_id, device_id, &changed);
}

/* Most connections come from the same phone as the one before: these write nothing. */
enum error token_identity_note(struct store_transaction *transaction,
                               const struct store_connect_device *connect, bool *quarantined)
{
    const struct access_rows *rows = transaction->rows->access;
    const struct store_holder *device = &connect->holder;
    const char *token_id = connect->token_id;
    struct token_use use;
    char identity[TOKEN_IDENTITY_SIZE];
    bool known;
    int64_t count;
    *quarantined = false;
    token_use_identify(device->assured ? &device->journal : NULL, connect->info.name, identity);
    enum error error = rows->find_token_use(transaction->database, token_id, &use);
    if (error != ERROR_NONE || token_use_is_silent(&use, identity))
        return error;
    if (*use.identity) /* until now */
        error = rows->save_identity(transaction->database, token_id, use.identity,
                                    transaction->now_ms);
    if (error == ERROR_NONE)
        error = look_up_identity(transaction, token_id, identity, &known, &count);
    if (error != ERROR_NONE)
        return error;
    *quarantined = token_use_change(&use, identity, known, count, transaction->now_ms);
    if (*quarantined)
        return quarantine(transaction, token_id, device->device_id);
    error = rows->save_identity(transaction->database, token_id, identity, transaction->now_ms);
    return error == ERROR_NONE ? rows->save_token_use(transaction->database, token_id, &use)
                               : error;
}

enum error token_identity_note_older_app(struct store_transaction *transaction,
                                         const char *token_id, const char *device_id,
                                         bool *quarantined)
{
    const struct access_rows *rows = transaction->rows->access;
    struct token_use use;
    enum error error = rows->find_token_use(transaction->database, token_id, &use);
    if (error != ERROR_NONE)
        return error;
    *quarantined = token_use_older_app(&use, transaction->now_ms);
    return *quarantined ? quarantine(transaction, token_id, device_id)
                        : rows->save_token_use(transaction->database, token_id, &use);
}

enum error verb_count_takeover(struct store_transaction *transaction, struct store_write *write)
{
    struct store_count_takeover *request = &write->count_takeover;
    const struct access_rows *rows = transaction->rows->access;
    struct token_use use;
    request->quarantined = false;
    enum error error = token_state_check(transaction, request->token_id, request->device_id);
    if (error == ERROR_DEVICE_TOKEN_INVALID)
        return ERROR_NONE; /* it was revoked since */
    if (error == ERROR_NONE)
        error = rows->find_token_use(transaction->database, request->token_id, &use);
    if (error != ERROR_NONE)
        return error;
    request->quarantined = token_use_takeover(&use, transaction->now_ms);
    return request->quarantined
               ? quarantine(transaction, request->token_id, request->device_id)
               : rows->save_token_use(transaction->database, request->token_id, &use);
}
