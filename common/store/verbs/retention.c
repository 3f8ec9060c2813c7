/* Finished messages: removed. */
#include "common/store/verbs/verbs.h"

static const struct message_id no_batch;

/* It is gone from its table. */
static enum error note_removed(struct store_transaction *transaction, const struct message_row *row)
{
    transaction->tally.count_delta[row->status]--;
    return message_id_equal(&row->batch_id, &no_batch)
               ? ERROR_NONE
               : transaction->rows->batches->remove_empty(transaction->database, &row->batch_id);
}

enum error verb_erase(struct store_transaction *transaction, struct store_write *write)
{
    struct message_row row;
    bool found;
    enum error error = transaction->rows->messages->find(transaction->database, &write->erase.id,
                                                         &row, &found);
    if (error != ERROR_NONE)
        return error;
    if (!found)
        return ERROR_MESSAGE_NOT_FOUND;
    write->erase.erased = row.status >= MESSAGE_SENT;
    if (!write->erase.erased)
        return ERROR_NONE;
    error = transaction->rows->messages->remove(transaction->database, &row);
    return error == ERROR_NONE ? note_removed(transaction, &row) : error;
}

static enum error purge_messages(struct store_transaction *transaction, struct store_purge *purge)
{
    size_t count = 0, limit = (size_t)purge->limit;
    int64_t newest_event = 0;
    struct message_row *rows = transaction_scratch(transaction, limit * sizeof(*rows));
    if (!rows)
        return ERROR_INTERNAL;
    enum error error = transaction->rows->messages->list_finished(
        transaction->database, transaction->now_ms - purge->message_age_ms, limit, rows, &count);
    if (error == ERROR_NONE && count > 0)
        error = transaction->rows->messages->purge(transaction->database, rows, count,
                                                   &newest_event);
    for (size_t i = 0; error == ERROR_NONE && i < count; i++)
        error = note_removed(transaction, &rows[i]);
    purge->messages = (int64_t)count;
    return error == ERROR_NONE && newest_event > 0
               ? transaction->rows->events->note_removed(transaction->database, newest_event)
               : error;
}

static enum error purge_events(struct store_transaction *transaction, struct store_purge *purge)
{
    const struct event_rows *events = transaction->rows->events;
    int64_t last;
    enum error error = events->remove_old(transaction->database,
                                          transaction->now_ms - purge->event_age_ms, purge->limit,
                                          &purge->events, &last);
    return error == ERROR_NONE && last > 0 ? events->note_removed(transaction->database, last)
                                           : error;
}

/* Those of messages, and those of incoming SMS. */
static enum error purge_texts(struct store_transaction *transaction, struct store_purge *purge,
                              bool *more)
{
    int64_t before_ms = transaction->now_ms - purge->text_age_ms, incoming = 0;
    enum error error = transaction->rows->messages->remove_texts(transaction->database, before_ms,
                                                                 purge->limit, &purge->texts);
    if (error == ERROR_NONE)
        error = transaction->rows->incoming->remove_texts(transaction->database, before_ms,
                                                          purge->limit, &incoming);
    *more = purge->texts == purge->limit || incoming == purge->limit;
    purge->texts += incoming;
    return error;
}

enum error verb_purge(struct store_transaction *transaction, struct store_write *write)
{
    struct store_purge *purge = &write->purge;
    bool space = false, texts = false;
    int64_t readings = 0;
    enum error error = ERROR_NONE;
    purge->texts = purge->messages = purge->incoming = purge->events = 0;
    if (purge->text_age_ms != 0)
        error = purge_texts(transaction, purge, &texts);
    if (error == ERROR_NONE && purge->message_age_ms != 0)
        error = purge_messages(transaction, purge);
    if (error == ERROR_NONE && purge->incoming_age_ms != 0)
        error = transaction->rows->incoming->remove_old(
            transaction->database, transaction->now_ms - purge->incoming_age_ms, purge->limit,
            &purge->incoming);
    if (error == ERROR_NONE && purge->event_age_ms != 0)
        error = purge_events(transaction, purge);
    if (error == ERROR_NONE)
        error = transaction->rows->idempotency->remove_old(
            transaction->database, transaction->now_ms - STORE_IDEMPOTENCY_KEPT_MS, purge->limit,
            &purge->answers);
    if (error == ERROR_NONE)
        error = transaction->rows->webhooks->remove_deliveries(
            transaction->database,
            purge->delivery_age_ms ? transaction->now_ms - purge->delivery_age_ms : INT64_MIN,
            purge->limit, &purge->deliveries);
    if (error == ERROR_NONE)
        error = transaction->rows->readings->remove_old(
            transaction->database, transaction->now_ms - STORE_READINGS_KEPT_MS, purge->limit,
            &readings);
    if (error == ERROR_NONE)
        error = transaction->rows->admin->reclaim_space(transaction->database, &space);
    purge->more = space || texts || purge->messages == purge->limit ||
                  purge->incoming == purge->limit || purge->answers == purge->limit ||
                  purge->events == purge->limit || purge->deliveries == purge->limit ||
                  readings == purge->limit;
    return error;
}
