#include "api-fcgi/webhook/webhook_sender.h"

#include "api-fcgi/webhook/core/throttle.h"
#include "api-fcgi/webhook/http_client.h"
#include "api-fcgi/webhook/target.h"
#include "api-fcgi/webhook/target_try.h"
#include "api-fcgi/webhook/thread_time.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/process/program.h"

#include <stdlib.h>
#include <string.h>

enum {
    NEWS_EVERY_MS = 50,        /* while there are webhooks */
    IDLE_NEWS_EVERY_MS = 1000, /* while there are none */
    METRICS_EVERY_MS = 1000,
    READ_AGAIN_MS = 1000, /* after the store could not be read */
};

struct webhook_sender {
    struct webhook_sender_options options;
    struct store_reader *reader;
    struct try_maker *tries;
    struct sender core;
    struct throttle throttle;
    int64_t ran_us; /* as of the last turn, while it gives way */
    struct target *targets[STORE_MAX_WEBHOOKS];
    size_t count;
    size_t disabled_count; /* webhooks that this program has disabled, and nobody has enabled */
    int64_t newest_event;  /* in the store */
    int64_t changed; /* the number of the change up to which webhooks were read; -1: none were */
    int64_t read_again_ms;                 /* the store is not read before */
    int64_t news_ms, metrics_ms, alive_ms; /* when each is next */
    int64_t alive_every_ms;                /* 0: there is no watchdog */
    bool ends;
};

_Static_assert((int)STORE_MAX_WEBHOOKS <= (int)SENDER_RECEIVERS, "each has its place");

/* ---- Webhooks come and go ---- */

static void drop(struct webhook_sender *sender, size_t index)
{
    struct target *target = sender->targets[index];
    sender_remove(&sender->core, target->receiver);
    target_free(target);
    memmove(&sender->targets[index], &sender->targets[index + 1],
            (--sender->count - index) * sizeof(sender->targets[0]));
}

static struct target *find(const struct webhook_sender *sender, const char *id)
{
    for (size_t i = 0; i < sender->count; i++)
        if (strcmp(sender->targets[i]->webhook.id, id) == 0)
            return sender->targets[i];
    return NULL;
}

static bool add(struct webhook_sender *sender, const struct webhook *webhook,
                const struct target_time *time)
{
    struct target *target = target_new(sender->reader, webhook, time);
    if (!target || !sender_add(&sender->core, target->receiver)) {
        target_free(target);
        return false;
    }
    sender->targets[sender->count++] = target;
    return true;
}

/* A webhook that was changed goes, when it is at rest, and is read again; others stay. Says whether all are as the store has
   them. */
static bool take_webhooks(struct webhook_sender *sender, const struct webhook *webhooks,
                          size_t count, const struct target_time *time)
{
    bool complete = true;
    sender->disabled_count = 0;
    for (size_t i = 0; i < sender->count; i++)
        sender->targets[i]->receiver->stops = true;
    for (size_t i = 0; i < count; i++) {
        struct target *target = find(sender, webhooks[i].id);
        sender->disabled_count += !webhooks[i].enabled && *webhooks[i].disabled_reason;
        if (target && target->webhook.changed == webhooks[i].changed &&
            target->webhook.rewound == webhooks[i].rewound)
            target->receiver->stops = !webhooks[i].enabled;
    }
    for (size_t i = sender->count; i-- > 0;) {
        if (!sender->targets[i]->receiver->stops)
            continue;
        if (target_is_at_rest(sender->targets[i]))
            drop(sender, i);
        else
            complete = false;
    }
    for (size_t i = 0; i < count; i++)
        if (webhooks[i].enabled && !find(sender, webhooks[i].id))
            complete = add(sender, &webhooks[i], time) && complete;
    return complete;
}

/* The store could not be read; it has been logged. */
static void rest(struct webhook_sender *sender, const struct target_time *time)
{
    sender->read_again_ms = time->now_ms + READ_AGAIN_MS;
}

static void read_webhooks(struct webhook_sender *sender, int64_t changed,
                          const struct target_time *time)
{
    struct webhook *webhooks = NULL;
    size_t count = 0;
    if (store_list_webhooks(sender->reader, &webhooks, &count) != ERROR_NONE)
        rest(sender, time);
    else if (take_webhooks(sender, webhooks, count, time))
        sender->changed = changed;
    store_free_webhooks(webhooks, count);
}

