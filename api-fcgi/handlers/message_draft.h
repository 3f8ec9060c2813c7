/* A message as a client describes it in JSON: its members are read, checked, and made a struct message. */
#ifndef API_FCGI_HANDLERS_MESSAGE_DRAFT_H
#define API_FCGI_HANDLERS_MESSAGE_DRAFT_H

#include "api-fcgi/server/json_body.h"

/*
 * Reads the object at `place` in the body, a JSON pointer, into *message, which is zeroed: number, text, encoding, segments;
 * nothing else. What is wrong is added to the errors of the exchange, each with its place; then *message has
 * only what was right. `text` is NULL also where memory is missing. The caller does message_fini, in any case.
 */
void message_draft_read(struct http_exchange *exchange, const struct json *object,
                        const char *place, struct message *message);

/* The rest of a new message: its id, its status and its times. */
void message_draft_finish(const struct http_exchange *exchange, struct message *message);

#endif
