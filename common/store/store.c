/* The front of the store and its writer thread: group commit. */
#include "common/store/store.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/store_backend.h"
#include "common/store/write_queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    WAKE_PAUSE_US =
        1000, /* the broker is woken no later, unless another process has the database */
};

struct batch {
    struct store_write *writes[STORE_MAX_BATCH];
    size_t count;
};

struct store {
    const struct store_backend *backend;
    struct store_options options;
    pthread_t writer;

    /* Belong to the thread that set `running`: */
    struct store_database *database; /* its writer */
    struct batch batch;
    int64_t wake_due_since_us; /* monotonic: since when the broker is to be woken; 0: it is not */

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct write_queue queue;        /* under lock */
    atomic_size_t recent_batch_size; /* set under lock; a smaller batch lowers it by one */
    bool running;                    /* under lock: a batch runs */
    int64_t running_since_ms;        /* under lock: monotonic */
    bool closing;                    /* under lock */
};

/* ---- Batches ---- */

/* Under the lock. */
static void set_running(struct store *store)
{
    store->running = true;
    store->running_since_ms = clock_monotonic_ms();
}

/* Moves waiting writes into the batch. */
static void fill_batch(struct store *store)
{
    struct batch *batch = &store->batch;
    bool are_batches;
    pthread_mutex_lock(&store->lock);
    batch->count = write_queue_take(&store->queue, batch->writes, STORE_MAX_BATCH,
                                    clock_monotonic_us(), &are_batches);
    if (!are_batches)
        store->recent_batch_size = MAX(batch->count, store->recent_batch_size - 1);
    pthread_mutex_unlock(&store->lock);
}

/* Moves what did not run back to the queue, where it is first. */
static void empty_batch(struct store *store)
{
    struct batch *batch = &store->batch;
    pthread_mutex_lock(&store->lock);
    write_queue_put_back(&store->queue, batch->writes, batch->count);
    write_queue_end(&store->queue, clock_monotonic_us());
    pthread_mutex_unlock(&store->lock);
    batch->count = 0;
}

