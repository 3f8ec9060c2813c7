/*
 * The WebSocket handshake (RFC 6455, 4.2), or the request for the stream of a polled device, without the check of its token:
 * reading the request, checking it, answering it.
 * Any thread.
 */
#ifndef WS_BROKER_NET_WS_HANDSHAKE_H
#define WS_BROKER_NET_WS_HANDSHAKE_H

#include "common/access/secret.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/model/device.h"
#include "ws-broker/core/device_protocol.h"

/* A request. A header that was not sent is "". */
struct ws_handshake {
    /* It is for the stream of a polled device, GET /mobile/events, which is not a WebSocket. The token says whose. */
    bool is_stream;
    char device_id[DEVICE_ID_SIZE];
    char token[SECRET_TEXT_SIZE];
    char request_id[65];
    char upgrade[16], version[4], key[25];
    char subprotocol[64];
};

/* Whether a head begins as a request for the stream of a polled device, whatever follows. */
MUST_CHECK bool ws_handshake_is_for_stream(const char *head, size_t length);

/* Reads the head of an HTTP request, up to and including its empty line. False when it is incomplete, not for a device's
   path, or has one of these headers twice. */
MUST_CHECK bool ws_handshake_read(const char *head, size_t length, struct ws_handshake *handshake);

/* Whether it can be answered with 101: ERROR_NONE, or the error and its *detail. */
MUST_CHECK enum error ws_handshake_check(const struct ws_handshake *handshake, const char **detail);

/* The level that its subprotocol asks for; NULL: the gateway does not speak it. */
const struct device_protocol *ws_handshake_protocol(const struct ws_handshake *handshake);

/* Appends the answer 101 to a handshake that was checked; for a stream 200 and a first comment, which the app waits for. */
void ws_handshake_accept(struct buffer *out, const struct ws_handshake *handshake);

#endif
