/* The memory backend: databases by name, and the locks for batches and reads. */
#include "common/store/memory/memory.h"

#include "common/base/clock.h"
#include "common/base/condition.h"
#include "common/store/store_backend.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A database; the stores that open its name share it. */
struct memory {
    char *name; /* "": one store has it alone */
    unsigned opened;
    struct memory *next;

    pthread_mutex_t turn_lock;
    pthread_cond_t turn_ends;
    bool turn;        /* under turn_lock: from a store's take_turn to its finish_batch */
    unsigned waiting; /* under turn_lock: stores that wait for their turn */

    pthread_mutex_t lock;        /* held for each batch and each read */
    struct memory_tables tables; /* under lock */
};

struct store_database_reader {
    struct store_database *database;
};

/* ---- Opening ---- */

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct memory *all; /* under open_lock */

static struct memory *create(const char *name)
{
    struct memory *memory = calloc(1, sizeof(*memory));
    if (!memory)
        return NULL;
    memory->name = strdup(name);
    if (!memory->name) {
        free(memory);
        return NULL;
    }
    pthread_mutex_init(&memory->turn_lock, NULL);
    condition_init(&memory->turn_ends);
    pthread_mutex_init(&memory->lock, NULL);
    memory_tables_init(&memory->tables);
    memory->next = all;
    all = memory;
    return memory;
}

static struct memory *find(const char *name)
{
    struct memory *memory = all;
    while (memory && (*name == '\0' || strcmp(memory->name, name) != 0))
        memory = memory->next;
    return memory;
}

static struct memory *acquire(const char *name)
{
    pthread_mutex_lock(&open_lock);
    struct memory *memory = find(name);
    if (!memory)
        memory = create(name);
    if (memory)
        memory->opened++;
    pthread_mutex_unlock(&open_lock);
    return memory;
}

static void release(struct memory *memory)
{
    pthread_mutex_lock(&open_lock);
    bool last = --memory->opened == 0;
    struct memory **place = &all;
    while (last && *place != memory)
        place = &(*place)->next;
    if (last)
        *place = memory->next;
    pthread_mutex_unlock(&open_lock);
    if (!last)
        return;
    memory_tables_fini(&memory->tables);
    pthread_mutex_destroy(&memory->lock);
    pthread_cond_destroy(&memory->turn_ends);
    pthread_mutex_destroy(&memory->turn_lock);
    free(memory->name);
    free(memory);
}

static enum error open_memory(const struct store_options *options, const char *location,
                              struct store_database **result, char problem[STORE_ERROR_SIZE])
{
    struct store_database *database = malloc(sizeof(*database));
    struct memory *memory = database ? acquire(location) : NULL;
    if (!memory) {
        snprintf(problem, STORE_ERROR_SIZE, "no memory");
        free(database);
        return ERROR_INTERNAL;
    }
    memory_database_init(database, &memory->tables, options);
    database->memory = memory;
    database->wall_ms = options->wall_ms;
    database->turn_us = options->turn_us ? options->turn_us : STORE_TURN_US;
    *result = database;
    return ERROR_NONE;
}

static void close_memory(struct store_database *database)
{
    struct memory *memory = database->memory;
    memory_database_fini(database);
    free(database);
    release(memory);
}

/* ---- Batches ---- */

static bool take_turn(struct store_database *database, int64_t deadline_ms)
{
    struct memory *memory = database->memory;
    pthread_mutex_lock(&memory->turn_lock);
    memory->waiting++;
    while (memory->turn && clock_monotonic_ms() < deadline_ms)
        condition_wait_until(&memory->turn_ends, &memory->turn_lock, deadline_ms * 1000);
    memory->waiting--;
    bool taken = !memory->turn;
    memory->turn = true;
    pthread_mutex_unlock(&memory->turn_lock);
    return taken;
}

bool memory_turn_is_over(struct store_database *database)
{
    struct memory *memory = database->memory;
    if (!memory || clock_monotonic_us() < database->turn_ends_us)
        return false;
    pthread_mutex_lock(&memory->turn_lock);
    bool others_wait = memory->waiting > 0;
    pthread_mutex_unlock(&memory->turn_lock);
    return others_wait;
}

static enum error commit(struct store_database *database)
{
    int64_t began_us = clock_monotonic_us();
    enum error error = memory_commit(database);
    if (error == ERROR_NONE)
        METRICS_OBSERVE(database->transaction.metrics, db_commit_duration_seconds,
                        (uint64_t)(clock_monotonic_us() - began_us));
    return error;
}

