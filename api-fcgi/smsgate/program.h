/*
 * The third-party API: what programs written for SMSGate ask of its server. deploy/SMSGATE.md describes it.
 *
 * A message of a program is a batch with an external id: one row for each of its numbers. Its routes need an API key with the
 * scope that the same needs at /api, as the password of Basic or after Bearer.
 */
#ifndef API_FCGI_SMSGATE_PROGRAM_H
#define API_FCGI_SMSGATE_PROGRAM_H

#include "api-fcgi/server/http.h"

enum { PROGRAM_MAX_NUMBERS = 100, PROGRAM_MAX_LIMIT = 100, PROGRAM_DEFAULT_LIMIT = 50 };
#define PROGRAM_PATH "/api/3rdparty/v1"

/* program_messages.c */
enum http_outcome program_messages_handle_send(struct http_exchange *exchange);
enum http_outcome program_messages_handle_get(struct http_exchange *exchange);
enum http_outcome program_messages_handle_cancel(struct http_exchange *exchange);

/* program_list.c */
enum http_outcome program_list_handle(struct http_exchange *exchange);

/* program_inbox.c */
enum http_outcome program_inbox_handle_list(struct http_exchange *exchange);
enum http_outcome program_inbox_handle_refresh(struct http_exchange *exchange);

/* program_devices.c */
enum http_outcome program_devices_handle_list(struct http_exchange *exchange);
enum http_outcome program_devices_handle_remove(struct http_exchange *exchange);

/* program_webhooks.c */
enum http_outcome program_webhooks_handle_list(struct http_exchange *exchange);
enum http_outcome program_webhooks_handle_create(struct http_exchange *exchange);
enum http_outcome program_webhooks_handle_remove(struct http_exchange *exchange);

/* program_settings.c */
enum http_outcome program_settings_handle_get(struct http_exchange *exchange);
enum http_outcome program_settings_handle_change(struct http_exchange *exchange);
enum http_outcome program_settings_refuse_logs(struct http_exchange *exchange);
enum http_outcome program_settings_refuse_tokens(struct http_exchange *exchange);

/* program_health.c */
enum http_outcome program_health_handle_ready(struct http_exchange *exchange);
enum http_outcome program_health_handle_live(struct http_exchange *exchange);

#endif
