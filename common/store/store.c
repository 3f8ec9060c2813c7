/* The front of the store and its writer thread: group commit. */
#include "common/store/store.h"

#include "common/base/clock.h"
#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/store/sqlite/database_path.h"
#include "common/store/store_backend.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_BATCH = 512,      /* writes in one transaction */
    MAX_WAITING = 8192,   /* writes waiting for the writer */
    NEWS_PAUSE_US = 1000, /* the broker is told no later, unless another process has the database */
};

struct store {
    const struct store_backend *backend;
    struct store_options options;
    char path[STORE_PATH_SIZE];          /* options.path, for all connections */
    struct store_connection *connection; /* who runs a batch has it */
    pthread_t writer;
    pthread_rwlock_t reading; /* shared: a read; alone: housekeeping that reads would hold up */

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct store_write *first;       /* under lock: what waits, oldest first */
    struct store_write **last;       /* under lock */
    size_t waiting;                  /* under lock */
    atomic_size_t recent_batch_size; /* set under lock; a smaller batch lowers it by one */
    bool running;             /* under lock: a batch runs, and the connection is its thread's */
    int64_t running_since_ms; /* under lock: monotonic */
    bool closing;             /* under lock */

    /* Who runs a batch has it: since when the broker has not been told of a commit; monotonic, 0: it has. */
    int64_t news_since_us;
};

struct store_reader {
    struct store *store;
    const struct store_backend *backend;
    struct store_connection *connection;
};

/* ---- The writer thread ---- */

/* Under the lock. */
static void set_running(struct store *store)
{
    store->running = true;
    store->running_since_ms = clock_monotonic_ms();
}

/* Waits for work, which then runs. NULL when the store closes and nothing is left. */
static struct store_write *take_batch(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    while (store->running || (!store->first && !store->closing))
        pthread_cond_wait(&store->wake, &store->lock);
    struct store_write *batch = store->first;
    struct store_write **end = &store->first;
    size_t count = 0;
    while (*end && count < MAX_BATCH) {
        end = &(*end)->next;
        count++;
    }
    if (batch) {
        store->first = *end;
        if (!store->first)
            store->last = &store->first;
        *end = NULL;
        store->waiting -= count;
        set_running(store);
        store->recent_batch_size = MAX(count, store->recent_batch_size - 1);
    }
    pthread_mutex_unlock(&store->lock);
    return batch;
}

/* The batch has run; the writer thread goes on with what has come meanwhile. */
static void end_running(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    store->running = false;
    if (store->first || store->closing)
        pthread_cond_signal(&store->wake);
    pthread_mutex_unlock(&store->lock);
}

static void completed(struct store *store)
{
    if (store->options.completed)
        store->options.completed(store->options.context);
}

static void complete(const struct store *store, struct store_write *write, enum error result)
{
    if (result != ERROR_NONE)
        METRICS_ADD(store->options.metrics, db_refused_writes_total, result, 1);
    write->result = result;
    write->done(write);
}

/* Completes those whose time is up; returns the others. */
static struct store_write *fail_late(const struct store *store, struct store_write *batch,
                                     enum error error)
{
    int64_t now_ms = clock_monotonic_ms();
    struct store_write *rest = NULL;
    struct store_write **end = &rest;
    while (batch) {
        struct store_write *next = batch->next;
        if (batch->deadline_ms <= now_ms) {
            complete(store, batch, error);
        } else {
            *end = batch;
            end = &batch->next;
        }
        batch = next;
    }
    *end = NULL;
    return rest;
}

static void complete_all(struct store *store, struct store_write *batch, enum error error)
{
    for (struct store_write *next; batch; batch = next) {
        next = batch->next;
        complete(store, batch, error != ERROR_NONE ? error : batch->result);
    }
    completed(store);
}

/* Begins a transaction for a batch. Writes that run out of time fail one by one; NULL when none is
   left, and then there is no transaction. */
static struct store_write *begin_batch(struct store *store, struct store_write *batch)
{
    while (batch) {
        int64_t earliest_ms = batch->deadline_ms;
        for (struct store_write *write = batch; write; write = write->next)
            earliest_ms = MIN(earliest_ms, write->deadline_ms);
        enum error error = store->backend->begin(store->connection, earliest_ms);
        if (error == ERROR_NONE)
            break;
        if (error != ERROR_STORE_BUSY) {
            complete_all(store, batch, error);
            return NULL;
        }
        batch = fail_late(store, batch, error);
        completed(store);
    }
    return batch;
}

