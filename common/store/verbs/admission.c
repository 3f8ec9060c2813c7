#include "common/store/verbs/admission.h"

#include "common/base/log.h"
#include "common/store/verbs/content.h"
#include "common/store/verbs/events.h"
#include "common/store/verbs/idempotency.h"
#include "common/store/verbs/opt_outs.h"
#include "common/store/verbs/queue_place.h"
#include "common/store/verbs/verbs.h"

#include <stdio.h>
#include <string.h>

enum { TIDY_ROWS = 200, MINUTE_MS = 60000, DAY_MS = 86400000 };

static const char burst_reason[] = "more messages than PAUSE_AFTER_MESSAGES within ten minutes";

/* ---- The counts of a transaction ---- */

void admission_begin(struct store_transaction *transaction)
{
    transaction->accepted = (struct accepted_counts){
        .tidied_minute = transaction->accepted.tidied_minute,
        .today = transaction->now_ms / DAY_MS,
        .minute = transaction->now_ms / MINUTE_MS,
    };
}

static enum error find_accepted(struct store_transaction *transaction, enum accepted_kind kind,
                                const char *name, int64_t *count)
{
    struct accepted_key key = {kind, transaction->accepted.today, name};
    return transaction->rows->limits->find_accepted(transaction->database, &key, count);
}

static enum error flush_count(struct store_transaction *transaction, enum accepted_kind kind,
                              int64_t period, struct accepted_count *count)
{
    if (count->added == 0)
        return ERROR_NONE;
    struct accepted_key key = {kind, period, count->key_id};
    enum error error = transaction->rows->limits->add_accepted(transaction->database, &key,
                                                               count->added);
    if (error == ERROR_NONE) {
        count->stored += count->added;
        count->added = 0;
    }
    return error;
}

static enum error flush_keys(struct store_transaction *transaction)
{
    struct accepted_counts *accepted = &transaction->accepted;
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < accepted->key_count && error == ERROR_NONE; i++)
        error = flush_count(transaction, ACCEPTED_BY_KEY, accepted->today, &accepted->keys[i]);
    if (error == ERROR_NONE)
        accepted->key_count = 0;
    return error;
}

static enum error find_key_count(struct store_transaction *transaction, const char *key_id,
                                 struct accepted_count **count)
{
    struct accepted_counts *accepted = &transaction->accepted;
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < accepted->key_count; i++) {
        *count = &accepted->keys[i];
        if (strcmp((*count)->key_id, key_id) == 0)
            return ERROR_NONE;
    }
    if (accepted->key_count == ARRAY_LENGTH(accepted->keys))
        error = flush_keys(transaction);
    if (error != ERROR_NONE)
        return error;
    *count = &accepted->keys[accepted->key_count];
    **count = (struct accepted_count){0};
    strcpy((*count)->key_id, key_id);
    error = find_accepted(transaction, ACCEPTED_BY_KEY, key_id, &(*count)->stored);
    accepted->key_count += error == ERROR_NONE;
    return error;
}

/* ---- New messages ---- */

static enum error is_queue_old(struct store_transaction *transaction, bool *old)
{
    int64_t since_ms = transaction->now_ms;
    enum error error = transaction->rows->messages->read_queued_since(
        transaction->database, transaction->now_ms, &since_ms);
    *old = transaction->now_ms - since_ms > transaction->limits.max_queue_age_ms;
    return error;
}

/* What is the same for all new messages of a transaction. */
static enum error load(struct store_transaction *transaction)
{
    struct accepted_counts *accepted = &transaction->accepted;
    const struct store_limits *limits = &transaction->limits;
    struct store_sending sending;
    bool old = false;
    enum error error = transaction->rows->limits->find_sending(transaction->database, &sending);
    if (error == ERROR_NONE && limits->keeps_opt_outs)
        error = transaction->rows->opt_outs->any(transaction->database, &accepted->has_opt_outs);
    if (error == ERROR_NONE && limits->max_queue_age_ms > 0)
        error = is_queue_old(transaction, &old);
    if (error == ERROR_NONE && limits->daily_messages > 0)
        error = find_accepted(transaction, ACCEPTED_DAILY, "", &accepted->day.stored);
    if (error == ERROR_NONE && limits->pause_after_messages > 0)
        error = transaction->rows->limits->sum_accepted(
            transaction->database, ACCEPTED_IN_MINUTE, accepted->minute - STORE_BURST_MINUTES,
            accepted->minute + STORE_BURST_MINUTES, /* a clock may go back a little */
            &accepted->burst.stored);
    if (error != ERROR_NONE)
        return error;
    accepted->loaded = true;
    accepted->refusal = sending.paused_since_ms != 0 ? ERROR_SENDING_PAUSED
                        : old                        ? ERROR_QUEUE_FULL
                                                     : ERROR_NONE;
    return ERROR_NONE;
}

