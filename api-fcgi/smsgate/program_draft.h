/* A message as a program describes it, made the messages of a batch. */
#ifndef API_FCGI_SMSGATE_PROGRAM_DRAFT_H
#define API_FCGI_SMSGATE_PROGRAM_DRAFT_H

#include "api-fcgi/server/http.h"
#include "common/base/json.h"

struct program_draft {
    struct message_id id;                     /* of the batch */
    char external_id[STORE_EXTERNAL_ID_SIZE]; /* the program's, or the text of `id` */
    struct message *messages;                 /* owned */
    size_t count;
};

/* Reads the body. False after answering. The caller does program_draft_fini, in any case. */
MUST_CHECK bool program_draft_read(struct http_exchange *exchange, struct program_draft *draft);
void program_draft_fini(struct program_draft *draft);

/* An id that programs may give, of a message or a webhook: 1 to 36 visible characters of ASCII, and none of those that end a segment
   of a path. Any thread. */
MUST_CHECK bool program_id_valid(const char *id);

/* Members of a body, where "" counts as left out: copies such an id, or adds a field error; the id of a device, or NULL. */
void program_take_id(struct http_exchange *exchange, const char *pointer, const struct json *value,
                     char id[STORE_EXTERNAL_ID_SIZE]);
const char *program_take_device(struct http_exchange *exchange, const char *pointer,
                                const struct json *value);

#endif
