#include "common/store/postgresql/partition_keeper.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/partitions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_MS = 5000,
    ANSWER_MS = 60000, /* the files of a large partition are removed */
    INTERVAL_MS = 10 * 60000,
    AGAIN_MS = 60000, /* after others were in the way */
};

struct partition_keeper {
    const char *url;
    const struct store_options *options;
    struct newest_timeline *newest;

    /* The caller's */
    bool started;
    pthread_t thread;
    int64_t message_age_ms; /* while the thread runs it is only read */

    atomic_bool is_running;
    atomic_llong next_ms; /* monotonic */
    bool is_told;         /* the thread's: that it does not work has been logged */
};

static void tell_problem(struct partition_keeper *keeper, const char *problem)
{
    if (!keeper->is_told)
        log_warning("the partitions of events could not be made or dropped: old events are removed"
                    " in small steps, or later",
                    LOG_TEXT("problem", problem));
    keeper->is_told = true;
}

static void tell(struct partition_keeper *keeper, const struct partition_changes *changes)
{
    if (changes->made > 0 || changes->dropped > 0)
        log_info("partitions of events made and dropped", LOG_NUMBER("made", changes->made),
                 LOG_NUMBER("dropped", changes->dropped));
    if (changes->overfilled)
        tell_problem(keeper, "the last one has too many events");
    else
        keeper->is_told = false;
}

static void *keeper_main(void *argument)
{
    struct partition_keeper *keeper = argument;
    char problem[STORE_ERROR_SIZE] = "", setup[SESSION_SETUP_SIZE + 64];
    struct partition_changes changes = {0};
    struct connection connection = {.timeout_ms = ANSWER_MS, .newest = keeper->newest};
    session_setup_write(setup, keeper->options->timeout_ms);
    strcat(setup, "; SET application_name = 'sms-gateway partitions'");
    bool good = connection_open(&connection, keeper->url, setup, clock_monotonic_ms() + CONNECT_MS,
                                problem) &&
                partitions_keep(&connection, keeper->options->wall_ms(), keeper->message_age_ms,
                                &changes, problem);
    if (good)
        tell(keeper, &changes);
    else
        tell_problem(keeper, problem);
    connection_close(&connection);
    atomic_store(&keeper->next_ms,
                 clock_monotonic_ms() + (good && !changes.busy ? INTERVAL_MS : AGAIN_MS));
    atomic_store(&keeper->is_running, false);
    return NULL;
}

static void join(struct partition_keeper *keeper)
{
    if (keeper->started)
        pthread_join(keeper->thread, NULL);
    keeper->started = false;
}

void partition_keeper_wake(struct partition_keeper *keeper, int64_t message_age_ms)
{
    if (atomic_load(&keeper->is_running) || clock_monotonic_ms() < atomic_load(&keeper->next_ms))
        return;
    join(keeper);
    keeper->message_age_ms = message_age_ms;
    atomic_store(&keeper->is_running, true);
    keeper->started = pthread_create(&keeper->thread, NULL, keeper_main, keeper) == 0;
    if (!keeper->started)
        atomic_store(&keeper->is_running, false);
}

struct partition_keeper *partition_keeper_new(const char *url, const struct store_options *options,
                                              struct newest_timeline *newest)
{
    struct partition_keeper *keeper = calloc(1, sizeof(*keeper));
    if (keeper)
        *keeper = (struct partition_keeper){.url = url, .options = options, .newest = newest};
    return keeper;
}

void partition_keeper_free(struct partition_keeper *keeper)
{
    if (keeper)
        join(keeper);
    free(keeper);
}