static bool is_reached(const struct accepted_count *count, int64_t most)
{
    return most > 0 && count->stored + count->added >= most;
}

/* Whether its number is known, and so whether rules about recipients apply. */
static bool has_recipient(const struct store_enqueue *enqueue)
{
    return enqueue->message->options.content != MESSAGE_ENCRYPTED;
}

static struct accepted_key recipient_key(const struct store_transaction *transaction,
                                         const struct store_enqueue *enqueue)
{
    return (struct accepted_key){ACCEPTED_BY_RECIPIENT, transaction->accepted.today,
                                 enqueue->message->phone_number};
}

static enum error count_recipient(struct store_transaction *transaction,
                                  const struct store_enqueue *enqueue)
{
    struct accepted_key key = recipient_key(transaction, enqueue);
    int64_t most = transaction->limits.recipient_daily_messages;
    bool added = true;
    enum error error = ERROR_NONE;
    if (most > 0 && has_recipient(enqueue))
        error = transaction->rows->limits->add_accepted_below(transaction->database, &key, most,
                                                              &added);
    return error == ERROR_NONE && !added ? ERROR_RECIPIENT_CAP_REACHED : error;
}

static enum error check_opt_out(struct store_transaction *transaction,
                                const struct store_enqueue *enqueue)
{
    return transaction->accepted.has_opt_outs && !enqueue->ignores_opt_out && has_recipient(enqueue)
               ? opt_outs_check(transaction, enqueue->message->phone_number)
               : ERROR_NONE;
}

/* What is no text is for one device, whose app can send it. */
static enum error check_content(struct store_transaction *transaction,
                                const struct store_enqueue *enqueue)
{
    bool sends;
    enum error error = content_find_sender(transaction, &enqueue->message->options, &sends);
    return error == ERROR_NONE && !sends ? ERROR_CONTENT_NOT_SUPPORTED : error;
}

/* *key: the count of its key, or NULL where that has no limit. */
static enum error find_limited_key(struct store_transaction *transaction,
                                   const struct store_enqueue *enqueue, struct accepted_count **key)
{
    *key = NULL;
    if (enqueue->key_daily_messages == 0 || *enqueue->key_id == '\0')
        return ERROR_NONE;
    return find_key_count(transaction, enqueue->key_id, key);
}

/* *key: as find_limited_key. */
static enum error check(struct store_transaction *transaction, const struct store_enqueue *enqueue,
                        struct accepted_count **key)
{
    struct accepted_counts *accepted = &transaction->accepted;
    enum error error = transaction->refusal;
    if (error == ERROR_NONE && !accepted->loaded)
        error = load(transaction);
    if (error == ERROR_NONE)
        error = accepted->refusal;
    if (error == ERROR_NONE)
        error = check_content(transaction, enqueue);
    if (error == ERROR_NONE)
        error = check_opt_out(transaction, enqueue);
    if (error == ERROR_NONE && is_reached(&accepted->day, transaction->limits.daily_messages))
        error = ERROR_DAILY_CAP_REACHED;
    if (error == ERROR_NONE)
        error = find_limited_key(transaction, enqueue, key);
    if (error == ERROR_NONE && *key && is_reached(*key, enqueue->key_daily_messages))
        error = ERROR_KEY_CAP_REACHED;
    return error;
}

/* Adds messages that were let in, or takes one back: `delta` is their number, or -1. The message that exceeds the burst limit is
   accepted; those after it find sending paused. */
static void count_messages(struct store_transaction *transaction, struct accepted_count *key,
                           int64_t delta)
{
    struct accepted_counts *accepted = &transaction->accepted;
    int64_t most = transaction->limits.pause_after_messages;
    transaction->tally.count_delta[MESSAGE_QUEUED] += delta;
    if (transaction->limits.daily_messages > 0)
        accepted->day.added += delta;
    if (key)
        key->added += delta;
    if (most == 0)
        return;
    accepted->burst.added += delta;
    accepted->pauses = accepted->burst.stored + accepted->burst.added > most;
    if (accepted->pauses)
        accepted->refusal = ERROR_SENDING_PAUSED;
}

static void refund_recipient(struct store_transaction *transaction,
                             const struct store_enqueue *enqueue)
{
    struct accepted_key key = recipient_key(transaction, enqueue);
    if (transaction->limits.recipient_daily_messages > 0 && has_recipient(enqueue) &&
        transaction->rows->limits->add_accepted(transaction->database, &key, -1) != ERROR_NONE)
        transaction->lost = true;
}