static enum error run_batch(struct store_database *database, struct store_write *const writes[],
                            size_t count, int64_t deadline_ms, size_t *ran)
{
    struct memory *memory = database->memory;
    (void)deadline_ms; /* nothing is in the way of who has the turn */
    *ran = 0;
    pthread_mutex_lock(&memory->lock);
    memory_begin(database, database->wall_ms());
    database->turn_ends_us = clock_monotonic_us() + database->turn_us;
    while (*ran < count && (*ran == 0 || !memory_turn_is_over(database)))
        memory_run(database, writes[(*ran)++]);
    enum error error = commit(database);
    pthread_mutex_unlock(&memory->lock);
    if (error != ERROR_NONE)
        *ran = count;
    return error;
}

static void finish_batch(struct store_database *database)
{
    struct memory *memory = database->memory;
    pthread_mutex_lock(&memory->turn_lock);
    memory->turn = false;
    pthread_cond_signal(&memory->turn_ends);
    pthread_mutex_unlock(&memory->turn_lock);
}

static const struct store_transition *transitions(const struct store_database *database,
                                                  size_t *count)
{
    *count = database->transaction.transition_count;
    return database->transaction.transitions;
}

/* ---- Reads ---- */

static enum error open_reader(struct store_database *database,
                              struct store_database_reader **reader, char problem[STORE_ERROR_SIZE])
{
    *reader = malloc(sizeof(**reader));
    if (!*reader) {
        snprintf(problem, STORE_ERROR_SIZE, "no memory");
        return ERROR_INTERNAL;
    }
    (*reader)->database = database;
    return ERROR_NONE;
}

static void close_reader(struct store_database_reader *reader)
{
    free(reader);
}

static const struct memory_tables *begin_read(struct store_database_reader *reader)
{
    pthread_mutex_lock(&reader->database->memory->lock);
    return reader->database->tables;
}

static enum error end_read(struct store_database_reader *reader, enum error error)
{
    pthread_mutex_unlock(&reader->database->memory->lock);
    return error;
}

static enum error find_message(struct store_database_reader *reader, const struct message_id *id,
                               struct message *message)
{
    return end_read(reader, memory_read_message(begin_read(reader), id, message));
}

static enum error read_history(struct store_database_reader *reader, const struct message_id *id,
                               int64_t after, size_t limit, struct message_event **events,
                               size_t *count)
{
    return end_read(reader,
                    memory_read_history(begin_read(reader), id, after, limit, events, count));
}

static enum error find_batch(struct store_database_reader *reader, const struct message_id *id,
                             struct store_batch *batch)
{
    return end_read(reader, memory_read_batch(begin_read(reader), id, batch));
}

static enum error list_batches(struct store_database_reader *reader,
                               const struct message_id *before, size_t limit,
                               struct store_batch batches[], size_t *count)
{
    memory_list_batches(begin_read(reader), before, limit, batches, count);
    return end_read(reader, ERROR_NONE);
}

static enum error find_external_batch(struct store_database_reader *reader, const char *external_id,
                                      struct store_batch *batch)
{
    return end_read(reader, memory_find_external_batch(begin_read(reader), external_id, batch));
}

static enum error read_external_id(struct store_database_reader *reader,
                                   const struct message_id *batch_id,
                                   char external_id[STORE_EXTERNAL_ID_SIZE])
{
    memory_read_external_id(begin_read(reader), batch_id, external_id);
    return end_read(reader, ERROR_NONE);
}

static enum error list_external_batches(struct store_database_reader *reader,
                                        const struct store_external_query *query,
                                        struct store_batch batches[], size_t *count, int64_t *total)
{
    memory_list_external_batches(begin_read(reader), query, batches, count, total);
    return end_read(reader, ERROR_NONE);
}

static enum error list_messages(struct store_database_reader *reader,
                                const struct store_query *query, struct store_page *page)
{
    return end_read(reader, memory_list_messages(begin_read(reader), query, page));
}

static enum error find_incoming(struct store_database_reader *reader, const struct message_id *id,
                                struct incoming_sms *sms)
{
    return end_read(reader, memory_read_incoming(begin_read(reader), id, sms));
}

static enum error list_inbox(struct store_database_reader *reader,
                             const struct store_inbox_query *query, struct store_inbox_page *page)
{
    return end_read(reader, memory_list_inbox(begin_read(reader), query, page));
}

