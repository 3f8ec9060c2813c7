/* The JSON of a phone: read with the tolerance that its reports need, because as little as possible of them may be lost. */
#ifndef API_FCGI_SMSGATE_MOBILE_JSON_H
#define API_FCGI_SMSGATE_MOBILE_JSON_H

#include "api-fcgi/server/http.h"
#include "common/base/json.h"

/* The body, the caller's to free; NULL after answering 400. */
struct json *mobile_json_parse(struct http_exchange *exchange);

/* The text of a member of an object; "" where it is missing or no text. */
const char *mobile_json_text(const struct json *object, const char *name);

/* A number of a member, also one in quotes. False, and *number is undefined: there is none. */
MUST_CHECK bool mobile_json_number(const struct json *object, const char *name, double *number);

/* A whole number of a member, also one with decimals or in quotes; `missing` without one. */
int64_t mobile_json_integer(const struct json *object, const char *name, int64_t missing);

/* What a phone says of its SIM cards: the slots as bits, and the list in the form of struct device_info, which the caller
   frees; NULL: it says nothing. */
char *mobile_json_sims(const struct json *sim_cards, unsigned *slots);

#endif