/* Whether it is work for the broker. */
static bool is_news(const struct store_write *write)
{
    return write->verb == STORE_ENQUEUE || (write->verb == STORE_CANCEL && write->cancel.asked) ||
           write->verb == STORE_PAIR || write->verb == STORE_CREATE_TOKEN ||
           (write->verb == STORE_REVOKE_TOKEN && write->revoke_token.changed) ||
           (write->verb == STORE_REQUEUE && write->requeue.outcome == STORE_REQUEUED) ||
           (write->verb == STORE_SET_SENDING && !write->set_sending.pause);
}

/* Tells the broker, unless another batch waits, whose news it then hears with these. */
static void tell_news(struct store *store)
{
    if (store->news_since_us == 0)
        return;
    pthread_mutex_lock(&store->lock);
    bool more = store->first;
    pthread_mutex_unlock(&store->lock);
    if (more && clock_monotonic_us() < store->news_since_us + NEWS_PAUSE_US)
        return;
    store->news_since_us = 0;
    store->options.enqueued(store->options.context);
}

static void tell_moves(const struct store *store)
{
    size_t count;
    const struct store_transition *moves = store->backend->moves(store->connection, &count);
    if (count > 0)
        store->options.moved(store->options.context, moves, count);
}

static enum error commit(const struct store *store, size_t batch_size)
{
    struct metrics *metrics = store->options.metrics;
    int64_t began_us = clock_monotonic_us();
    enum error error = store->backend->commit(store->connection);
    if (error == ERROR_NONE) {
        METRICS_ADD(metrics, db_commits_total, 0, 1);
        METRICS_OBSERVE(metrics, db_commit_duration_seconds,
                        (uint64_t)(clock_monotonic_us() - began_us));
        METRICS_OBSERVE(metrics, db_commit_batch_size, batch_size);
    }
    return error;
}

static void run_batch(struct store *store, struct store_write *batch)
{
    const struct store_backend *backend = store->backend;
    enum error batch_error = ERROR_NONE;
    bool lost = false, enqueued = false;
    size_t count = 0;

    for (struct store_write *write = batch; write && !lost; write = write->next) {
        count++;
        write->result = backend->execute(store->connection, write, &lost);
        if (lost)
            batch_error = write->result;
        enqueued |= write->result == ERROR_NONE && is_news(write);
    }
    FAIL_POINT("store.before_commit");
    if (batch_error == ERROR_NONE)
        batch_error = commit(store, count);
    FAIL_POINT("store.after_commit");
    if (batch_error != ERROR_NONE)
        backend->rollback(store->connection);

    complete_all(store, batch, batch_error);
    bool news = enqueued && batch_error == ERROR_NONE && store->options.enqueued;
    if (news && store->news_since_us == 0)
        store->news_since_us = clock_monotonic_us();
    tell_news(store);
    if (!backend->finish(store->connection)) {
        /* Reads that want to begin wait; those under way end within their time limit. */
        pthread_rwlock_wrlock(&store->reading);
        backend->tidy(store->connection);
        pthread_rwlock_unlock(&store->reading);
    }
    if (batch_error == ERROR_NONE)
        tell_moves(store);
}

static void *writer_main(void *argument)
{
    struct store *store = argument;
    struct store_write *batch;
    while ((batch = take_batch(store))) {
        batch = begin_batch(store, batch);
        if (batch)
            run_batch(store, batch);
        else
            tell_news(store);
        end_running(store);
    }
    return NULL;
}

/* Runs a write on the thread that submits it. False when the writer is busy, or when the write would
   have to wait for another process. */
static bool try_inline(struct store *store, struct store_write *write)
{
    pthread_mutex_lock(&store->lock);
    bool idle = !store->first && !store->running && !store->closing;
    if (idle)
        set_running(store);
    pthread_mutex_unlock(&store->lock);
    if (!idle)
        return false;
    bool begun = store->backend->begin(store->connection, STORE_BEGIN_AT_ONCE) == ERROR_NONE;
    if (begun)
        run_batch(store, write);
    end_running(store);
    return begun;
}

/* ---- The front ---- */

