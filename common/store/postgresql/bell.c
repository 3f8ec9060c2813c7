#include "common/store/postgresql/bell.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/postgresql/connection.h"
#include "common/store/postgresql/server_clock.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    BELL_INTERVAL_MS = 5,
    CONNECT_TIMEOUT_MS = 3000,
    FIRST_PAUSE_MS = 50, /* between attempts to connect; doubled up to the longest */
    LONGEST_PAUSE_MS = 1000,
    CHECK_INTERVAL_MS = 10000, /* whether a server that says nothing is there */
    LAST_RING_MS = 1000,       /* what is rung at the end of the process */
    NODE_SIZE = 64,
};

#define CHANNEL "sms_gateway"
/* Its rings need not be on disk, nor on a standby. */
#define SETUP "SET synchronous_commit = off; SET application_name = 'sms-gateway doorbell'"

struct bell {
    const char *url, *node;
    int64_t writer_id;
    int wake_fd;
    atomic_uint rung; /* topics that others are not told of yet */
    atomic_bool stopping;
    void (*notified)(void *context, unsigned topics, bool same_node); /* NULL: nobody listens */
    void *context;
    struct metrics *metrics; /* or NULL */

    pthread_mutex_t lock;
    bool started; /* under lock */
    pthread_t thread;

    /* The thread's; monotonic */
    struct connection connection;
    bool is_away; /* it has been logged */
    int pause_ms;
    int64_t connect_at_ms, ring_at_ms, check_at_ms;
};

/* ---- The connection ---- */

static void connect_bell(struct bell *bell, int64_t deadline_ms)
{
    char problem[STORE_ERROR_SIZE];
    const char *setup = bell->notified ? SETUP "; LISTEN " CHANNEL : SETUP;
    bool good = connection_open(&bell->connection, bell->url, setup, deadline_ms, problem);
    int64_t now_ms = clock_monotonic_ms();
    if (!good) {
        if (!bell->is_away)
            log_warning("what other nodes commit is not heard at once, until the database can be "
                        "reached",
                        LOG_TEXT("problem", problem));
        bell->is_away = true;
        bell->connect_at_ms = now_ms + bell->pause_ms;
        bell->pause_ms = MIN(2 * bell->pause_ms, LONGEST_PAUSE_MS);
        return;
    }
    if (bell->is_away)
        log_info("what other nodes commit is heard again");
    bell->is_away = false;
    bell->pause_ms = FIRST_PAUSE_MS;
    bell->check_at_ms = now_ms + CHECK_INTERVAL_MS;
    if (!bell->notified)
        return;
    METRICS_SET(bell->metrics, node_listening, 1);
    bell->notified(bell->context, STORE_TOPICS, false); /* listening first, then looking */
}

static void lose(struct bell *bell)
{
    connection_close(&bell->connection);
    METRICS_SET(bell->metrics, node_listening, 0);
    bell->connect_at_ms = 0;
}

/* A ring is "TOPICS WRITER NODE". Later versions may have more topics, and words. */
static void take_notification(struct bell *bell, const char *ring, unsigned *others, unsigned *here)
{
    unsigned topics;
    int64_t writer_id;
    char node[NODE_SIZE] = "";
    if (sscanf(ring, "%u %" SCNd64 " %63s", &topics, &writer_id, node) < 2 ||
        writer_id == bell->writer_id)
        return;
    *(*node && strcmp(node, bell->node) == 0 ? here : others) |= topics & STORE_TOPICS;
}

/* Tells the listener what has come. */
static void take_notifications(struct bell *bell)
{
    unsigned others = 0, here = 0;
    PGnotify *notification;
    if (!PQconsumeInput(bell->connection.pg)) {
        lose(bell);
        return;
    }
    while ((notification = PQnotifies(bell->connection.pg))) {
        take_notification(bell, notification->extra, &others, &here);
        PQfreemem(notification);
    }
    if (others && bell->notified)
        bell->notified(bell->context, others, false);
    if (here && bell->notified)
        bell->notified(bell->context, here, true);
}

/* That the server is there; and what its clock is. */
static void check(struct bell *bell)
{
    char problem[STORE_ERROR_SIZE];
    bell->check_at_ms = clock_monotonic_ms() + CHECK_INTERVAL_MS;
    if (!server_clock_ask(&bell->connection, problem))
        lose(bell);
}

static void tell_others(struct bell *bell, int64_t now_ms)
{
    char sql[160], problem[STORE_ERROR_SIZE];
    unsigned topics = atomic_exchange(&bell->rung, 0);
    snprintf(sql, sizeof(sql), "NOTIFY " CHANNEL ", '%u %" PRId64 " %s'", topics, bell->writer_id,
             bell->node);
    bell->ring_at_ms = now_ms + BELL_INTERVAL_MS;
    PGresult *result = connection_query(&bell->connection, sql, problem);
    PQclear(result);
    if (!result) {
        atomic_fetch_or(&bell->rung, topics);
        lose(bell);
    }
}

