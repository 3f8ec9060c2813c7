/* The state of the server, for its own files: fcgi_server.c (the main thread), connection.c, worker.c. */
#ifndef API_FCGI_SERVER_FCGI_SERVER_STATE_H
#define API_FCGI_SERVER_FCGI_SERVER_STATE_H

#include "api-fcgi/server/fcgi_server.h"
#include "common/process/listen_fds.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct connection;
struct worker;

struct fcgi_server {
    struct fcgi_server_options options;
    struct listen_socket socket;
    int signal_fd;
    int epoll_fd;
    int spare_fd; /* closed to accept and refuse a connection when no descriptors are left */
    int wake_fd;  /* edge-triggered: each write wakes one worker */
    sem_t run_slots;
    struct worker *workers;
    int worker_count;
    atomic_bool draining; /* no further request is read; those before are answered */
    atomic_bool keeping;  /* while draining: idle connections stay open for the next process */
    atomic_bool stopping; /* the workers end */
    atomic_bool failed;   /* a worker could not start */
    atomic_bool polled; /* a worker has looked for requests since the last watchdog notification */

    pthread_mutex_t lock;
    pthread_cond_t fewer; /* signalled when there are fewer connections, or fewer busy ones */
    struct connection *connections; /* under lock */
    atomic_int busy;                /* connections that are not idle */
    atomic_bool any_ready;          /* set under lock: first_ready is not NULL */
    struct connection *first_ready; /* under lock */
    struct connection **last_ready; /* under lock */
    atomic_bool any_long;           /* set under lock: a long request waits, and none is handled */
    bool handles_long;              /* under lock */
    struct connection *first_long;  /* under lock */
    struct connection **last_long;  /* under lock */
};

#endif
