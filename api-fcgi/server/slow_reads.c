#include "api-fcgi/server/slow_reads.h"

#include "api-fcgi/server/api.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { THREADS = 2, NICENESS = 10 };

struct slow_reads {
    struct api *api;
    void (*completed)(void *context);
    void *context;
    pthread_t threads[THREADS];
    int thread_count;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_exchange *waiting; /* under lock, with all below: by turn, then oldest first */
    const struct http_exchange *running[THREADS];
    unsigned turn; /* of the one taken last */
    bool stopping;
};

/* Clients are told apart by their keys; without keys, by their routes. */
static bool same_client(const struct http_exchange *one, const struct http_exchange *other)
{
    return strcmp(one->key_id, other->key_id) == 0 && (*one->key_id || one->route == other->route);
}

/* ---- Waiting: under the lock ---- */

/* Clients take turns: the first read of each, then the second of each. False when too many wait; *too_many_own
   says whether too many are of this client. */
static bool add(struct slow_reads *reads, struct http_exchange *exchange, bool *too_many_own)
{
    unsigned count = 0, own = 0;
    for (const struct http_exchange *one = reads->waiting; one; one = one->next_waiting) {
        count++;
        own += same_client(one, exchange);
    }
    *too_many_own = own >= SLOW_READS_OF_A_KEY;
    if (*too_many_own || count >= SLOW_READS_WAITING)
        return false;
    exchange->slow_read.turn = reads->turn + 1 + own;
    struct http_exchange **link = &reads->waiting;
    while (*link && (int)((*link)->slow_read.turn - exchange->slow_read.turn) <= 0)
        link = &(*link)->next_waiting;
    exchange->next_waiting = *link;
    *link = exchange;
    return true;
}

static unsigned running_of(const struct slow_reads *reads, const struct http_exchange *exchange)
{
    unsigned count = 0;
    for (int i = 0; i < THREADS; i++)
        count += reads->running[i] && same_client(reads->running[i], exchange);
    return count;
}

/* The first one whose client has fewer than THREADS - 1 threads. */
static struct http_exchange *take(struct slow_reads *reads)
{
    for (struct http_exchange **link = &reads->waiting; *link; link = &(*link)->next_waiting) {
        struct http_exchange *exchange = *link;
        if (running_of(reads, exchange) >= THREADS - 1)
            continue;
        *link = exchange->next_waiting;
        reads->turn = exchange->slow_read.turn;
        return exchange;
    }
    return NULL;
}

/* ---- Threads ---- */

static void resume_answered(struct http_exchange *exchange)
{
    (void)exchange; /* the worker sends the answer */
}

static void run(const struct slow_reads *reads, struct http_exchange *exchange,
                struct store_reader *reader)
{
    int64_t waited_ms = (clock_monotonic_us() - exchange->arrived_at_us) / 1000;
    exchange->reader = reader;
    exchange->worker = NULL;
    log_set_request(exchange->request.request_id);
    if (waited_ms > reads->api->settings->store_timeout_ms)
        http_problem(exchange, ERROR_STORE_BUSY,
                     "Other lists took too long. Try again in a few seconds.");
    else
        exchange->slow_read.handle(exchange);
    log_set_request(NULL);
}

static int find_slot(const struct slow_reads *reads)
{
    int i = 0;
    while (reads->running[i])
        i++;
    return i;
}

static void *thread_main(void *argument)
{
    struct slow_reads *reads = argument;
    struct store_reader *reader = NULL;
    /* On Linux, of this thread alone. If it fails, the number of threads is the only bound. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    pthread_mutex_lock(&reads->lock);
    while (!reads->stopping) {
        struct http_exchange *exchange = take(reads);
        if (!exchange) {
            pthread_cond_wait(&reads->changed, &reads->lock);
            continue;
        }
        int slot = find_slot(reads);
        reads->running[slot] = exchange;
        pthread_mutex_unlock(&reads->lock);
        if (!reader && store_reader_open(reads->api->store, &reader) != ERROR_NONE)
            http_store_problem(exchange, ERROR_STORE_UNAVAILABLE);
        else
            run(reads, exchange, reader);
        pthread_mutex_lock(&reads->lock);
        reads->running[slot] = NULL;
        if (reads->waiting) /* one of the same client may run now */
            pthread_cond_signal(&reads->changed);
        pthread_mutex_unlock(&reads->lock);
        exchange->wake(exchange);
        reads->completed(reads->context);
        pthread_mutex_lock(&reads->lock);
    }
    pthread_mutex_unlock(&reads->lock);
    store_reader_close(reader);
    return NULL;
}

/* ---- The front ---- */

enum http_outcome slow_reads_run(struct slow_reads *reads, struct http_exchange *exchange,
                                 enum http_outcome (*handle)(struct http_exchange *exchange))
{
    bool own;
    exchange->slow_read.handle = handle;
    exchange->resume = resume_answered;
    pthread_mutex_lock(&reads->lock);
    bool added = add(reads, exchange, &own);
    if (added)
        pthread_cond_signal(&reads->changed);
    pthread_mutex_unlock(&reads->lock);
    if (added)
        return HTTP_PARKED;
    exchange->problem.retry_after_s = 1;
    if (own)
        return http_problem(
            exchange, ERROR_RATE_LIMITED,
            "%d lists of this key are waiting. Request another when one is answered.",
            SLOW_READS_OF_A_KEY);
    return http_problem(exchange, ERROR_STORE_BUSY, "%d lists are waiting. Try again in a second.",
                        SLOW_READS_WAITING);
}

struct slow_reads *slow_reads_start(struct api *api, void (*completed)(void *context),
                                    void *context)
{
    struct slow_reads *reads = calloc(1, sizeof(*reads));
    if (!reads)
        return NULL;
    reads->api = api;
    reads->completed = completed;
    reads->context = context;
    pthread_mutex_init(&reads->lock, NULL);
    pthread_cond_init(&reads->changed, NULL);
    while (reads->thread_count < THREADS &&
           pthread_create(&reads->threads[reads->thread_count], NULL, thread_main, reads) == 0)
        reads->thread_count++;
    if (reads->thread_count == THREADS)
        return reads;
    log_error("cannot start threads for slow reads", LOG_ERRNO);
    slow_reads_stop(reads);
    return NULL;
}

void slow_reads_stop(struct slow_reads *reads)
{
    if (!reads)
        return;
    pthread_mutex_lock(&reads->lock);
    reads->stopping = true;
    pthread_cond_broadcast(&reads->changed);
    pthread_mutex_unlock(&reads->lock);
    for (int i = 0; i < reads->thread_count; i++)
        pthread_join(reads->threads[i], NULL);
    pthread_cond_destroy(&reads->changed);
    pthread_mutex_destroy(&reads->lock);
    free(reads);
}