/* A lock that a stream of reads cannot keep from the writer. */
static void init_reading(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

static void destroy(struct store *store)
{
    pthread_rwlock_destroy(&store->reading);
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static const char *path_of(const char *dsn)
{
    static const char scheme[] = "sqlite:";
    return strncmp(dsn, scheme, strlen(scheme)) == 0 ? dsn + strlen(scheme) : dsn;
}

enum error store_open(const struct store_options *options, struct store **result,
                      char problem[STORE_ERROR_SIZE])
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return ERROR_INTERNAL;
    if (!store_path_resolve(path_of(options->path), store->path, problem)) {
        free(store);
        return ERROR_STORE_UNAVAILABLE;
    }
    store->backend = &store_backend_sqlite;
    store->options = *options;
    store->options.path = store->path;
    if (!store->options.wall_ms)
        store->options.wall_ms = clock_wall_ms;
    store->last = &store->first;
    store->recent_batch_size = 1;
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->wake, NULL);
    init_reading(&store->reading);

    enum error error = store->backend->open(&store->options, true, &store->connection, problem);
    if (error == ERROR_NONE && pthread_create(&store->writer, NULL, writer_main, store) != 0) {
        store->backend->close(store->connection);
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
    store->backend->close(store->connection);
    destroy(store);
}

static enum error enqueue(struct store *store, struct store_write *write)
{
    enum error error = ERROR_NONE;
    pthread_mutex_lock(&store->lock);
    if (store->closing) {
        error = ERROR_SHUTTING_DOWN;
    } else if (store->waiting >= MAX_WAITING) {
        error = ERROR_STORE_BUSY;
    } else {
        if (!store->first && !store->running)
            pthread_cond_signal(&store->wake);
        *store->last = write;
        store->last = &write->next;
        store->waiting++;
    }
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

enum error store_submit(struct store *store, struct store_write *write)
{
    assert(write->verb < STORE_VERB_COUNT && write->done);
    assert(write->verb != STORE_CLAIM || write->claim.slot_count <= STORE_MAX_CLAIM);
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

int64_t store_backoff_ms(unsigned failures, double spread)
{
    int64_t most = MIN((int64_t)STORE_FIRST_BACKOFF_MS << MIN(failures - 1, 10u),
                       (int64_t)STORE_MAX_BACKOFF_MS);
    return most / 2 + (int64_t)(spread * (double)(most / 2));
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
    reader->store = store;
    reader->backend = store->backend;
    enum error error = reader->backend->open(&store->options, false, &reader->connection, problem);
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
    reader->backend->close(reader->connection);
    free(reader);
}

static void begin_read(struct store_reader *reader)
{
    pthread_rwlock_rdlock(&reader->store->reading);
}

static void end_read(struct store_reader *reader)
{
    pthread_rwlock_unlock(&reader->store->reading);
}

enum error store_find_message(struct store_reader *reader, const struct message_id *id,
                              struct message *message)
{
    begin_read(reader);
    enum error error = reader->backend->find_message(reader->connection, id, message);
    end_read(reader);
    return error;
}

enum error store_read_history(struct store_reader *reader, const struct message_id *id,
                              struct message_event **events, size_t *count)
{
    begin_read(reader);
    enum error error = reader->backend->read_history(reader->connection, id, events, count);
    end_read(reader);
    return error;
}

enum error store_list_messages(struct store_reader *reader, const struct store_query *query,
                               struct store_page *page)
{
    assert(query->limit > 0 && query->offset >= 0);
    *page = (struct store_page){0};
    begin_read(reader);
    enum error error = reader->backend->list_messages(reader->connection, query, page);
    end_read(reader);
    return error;
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
    begin_read(reader);
    enum error error = reader->backend->find_key(reader->connection, id, key, found);
    end_read(reader);
    return error;
}

enum error store_list_keys(struct store_reader *reader, struct api_key **keys, size_t *count)
{
    begin_read(reader);
    enum error error = reader->backend->list_keys(reader->connection, keys, count);
    end_read(reader);
    return error;
}

enum error store_find_token(struct store_reader *reader, const char *id, struct device_token *token,
                            bool *found)
{
    begin_read(reader);
    enum error error = reader->backend->find_token(reader->connection, id, token, found);
    end_read(reader);
    return error;
}

enum error store_list_tokens(struct store_reader *reader, struct device_token **tokens,
                             size_t *count)
{
    begin_read(reader);
    enum error error = reader->backend->list_tokens(reader->connection, tokens, count);
    end_read(reader);
    return error;
}

enum error store_read_sending(struct store_reader *reader, struct store_sending *sending)
{
    begin_read(reader);
    enum error error = reader->backend->read_sending(reader->connection, sending);
    end_read(reader);
    return error;
}

enum error store_list_devices(struct store_reader *reader, struct device **devices, size_t *count)
{
    begin_read(reader);
    enum error error = reader->backend->list_devices(reader->connection, devices, count);
    end_read(reader);
    return error;
}

void store_devices_free(struct device *devices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        device_info_fini(&devices[i].info);
    free(devices);
}

enum error store_read_statistics(struct store_reader *reader, int64_t stuck_since_ms,
                                 struct store_statistics *statistics)
{
    begin_read(reader);
    enum error error = reader->backend->read_statistics(reader->connection, stuck_since_ms,
                                                        statistics);
    end_read(reader);
    return error;
}
