/*
 * Whether a new message may come in.
 *
 * The counts of all messages and of a key are read once in a transaction, added up in memory and written at its end.
 * The counts of recipients are a row for nearly each message, and are written at once.
 */
#ifndef COMMON_STORE_VERBS_ADMISSION_H
#define COMMON_STORE_VERBS_ADMISSION_H

#include "common/store/verbs/transaction.h"

void admission_begin(struct store_transaction *transaction);

/* A new message: it is counted and inserted, or refused. */
MUST_CHECK enum error admission_enqueue(struct store_transaction *transaction,
                                        const struct store_enqueue *enqueue);

/* Counts the messages of a batch, or refuses it and says at which message. They are still to be inserted; the submitter
   of the batch undoes it all after an error. */
MUST_CHECK enum error admission_count_batch(struct store_transaction *transaction,
                                            struct store_enqueue_batch *batch);

/* An enqueued message counts for nothing. Where that fails the transaction is lost. */
void admission_refund(struct store_transaction *transaction, const struct store_enqueue *enqueue);

/* Writes the counts, and the pause that they lead to. */
MUST_CHECK enum error admission_flush(struct store_transaction *transaction);

/* Logs the pause, after the commit. */
void admission_committed(const struct store_transaction *transaction);

#endif
