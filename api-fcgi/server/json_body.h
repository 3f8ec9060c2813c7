/* The JSON body of a request: an object whose members are a table. */
#ifndef API_FCGI_SERVER_JSON_BODY_H
#define API_FCGI_SERVER_JSON_BODY_H

#include "api-fcgi/server/http.h"
#include "common/base/json.h"

struct json_body_field {
    const char *pointer; /* "/" and the name */
    bool required;
    /* Keeps the value in the exchange, or adds a field error. */
    void (*take)(struct http_exchange *exchange, const char *pointer, const struct json *value);
    const char *aliases; /* other words for it (suggest.h); NULL: none */
};

/*
 * Parses the body and takes each member. False when it has answered what is wrong with it: all that is,
 * in one answer. `what` is what the object stands for, as in "is not a field of a message".
 */
MUST_CHECK bool json_body_take(struct http_exchange *exchange, const struct json_body_field *fields,
                               size_t count, const char *what);

/* The text of a member that must be a string; NULL after adding the field error. */
const char *json_body_text(struct http_exchange *exchange, const char *pointer,
                           const struct json *value);

#endif
