/* Pairing codes and device tokens. */
#include "common/store/verbs/token_state.h"
#include "common/store/verbs/events.h"
#include "common/store/verbs/verbs.h"

#include <string.h>

enum error token_state_check(struct store_transaction *transaction, const char *token_id,
                             const char *device_id)
{
    char active[SECRET_ID_SIZE];
    enum error error = transaction->rows->access->find_active_token(transaction->database,
                                                                    device_id, active);
    if (error == ERROR_NONE && strcmp(active, token_id) != 0)
        error = ERROR_DEVICE_TOKEN_INVALID;
    return error;
}

enum error token_state_revoke(struct store_transaction *transaction, const char *device_id,
                              const char *token_id, enum device_token_revocation reason,
                              bool *changed)
{
    const struct access_rows *rows = transaction->rows->access;
    char active[SECRET_ID_SIZE];
    enum error error = rows->find_active_token(transaction->database, device_id, active);
    *changed = error == ERROR_NONE && *active && (!*token_id || strcmp(active, token_id) == 0);
    if (!*changed)
        return error;
    error = rows->revoke_token(transaction->database, active, reason, transaction->now_ms);
    if (error == ERROR_NONE)
        error = rows->remove_token_use_of(transaction->database, device_id);
    if (error == ERROR_NONE)
        error = transaction->rows->devices->remove_polled(transaction->database, device_id);
    if (error == ERROR_NONE)
        error = transaction->rows->devices->mark_revoked(transaction->database, device_id);
    if (error != ERROR_NONE || reason == DEVICE_TOKEN_REPLACED) /* the device has a new one */
        return error;
    return event_put_text(transaction,
                          (struct event_row){.type = EVENT_DEVICE_REVOKED, .device_id = device_id},
                          "reason", device_token_state_name(reason));
}

static enum error replace_token(struct store_transaction *transaction, struct device_token *token)
{
    bool replaced;
    token->created_at_ms = transaction->now_ms;
    enum error error = token_state_revoke(transaction, token->device_id, "", DEVICE_TOKEN_REPLACED,
                                          &replaced);
    if (error == ERROR_NONE)
        error = transaction->rows->access->insert_token(transaction->database, token);
    return error == ERROR_NONE ? transaction->rows->devices->add(
                                     transaction->database, token->device_id, transaction->now_ms)
                               : error;
}

static enum error set_groups(struct store_transaction *transaction, const char *device_id,
                             const struct device_groups *groups)
{
    struct store_write write = {.configure = {.set = STORE_SET_GROUPS}};
    if (groups->count == 0)
        return ERROR_NONE;
    strcpy(write.configure.device_id, device_id);
    write.configure.configuration.groups = *groups;
    return verb_configure_device(transaction, &write);
}

enum error verb_create_pairing(struct store_transaction *transaction, struct store_write *write)
{
    struct store_create_pairing *request = &write->create_pairing;
    const struct access_rows *rows = transaction->rows->access;
    request->expires_at_ms = transaction->now_ms + request->valid_for_ms;
    struct pairing_row pairing = {.expires_at_ms = request->expires_at_ms};
    strcpy(pairing.device_id, request->device_id);
    pairing.groups = request->groups;
    enum error error = rows->remove_expired_pairings(transaction->database, transaction->now_ms);
    return error == ERROR_NONE
               ? rows->insert_pairing(transaction->database, request->code_hash, &pairing)
               : error;
}

static enum error describe(struct store_transaction *transaction, const struct store_pair *pair)
{
    return transaction->rows->devices->describe(transaction->database, pair->token.device_id,
                                                pair->set, &pair->info, transaction->now_ms);
}

static enum error save_polled(struct store_transaction *transaction, const struct store_pair *pair)
{
    struct polled_device device = {.app_version = pair->app_version};
    strcpy(device.device_id, pair->token.device_id);
    strcpy(device.token_id, pair->token.id);
    memcpy(device.hook_hash, pair->hook_hash, sizeof(device.hook_hash));
    enum error error = transaction->rows->devices->save_polled(transaction->database, &device);
    if (error == ERROR_NONE) /* of another app; it may have had no token */
        error = transaction->rows->devices->mark_revoked(transaction->database,
                                                         pair->token.device_id);
    return error == ERROR_NONE ? describe(transaction, pair) : error;
}

/* The code is good for this device once more. */
static enum error keep_code(struct store_transaction *transaction, const struct store_pair *pair,
                            const struct pairing_row *used)
{
    struct pairing_row again = *used;
    strcpy(again.device_id, pair->token.device_id);
    again.expires_at_ms = MIN(used->expires_at_ms, transaction->now_ms + STORE_PAIRED_AGAIN_MS);
    return transaction->rows->access->insert_pairing(transaction->database, pair->code_hash,
                                                     &again);
}

/* With the code of a device. *is_same: it has this token already. */
static enum error pair_known(struct store_transaction *transaction, const struct store_pair *pair,
                             const struct pairing_row *pairing, bool *is_same)
{
    char active[SECRET_ID_SIZE];
    enum error error = transaction->rows->access->find_active_token(transaction->database,
                                                                    pairing->device_id, active);
    *is_same = error == ERROR_NONE && strcmp(active, pair->token.id) == 0;
    return error;
}

enum error verb_pair(struct store_transaction *transaction, struct store_write *write)
{
    const struct access_rows *rows = transaction->rows->access;
    struct device_token *token = &write->pair.token;
    struct pairing_row pairing;
    char active[SECRET_ID_SIZE] = "";
    bool found;
    enum error error = rows->take_pairing(transaction->database, write->pair.code_hash, &pairing,
                                          &found);
    if (error != ERROR_NONE)
        return error;
    if (!found || pairing.expires_at_ms <= transaction->now_ms)
        return ERROR_PAIRING_CODE_INVALID;
    bool is_same = false;
    if (*pairing.device_id)
        strcpy(token->device_id, pairing.device_id);
    if (*pairing.device_id && write->pair.polled)
        error = pair_known(transaction, &write->pair, &pairing, &is_same);
    else if (!*pairing.device_id)
        error = rows->find_active_token(transaction->database, token->device_id, active);
    if (error == ERROR_NONE && *active)
        error = ERROR_DEVICE_ID_TAKEN; /* the code stays, and may be tried again */
    if (error == ERROR_NONE && !is_same)
        error = replace_token(transaction, token);
    if (error == ERROR_NONE && !is_same && write->pair.polled)
        error = save_polled(transaction, &write->pair);
    else if (error == ERROR_NONE && is_same) /* it may say something else now */
        error = describe(transaction, &write->pair);
    if (error == ERROR_NONE && write->pair.polled)
        error = keep_code(transaction, &write->pair, &pairing);
    return error == ERROR_NONE ? set_groups(transaction, token->device_id, &pairing.groups) : error;
}

enum error verb_create_token(struct store_transaction *transaction, struct store_write *write)
{
    return replace_token(transaction, &write->create_token.token);
}

enum error verb_revoke_token(struct store_transaction *transaction, struct store_write *write)
{
    struct store_revoke_token *request = &write->revoke_token;
    request->revoked_at_ms = transaction->now_ms;
    enum error error = token_state_revoke(transaction, request->device_id, request->token_id,
                                          request->revocation, &request->changed);
    if (error != ERROR_NONE || request->revocation != DEVICE_TOKEN_REVOKED)
        return error;
    return transaction->rows->access->remove_pairings_of(transaction->database, request->device_id);
}