/* ---- The thread ---- */

static void do_what_is_due(struct bell *bell)
{
    if (bell->connection.pg && connection_is_past(&bell->connection))
        lose(bell);
    int64_t now_ms = clock_monotonic_ms();
    if (!bell->connection.pg && now_ms >= bell->connect_at_ms)
        connect_bell(bell, now_ms + CONNECT_TIMEOUT_MS);
    if (bell->connection.pg && atomic_load(&bell->rung) && now_ms >= bell->ring_at_ms)
        tell_others(bell, now_ms);
    if (bell->connection.pg && now_ms >= bell->check_at_ms)
        check(bell);
    if (bell->connection.pg)
        take_notifications(bell); /* those that came with answers, too */
}

static void wait_for_more(struct bell *bell)
{
    struct pollfd descriptors[2] = {{.fd = bell->wake_fd, .events = POLLIN}, {.fd = -1}};
    int64_t until_ms = bell->connect_at_ms;
    if (bell->connection.pg) {
        descriptors[1] = (struct pollfd){.fd = PQsocket(bell->connection.pg), .events = POLLIN};
        until_ms = atomic_load(&bell->rung) ? bell->ring_at_ms : bell->check_at_ms;
    }
    int64_t wait_ms = MAX(until_ms - clock_monotonic_ms(), 0);
    uint64_t ignored;
    if (poll(descriptors, 2, (int)wait_ms) > 0 && descriptors[0].revents)
        (void)!read(bell->wake_fd, &ignored, sizeof(ignored));
}

static void *bell_main(void *argument)
{
    struct bell *bell = argument;
    while (!atomic_load(&bell->stopping)) {
        do_what_is_due(bell);
        wait_for_more(bell);
    }
    int64_t now_ms = clock_monotonic_ms();
    bell->notified = NULL;
    if (atomic_load(&bell->rung) && !bell->connection.pg)
        connect_bell(bell, now_ms + LAST_RING_MS);
    if (atomic_load(&bell->rung) && bell->connection.pg)
        tell_others(bell, now_ms);
    connection_close(&bell->connection);
    return NULL;
}

static void wake(struct bell *bell)
{
    uint64_t one = 1;
    (void)!write(bell->wake_fd, &one, sizeof(one));
}

static bool start(struct bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    if (!bell->started)
        bell->started = pthread_create(&bell->thread, NULL, bell_main, bell) == 0;
    bool started = bell->started;
    pthread_mutex_unlock(&bell->lock);
    return started;
}

/* ---- From other threads ---- */

void bell_ring(struct bell *bell, unsigned topics)
{
    if (atomic_fetch_or(&bell->rung, topics) == 0 && start(bell))
        wake(bell);
}

void bell_follow(struct bell *bell)
{
    wake(bell);
}

bool bell_listen(struct bell *bell,
                 void (*notified)(void *context, unsigned topics, bool same_node), void *context)
{
    pthread_mutex_lock(&bell->lock);
    if (bell->started) { /* it has rung before, and connects again */
        atomic_store(&bell->stopping, true);
        wake(bell);
        pthread_join(bell->thread, NULL);
        atomic_store(&bell->stopping, false);
        bell->started = false;
    }
    bell->notified = notified;
    bell->context = context;
    bell->connect_at_ms = 0;
    pthread_mutex_unlock(&bell->lock);
    return start(bell);
}

struct bell *bell_new(const char *url, const struct store_options *options, int64_t writer_id,
                      struct newest_timeline *newest)
{
    struct bell *bell = calloc(1, sizeof(*bell));
    if (!bell)
        return NULL;
    bell->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell->wake_fd < 0) {
        free(bell);
        return NULL;
    }
    pthread_mutex_init(&bell->lock, NULL);
    bell->url = url;
    bell->node = options->node ? options->node : "";
    bell->writer_id = writer_id;
    bell->metrics = options->metrics;
    bell->pause_ms = FIRST_PAUSE_MS;
    bell->connection.timeout_ms = (int)options->timeout_ms;
    bell->connection.newest = newest;
    bell->connection.leads = true; /* a process that writes nothing moves, too */
    return bell;
}

void bell_free(struct bell *bell)
{
    if (!bell)
        return;
    if (bell->started) {
        atomic_store(&bell->stopping, true);
        wake(bell);
        pthread_join(bell->thread, NULL);
    }
    pthread_mutex_destroy(&bell->lock);
    close(bell->wake_fd);
    free(bell);
}
