/* A message as a client describes it in JSON: its members are read, checked, and made a struct message. */
#ifndef API_FCGI_HANDLERS_MESSAGE_DRAFT_H
#define API_FCGI_HANDLERS_MESSAGE_DRAFT_H

#include "api-fcgi/server/json_body.h"

/*
 * Reads the object at `place` in the body, a JSON pointer, into *message, which is zeroed: number, text, encoding,
 * segments, options. What is wrong is added to the errors of the exchange, each with its place; *message then has only
 * what was right, and no text where memory is missing. An error of the store, which had to be asked whether there is such a
 * device, is returned. The caller does message_fini, in any case.
 */
MUST_CHECK enum error message_draft_read(struct http_exchange *exchange, const struct json *object,
                                         const char *place, struct message *message);

/* The rest of a new message: its id, its status and its times. */
void message_draft_finish(const struct http_exchange *exchange, struct message *message);

#endif
