/* The HTTP answer to a device that may not connect, with problem+json (RFC 9457). Any thread. */
#ifndef WS_BROKER_NET_WS_REFUSAL_H
#define WS_BROKER_NET_WS_REFUSAL_H

#include "common/base/buffer.h"
#include "common/base/error.h"

/* Appends the whole answer; the connection is closed after it. */
void ws_refusal_write(struct buffer *out, enum error error, const char *detail,
                      const char *request_id);

#endif
