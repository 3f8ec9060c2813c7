#include "common/store/store_writer.h"

#include "common/base/clock.h"
#include "common/base/condition.h"

#include <string.h>

enum {
    /* The broker is woken no later, unless another process has the database. */
    WAKE_PAUSE_US = 1000,
};

/* ---- Batches ---- */

/* Under the lock. */
static void set_running(struct store_writer *writer)
{
    writer->running = true;
    writer->running_since_ms = clock_monotonic_ms();
}

/* Moves waiting writes into the batch. */
static void fill_batch(struct store_writer *writer)
{
    struct write_batch *batch = &writer->batch;
    bool are_batches;
    pthread_mutex_lock(&writer->lock);
    batch->count = write_queue_take(&writer->queue, batch->writes, STORE_MAX_BATCH,
                                    clock_monotonic_us(), &are_batches);
    if (!are_batches)
        writer->recent_batch_size = MAX(batch->count, writer->recent_batch_size - 1);
    pthread_mutex_unlock(&writer->lock);
}

/* Moves what did not run back to the queue, where it is first. Under the lock. */
static void empty_batch(struct store_writer *writer)
{
    struct write_batch *batch = &writer->batch;
    write_queue_put_back(&writer->queue, batch->writes, batch->count);
    batch->count = 0;
}

/* Until the next transaction is due, or something else changes. Under the lock, which it gives up meanwhile. */
static void await_change(struct store_writer *writer)
{
    int64_t due_us = write_queue_due_us(&writer->queue);
    if (writer->running || due_us == INT64_MAX) {
        pthread_cond_wait(&writer->wake, &writer->lock);
        return;
    }
    condition_wait_until(&writer->wake, &writer->lock, due_us);
}

/* Waits for work, and sets *deadline_ms to its earliest deadline. False when the store closes and nothing is left. */
static bool await_work(struct store_writer *writer, int64_t *deadline_ms)
{
    pthread_mutex_lock(&writer->lock);
    while (writer->running ||
           (!writer->closing && clock_monotonic_us() < write_queue_due_us(&writer->queue)))
        await_change(writer);
    bool any = !write_queue_is_empty(&writer->queue);
    if (any) {
        *deadline_ms = write_queue_deadline_ms(&writer->queue);
        set_running(writer);
    }
    pthread_mutex_unlock(&writer->lock);
    return any;
}

/* The batch has run; the writer thread goes on with what has been submitted meanwhile. */
static void end_running(struct store_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->running = false;
    if (!write_queue_is_empty(&writer->queue) || writer->closing)
        pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
}

static void complete(const struct store_writer *writer, struct store_write *write,
                     enum error result)
{
    if (result != ERROR_NONE)
        METRICS_ADD(writer->options->metrics, db_refused_writes_total, result, 1);
    write->result = result;
    write->done(write);
}

static void call_completed(const struct store_writer *writer)
{
    if (writer->options->completed)
        writer->options->completed(writer->options->context);
}

/* A write that failed in a transaction of unknown outcome has failed whatever that is. */
static enum error result_of(const struct store_write *write, enum error error)
{
    bool is_own = error == ERROR_NONE ||
                  (error == ERROR_OUTCOME_UNKNOWN && write->result != ERROR_NONE);
    return is_own ? write->result : error;
}

/* The first `count` of the batch, with `error` for all, or the result of each. */
static void complete_first(struct store_writer *writer, size_t count, enum error error)
{
    struct write_batch *batch = &writer->batch;
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        complete(writer, batch->writes[i], result_of(batch->writes[i], error));
    batch->count -= count;
    memmove(batch->writes, batch->writes + count, batch->count * sizeof(*batch->writes));
    call_completed(writer);
}

/* Completes the writes whose time is up. */
static void complete_late(struct store_writer *writer)
{
    struct write_batch *batch = &writer->batch;
    size_t count;
    do {
        pthread_mutex_lock(&writer->lock);
        count = write_queue_take_late(&writer->queue, batch->writes, STORE_MAX_BATCH,
                                      clock_monotonic_ms());
        pthread_mutex_unlock(&writer->lock);
        batch->count = count;
        complete_first(writer, count, writer->late_error);
    } while (count == STORE_MAX_BATCH);
}

/* Before the first `count` of the batch are completed: then they are their submitters' again. */
static void note_work_for_the_broker(struct store_writer *writer, size_t count)
{
    if (!writer->options->wake_broker || writer->wake_due_since_us != 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct store_write *write = writer->batch.writes[i];
        if (write->result == ERROR_NONE &&
            (store_write_topics(write) & (STORE_TOPIC_MESSAGES | STORE_TOPIC_WORK))) {
            writer->wake_due_since_us = clock_monotonic_us();
            return;
        }
    }
}

