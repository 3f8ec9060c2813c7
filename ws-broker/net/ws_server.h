/*
 * The WebSocket server: sockets of libwebsockets on libuv, behind the doorman and nginx, and the loop that
 * feeds the broker core and carries out its actions. Frames are read and written in ws_connection.h. The loop
 * never waits for the store.
 */
#ifndef WS_BROKER_NET_WS_SERVER_H
#define WS_BROKER_NET_WS_SERVER_H

#include "ws-broker/core/broker.h"

struct ws_server_options {
    const char *socket_path;
    const char *doorbell_path;
    size_t max_frame_bytes;
    unsigned max_sessions;
    bool tokens_required; /* DEVICE_TOKENS */
    struct broker *broker;
    struct store *store;
    struct metrics *metrics; /* is told when the loop turns */
};

struct ws_server;

/* Listens, or serves the inherited socket. NULL after logging why not. */
struct ws_server *ws_server_start(const struct ws_server_options *options);

/* Has the loop take what the store has finished. Any thread. */
void ws_server_wake(struct ws_server *server);

/* Serves until SIGTERM, SIGINT or SIGHUP, then drains the broker, and returns when that is done. On SIGHUP devices are
   told that the gateway restarts. */
void ws_server_run(struct ws_server *server);

/* After store_close, so that no write is under way: gives the core the last answers, frees. */
void ws_server_free(struct ws_server *server);

#endif
