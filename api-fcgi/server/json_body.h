/* The JSON body of a request, by a table of its members. */
#ifndef API_FCGI_SERVER_JSON_BODY_H
#define API_FCGI_SERVER_JSON_BODY_H

#include "api-fcgi/server/http.h"
#include "common/base/json.h"

struct json_body_field {
    const char *pointer; /* "/" and the name */
    bool required;
    /* Stores the value in the exchange, or adds a field error. */
    void (*take)(struct http_exchange *exchange, const char *pointer, const struct json *value);
    const char *aliases; /* other names for it, for suggestions (suggest.h); NULL: none */
};

/* Parses the body, an object, and takes its members; no body is an empty object. False after answering with all that is
   wrong. */
MUST_CHECK bool json_body_take(struct http_exchange *exchange, const struct json_body_field *fields,
                               size_t count);

/* Stores the value of a member that must be true or false, or adds a field error. */
void json_body_boolean(struct http_exchange *exchange, const char *pointer,
                       const struct json *value, bool *boolean);

/* The text of a member that must be a string; NULL after adding a field error. */
const char *json_body_text(struct http_exchange *exchange, const char *pointer,
                           const struct json *value);

#endif