/* Until the next transaction is due, or something else changes. Under the lock, which it gives up meanwhile. */
static void await_change(struct store *store)
{
    struct timespec until;
    int64_t due_us = write_queue_due_us(&store->queue);
    if (store->running || due_us == INT64_MAX) {
        pthread_cond_wait(&store->wake, &store->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until); /* which is not the store's clock, but as fast */
    int64_t until_ns = until.tv_nsec + MAX(due_us - clock_monotonic_us(), 0) * 1000;
    until.tv_sec += until_ns / 1000000000;
    until.tv_nsec = until_ns % 1000000000;
    pthread_cond_timedwait(&store->wake, &store->lock, &until);
}

/* Waits for work, and sets *deadline_ms to its earliest deadline. False when the store closes and nothing is left. */
static bool await_work(struct store *store, int64_t *deadline_ms)
{
    pthread_mutex_lock(&store->lock);
    while (store->running ||
           (!store->closing && clock_monotonic_us() < write_queue_due_us(&store->queue)))
        await_change(store);
    bool any = !write_queue_is_empty(&store->queue);
    if (any) {
        *deadline_ms = write_queue_deadline_ms(&store->queue);
        set_running(store);
    }
    pthread_mutex_unlock(&store->lock);
    return any;
}

/* The batch has run; the writer thread goes on with what has been submitted meanwhile. */
static void end_running(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    store->running = false;
    if (!write_queue_is_empty(&store->queue) || store->closing)
        pthread_cond_signal(&store->wake);
    pthread_mutex_unlock(&store->lock);
}

static void complete(const struct store *store, struct store_write *write, enum error result)
{
    if (result != ERROR_NONE)
        METRICS_ADD(store->options.metrics, db_refused_writes_total, result, 1);
    write->result = result;
    write->done(write);
}

static void call_completed(const struct store *store)
{
    if (store->options.completed)
        store->options.completed(store->options.context);
}

/* The first `count` of the batch, with `error` for all, or the result of each. */
static void complete_first(struct store *store, size_t count, enum error error)
{
    struct batch *batch = &store->batch;
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        complete(store, batch->writes[i], error != ERROR_NONE ? error : batch->writes[i]->result);
    batch->count -= count;
    memmove(batch->writes, batch->writes + count, batch->count * sizeof(*batch->writes));
    call_completed(store);
}

/* Completes the writes whose time is up. */
static void complete_late(struct store *store)
{
    struct batch *batch = &store->batch;
    size_t count;
    do {
        pthread_mutex_lock(&store->lock);
        count = write_queue_take_late(&store->queue, batch->writes, STORE_MAX_BATCH,
                                      clock_monotonic_ms());
        pthread_mutex_unlock(&store->lock);
        batch->count = count;
        complete_first(store, count, ERROR_STORE_BUSY);
    } while (count == STORE_MAX_BATCH);
}

static bool is_replayed(const struct store_idempotency *idempotency)
{
    return idempotency && idempotency->replayed;
}

static bool is_work_for_the_broker(const struct store_write *write)
{
    return (write->verb == STORE_ENQUEUE && !is_replayed(write->enqueue.idempotency)) ||
           (write->verb == STORE_ENQUEUE_BATCH && !is_replayed(write->enqueue_batch.idempotency)) ||
           (write->verb == STORE_RESEND && !is_replayed(write->resend.idempotency)) ||
           (write->verb == STORE_CANCEL && write->cancel.asked) ||
           (write->verb == STORE_CANCEL_BATCH && write->cancel_batch.asked > 0) ||
           write->verb == STORE_PAIR || write->verb == STORE_CREATE_TOKEN ||
           (write->verb == STORE_REVOKE_TOKEN && write->revoke_token.changed) ||
           (write->verb == STORE_CONFIGURE_DEVICE && write->configure.changed) ||
           (write->verb == STORE_SET_SENDING && !write->set_sending.pause);
}

/* Before the first `count` of the batch are completed: then they are their submitters' again. */
static void note_work_for_the_broker(struct store *store, size_t count)
{
    if (!store->options.wake_broker || store->wake_due_since_us != 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct store_write *write = store->batch.writes[i];
        if (write->result == ERROR_NONE && is_work_for_the_broker(write)) {
            store->wake_due_since_us = clock_monotonic_us();
            return;
        }
    }
}

/* Wakes the broker, unless more writes wait: then it is woken once for both batches. */
static void wake_broker(struct store *store)
{
    if (store->wake_due_since_us == 0)
        return;
    pthread_mutex_lock(&store->lock);
    bool more = write_queue_due_us(&store->queue) <= clock_monotonic_us();
    pthread_mutex_unlock(&store->lock);
    if (more && clock_monotonic_us() < store->wake_due_since_us + WAKE_PAUSE_US)
        return;
    store->wake_due_since_us = 0;
    store->options.wake_broker(store->options.context);
}

static void publish_transitions(const struct store *store)
{
    size_t count;
    const struct store_transition *transitions = store->backend->transitions(store->database,
                                                                             &count);
    if (count > 0)
        store->options.publish_transitions(store->options.context, transitions, count);
}

/* In the store's turn, which ends: runs the batch, or the first of it. False when the transaction could not begin by then;
   nothing has happened. */
static bool try_batch(struct store *store, int64_t deadline_ms)
{
    const struct store_backend *backend = store->backend;
    struct batch *batch = &store->batch;
    size_t ran;
    enum error error = backend->run_batch(store->database, batch->writes, batch->count, deadline_ms,
                                          &ran);
    if (error == ERROR_STORE_BUSY)
        return false;
    if (error == ERROR_NONE) {
        METRICS_ADD(store->options.metrics, db_commits_total, 0, 1);
        METRICS_OBSERVE(store->options.metrics, db_commit_batch_size, ran);
        note_work_for_the_broker(store, ran);
    }
    complete_first(store, ran, error);
    empty_batch(store);
    wake_broker(store);
    backend->finish_batch(store->database);
    if (error == ERROR_NONE)
        publish_transitions(store);
    return true;
}

/* One transaction, with all writes that wait when its turn comes. While another process has the database, those whose
   time is up fail. */
static void run_transaction(struct store *store, int64_t deadline_ms)
{
    bool ran = false;
    if (store->backend->take_turn(store->database, deadline_ms)) {
        fill_batch(store);
        ran = try_batch(store, deadline_ms);
        empty_batch(store);
    }
    if (!ran) {
        complete_late(store);
        wake_broker(store);
    }
}

static void *writer_main(void *argument)
{
    struct store *store = argument;
    int64_t deadline_ms;
    while (await_work(store, &deadline_ms)) {
        run_transaction(store, deadline_ms);
        end_running(store);
    }
    return NULL;
}

/* Runs a write on the thread that submits it. False when the writer is busy, or when the write would
   have to wait for another process. */
static bool try_inline(struct store *store, struct store_write *write)
{
    pthread_mutex_lock(&store->lock);
    bool idle = write_queue_is_empty(&store->queue) && !store->running && !store->closing;
    if (idle)
        set_running(store);
    pthread_mutex_unlock(&store->lock);
    if (!idle)
        return false;
    bool ran = store->backend->take_turn(store->database, STORE_BEGIN_AT_ONCE);
    if (ran) {
        store->batch.writes[0] = write;
        store->batch.count = 1;
        ran = try_batch(store, STORE_BEGIN_AT_ONCE);
        store->batch.count = 0;
    }
    end_running(store);
    return ran;
}

/* ---- The front ---- */

/* A condition whose waits end by the monotonic clock. */
static void init_monotonic(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void destroy(struct store *store)
{
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* The first is the default: a DSN without a scheme is a path. */
static const struct store_backend *const backends[] = {&store_backend_sqlite,
                                                       &store_backend_memory};

/* The backend that the scheme of a DSN asks for; *location is the DSN without it. */
static const struct store_backend *choose_backend(const char *dsn, const char **location)
{
    *location = dsn;
    for (size_t i = 0; i < ARRAY_LENGTH(backends); i++) {
        size_t length = strlen(backends[i]->name);
        if (strncmp(dsn, backends[i]->name, length) == 0 && dsn[length] == ':') {
            *location = dsn + length + 1;
            return backends[i];
        }
    }
    return backends[0];
}

enum error store_open(const struct store_options *options, struct store **result,
                      char problem[STORE_ERROR_SIZE])
{
    const char *location;
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return ERROR_INTERNAL;
    store->options = *options;
    store->backend = choose_backend(options->dsn, &location);
    if (!store->options.wall_ms)
        store->options.wall_ms = clock_wall_ms;
    write_queue_init(&store->queue);
    store->recent_batch_size = 1;
    pthread_mutex_init(&store->lock, NULL);
    init_monotonic(&store->wake);

    enum error error = store->backend->open(&store->options, location, &store->database, problem);
    if (error == ERROR_NONE && pthread_create(&store->writer, NULL, writer_main, store) != 0) {
        store->backend->close(store->database);
        error = ERROR_INTERNAL;
    }
    if (error != ERROR_NONE) {
        destroy(store);
        return error;
    }
    *result = store;
    return ERROR_NONE;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    pthread_mutex_lock(&store->lock);
    store->closing = true;
    pthread_cond_signal(&store->wake);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->writer, NULL);
    store->backend->close(store->database);
    destroy(store);
}

static enum error enqueue(struct store *store, struct store_write *write)
{
    pthread_mutex_lock(&store->lock);
    int64_t due_us = write_queue_due_us(&store->queue);
    enum error error = store->closing ? ERROR_SHUTTING_DOWN
                                      : write_queue_add(&store->queue, write, clock_monotonic_us());
    if (error == ERROR_NONE && !store->running && write_queue_due_us(&store->queue) < due_us)
        pthread_cond_signal(&store->wake);
    pthread_mutex_unlock(&store->lock);
    if (error != ERROR_NONE)
        METRICS_ADD(store->options.metrics, db_refused_writes_total, error, 1);
    return error;
}

/* The nil UUID is no journal's: a phone with one would be taken for a phone without. */
static bool names_its_journal(const struct store_holder *phone)
{
    static const struct message_id nil;
    return phone->assured == !message_id_equal(&phone->journal, &nil);
}

static bool is_batch(const struct store_enqueue_batch *batch)
{
    return batch->count >= 1 && batch->count <= STORE_MAX_BATCH_MESSAGES &&
           message_id_equal(&batch->messages[0].batch_id, &batch->id);
}

enum error store_submit(struct store *store, struct store_write *write)
{
    assert(write->verb < STORE_VERB_COUNT && write->done);
    assert(write->verb != STORE_CLAIM || write->claim.slot_count <= STORE_MAX_CLAIM);
    assert(write->verb != STORE_ENQUEUE_BATCH || is_batch(&write->enqueue_batch));
    assert(write->verb != STORE_DEVICE_CONNECT || names_its_journal(&write->connect.holder));
    write->deadline_ms = clock_monotonic_ms() + store->options.timeout_ms;

    if (write->run_inline && write->verb != STORE_ENQUEUE_BATCH && try_inline(store, write))
        return ERROR_NONE;
    return enqueue(store, write);
}

size_t store_recent_batch_size(const struct store *store)
{
    return store->recent_batch_size;
}

bool store_is_stuck(struct store *store, int64_t limit_ms)
{
    pthread_mutex_lock(&store->lock);
    int64_t busy_ms = store->running ? clock_monotonic_ms() - store->running_since_ms : 0;
    pthread_mutex_unlock(&store->lock);
    return busy_ms > store->options.timeout_ms + limit_ms;
}

int64_t store_backoff_ms(unsigned failures, double jitter)
{
    int64_t most = MIN((int64_t)STORE_FIRST_BACKOFF_MS << MIN(failures - 1, 10u),
                       (int64_t)STORE_MAX_BACKOFF_MS);
    return most / 2 + (int64_t)(jitter * (double)(most / 2));
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done; /* under lock */
};

static void wake_waiter(struct store_write *write)
{
    struct waiter *waiter = write->owner;
    pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    pthread_cond_signal(&waiter->wake);
    pthread_mutex_unlock(&waiter->lock);
}

enum error store_run(struct store *store, struct store_write *write)
{
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    write->done = wake_waiter;
    write->owner = &waiter;
    enum error error = store_submit(store, write);
    if (error != ERROR_NONE)
        return error;
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.done)
        pthread_cond_wait(&waiter.wake, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    pthread_cond_destroy(&waiter.wake);
    pthread_mutex_destroy(&waiter.lock);
    return write->result;
}

enum error store_reader_open(struct store *store, struct store_reader **result)
{
    struct store_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return ERROR_INTERNAL;
    char problem[STORE_ERROR_SIZE];
    reader->backend = store->backend;
    enum error error = reader->backend->open_reader(store->database, &reader->reader, problem);
    if (error != ERROR_NONE) {
        log_error("a reader cannot be opened", LOG_TEXT("reason", problem));
        free(reader);
        return error;
    }
    *result = reader;
    return ERROR_NONE;
}

void store_reader_close(struct store_reader *reader)
{
    if (!reader)
        return;
    reader->backend->close_reader(reader->reader);
    free(reader);
}
