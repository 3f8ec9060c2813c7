/*
 * The WebSocket handshake (RFC 6455, 4.2): who may connect, and a real HTTP answer to who may not.
 * Inside callbacks of libwebsockets, while it has the headers; on the loop thread.
 */
#ifndef BROKER_WS_HANDSHAKE_H
#define BROKER_WS_HANDSHAKE_H

#include "../common/base.h"
#include "../common/device.h"
#include "../common/error.h"
#include "../common/secret.h"

struct lws;

/* The device id of the request's path. False if the path is not one of a device. */
MUST_CHECK bool ws_handshake_device_id(struct lws *wsi, char device_id[DEVICE_ID_SIZE]);

/* The id of the device token in the header Authorization, which the doorman has checked. False without
   one. */
MUST_CHECK bool ws_handshake_token_id(struct lws *wsi, char token_id[SECRET_ID_SIZE]);

/* Whether the upgrade may go on; `admission` is the broker's answer to another phone. Answers itself
   where it may not. Both return what the callback must return. */
int ws_handshake_confirm(struct lws *wsi, enum error admission);
int ws_handshake_refuse(struct lws *wsi, enum error error, const char *detail);

#endif
