/* The handlers that the route table names. Each runs on a worker, with a reader at hand. */
#ifndef API_FCGI_HANDLERS_HANDLERS_H
#define API_FCGI_HANDLERS_HANDLERS_H

#include "api-fcgi/server/http.h"

/* messages.c */
enum http_outcome handle_send_sms(struct http_exchange *exchange);
enum http_outcome handle_get_message(struct http_exchange *exchange);
enum http_outcome handle_cancel_message(struct http_exchange *exchange);

/* message_list.c */
enum http_outcome handle_list_messages(struct http_exchange *exchange);

/* devices.c */
enum http_outcome handle_list_devices(struct http_exchange *exchange);

/* pairing.c */
enum http_outcome handle_create_pairing(struct http_exchange *exchange);
enum http_outcome handle_pair(struct http_exchange *exchange);
enum http_outcome handle_revoke_device(struct http_exchange *exchange);

/* health.c */
enum http_outcome handle_livez(struct http_exchange *exchange);
enum http_outcome handle_readyz(struct http_exchange *exchange);

/* scrape.c */
enum http_outcome handle_metrics(struct http_exchange *exchange);

#endif
