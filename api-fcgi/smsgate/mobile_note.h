/* What a phone says of itself, or has fetched: a note for the store. */
#ifndef API_FCGI_SMSGATE_MOBILE_NOTE_H
#define API_FCGI_SMSGATE_MOBILE_NOTE_H

#include "api-fcgi/server/http.h"

/* Makes it the exchange's write: of that device and token, with nothing set. What is put into `info` is freed with the
   exchange. */
struct store_note_polled *mobile_note_begin(struct http_exchange *exchange, const char *device_id,
                                            const char *token_id);

#endif
