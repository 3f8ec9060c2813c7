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

/* Moves waiting writes into the batch. Under the lock. */
static void fill_batch(struct store *store)
{
    struct batch *batch = &store->batch;
    bool are_batches;
    batch->count = write_queue_take(&store->queue, batch->writes, STORE_MAX_BATCH, &are_batches);
    if (!are_batches)
        store->recent_batch_size = MAX(batch->count, store->recent_batch_size - 1);
}

/* Waits for work and takes it. False when the store closes and nothing is left. */
static bool take_batch(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    while (store->running || (write_queue_is_empty(&store->queue) && !store->closing))
        pthread_cond_wait(&store->wake, &store->lock);
    bool any = !write_queue_is_empty(&store->queue);
    if (any) {
        fill_batch(store);
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

/* With `error` for all, or the result of each. */
static void complete_batch(struct store *store, enum error error)
{
    struct batch *batch = &store->batch;
    for (size_t i = 0; i < batch->count; i++)
        complete(store, batch->writes[i], error != ERROR_NONE ? error : batch->writes[i]->result);
    batch->count = 0;
    call_completed(store);
}

/* Completes the writes whose time is up, and keeps the others. */
static void complete_late(struct store *store)
{
    struct batch *batch = &store->batch;
    int64_t now_ms = clock_monotonic_ms();
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->writes[i]->deadline_ms <= now_ms)
            complete(store, batch->writes[i], ERROR_STORE_BUSY);
        else
            batch->writes[kept++] = batch->writes[i];
    }
    batch->count = kept;
    call_completed(store);
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

/* Before the writes are completed: then they are their submitters' again. */
static void note_work_for_the_broker(struct store *store)
{
    if (!store->options.wake_broker || store->wake_due_since_us != 0)
        return;
    for (size_t i = 0; i < store->batch.count; i++) {
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
    bool more = !write_queue_is_empty(&store->queue);
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

/* Runs the batch, which ends empty. False when the transaction could not begin by then; nothing has happened. */
static bool try_batch(struct store *store, int64_t deadline_ms)
{
    const struct store_backend *backend = store->backend;
    struct batch *batch = &store->batch;
    enum error error = backend->run_batch(store->database, batch->writes, batch->count,
                                          deadline_ms);
    if (error == ERROR_STORE_BUSY)
        return false;
    if (error == ERROR_NONE) {
        METRICS_ADD(store->options.metrics, db_commits_total, 0, 1);
        METRICS_OBSERVE(store->options.metrics, db_commit_batch_size, batch->count);
        note_work_for_the_broker(store);
    }
    complete_batch(store, error);
    wake_broker(store);
    backend->finish_batch(store->database);
    if (error == ERROR_NONE)
        publish_transitions(store);
    return true;
}

static int64_t earliest_deadline_ms(const struct batch *batch)
{
    int64_t earliest_ms = INT64_MAX;
    for (size_t i = 0; i < batch->count; i++)
        earliest_ms = MIN(earliest_ms, batch->writes[i]->deadline_ms);
    return earliest_ms;
}

/* While another process has the database, writes whose time is up fail one by one. */
static void run_batch(struct store *store)
{
    while (store->batch.count > 0) {
        if (!try_batch(store, earliest_deadline_ms(&store->batch)))
            complete_late(store);
    }
    wake_broker(store);
}

static void *writer_main(void *argument)
{
    struct store *store = argument;
    while (take_batch(store)) {
        run_batch(store);
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
    store->batch.writes[0] = write;
    store->batch.count = 1;
    bool ran = try_batch(store, STORE_BEGIN_AT_ONCE);
    end_running(store);
    return ran;
}

/* ---- The front ---- */

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
    pthread_cond_init(&store->wake, NULL);

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
    bool wakes = write_queue_is_empty(&store->queue) && !store->running;
    enum error error = store->closing ? ERROR_SHUTTING_DOWN : write_queue_add(&store->queue, write);
    if (error == ERROR_NONE && wakes)
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
    assert(write->verb != STORE_DEVICE_CONNECT || names_its_journal(&write->connect.phone));
    write->next = NULL;
    write->deadline_ms = clock_monotonic_ms() + store->options.timeout_ms;

    if (write->run_inline && try_inline(store, write))
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

enum error store_find_message(struct store_reader *reader, const struct message_id *id,
                              struct message *message)
{
    enum error error = reader->backend->find_message(reader->reader, id, message);
    if (error != ERROR_NONE)
        return error;
    error = store_read_wait(reader, message);
    if (error != ERROR_NONE)
        message_fini(message);
    return error;
}

enum error store_read_history(struct store_reader *reader, const struct message_id *id,
                              int64_t after, size_t limit, struct message_event **events,
                              size_t *count)
{
    return reader->backend->read_history(reader->reader, id, after, limit, events, count);
}

enum error store_find_batch(struct store_reader *reader, const struct message_id *id,
                            struct store_batch *batch)
{
    return reader->backend->find_batch(reader->reader, id, batch);
}

enum error store_list_messages(struct store_reader *reader, const struct store_query *query,
                               struct store_page *page)
{
    assert(query->limit > 0 && query->offset >= 0);
    *page = (struct store_page){0};
    enum error error = reader->backend->list_messages(reader->reader, query, page);
    for (size_t i = 0; i < page->count && error == ERROR_NONE; i++)
        error = store_read_wait(reader, &page->messages[i]);
    return error;
}

bool store_query_has_text_filter(const struct store_query *query)
{
    static const struct message_id none;
    return *query->device_id || *query->phone_number || *query->device_group || *query->reference ||
           !message_id_equal(&query->batch_id, &none);
}

void store_page_fini(struct store_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        message_fini(&page->messages[i]);
    free(page->messages);
    *page = (struct store_page){0};
}

enum error store_find_key(struct store_reader *reader, const char *id, struct api_key *key,
                          bool *found)
{
    return reader->backend->find_key(reader->reader, id, key, found);
}

enum error store_list_keys(struct store_reader *reader, struct api_key **keys, size_t *count)
{
    return reader->backend->list_keys(reader->reader, keys, count);
}

enum error store_find_token(struct store_reader *reader, const char *id, struct device_token *token,
                            bool *found)
{
    return reader->backend->find_token(reader->reader, id, token, found);
}

enum error store_list_tokens(struct store_reader *reader, struct device_token **tokens,
                             size_t *count)
{
    return reader->backend->list_tokens(reader->reader, tokens, count);
}

enum error store_read_sending(struct store_reader *reader, struct store_sending *sending)
{
    return reader->backend->read_sending(reader->reader, sending);
}

enum error store_list_devices(struct store_reader *reader, const struct store_device_query *query,
                              struct store_device_page *page)
{
    assert(query->limit > 0);
    *page = (struct store_device_page){0};
    page->devices = calloc(query->limit, sizeof(*page->devices));
    return page->devices ? reader->backend->list_devices(reader->reader, query, page)
                         : ERROR_INTERNAL;
}

bool store_device_page_append(const struct store_device_query *query,
                              struct store_device_page *page, const struct store_device *entry,
                              struct store_device_page_size *size)
{
    const struct device *device = &entry->device;
    size->extra_bytes += device->info.extra ? strlen(device->info.extra) : 0;
    size->in_flight += device->queue;
    page->has_more = page->count == query->limit ||
                     (page->count > 0 &&
                      ((query->max_extra_bytes > 0 && size->extra_bytes > query->max_extra_bytes) ||
                       (query->max_in_flight > 0 && size->in_flight > query->max_in_flight)));
    if (!page->has_more)
        page->devices[page->count++] = *entry;
    return !page->has_more;
}

void store_device_page_fini(struct store_device_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        device_info_fini(&page->devices[i].device.info);
    free(page->devices);
    *page = (struct store_device_page){0};
}

enum error store_poll_work(struct store_reader *reader, struct store_work *work)
{
    enum error error = reader->backend->poll_work(reader->reader, work);
    if (error != ERROR_NONE)
        return error;
    if (work->stuck_for_ms != 0)
        error = store_count_waits(reader, work->waiting);
    if (error != ERROR_NONE)
        return error;
    if (work->cancel_count > 0)
        work->cancel_cursor = work->cancel_requests[work->cancel_count - 1].ref.id;
    if (work->revoked_count > 0)
        strcpy(work->revoked_cursor, work->revoked[work->revoked_count - 1].device_id);
    if (work->configured_count > 0)
        work->configured_cursor = work->configured[work->configured_count - 1].traits.configured;
    work->more = work->cancel_count == STORE_WORK_PAGE || work->revoked_count == STORE_WORK_PAGE ||
                 work->configured_count == STORE_CONFIGURED_PAGE;
    return ERROR_NONE;
}

enum error store_find_device(struct store_reader *reader, const char *device_id,
                             struct store_device *device, bool *found)
{
    return reader->backend->find_device(reader->reader, device_id, device, found);
}

enum error store_device_is_known(struct store_reader *reader, const char *device_id, bool *known)
{
    return reader->backend->device_is_known(reader->reader, device_id, known);
}

enum error store_group_is_known(struct store_reader *reader, const char *group, bool *known)
{
    return reader->backend->group_is_known(reader->reader, group, known);
}

enum error store_read_statistics(struct store_reader *reader, int64_t stuck_for_ms,
                                 struct store_statistics *statistics)
{
    enum error error = reader->backend->read_statistics(reader->reader, stuck_for_ms, statistics);
    return error == ERROR_NONE ? store_count_waits(reader, statistics->waiting) : error;
}