static enum error list_events(struct store_database_reader *reader,
                              const struct store_event_query *query, struct store_event_page *page)
{
    return end_read(reader, memory_list_events(begin_read(reader), query, page));
}

static enum error read_event_range(struct store_database_reader *reader, int64_t *oldest,
                                   int64_t *newest)
{
    memory_read_event_range(begin_read(reader), oldest, newest);
    return end_read(reader, ERROR_NONE);
}

static enum error find_opt_out(struct store_database_reader *reader, const char *phone_number,
                               struct opt_out *opt_out, bool *found)
{
    memory_read_opt_out(begin_read(reader), phone_number, opt_out, found);
    return end_read(reader, ERROR_NONE);
}

static enum error list_opt_outs(struct store_database_reader *reader, const char *after,
                                size_t limit, struct opt_out opt_outs[], size_t *count)
{
    memory_list_opt_outs(begin_read(reader), after, limit, opt_outs, count);
    return end_read(reader, ERROR_NONE);
}

static enum error find_key(struct store_database_reader *reader, const char *id,
                           struct api_key *key, bool *found)
{
    const struct api_key *row = table_find(&begin_read(reader)->keys, id);
    *found = row;
    if (row)
        *key = *row;
    return end_read(reader, ERROR_NONE);
}

static enum error list_keys(struct store_database_reader *reader, struct api_key **keys,
                            size_t *count)
{
    return end_read(reader, memory_list_keys(begin_read(reader), keys, count));
}

static enum error find_token(struct store_database_reader *reader, const char *id,
                             struct device_token *token, bool *found)
{
    const struct device_token *row = table_find(&begin_read(reader)->tokens, id);
    *found = row;
    if (row)
        *token = *row;
    return end_read(reader, ERROR_NONE);
}

static enum error find_hook(struct store_database_reader *reader,
                            const unsigned char hook_hash[SECRET_HASH_BYTES],
                            struct polled_device *device, bool *found)
{
    *found = memory_read_hook(begin_read(reader), hook_hash, device);
    return end_read(reader, ERROR_NONE);
}

static enum error list_tokens(struct store_database_reader *reader, struct device_token **tokens,
                              size_t *count)
{
    return end_read(reader, memory_list_tokens(begin_read(reader), tokens, count));
}

static enum error read_webhook_news(struct store_database_reader *reader,
                                    struct store_webhook_news *news)
{
    memory_read_webhook_news(begin_read(reader), news);
    return end_read(reader, ERROR_NONE);
}

static enum error list_webhooks(struct store_database_reader *reader, struct webhook **webhooks,
                                size_t *count)
{
    return end_read(reader, memory_list_webhooks(begin_read(reader), webhooks, count));
}

static enum error find_webhook(struct store_database_reader *reader, const char *id,
                               struct webhook *webhook, bool *found)
{
    const struct webhook *row = table_find(&begin_read(reader)->webhooks, id);
    *found = row;
    if (row)
        *webhook = *row;
    return end_read(reader, ERROR_NONE);
}

static enum error list_due_deliveries(struct store_database_reader *reader, const char *webhook_id,
                                      int64_t now_ms, size_t limit,
                                      struct webhook_delivery **deliveries, size_t *count)
{
    return end_read(reader, memory_list_due_deliveries(begin_read(reader), webhook_id, now_ms,
                                                       limit, deliveries, count));
}

static enum error list_deliveries(struct store_database_reader *reader,
                                  const struct store_delivery_query *query,
                                  struct webhook_delivery **deliveries, size_t *count)
{
    return end_read(reader, memory_list_deliveries(begin_read(reader), query, deliveries, count));
}

static enum error read_sending(struct store_database_reader *reader, struct store_sending *sending)
{
    memory_read_sending(begin_read(reader), sending);
    return end_read(reader, ERROR_NONE);
}

static enum error list_devices(struct store_database_reader *reader,
                               const struct store_device_query *query,
                               struct store_device_page *page)
{
    int64_t now_ms = reader->database->wall_ms();
    return end_read(reader, memory_list_devices(begin_read(reader), now_ms, query, page));
}

static enum error summarize_devices(struct store_database_reader *reader,
                                    const struct message_target *target,
                                    struct store_device_summary *summary)
{
    *summary = (struct store_device_summary){.now_ms = reader->database->wall_ms()};
    memory_summarize_devices(begin_read(reader), target, summary);
    return end_read(reader, ERROR_NONE);
}

