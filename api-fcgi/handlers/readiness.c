#include "api-fcgi/handlers/readiness.h"

#include "common/base/clock.h"
#include "common/base/condition.h"
#include "common/base/log.h"

#include <pthread.h>
#include <stdlib.h>

struct readiness {
    struct store *store;
    int64_t timeout_ms;
    void (*completed)(void *context);
    void *context;
    pthread_t thread; /* watches the time limit */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_exchange *waiting; /* under lock, as all below */
    struct store_write probe;      /* the store has it while `probing` */
    bool probing;
    bool late; /* the probe is overdue */
    int64_t deadline_ms;
    bool stopping;
};

/* The caller then owns the exchanges that wait. Under the lock. */
static struct http_exchange *take_waiting(struct readiness *readiness)
{
    struct http_exchange *first = readiness->waiting;
    readiness->waiting = NULL;
    return first;
}

static void answer_all(struct http_exchange *waiting, const struct store_write *answer)
{
    for (struct http_exchange *next; waiting; waiting = next) {
        next = waiting->next_waiting;
        waiting->write.probe = answer->probe;
        waiting->write.result = answer->result;
        waiting->wake(waiting);
    }
}

/* Where the store knows of no reason. */
static struct store_write no_answer(const struct readiness *readiness)
{
    enum error fault = store_fault(readiness->store);
    return (struct store_write){.result = fault != ERROR_NONE ? fault : ERROR_STORE_BUSY};
}

static void probed(struct store_write *probe)
{
    struct readiness *readiness = probe->owner;
    pthread_mutex_lock(&readiness->lock);
    struct store_write answer = {.probe = probe->probe, .result = probe->result};
    struct http_exchange *waiting = take_waiting(readiness);
    if (readiness->late)
        log_info("database responds again; ready");
    readiness->probing = readiness->late = false;
    pthread_mutex_unlock(&readiness->lock);
    answer_all(waiting, &answer); /* the store calls `completed` */
}

static void submit(struct readiness *readiness)
{
    readiness->probe = (struct store_write){
        .verb = STORE_PROBE, .done = probed, .owner = readiness};
    enum error error = store_submit(readiness->store, &readiness->probe);
    if (error != ERROR_NONE) {
        readiness->probe.result = error;
        probed(&readiness->probe);
        readiness->completed(readiness->context);
    }
}

enum http_outcome readiness_ask(struct readiness *readiness, struct http_exchange *exchange,
                                void (*resume)(struct http_exchange *exchange))
{
    exchange->resume = resume;
    pthread_mutex_lock(&readiness->lock);
    bool late = readiness->late, first = !readiness->probing;
    if (!late) {
        exchange->next_waiting = readiness->waiting;
        readiness->waiting = exchange;
        readiness->probing = true;
    }
    if (first) {
        readiness->deadline_ms = clock_monotonic_ms() + readiness->timeout_ms;
        pthread_cond_signal(&readiness->changed);
    }
    pthread_mutex_unlock(&readiness->lock);
    if (late) {
        exchange->write = no_answer(readiness);
        resume(exchange);
        return HTTP_ANSWERED;
    }
    if (first)
        submit(readiness);
    return HTTP_PARKED;
}

static void *readiness_main(void *argument)
{
    struct readiness *readiness = argument;
    pthread_mutex_lock(&readiness->lock);
    while (!readiness->stopping) {
        if (!readiness->probing || readiness->late) {
            pthread_cond_wait(&readiness->changed, &readiness->lock);
        } else if (clock_monotonic_ms() < readiness->deadline_ms) {
            condition_wait_until(&readiness->changed, &readiness->lock,
                                 readiness->deadline_ms * 1000);
        } else {
            readiness->late = true;
            struct http_exchange *waiting = take_waiting(readiness);
            pthread_mutex_unlock(&readiness->lock);
            const struct store_write answer = no_answer(readiness);
            log_error("database does not respond; not ready",
                      LOG_TEXT("reason", error_code(answer.result)));
            answer_all(waiting, &answer);
            readiness->completed(readiness->context);
            pthread_mutex_lock(&readiness->lock);
        }
    }
    pthread_mutex_unlock(&readiness->lock);
    return NULL;
}

struct readiness *readiness_start(struct store *store, int64_t timeout_ms,
                                  void (*completed)(void *context), void *context)
{
    struct readiness *readiness = calloc(1, sizeof(*readiness));
    if (!readiness)
        return NULL;
    readiness->store = store;
    readiness->timeout_ms = timeout_ms;
    readiness->completed = completed;
    readiness->context = context;
    pthread_mutex_init(&readiness->lock, NULL);
    condition_init(&readiness->changed);
    if (pthread_create(&readiness->thread, NULL, readiness_main, readiness) == 0)
        return readiness;
    log_error("cannot start the readiness thread", LOG_ERRNO);
    readiness_free(readiness);
    return NULL;
}

void readiness_stop(struct readiness *readiness)
{
    pthread_mutex_lock(&readiness->lock);
    readiness->stopping = true;
    pthread_cond_signal(&readiness->changed);
    pthread_mutex_unlock(&readiness->lock);
    pthread_join(readiness->thread, NULL);
}

void readiness_free(struct readiness *readiness)
{
    pthread_cond_destroy(&readiness->changed);
    pthread_mutex_destroy(&readiness->lock);
    free(readiness);
}
