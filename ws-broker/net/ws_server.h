/*
 * The WebSocket server: the loop that brings events to the broker core and carries out its actions. Sockets are
 * libwebsockets' on libuv; handshake_auth.h accepts them behind nginx, ws_connection.h reads and writes their frames. The
 * loop never waits for the store.
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
    bool keys_required;   /* API_KEYS, for the event stream */
    unsigned max_streams; /* of events */
    struct broker *broker;
    struct store *store;
    int64_t store_timeout_ms;
    struct metrics *metrics; /* metrics_turn is called as the loop runs */
};

struct ws_server;

/* Listens, or serves the inherited socket. NULL after logging the reason. */
struct ws_server *ws_server_start(const struct ws_server_options *options);

/* Wakes the loop, to take the writes that the store has finished. Any thread. */
void ws_server_wake(struct ws_server *server);

/* The same after each commit of the store, which may also be of events for the stream. */
void ws_server_committed(struct ws_server *server);

/* For store_listen. Any thread. */
void ws_server_notified(struct ws_server *server, unsigned topics, bool same_node);

/* Serves until SIGTERM, SIGINT or SIGHUP, then drains the broker, and returns when that is done. On SIGHUP devices are
   told that the gateway restarts. */
void ws_server_run(struct ws_server *server);

/* Gives the core the last completions. After store_close, so that no write is at the store. */
void ws_server_free(struct ws_server *server);

#endif