static void read_news(struct webhook_sender *sender, const struct target_time *time)
{
    struct store_webhook_news news;
    if (time->now_ms < sender->news_ms || time->now_ms < sender->read_again_ms)
        return;
    if (store_read_webhook_news(sender->reader, &news) != ERROR_NONE) {
        rest(sender, time);
        return;
    }
    sender->newest_event = news.newest_event;
    if (news.changed != sender->changed)
        read_webhooks(sender, news.changed, time);
    bool is_idle = sender->count == 0 && sender->changed == news.changed;
    sender->news_ms = time->now_ms + (is_idle ? IDLE_NEWS_EVERY_MS : NEWS_EVERY_MS);
}

/* ---- Events and deliveries ---- */

static bool is_behind(const struct webhook_sender *sender, const struct target *target)
{
    return target->receiver->cursor.read_to < sender->newest_event;
}

static void read_events(struct webhook_sender *sender, const struct target_time *time)
{
    for (size_t i = 0; i < sender->count && time->now_ms >= sender->read_again_ms; i++) {
        struct target *target = sender->targets[i];
        if (is_behind(sender, target) && !target_read_events(target, sender->reader, time))
            rest(sender, time);
    }
}

static struct target *target_of(const struct webhook_sender *sender,
                                const struct receiver *receiver)
{
    size_t i = 0;
    while (sender->targets[i]->receiver != receiver)
        i++;
    return sender->targets[i];
}

static void try_deliveries(struct webhook_sender *sender, const struct target_time *time)
{
    struct receiver *receiver;
    struct delivery *delivery;
    while (time->now_ms >= sender->read_again_ms &&
           (delivery = sender_take(&sender->core, time->now_ms, &receiver))) {
        struct target *target = target_of(sender, receiver);
        bool unreadable = false;
        if (delivery->body || target_read_body(target, sender->reader, delivery, &unreadable)) {
            try_begin(sender->tries, target, delivery, time);
        } else if (unreadable) {
            receiver_put_back(receiver, delivery, delivery->due_ms);
            rest(sender, time);
        } else {
            receiver_give_up(receiver, delivery, "the event is no longer kept", time->now_ms);
        }
    }
}

static void note_all(struct webhook_sender *sender, const struct target_time *time)
{
    for (size_t i = 0; i < sender->count; i++)
        target_note(sender->targets[i], sender->options.store, time, sender->ends);
}

static void take_notes(struct webhook_sender *sender)
{
    for (size_t i = 0; i < sender->count; i++)
        target_take_note(sender->targets[i]);
}

/* ---- Metrics ---- */

/* How long the oldest event waits that this webhook was not tried with, or not since its circuit is open. */
static int64_t backlog_ms(const struct webhook_sender *sender, const struct target *target,
                          const struct target_time *time)
{
    const struct receiver *receiver = target->receiver;
    int64_t oldest_ms = event_cursor_oldest_ms(&receiver->cursor);
    int64_t behind_ms = oldest_ms ? MAX(time->wall_ms - oldest_ms, 0) : 0;
    if (is_behind(sender, target) && receiver->health.is_open)
        behind_ms = MAX(behind_ms, time->now_ms - receiver->health.failing_since_ms);
    return behind_ms;
}

static void show_metrics(struct webhook_sender *sender, const struct target_time *time)
{
    struct metrics *metrics = sender->options.metrics;
    int64_t longest_ms = 0, waiting = 0, failing = 0;
    if (time->now_ms < sender->metrics_ms)
        return;
    for (size_t i = 0; i < sender->count; i++) {
        const struct target *target = sender->targets[i];
        longest_ms = MAX(longest_ms, backlog_ms(sender, target, time));
        waiting += (int64_t)target->receiver->queue.stored_count;
        failing += target->receiver->health.is_open;
    }
    METRICS_SET(metrics, webhook_backlog_seconds, longest_ms / 1000);
    METRICS_SET(metrics, webhook_deliveries_waiting, waiting);
    METRICS_SET(metrics, webhooks_failing, failing);
    METRICS_SET(metrics, webhooks_disabled, sender->disabled_count);
    metrics_turn(metrics);
    sender->metrics_ms = time->now_ms + METRICS_EVERY_MS;
}

/* ---- It gives way ---- */

static void judge_throttle(struct webhook_sender *sender, const struct target_time *time)
{
    int64_t lag_ms = 0;
    if (!throttle_is_due(&sender->throttle, time->now_ms))
        return;
    for (size_t i = 0; i < sender->count; i++)
        if (!sender->targets[i]->receiver->health.is_open)
            lag_ms = MAX(lag_ms, backlog_ms(sender, sender->targets[i], time));
    struct thread_time thread = thread_time_read();
    sender->ran_us = thread.ran_us;
    throttle_judge(&sender->throttle, time->now_ms, thread.ran_us, thread.waited_us,
                   sender->newest_event, lag_ms);
}

