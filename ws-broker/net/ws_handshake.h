/*
 * The WebSocket handshake (RFC 6455, 4.2), as far as it needs no store: what a request says of itself, whether it
 * may become a WebSocket, and the answer where it does. Any thread.
 */
#ifndef WS_BROKER_NET_WS_HANDSHAKE_H
#define WS_BROKER_NET_WS_HANDSHAKE_H

#include "common/access/secret.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/model/device.h"
#include "ws-broker/core/device_protocol.h"

/* A header that was not sent is "". */
struct ws_handshake {
    char device_id[DEVICE_ID_SIZE];
    char token[SECRET_TEXT_SIZE];
    char request_id[65];
    char upgrade[16], version[4], key[25];
    char subprotocol[64];
};

/* Reads the head of an HTTP request, up to its empty line. False where it is not whole, not one of a
   phone, or has a header twice that counts here. */
MUST_CHECK bool ws_handshake_read(const char *head, size_t length, struct ws_handshake *handshake);

/* Whether it can be answered with 101: ERROR_NONE, or why not, and *detail. */
MUST_CHECK enum error ws_handshake_check(const struct ws_handshake *handshake, const char **detail);

/* The level that its subprotocol asks for; NULL: the gateway does not speak it. */
const struct device_protocol *ws_handshake_protocol(const struct ws_handshake *handshake);

/* The answer 101 to one that was checked. */
void ws_handshake_accept(struct buffer *out, const struct ws_handshake *handshake);

#endif
