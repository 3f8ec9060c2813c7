/* What a phone hears that may not connect: an HTTP answer with problem+json (RFC 9457). Any thread. */
#ifndef WS_BROKER_NET_WS_REFUSAL_H
#define WS_BROKER_NET_WS_REFUSAL_H

#include "common/base/buffer.h"
#include "common/base/error.h"

/* The body. */
void ws_refusal_write_body(struct buffer *out, enum error error, const char *detail,
                           const char *request_id);

/* The whole answer, after which the connection is closed. */
void ws_refusal_write(struct buffer *out, enum error error, const char *detail,
                      const char *request_id);

#endif