/* Whether deliveries are tried now. */
static bool may_try(struct webhook_sender *sender, const struct target_time *time)
{
    judge_throttle(sender, time);
    if (!sender->throttle.gives_way) /* as nearly always: then it reads no clocks */
        return true;
    int64_t ran_us = thread_time_ran_us(), now_us = clock_monotonic_us();
    throttle_use(&sender->throttle, now_us, ran_us - sender->ran_us);
    sender->ran_us = ran_us;
    return sender->throttle.idle_until_us <= now_us;
}

/* ---- The loop ---- */

static void say_alive(struct webhook_sender *sender, const struct target_time *time)
{
    if (sender->alive_every_ms == 0 || time->now_ms < sender->alive_ms)
        return;
    program_notify_alive();
    sender->alive_ms = time->now_ms + sender->alive_every_ms;
}

static int64_t next_ms(const struct webhook_sender *sender)
{
    int64_t next = MIN(sender->news_ms, sender->metrics_ms);
    int64_t idle_until_ms = (sender->throttle.idle_until_us + 999) / 1000;
    int64_t due_ms = MAX(sender_due_ms(&sender->core), idle_until_ms);
    next = MIN(next, sender->ends ? INT64_MAX : due_ms);
    for (size_t i = 0; i < sender->count; i++)
        next = MIN(next, target_note_due_ms(sender->targets[i]));
    next = MAX(next, sender->read_again_ms);
    return sender->alive_every_ms > 0 ? MIN(next, sender->alive_ms) : next;
}

static void turn(struct webhook_sender *sender, int signal_fd)
{
    struct target_time time = target_time_now();
    say_alive(sender, &time);
    show_metrics(sender, &time);
    take_notes(sender);
    if (!sender->ends) {
        read_news(sender, &time);
        if (may_try(sender, &time)) {
            read_events(sender, &time);
            try_deliveries(sender, &time);
        }
    }
    note_all(sender, &time);
    try_run(sender->tries, signal_fd, MAX(next_ms(sender) - time.now_ms, 0));
}

static bool all_at_rest(const struct webhook_sender *sender)
{
    for (size_t i = 0; i < sender->count; i++)
        if (!sender->targets[i]->is_gone && !target_is_at_rest(sender->targets[i]))
            return false;
    return true;
}

static bool notes_run(const struct webhook_sender *sender)
{
    for (size_t i = 0; i < sender->count; i++)
        if (atomic_load(&sender->targets[i]->note) == TARGET_NOTES)
            return true;
    return false;
}

void webhook_sender_run(struct webhook_sender *sender, int signal_fd)
{
    while (program_signal_request(signal_fd) == PROGRAM_CONTINUE)
        turn(sender, signal_fd);
    program_notify_stopping();
    sender->ends = true;
    int64_t end_ms = target_time_now().now_ms + sender->options.drain_timeout_ms;
    while (!all_at_rest(sender) && target_time_now().now_ms < end_ms)
        turn(sender, -1);
    while (notes_run(sender)) /* the store has them until then */
        turn(sender, -1);
    store_reader_close(sender->reader); /* before the store closes */
    sender->reader = NULL;
}

struct webhook_sender *webhook_sender_new(const struct webhook_sender_options *options)
{
    struct webhook_sender *sender = calloc(1, sizeof(*sender));
    if (!sender)
        return NULL;
    sender->options = *options;
    sender->changed = -1;
    sender->alive_every_ms = program_watchdog_interval_ms();
    sender->tries = try_maker_new(&(struct try_maker_options){
        .most_tries = SENDER_AT_ONCE,
        .rules = options->rules,
        .ca_file = options->ca_file,
        .signing_key = options->signing_key,
        .metrics = options->metrics,
    });
    if (sender->tries && store_reader_open(options->store, &sender->reader) == ERROR_NONE)
        return sender;
    log_error("the sender cannot start", LOG_TEXT("reason", "no memory"));
    webhook_sender_free(sender);
    return NULL;
}

void webhook_sender_free(struct webhook_sender *sender)
{
    if (!sender)
        return;
    try_maker_free(sender->tries); /* before the bodies of what it sends */
    while (sender->count > 0)
        drop(sender, sender->count - 1);
    if (sender->reader)
        store_reader_close(sender->reader);
    free(sender);
}

void webhook_sender_wake(struct webhook_sender *sender)
{
    try_wake(sender->tries);
}
