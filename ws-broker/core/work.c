#include "ws-broker/core/work.h"

#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/cancel.h"
#include "ws-broker/core/configuration.h"
#include "ws-broker/core/housekeeping.h"
#include "ws-broker/core/polled.h"
#include "ws-broker/core/superseded.h"
#include "ws-broker/core/token_revocation.h"

enum {
    LEAST_INTERVAL_MS = 200, /* the doorbell rings for each new message too */
    FOLLOWING_MS =
        20, /* the same, while there are polled devices: each waits for what it did to be seen */
    INTERVAL_MS = 1500, /* without the doorbell: at every second tick */
};

static void submit(struct broker *broker)
{
    broker->work.polling = true;
    action_queue_push(&broker->actions,
                      (struct broker_action){.type = BROKER_POLL, .work = &broker->work.page});
}

/* From the beginning of each list, but for what operators have decided: each decision is found once. */
static void start(struct broker *broker, int64_t now_ms)
{
    struct store_work *page = &broker->work.page;
    broker->work.is_certain = false;
    page->broker = broker->options.instance;
    page->cancel_cursor = (struct message_id){0};
    page->revoked_cursor[0] = page->superseded_cursor[0] = '\0';
    page->follows = broker->polled.session_count > 0;
    page->moves_cursor = MIN(page->moves_cursor, broker->polled.again_after);
    broker->polled.again_after = INT64_MAX;
    broker->work.moves_from = page->moves_cursor;
    page->stuck_for_ms = housekeeping_counts_stuck(broker, now_ms) ? broker->options.stuck_after_ms
                                                                   : 0;
    broker->work.not_before_ms = now_ms + (page->follows ? FOLLOWING_MS : LEAST_INTERVAL_MS);
    broker->work.poll_at_ms = now_ms + INTERVAL_MS;
    submit(broker);
}

void work_poll(struct broker *broker, int64_t now_ms)
{
    broker->work.wake_ms = INT64_MAX;
    broker->work.wanted = broker->work.polling || now_ms < broker->work.not_before_ms;
    if (!broker->work.wanted && !broker->drain.active)
        start(broker, now_ms);
    else if (broker->work.wanted && !broker->work.polling &&
             (broker->work.is_certain || broker->polled.session_count > 0))
        broker->work.wake_ms = broker->work.not_before_ms;
}

void work_poll_soon(struct broker *broker, int64_t now_ms)
{
    broker->work.is_certain = true;
    work_poll(broker, now_ms);
}

void work_poll_if_due(struct broker *broker, int64_t now_ms)
{
    if (broker->work.wanted || now_ms >= broker->work.poll_at_ms)
        work_poll(broker, now_ms);
}

void work_look_again(struct broker *broker, int64_t now_ms)
{
    if (broker->polled.again_after != INT64_MAX)
        work_poll(broker, now_ms);
}

void work_polled(struct broker *broker, enum error result, int64_t now_ms)
{
    struct store_work *page = &broker->work.page;
    broker->work.polling = false;
    if (result != ERROR_NONE)
        return; /* the next poll tries again */
    for (size_t i = 0; i < page->cancel_count; i++)
        cancel_requested(broker, &page->cancel_requests[i], now_ms);
    for (size_t i = 0; i < page->revoked_count; i++)
        token_revocation_found(broker, &page->revoked[i], now_ms);
    for (size_t i = 0; i < page->superseded_count; i++)
        superseded_found(broker, &page->superseded[i], now_ms);
    for (size_t i = 0; i < page->configured_count; i++)
        configuration_changed(broker, &page->configured[i], now_ms);
    polled_moved(broker, &page->moves, now_ms);
    store_event_page_fini(&page->moves);
    if (!page->follows && broker->polled.session_count > 0) /* it began meanwhile */
        page->moves_cursor = broker->work.moves_from;
    if (page->stuck_for_ms != 0)
        housekeeping_report(page->stuck, page->waiting);
    page->stuck_for_ms = 0;
    if (page->more && !broker->drain.active)
        submit(broker);
}
