#include "ws-broker/net/work_poller.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <pthread.h>
#include <stdlib.h>

struct work_poller {
    struct store_reader *reader;
    int64_t timeout_ms;
    void (*wake)(void *context);
    void *context;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct store_work *work; /* under lock, like the rest: of the poll under way; NULL: none is */
    int64_t since_ms;        /* monotonic: when it began */
    bool ended;              /* with `result`, which was not taken yet */
    enum error result;
    bool stopping;
};

/* Waits for a poll to run; NULL: the thread is to end. */
static struct store_work *wait_for_poll(struct work_poller *poller)
{
    pthread_mutex_lock(&poller->lock);
    while (!poller->stopping && (!poller->work || poller->ended))
        pthread_cond_wait(&poller->changed, &poller->lock);
    struct store_work *work = poller->stopping ? NULL : poller->work;
    pthread_mutex_unlock(&poller->lock);
    return work;
}

static void end_poll(struct work_poller *poller, enum error result)
{
    pthread_mutex_lock(&poller->lock);
    poller->ended = true;
    poller->result = result;
    pthread_mutex_unlock(&poller->lock);
    poller->wake(poller->context);
}

static void *poller_main(void *argument)
{
    struct work_poller *poller = argument;
    struct store_work *work;
    while ((work = wait_for_poll(poller)))
        end_poll(poller, store_poll_work(poller->reader, work));
    return NULL;
}

void work_poller_start_poll(struct work_poller *poller, struct store_work *work)
{
    pthread_mutex_lock(&poller->lock);
    poller->work = work;
    poller->since_ms = clock_monotonic_ms();
    pthread_cond_signal(&poller->changed);
    pthread_mutex_unlock(&poller->lock);
}

bool work_poller_take_result(struct work_poller *poller, enum error *result)
{
    if (!poller)
        return false;
    pthread_mutex_lock(&poller->lock);
    bool ended = poller->ended;
    if (ended) {
        *result = poller->result;
        poller->work = NULL;
        poller->ended = false;
    }
    pthread_mutex_unlock(&poller->lock);
    return ended;
}

bool work_poller_is_stuck(struct work_poller *poller, int64_t limit_ms)
{
    if (!poller)
        return false;
    pthread_mutex_lock(&poller->lock);
    bool runs = poller->work && !poller->ended;
    int64_t busy_ms = runs ? clock_monotonic_ms() - poller->since_ms : 0;
    pthread_mutex_unlock(&poller->lock);
    return busy_ms > poller->timeout_ms + limit_ms;
}

static void destroy(struct work_poller *poller)
{
    store_reader_close(poller->reader);
    pthread_cond_destroy(&poller->changed);
    pthread_mutex_destroy(&poller->lock);
    free(poller);
}

struct work_poller *work_poller_start(struct store *store, int64_t timeout_ms,
                                      void (*wake)(void *context), void *context)
{
    struct work_poller *poller = calloc(1, sizeof(*poller));
    if (!poller)
        return NULL;
    poller->timeout_ms = timeout_ms;
    poller->wake = wake;
    poller->context = context;
    pthread_mutex_init(&poller->lock, NULL);
    pthread_cond_init(&poller->changed, NULL);
    if (store_reader_open(store, &poller->reader) == ERROR_NONE &&
        pthread_create(&poller->thread, NULL, poller_main, poller) == 0)
        return poller;
    log_error("the thread that polls the store does not start", LOG_ERRNO);
    destroy(poller);
    return NULL;
}

void work_poller_stop(struct work_poller *poller)
{
    if (!poller)
        return;
    pthread_mutex_lock(&poller->lock);
    poller->stopping = true;
    pthread_cond_signal(&poller->changed);
    pthread_mutex_unlock(&poller->lock);
    pthread_join(poller->thread, NULL);
    destroy(poller);
}
