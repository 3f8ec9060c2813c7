/* The front of the store: opening and closing, submitting, readers. */
#include "common/store/store.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/process/database_url.h"
#include "common/store/backend_loader.h"
#include "common/store/store_backend.h"
#include "common/store/store_writer.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct store {
    const struct store_backend *backend;
    struct store_options options;
    struct store_database *database;
    struct store_writer writer;
    struct wait_views views;
};

/* The first is the default: a DSN without a scheme is a path. */
static const struct store_backend *const backends[] = {&store_backend_sqlite,
                                                       &store_backend_memory};

/* The backend that the scheme of a DSN asks for; *location is the DSN without it. NULL with `problem`: it is not installed. */
static const struct store_backend *choose_backend(const char *dsn, const char **location,
                                                  char problem[STORE_ERROR_SIZE])
{
    if (database_url_is_postgresql(dsn)) {
        *location = strchr(dsn, ':') + 1;
        return backend_load_postgresql(problem);
    }
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
    store->backend = choose_backend(options->dsn, &location, problem);
    if (!store->backend) {
        free(store);
        return ERROR_STORE_UNAVAILABLE;
    }
    if (!store->options.wall_ms)
        store->options.wall_ms = clock_wall_ms;

    enum error error = store->backend->open(&store->options, location, &store->database, problem);
    if (error == ERROR_NONE &&
        !store_writer_start(&store->writer, store->backend, store->database, &store->options)) {
        store->backend->close(store->database);
        error = ERROR_INTERNAL;
    }
    if (error != ERROR_NONE) {
        free(store);
        return error;
    }
    pthread_mutex_init(&store->views.lock, NULL);
    *result = store;
    return ERROR_NONE;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_writer_stop(&store->writer);
    store->backend->close(store->database);
    pthread_mutex_destroy(&store->views.lock);
    free(store);
}

static enum error enqueue(struct store *store, struct store_write *write)
{
    enum error error = store_writer_add(&store->writer, write);
    if (error != ERROR_NONE)
        METRICS_ADD(store->options.metrics, db_refused_writes_total, error, 1);
    return error;
}

/* The nil UUID is no journal's: a phone with one would be taken for a phone without. */
static bool names_its_journal(const struct store_holder *holder)
{
    static const struct message_id nil;
    return holder->assured == !message_id_equal(&holder->journal, &nil);
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
    assert(
        write->verb != STORE_CHANGE_OPT_OUTS ||
        (write->change_opt_outs.count >= 1 && write->change_opt_outs.count <= STORE_MAX_OPT_OUTS));
    assert(write->verb != STORE_DEVICE_CONNECT || names_its_journal(&write->connect.holder));
    write->deadline_ms = clock_monotonic_ms() + store->options.timeout_ms;

    if (write->run_inline && write->verb != STORE_ENQUEUE_BATCH &&
        store_writer_try_inline(&store->writer, write))
        return ERROR_NONE;
    return enqueue(store, write);
}

size_t store_recent_batch_size(const struct store *store)
{
    return store->writer.recent_batch_size;
}

bool store_is_stuck(struct store *store, int64_t limit_ms)
{
    return store_writer_is_stuck(&store->writer, limit_ms);
}

enum error store_fault(const struct store *store)
{
    return store->backend->fault ? store->backend->fault(store->database) : ERROR_NONE;
}

const char *store_fault_advice(enum error fault)
{
    switch (fault) {
    case ERROR_DATABASE_UNREACHABLE:
        return "See whether its server runs and takes connections, and whether DATABASE_URL leads"
               " there.";
    case ERROR_DATABASE_REPLACED:
        return "Stop all of the gateway, run `sms-gateway database settle` unless that was done,"
               " and start it again.";
    default:
        return "";
    }
}

int64_t store_backoff_ms(unsigned failures, double jitter)
{
    int64_t most = MIN((int64_t)STORE_FIRST_BACKOFF_MS << MIN(failures - 1, 10u),
                       (int64_t)STORE_MAX_BACKOFF_MS);
    return most / 2 + (int64_t)(jitter * (double)(most / 2));
}

bool store_listen(struct store *store,
                  void (*notified)(void *context, unsigned topics, bool same_node), void *context)
{
    if (store->backend->listen)
        return store->backend->listen(store->database, notified, context);
    METRICS_SET(store->options.metrics, node_listening, 1);
    return true;
}

bool store_set_guard(struct store *store, bool on, char problem[STORE_ERROR_SIZE])
{
    if (store->backend->set_guard)
        return store->backend->set_guard(store->database, on, problem);
    snprintf(problem, STORE_ERROR_SIZE, "this database always has its guard");
    return on;
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
    reader->views = &store->views;
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
