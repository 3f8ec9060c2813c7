/* Who asks: the device of a mobile token, and the secret of its webhooks, which is made of the token. */
#ifndef API_FCGI_SMSGATE_MOBILE_ACCESS_H
#define API_FCGI_SMSGATE_MOBILE_ACCESS_H

#include "api-fcgi/server/http.h"

enum { MOBILE_SECRET_SIZE = 33 };

/* The token of the request's device, which is active. False after answering 401, or why it cannot be looked up. On a worker. */
MUST_CHECK bool mobile_access_take(struct http_exchange *exchange, struct device_token *token);

/* Answers 401 to a request by which the token was found to be two phones', and logs it. */
void mobile_access_quarantined(struct http_exchange *exchange, const char *device_id,
                               const char *token_id, const char *evidence);

#define MOBILE_VERSIONS_TAKE_TURNS "versions of the app take turns"

/* 128 bits of the hash of a text, in hexadecimal digits. */
void mobile_access_digest(const char *text, char digest[MOBILE_SECRET_SIZE]);

/* What a device has in the path of its webhooks: 128 bits that nobody can tell without the token. */
void mobile_access_hook(const char *token, char hook[MOBILE_SECRET_SIZE]);
/* What it signs them with, by that. */
void mobile_access_signing_key(const char *hook, char key[MOBILE_SECRET_SIZE]);

#endif
