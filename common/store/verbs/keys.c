/* API keys, and the links and sessions of the dashboard. */
#include "common/store/verbs/verbs.h"

#include <string.h>

enum { ENDED_KEPT_DAYS = 30, TIDY_ROWS = 200 };

/* Links and sessions that ended long ago go when a new link is made. */
static enum error remove_ended(struct store_transaction *transaction)
{
    const int64_t day_ms = 86400 * 1000;
    return transaction->rows->access->remove_ended_sessions(
        transaction->database, transaction->now_ms - ENDED_KEPT_DAYS * day_ms, TIDY_ROWS);
}

enum error verb_create_key(struct store_transaction *transaction, struct store_write *write)
{
    struct api_key *key = &write->create_key.key;
    int64_t valid_for_ms = write->create_key.valid_for_ms;
    key->created_at_ms = transaction->now_ms;
    key->expires_at_ms = valid_for_ms > 0 ? transaction->now_ms + valid_for_ms : 0;
    enum error error = key->kind == API_KEY_LINK ? remove_ended(transaction) : ERROR_NONE;
    return error == ERROR_NONE ? transaction->rows->access->insert_key(transaction->database, key)
                               : error;
}

enum error verb_revoke_key(struct store_transaction *transaction, struct store_write *write)
{
    struct store_revoke_key *request = &write->revoke_key;
    request->revoked_at_ms = transaction->now_ms;
    return transaction->rows->access->revoke_key(transaction->database, request->id,
                                                 transaction->now_ms, &request->changed);
}

enum error verb_open_session(struct store_transaction *transaction, struct store_write *write)
{
    struct store_open_session *request = &write->open_session;
    const struct access_rows *rows = transaction->rows->access;
    struct api_key *session = &request->session, link;
    bool found;
    enum error error = rows->find_key_by_hash(transaction->database, request->link_hash, &link,
                                              &found);
    if (error != ERROR_NONE)
        return error;
    if (!found || link.kind != API_KEY_LINK || link.revoked_at_ms != 0 ||
        api_key_expired(&link, transaction->now_ms))
        return ERROR_SIGN_IN_LINK_INVALID;
    session->kind = API_KEY_SESSION;
    strcpy(session->label, link.label);
    session->scopes = link.scopes;
    session->requests_per_minute = link.requests_per_minute;
    session->daily_messages = link.daily_messages;
    session->ignores_opt_out = link.ignores_opt_out;
    session->created_at_ms = transaction->now_ms;
    session->expires_at_ms = transaction->now_ms + link.session_ms;
    error = rows->remove_key(transaction->database, link.id);
    return error == ERROR_NONE ? rows->insert_key(transaction->database, session) : error;
}