/* All of them: there are few in memory. */
static enum error count_lanes(struct store_database_reader *reader, int64_t most,
                              struct store_lane_count counts[STORE_MAX_LANE_COUNTS], size_t *count,
                              int64_t *retried, int64_t *scheduled, int64_t *queued)
{
    (void)most;
    memory_count_lanes(begin_read(reader), counts, count, retried, scheduled, queued);
    return end_read(reader, ERROR_NONE);
}

static enum error poll_work(struct store_database_reader *reader, struct store_work *work)
{
    int64_t now_ms = reader->database->wall_ms();
    memory_poll_work(begin_read(reader), now_ms, work);
    return end_read(reader, ERROR_NONE);
}

static enum error find_device(struct store_database_reader *reader, const char *device_id,
                              struct store_device *device, bool *found)
{
    int64_t now_ms = reader->database->wall_ms();
    return end_read(reader,
                    memory_read_device(begin_read(reader), now_ms, device_id, device, found));
}

static enum error device_is_known(struct store_database_reader *reader, const char *device_id,
                                  bool *known)
{
    *known = memory_device_is_known(begin_read(reader), device_id);
    return end_read(reader, ERROR_NONE);
}

static enum error group_is_known(struct store_database_reader *reader, const char *group,
                                 bool *known)
{
    *known = memory_group_is_known(begin_read(reader), group);
    return end_read(reader, ERROR_NONE);
}

static enum error list_happenings(struct store_database_reader *reader,
                                  enum store_activity_kind kind, int64_t from_ms, size_t limit,
                                  struct store_happening rows[], size_t *count)
{
    memory_list_happenings(begin_read(reader), kind, from_ms, limit, rows, count);
    return end_read(reader, ERROR_NONE);
}

static enum error list_readings(struct store_database_reader *reader, const char *device_id,
                                int64_t from_ms, struct store_reading readings[STORE_MAX_READINGS],
                                size_t *count)
{
    memory_list_readings(begin_read(reader), device_id, from_ms, readings, count);
    return end_read(reader, ERROR_NONE);
}

static enum error find_times(struct store_database_reader *reader, int64_t seq,
                             struct store_message_times *times, bool *found)
{
    memory_find_times(begin_read(reader), seq, times, found);
    return end_read(reader, ERROR_NONE);
}

static enum error count_accepted(struct store_database_reader *reader,
                                 const struct store_accepted_query *query, int64_t *count)
{
    *count = memory_count_accepted(begin_read(reader), query);
    return end_read(reader, ERROR_NONE);
}

static enum error read_statistics(struct store_database_reader *reader, int64_t stuck_for_ms,
                                  struct store_statistics *statistics)
{
    int64_t now_ms = reader->database->wall_ms();
    return end_read(reader,
                    memory_read_statistics(begin_read(reader),
                                           reader->database->transaction.limits.low_battery_percent,
                                           now_ms - stuck_for_ms, now_ms, statistics));
}

const struct store_backend store_backend_memory = {
    .name = "memory",
    .open = open_memory,
    .close = close_memory,
    .take_turn = take_turn,
    .run_batch = run_batch,
    .finish_batch = finish_batch,
    .transitions = transitions,
    .open_reader = open_reader,
    .close_reader = close_reader,
    .find_message = find_message,
    .read_history = read_history,
    .find_batch = find_batch,
    .list_batches = list_batches,
    .find_external_batch = find_external_batch,
    .read_external_id = read_external_id,
    .list_external_batches = list_external_batches,
    .list_messages = list_messages,
    .find_incoming = find_incoming,
    .list_inbox = list_inbox,
    .list_events = list_events,
    .read_event_range = read_event_range,
    .find_opt_out = find_opt_out,
    .list_opt_outs = list_opt_outs,
    .find_key = find_key,
    .list_keys = list_keys,
    .find_token = find_token,
    .find_hook = find_hook,
    .list_tokens = list_tokens,
    .read_webhook_news = read_webhook_news,
    .list_webhooks = list_webhooks,
    .find_webhook = find_webhook,
    .list_due_deliveries = list_due_deliveries,
    .list_deliveries = list_deliveries,
    .read_sending = read_sending,
    .list_devices = list_devices,
    .summarize_devices = summarize_devices,
    .count_lanes = count_lanes,
    .poll_work = poll_work,
    .find_device = find_device,
    .device_is_known = device_is_known,
    .group_is_known = group_is_known,
    .list_happenings = list_happenings,
    .list_readings = list_readings,
    .find_times = find_times,
    .count_accepted = count_accepted,
    .read_statistics = read_statistics,
};
