/* A batch of messages as a client describes it: read, checked, and made an array of messages. */
#ifndef API_FCGI_HANDLERS_BATCH_DRAFT_H
#define API_FCGI_HANDLERS_BATCH_DRAFT_H

#include "api-fcgi/server/http.h"

struct batch_draft {
    struct message_id id;
    struct message *messages;
    size_t count;
    size_t duplicates; /* messages to a number that another one of the batch has already */
    int64_t segments;  /* of all */
};

/* Reads the body, JSON. Everything is checked before the result: false after answering with what is wrong. The caller does
   batch_draft_fini, in any case. */
MUST_CHECK bool batch_draft_read(struct http_exchange *exchange, struct batch_draft *draft);
void batch_draft_fini(struct batch_draft *draft);

#endif