/* Wakes the broker, unless more writes wait: then it is woken once for both batches. */
static void wake_broker(struct store_writer *writer)
{
    if (writer->wake_due_since_us == 0)
        return;
    pthread_mutex_lock(&writer->lock);
    bool more = write_queue_due_us(&writer->queue) <= clock_monotonic_us();
    pthread_mutex_unlock(&writer->lock);
    if (more && clock_monotonic_us() < writer->wake_due_since_us + WAKE_PAUSE_US)
        return;
    writer->wake_due_since_us = 0;
    writer->options->wake_broker(writer->options->context);
}

static void publish_transitions(const struct store_writer *writer)
{
    size_t count;
    const struct store_transition *transitions = writer->backend->transitions(writer->database,
                                                                              &count);
    if (count > 0)
        writer->options->publish_transitions(writer->options->context, transitions, count);
}

/* In the store's turn, which ends: runs the batch, or the first of it. False when the transaction could not begin by then;
   nothing has happened. */
static bool try_batch(struct store_writer *writer, int64_t deadline_ms)
{
    const struct store_backend *backend = writer->backend;
    struct write_batch *batch = &writer->batch;
    size_t ran;
    enum error error = backend->run_batch(writer->database, batch->writes, batch->count,
                                          deadline_ms, &ran);
    if (error != ERROR_NONE && ran == 0) {
        writer->late_error = error;
        return false;
    }
    if (error == ERROR_NONE) {
        METRICS_ADD(writer->options->metrics, db_commits_total, 0, 1);
        METRICS_OBSERVE(writer->options->metrics, db_commit_batch_size, ran);
        note_work_for_the_broker(writer, ran);
    }
    complete_first(writer, ran, error);
    if (batch->count > 0) {
        pthread_mutex_lock(&writer->lock);
        empty_batch(writer);
        pthread_mutex_unlock(&writer->lock);
    }
    wake_broker(writer);
    backend->finish_batch(writer->database);
    if (error == ERROR_NONE)
        publish_transitions(writer);
    return true;
}

/* One transaction, with all writes that wait when its turn comes. While another process has the database, those whose
   time is up fail. */
static void run_transaction(struct store_writer *writer, int64_t deadline_ms)
{
    bool ran = false;
    writer->late_error = ERROR_STORE_BUSY;
    if (writer->backend->take_turn(writer->database, deadline_ms)) {
        fill_batch(writer);
        ran = try_batch(writer, deadline_ms);
        pthread_mutex_lock(&writer->lock);
        empty_batch(writer); /* all of it, where the transaction could not begin */
        write_queue_end(&writer->queue, clock_monotonic_us());
        pthread_mutex_unlock(&writer->lock);
    }
    if (!ran) {
        complete_late(writer);
        wake_broker(writer);
    }
}

static void *writer_main(void *argument)
{
    struct store_writer *writer = argument;
    int64_t deadline_ms;
    while (await_work(writer, &deadline_ms)) {
        run_transaction(writer, deadline_ms);
        end_running(writer);
    }
    return NULL;
}

bool store_writer_try_inline(struct store_writer *writer, struct store_write *write)
{
    pthread_mutex_lock(&writer->lock);
    bool passes = !writer->running && !writer->closing &&
                  write_queue_passes(&writer->queue, write, clock_monotonic_us());
    if (passes)
        set_running(writer);
    pthread_mutex_unlock(&writer->lock);
    if (!passes)
        return false;
    bool ran = writer->backend->take_turn(writer->database, STORE_BEGIN_AT_ONCE);
    if (ran) {
        writer->batch.writes[0] = write;
        writer->batch.count = 1;
        ran = try_batch(writer, STORE_BEGIN_AT_ONCE);
        writer->batch.count = 0;
    }
    end_running(writer);
    return ran;
}

/* ---- The writer ---- */

static void destroy(struct store_writer *writer)
{
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->lock);
}

bool store_writer_start(struct store_writer *writer, const struct store_backend *backend,
                        struct store_database *database, const struct store_options *options)
{
    writer->backend = backend;
    writer->database = database;
    writer->options = options;
    writer->recent_batch_size = 1;
    write_queue_init(&writer->queue);
    pthread_mutex_init(&writer->lock, NULL);
    condition_init(&writer->wake);
    if (pthread_create(&writer->thread, NULL, writer_main, writer) == 0)
        return true;
    destroy(writer);
    return false;
}

void store_writer_stop(struct store_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->closing = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    destroy(writer);
}

enum error store_writer_add(struct store_writer *writer, struct store_write *write)
{
    pthread_mutex_lock(&writer->lock);
    int64_t due_us = write_queue_due_us(&writer->queue);
    enum error error = writer->closing
                           ? ERROR_SHUTTING_DOWN
                           : write_queue_add(&writer->queue, write, clock_monotonic_us());
    if (error == ERROR_NONE && !writer->running && write_queue_due_us(&writer->queue) < due_us)
        pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    return error;
}

bool store_writer_is_stuck(struct store_writer *writer, int64_t limit_ms)
{
    pthread_mutex_lock(&writer->lock);
    int64_t busy_ms = writer->running ? clock_monotonic_ms() - writer->running_since_ms : 0;
    pthread_mutex_unlock(&writer->lock);
    return busy_ms > writer->options->timeout_ms + limit_ms;
}