static enum error insert(struct store_transaction *transaction, const struct message *message)
{
    struct message_row row = {.id = message->id, .options = message->options};
    struct message_place place;
    bool has_options = message_has_options(message);
    if (has_options)
        place = queue_place(&row, transaction->now_ms);
    return transaction->rows->messages->insert(transaction->database, message,
                                               has_options ? &place : NULL);
}

enum error admission_enqueue(struct store_transaction *transaction,
                             const struct store_enqueue *enqueue)
{
    struct accepted_count *key;
    enum error error = check(transaction, enqueue, &key);
    if (error == ERROR_NONE)
        error = count_recipient(transaction, enqueue);
    if (error != ERROR_NONE)
        return error;
    error = insert(transaction, enqueue->message);
    if (error != ERROR_NONE) {
        refund_recipient(transaction, enqueue);
        return error;
    }
    count_messages(transaction, key, 1);
    return ERROR_NONE;
}

/* Whether `wanted` more stay within the limit. */
static enum error check_room(const struct accepted_count *count, int64_t most, size_t wanted,
                             enum error refusal, size_t *refused)
{
    size_t room = most > 0 ? (size_t)MAX(most - count->stored - count->added, 0) : wanted;
    if (room >= wanted)
        return ERROR_NONE;
    *refused = room;
    return refusal;
}

/* As `check`, for all messages of a batch. */
static enum error check_batch(struct store_transaction *transaction,
                              const struct store_enqueue *first, size_t count,
                              struct accepted_count **key, size_t *refused)
{
    struct accepted_counts *accepted = &transaction->accepted;
    const struct store_limits *limits = &transaction->limits;
    enum error error = transaction->refusal;
    *refused = 0;
    if (error == ERROR_NONE && !accepted->loaded)
        error = load(transaction);
    if (error == ERROR_NONE)
        error = accepted->refusal;
    if (error == ERROR_NONE)
        error = check_room(&accepted->day, limits->daily_messages, count, ERROR_DAILY_CAP_REACHED,
                           refused);
    if (error == ERROR_NONE)
        error = find_limited_key(transaction, first, key);
    if (error == ERROR_NONE && *key)
        error = check_room(*key, first->key_daily_messages, count, ERROR_KEY_CAP_REACHED, refused);
    if (error == ERROR_NONE)
        error = check_room(&accepted->burst, limits->pause_after_messages, count,
                           ERROR_BURST_CAP_REACHED, refused);
    return error;
}

enum error admission_count_batch(struct store_transaction *transaction,
                                 struct store_enqueue_batch *batch)
{
    struct accepted_count *key;
    struct store_enqueue enqueue = {.message = batch->messages,
                                    .key_daily_messages = batch->key_daily_messages,
                                    .ignores_opt_out = batch->ignores_opt_out};
    strcpy(enqueue.key_id, batch->key_id);
    enum error error = check_batch(transaction, &enqueue, batch->count, &key, &batch->refused);
    if (error != ERROR_NONE)
        return error;
    for (size_t i = 0; i < batch->count && error == ERROR_NONE; i++) {
        batch->refused = i;
        enqueue.message = &batch->messages[i];
        error = check_content(transaction, &enqueue);
        if (error == ERROR_NONE)
            error = check_opt_out(transaction, &enqueue);
        if (error == ERROR_NONE)
            error = count_recipient(transaction, &enqueue);
    }
    if (error == ERROR_NONE)
        count_messages(transaction, key, (int64_t)batch->count);
    return error;
}

void admission_refund(struct store_transaction *transaction, const struct store_enqueue *enqueue)
{
    struct accepted_count *key;
    refund_recipient(transaction, enqueue);
    if (find_limited_key(transaction, enqueue, &key) != ERROR_NONE)
        transaction->lost = true;
    else
        count_messages(transaction, key, -1);
}

/* With its idempotency key, or neither of the two. */
static enum error enqueue_with_key(struct store_transaction *transaction,
                                   const struct store_enqueue *enqueue)
{
    enum error error = admission_enqueue(transaction, enqueue);
    if (error != ERROR_NONE)
        return error;
    error = idempotency_keep(transaction, enqueue->idempotency);
    if (error != ERROR_NONE)
        admission_refund(transaction, enqueue);
    return error;
}

enum error verb_enqueue(struct store_transaction *transaction, struct store_write *write)
{
    const struct store_enqueue *enqueue = &write->enqueue;
    if (!enqueue->idempotency)
        return admission_enqueue(transaction, enqueue);
    enum error error = idempotency_find(transaction, enqueue->idempotency);
    if (error != ERROR_NONE || enqueue->idempotency->replayed)
        return error;
    return enqueue_with_key(transaction, enqueue);
}

