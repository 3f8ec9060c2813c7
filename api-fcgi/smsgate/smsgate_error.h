/*
 * Errors of SMSGate's API: {"message": "..."}.
 *
 * http_problem and the checks of server/ answer in this form by themselves where exchange->is_smsgate; what is wrong with a body is
 * then 400, not 422.
 */
#ifndef API_FCGI_SMSGATE_SMSGATE_ERROR_H
#define API_FCGI_SMSGATE_SMSGATE_ERROR_H

#include "api-fcgi/server/http.h"

/* For a status that this API has where ours has another, or none. */
enum http_outcome smsgate_error(struct http_exchange *exchange, int status, const char *message,
                                ...) PRINTF_FORMAT(3, 4);

/* An answer without a body: 204, 202. */
enum http_outcome smsgate_answer_empty(struct http_exchange *exchange, int status);

/* After a write: 204, or why the store refused it. */
void smsgate_answer_stored(struct http_exchange *exchange);

#endif
