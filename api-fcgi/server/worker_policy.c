#include "api-fcgi/server/worker_policy.h"

#include "api-fcgi/server/api.h"
#include "api-fcgi/server/fcgi_server_state.h"
#include "common/base/clock.h"

#include <sched.h>

enum {
    BUSY_EVENTS = 4, /* a busy period begins with this many at once, */
    QUIET_MS = 100,  /* and ends after this long without */
};

bool worker_policy_should_run_inline(const struct worker *worker)
{
    bool more_events = worker->next_event < worker->event_count;
    return !more_events && store_recent_batch_size(worker->server->options.api->store) <= 1;
}

void worker_policy_choose_scheduling(struct worker *worker)
{
    static const struct sched_param none = {0};
    bool many = worker->event_count >= BUSY_EVENTS;
    if (!many && !worker->is_batch)
        return;
    int64_t now_ms = clock_monotonic_ms();
    if (many)
        worker->busy_until_ms = now_ms + QUIET_MS;
    bool batch = now_ms < worker->busy_until_ms;
    if (batch != worker->is_batch) /* without the permission nothing changes */
        pthread_setschedparam(pthread_self(), batch ? SCHED_BATCH : SCHED_OTHER, &none);
    worker->is_batch = batch;
}

int worker_policy_wait_ms(const struct worker *worker)
{
    return worker->is_batch ? QUIET_MS : -1;
}