/* ---- The end of a transaction ---- */

static enum error remove_old(struct store_transaction *transaction, enum accepted_kind kind,
                             int64_t before_period, bool *more)
{
    int64_t count = 0;
    enum error error = transaction->rows->limits->remove_accepted(transaction->database, kind,
                                                                  before_period, TIDY_ROWS, &count);
    *more |= count == TIDY_ROWS;
    return error;
}

/* Yesterday's counts stay, for a clock that goes back over midnight. */
static enum error tidy(struct store_transaction *transaction)
{
    struct accepted_counts *accepted = &transaction->accepted;
    bool more = false;
    enum error error = ERROR_NONE;
    for (enum accepted_kind kind = ACCEPTED_DAILY;
         kind <= ACCEPTED_IN_MINUTE && error == ERROR_NONE; kind++) {
        int64_t before = kind == ACCEPTED_IN_MINUTE ? accepted->minute - STORE_BURST_MINUTES
                                                    : accepted->today - 1;
        error = remove_old(transaction, kind, before, &more);
    }
    if (error == ERROR_NONE && !more)
        accepted->tidied_minute = accepted->minute;
    return error;
}

static enum error pause_sending(struct store_transaction *transaction, const char *reason,
                                bool *changed)
{
    const struct limit_rows *rows = transaction->rows->limits;
    struct store_sending sending;
    enum error error = rows->find_sending(transaction->database, &sending);
    *changed = error == ERROR_NONE && sending.paused_since_ms == 0;
    if (!*changed)
        return error;
    sending.paused_since_ms = transaction->now_ms;
    snprintf(sending.reason, sizeof(sending.reason), "%s", reason);
    error = rows->save_sending(transaction->database, &sending);
    return error == ERROR_NONE
               ? event_put_text(transaction, (struct event_row){.type = EVENT_SENDING_PAUSED},
                                "reason", sending.reason)
               : error;
}

enum error admission_flush(struct store_transaction *transaction)
{
    struct accepted_counts *accepted = &transaction->accepted;
    bool changed;
    if (!accepted->loaded)
        return ERROR_NONE;
    enum error error = flush_keys(transaction);
    if (error == ERROR_NONE)
        error = flush_count(transaction, ACCEPTED_DAILY, accepted->today, &accepted->day);
    if (error == ERROR_NONE)
        error = flush_count(transaction, ACCEPTED_IN_MINUTE, accepted->minute, &accepted->burst);
    if (error == ERROR_NONE && accepted->pauses)
        error = pause_sending(transaction, burst_reason, &changed);
    if (error == ERROR_NONE && accepted->minute != accepted->tidied_minute)
        error = tidy(transaction);
    return error;
}

void admission_committed(const struct store_transaction *transaction)
{
    if (transaction->accepted.pauses)
        log_error("sending is paused; `sms-gateway sending resume` ends that",
                  LOG_TEXT("reason", burst_reason),
                  LOG_NUMBER("pause_after_messages", transaction->limits.pause_after_messages));
}

/* ---- Pausing by hand ---- */

static enum error resume_sending(struct store_transaction *transaction, bool *changed)
{
    const struct limit_rows *rows = transaction->rows->limits;
    struct store_sending sending;
    int64_t removed;
    enum error error = rows->find_sending(transaction->database, &sending);
    *changed = error == ERROR_NONE && sending.paused_since_ms != 0;
    if (*changed)
        error = rows->save_sending(transaction->database, &(struct store_sending){0});
    if (error == ERROR_NONE && *changed)
        error = event_put(transaction, &(struct event_row){.type = EVENT_SENDING_RESUMED});
    /* The burst begins again from nothing. */
    return error == ERROR_NONE ? rows->remove_accepted(transaction->database, ACCEPTED_IN_MINUTE,
                                                       INT64_MAX, INT64_MAX, &removed)
                               : error;
}

enum error verb_set_sending(struct store_transaction *transaction, struct store_write *write)
{
    struct store_set_sending *request = &write->set_sending;
    struct accepted_counts *accepted = &transaction->accepted;
    enum error error = request->pause
                           ? pause_sending(transaction, request->reason, &request->changed)
                           : resume_sending(transaction, &request->changed);
    if (error != ERROR_NONE)
        return error;
    accepted->refusal = request->pause ? ERROR_SENDING_PAUSED : ERROR_NONE;
    if (!request->pause) {
        accepted->burst = (struct accepted_count){0};
        accepted->pauses = false;
    }
    return ERROR_NONE;
}
