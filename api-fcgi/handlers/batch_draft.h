/* A batch of messages as a client describes it: read, checked, and made an array of messages. */
#ifndef API_FCGI_HANDLERS_BATCH_DRAFT_H
#define API_FCGI_HANDLERS_BATCH_DRAFT_H

#include "api-fcgi/handlers/message_draft.h"

struct batch_draft {
    struct message_id id;
    struct message *messages;
    size_t count;
    size_t duplicates; /* messages to a number that another one of the batch has already */
    int64_t segments;  /* of all */

    /* How errors name a message. */
    enum { BATCH_OF_OBJECTS, BATCH_OF_NUMBERS, BATCH_OF_ROWS } form;
    size_t *lines; /* of a row */
};

/* Read the body of POST /api/batches, JSON or CSV; or `phone_numbers` of POST /api/send-sms, out of its parsed body, which is
   changed. Everything is checked before the result: false after answering with what is wrong. *draft is zeroed; the caller
   does batch_draft_fini, in any case. */
MUST_CHECK bool batch_draft_read(struct http_exchange *exchange, struct batch_draft *draft);
MUST_CHECK bool batch_draft_read_numbers(struct http_exchange *exchange, struct json *body,
                                         struct batch_draft *draft);
void batch_draft_fini(struct batch_draft *draft);

/* Adds an error about the message at `index`. */
void batch_draft_add_error(struct http_exchange *exchange, const struct batch_draft *draft,
                           size_t index, enum error error, const char *detail, ...)
    PRINTF_FORMAT(5, 6);

/* ---- For batch_csv.c ---- */

/* The body while it is read. */
struct batch_reading {
    struct http_exchange *exchange;
    struct batch_draft *draft;
    struct message_drafts drafts;
    size_t room; /* for messages */
    enum error
        error; /* of the store, or ERROR_INTERNAL without memory: nothing more need be read */
};

/* Makes room for `count` messages, at most STORE_MAX_BATCH_MESSAGES. */
void batch_draft_make_room(struct batch_reading *reading, size_t count);

/* The next message, zeroed, to be read; batch_draft_end_message goes with it. */
struct message *batch_draft_next_message(struct batch_reading *reading);
void batch_draft_end_message(struct batch_reading *reading, enum error error);

/* batch_csv.c: reads the parameters and the rows. False after answering that the body is no CSV. */
MUST_CHECK bool batch_csv_read(struct batch_reading *reading);

#endif
