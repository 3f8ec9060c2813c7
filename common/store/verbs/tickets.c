/* Tickets of the event stream. */
#include "common/store/verbs/verbs.h"

#include <string.h>

enum error verb_create_ticket(struct store_transaction *transaction, struct store_write *write)
{
    struct store_create_ticket *request = &write->create_ticket;
    const struct access_rows *rows = transaction->rows->access;
    request->expires_at_ms = transaction->now_ms + request->valid_for_ms;
    struct ticket_row ticket = {.expires_at_ms = request->expires_at_ms};
    strcpy(ticket.key_id, request->key_id);
    enum error error = rows->remove_expired_tickets(transaction->database, transaction->now_ms);
    return error == ERROR_NONE ? rows->insert_ticket(transaction->database, request->hash, &ticket)
                               : error;
}

enum error verb_take_ticket(struct store_transaction *transaction, struct store_write *write)
{
    struct store_take_ticket *request = &write->take_ticket;
    struct ticket_row ticket = {0};
    bool found;
    enum error error = transaction->rows->access->take_ticket(transaction->database, request->hash,
                                                              &ticket, &found);
    if (error != ERROR_NONE)
        return error;
    if (!found || ticket.expires_at_ms <= transaction->now_ms)
        return ERROR_TICKET_INVALID;
    strcpy(request->key_id, ticket.key_id);
    return ERROR_NONE;
}
