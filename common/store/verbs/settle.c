/* A restored database: nobody knows what became of the messages that are open in it. */
#include "common/store/verbs/brokers.h"
#include "common/store/verbs/transition.h"
#include "common/store/verbs/verbs.h"

/* An id is no older than the millisecond of its event, and fewer than a thousand events come in one. */
static int64_t highest_id_before(const struct store_transaction *transaction,
                                 const struct store_settle *settle)
{
    return MAX(settle->last_event_id, transaction->now_ms * 1000);
}

static enum error restore_open(struct store_transaction *transaction, int64_t *restored)
{
    struct message_row *rows = transaction_scratch(transaction, STORE_MAX_CLAIM * sizeof(*rows));
    enum error error = ERROR_NONE;
    int64_t after = INT64_MIN;
    size_t count = STORE_MAX_CLAIM;
    if (!rows)
        return ERROR_INTERNAL;
    while (error == ERROR_NONE && count == STORE_MAX_CLAIM) {
        error = transaction->rows->messages->list_open(transaction->database, after,
                                                       STORE_MAX_CLAIM, rows, &count);
        for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
            after = rows[i].seq;
            error = transition_restore(transaction, &rows[i]);
        }
        *restored += (int64_t)count;
    }
    return error;
}

/* Messages first: an offer whose broker ends would return to the queue. */
enum error verb_settle(struct store_transaction *transaction, struct store_write *write)
{
    struct store_settle *settle = &write->settle;
    settle->unknown = 0;
    enum error error = transaction->rows->events->skip_ids(transaction->database,
                                                           highest_id_before(transaction, settle));
    if (error == ERROR_NONE)
        error = restore_open(transaction, &settle->unknown);
    return error == ERROR_NONE ? brokers_end_all(transaction) : error;
}
