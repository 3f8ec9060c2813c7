/*
 * The mobile API: what SMSGate's app asks of its server. See the chapter "Polled devices" of ws-broker/PROTOCOL.md.
 *
 * Its routes need the token of a device (mobile_access.h), and no API key.
 */
#ifndef API_FCGI_SMSGATE_MOBILE_H
#define API_FCGI_SMSGATE_MOBILE_H

#include "api-fcgi/server/http.h"

/* mobile_device.c */
enum http_outcome mobile_handle_register(struct http_exchange *exchange);
enum http_outcome mobile_handle_describe(struct http_exchange *exchange);

/* mobile_messages.c */
enum http_outcome mobile_handle_messages(struct http_exchange *exchange);

/* mobile_reports.c */
enum http_outcome mobile_handle_reports(struct http_exchange *exchange);

/* mobile_setup.c: how the app is to be set up */
enum http_outcome mobile_handle_webhooks(struct http_exchange *exchange);
enum http_outcome mobile_handle_settings(struct http_exchange *exchange);

/* mobile_hook.c: what the app posts by itself */
enum http_outcome mobile_handle_hook(struct http_exchange *exchange);

/* mobile_stubs.c: what the app can ask for, and this gateway does not have; and its address, without a token */
enum http_outcome mobile_handle_address(struct http_exchange *exchange);
enum http_outcome mobile_refuse_user(struct http_exchange *exchange);

#endif
