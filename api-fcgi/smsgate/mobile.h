/*
 * The mobile API: what SMSGate's app asks of its server. See the chapter "Polled devices" of ws-broker/PROTOCOL.md.
 *
 * Its routes need the token of a device (mobile_access.h), and no API key.
 */
#ifndef API_FCGI_SMSGATE_MOBILE_H
#define API_FCGI_SMSGATE_MOBILE_H

#include "api-fcgi/server/http.h"

/* mobile_stubs.c: what the app can ask for, and this gateway does not have */
enum http_outcome mobile_handle_address(struct http_exchange *exchange);
enum http_outcome mobile_refuse_user(struct http_exchange *exchange);

#endif
