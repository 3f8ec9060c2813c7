/*
 * The FastCGI server: connections from nginx, worker threads, and exchanges between them.
 *
 * libfcgi ties a thread to a connection for as long as nginx keeps it, so a few idle connections
 * starve everybody. Here the main thread accepts, one epoll holds the connections, and
 * a worker has one only from the first byte of a request to the answer, or until it is parked. Of the
 * workers no more than there are processors look for requests; one that reads a long list is replaced.
 * Under load one takes several requests at once, and is a batch thread (sched(7)).
 * Only nginx may reach the socket: a half-sent request does hold its worker, and those that it has taken
 * besides, until the time limit.
 */
#ifndef API_FCGI_SERVER_FCGI_SERVER_H
#define API_FCGI_SERVER_FCGI_SERVER_H

#include "api-fcgi/server/http.h"

struct fcgi_server_options {
    const char *socket_path;
    int workers;
    int64_t io_timeout_s;    /* of one read or write on a connection */
    int64_t drain_timeout_s; /* that a stop waits for open exchanges */
    struct api *api;
    size_t state_size;               /* of a handler, in bytes: http_exchange.state */
    void (*answered)(void *context); /* when fcgi_server_call_answered has asked for it; or NULL */
    void *context;
};

struct fcgi_server;

/* Listens and starts the workers, each with its own reader. NULL after logging why not. */
struct fcgi_server *fcgi_server_start(const struct fcgi_server_options *options);

/* Has a worker resume the exchanges that need no longer wait. Any thread. */
void fcgi_server_wake(struct fcgi_server *server);

/* On a worker: has it call options.answered once it has written the answers that can be written, for what
   clients need not wait for. False on any other thread. */
bool fcgi_server_call_answered(const struct fcgi_server *server);

enum fcgi_server_end {
    FCGI_SERVER_FAILED, /* a worker could not start */
    FCGI_SERVER_STOPS,
    FCGI_SERVER_PAUSES, /* fcgi_server_pass_connections and exit follow: the manager starts the next process */
};

/*
 * Serves until SIGTERM, SIGINT or SIGHUP, first the connections inherited from the last process; then stops without
 * losing a request: no new connections, no new requests on the old ones, an answer for each request that
 * was read. The workers have left when it returns; exchanges that are still parked, because the time ran
 * out, wait for store_close.
 *
 * Where the service manager keeps the listening socket and stores descriptors, idle connections from nginx stay open
 * for the next process: requests that nginx sends meanwhile stay unread in them, and new connections in the socket.
 */
enum fcgi_server_end fcgi_server_run(struct fcgi_server *server);

/* Stores the idle connections with the service manager (program_store_fd). After store_close. */
void fcgi_server_pass_connections(struct fcgi_server *server);

/* After store_close: no exchange may be parked any more. */
void fcgi_server_free(struct fcgi_server *server);

#endif
