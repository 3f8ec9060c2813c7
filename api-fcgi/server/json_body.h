/* The JSON body of a request, by a table of its members. */
#ifndef API_FCGI_SERVER_JSON_BODY_H
#define API_FCGI_SERVER_JSON_BODY_H

#include "api-fcgi/server/http.h"
#include "common/base/json.h"

struct json_body_field {
    const char *pointer; /* "/" and the name */
    bool required;
    /* Stores the value in `target`, or adds a field error. `pointer` is that of the value in the body. */
    void (*take)(struct http_exchange *exchange, const char *pointer, const struct json *value,
                 void *target);
    const char *aliases; /* other names for it, for suggestions (suggest.h); NULL: none */
};

/* Parses the body, an object, and takes its members; no body is an empty object. False after answering with all that is
   wrong. */
MUST_CHECK bool json_body_take(struct http_exchange *exchange, const struct json_body_field *fields,
                               size_t count, void *target);

/* The parts of json_body_take, for a body that has more than one object. NULL after answering; json_free. */
MUST_CHECK struct json *json_body_parse(struct http_exchange *exchange);

/* Whether the value at `place` is an object; adds an error if not. */
MUST_CHECK bool json_body_is_object(struct http_exchange *exchange, const struct json *value,
                                    const char *place);

/* Takes the members of the object that is in the body at `place`, a JSON pointer; "": it is the body itself. Adds
   errors. */
void json_body_take_object(struct http_exchange *exchange, const struct json *object,
                           const char *place, const struct json_body_field *fields, size_t count,
                           void *target);

/* Adds an error for each member of the object at `place` that is none of the fields. */
void json_body_refuse_others(struct http_exchange *exchange, const struct json *object,
                             const char *place, const struct json_body_field *fields, size_t count);

/* The pointer of a member, in `whole` or borrowed. A place has less than JSON_BODY_PLACE_SIZE bytes. */
enum { JSON_BODY_PLACE_SIZE = 64, JSON_BODY_POINTER_SIZE = JSON_BODY_PLACE_SIZE + 64 };
const char *json_body_pointer(const char *place, const char *pointer,
                              char whole[JSON_BODY_POINTER_SIZE]);

/* False after answering, where errors were added. */
MUST_CHECK bool json_body_accept(struct http_exchange *exchange);

/* Stores the value of a member that must be true or false, or adds a field error. */
void json_body_boolean(struct http_exchange *exchange, const char *pointer,
                       const struct json *value, bool *boolean);

/* Stores the value of a member that must be an integer between both, or adds a field error. */
MUST_CHECK bool json_body_integer(struct http_exchange *exchange, const char *pointer,
                                  const struct json *value, int64_t low, int64_t high,
                                  int64_t *integer);

/* The text of a member that must be a string; NULL after adding a field error. */
const char *json_body_text(struct http_exchange *exchange, const char *pointer,
                           const struct json *value);

/* The time of such a member; false after adding a field error. */
MUST_CHECK bool json_body_time(struct http_exchange *exchange, const char *pointer,
                               const struct json *value, int64_t *wall_ms);

/* The device id of such a member; NULL after adding a field error. */
const char *json_body_device_id(struct http_exchange *exchange, const char *pointer,
                                const struct json *value);

#endif
