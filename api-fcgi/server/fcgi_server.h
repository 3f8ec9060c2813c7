/*
 * The FastCGI server: connections from nginx, worker threads, and the exchanges between them.
 *
 * libfcgi ties a thread to a connection for as long as nginx keeps it open, so that a few idle connections
 * would use up all threads. Here the main thread accepts (fcgi_server.c), one epoll instance watches the
 * connections (connection.c), and a worker (worker.c) has a connection only from the first byte of a request
 * until the exchange is answered or parked.
 *
 * Only nginx may reach the socket: half a request holds its worker until the time limit.
 */
#ifndef API_FCGI_SERVER_FCGI_SERVER_H
#define API_FCGI_SERVER_FCGI_SERVER_H

#include "api-fcgi/server/http.h"

struct fcgi_server_options {
    const char *socket_path;
    int workers;
    int64_t io_timeout_s;    /* of one read or write on a connection */
    int64_t drain_timeout_s; /* how long a stop waits for open exchanges */
    struct api *api;
    size_t state_size;                    /* of http_exchange.state, in bytes */
    void (*after_answers)(void *context); /* see fcgi_server_call_after_answers; or NULL */
    void *context;
};

struct fcgi_server;

/* Listens and starts the workers, each with its own reader. NULL after logging why. */
struct fcgi_server *fcgi_server_start(const struct fcgi_server_options *options);

/* Has a worker resume the exchanges that have been woken (http_exchange.wake). Any thread. */
void fcgi_server_wake(struct fcgi_server *server);

/* On a worker: has it call options.after_answers once it has written its answers; for work that clients need
   not wait for. False on any other thread, and then nothing is called. */
bool fcgi_server_call_after_answers(const struct fcgi_server *server);

enum fcgi_server_end {
    FCGI_SERVER_FAILED, /* a worker could not start */
    FCGI_SERVER_STOPS,
    FCGI_SERVER_PAUSES, /* fcgi_server_pass_connections and exit follow: the manager starts the next process */
};

/*
 * Serves until SIGTERM, SIGINT or SIGHUP, first the connections inherited from the last process. Then it
 * drains: it accepts no connection and reads no further request, and answers each request that it has read.
 * The workers have ended when it returns. Exchanges that are still parked after drain_timeout_s are
 * finished by store_close.
 *
 * If the service manager keeps the listening socket and stores descriptors, idle connections stay open for the
 * next process: what nginx sends meanwhile stays unread in them, and new connections stay in the socket.
 */
enum fcgi_server_end fcgi_server_run(struct fcgi_server *server);

/* Stores the idle connections with the service manager (program_store_fd). After store_close. */
void fcgi_server_pass_connections(struct fcgi_server *server);

/* After store_close: no exchange may be parked. */
void fcgi_server_free(struct fcgi_server *server);

#endif
