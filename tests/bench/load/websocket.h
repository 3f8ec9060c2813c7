/* The bytes of WebSocket frames (RFC 6455), as a client writes and reads them. */
#ifndef TESTS_BENCH_LOAD_WEBSOCKET_H
#define TESTS_BENCH_LOAD_WEBSOCKET_H

#include "common/base/base.h"

enum { WEBSOCKET_TEXT = 1, WEBSOCKET_CLOSE = 8, WEBSOCKET_PING = 9, WEBSOCKET_PONG = 10 };
enum { WEBSOCKET_HEAD_BYTES = 8 }; /* of a masked frame, at most */

/* Writes the head of a whole frame of fewer than 65,536 bytes, masked with the key 0, so that the
   payload follows as it is; returns its length. */
size_t websocket_write_head(unsigned char head[WEBSOCKET_HEAD_BYTES], int opcode, size_t length);

/* Reads the head of a frame of a server. Returns its length, 0 if it is not whole yet. */
size_t websocket_read_head(const unsigned char *bytes, size_t count, int *opcode, size_t *length);

/* The handshake for a path, with a subprotocol and a token, or NULL; returns its length. */
size_t websocket_write_handshake(char *bytes, size_t size, const char *path, const char *protocol,
                                 const char *token);

#endif
