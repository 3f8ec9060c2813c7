/* POST /api/events/ticket: what a browser's EventSource, which cannot send a key, opens an event stream with. */
#include "api-fcgi/handlers/handlers.h"

#include <string.h>

enum { VALID_FOR_MS = 30000 };

static void answer(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    char *ticket = exchange->state->ticket;
    if (write->result == ERROR_NONE) {
        struct json_writer json = {.out = &exchange->response.body};
        http_begin_json(exchange, 201);
        json_begin_object(&json, NULL);
        json_put_text(&json, "ticket", ticket);
        json_put_time(&json, "expires_at", write->create_ticket.expires_at_ms);
        json_end_object(&json);
    } else {
        http_store_problem(exchange, write->result);
    }
    explicit_bzero(ticket, SECRET_TEXT_SIZE);
}

enum http_outcome event_ticket_handle(struct http_exchange *exchange)
{
    char id[SECRET_ID_SIZE]; /* nothing is known by it: a ticket is found by its hash */
    exchange->write = (struct store_write){
        .verb = STORE_CREATE_TICKET,
        .create_ticket.valid_for_ms = VALID_FOR_MS,
    };
    strcpy(exchange->write.create_ticket.key_id, exchange->key_id);
    if (!secret_make(SECRET_TICKET, exchange->state->ticket, id,
                     exchange->write.create_ticket.hash))
        return http_problem(exchange, ERROR_INTERNAL, "No random bytes for a ticket.");
    return http_park(exchange, answer);
}
