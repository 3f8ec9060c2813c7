/*
 * How a message changes its status: the row, its event, the counts and the note for the log, or nothing. Which
 * status may follow which is message.c's table; the callers here have asked it.
 *
 * Each function leaves `row` as the message is afterwards.
 */
#ifndef COMMON_STORE_VERBS_TRANSITION_H
#define COMMON_STORE_VERBS_TRANSITION_H

#include "common/store/verbs/transaction.h"

/* Whether the message was given to an assured device. */
bool message_row_has_journal(const struct message_row *row);

/* What is true of a request by that device, about that attempt (0: it does not say which). */
unsigned transition_facts(const struct message_row *row, const struct store_holder *holder,
                          unsigned attempt);

/* To another status on the same device, or without one. `code` and `text` may be NULL. */
MUST_CHECK enum error transition_apply(struct store_transaction *transaction,
                                       struct message_row *row, enum message_status to,
                                       enum transition_reason reason, const char *code,
                                       const char *text);

/* A client no longer wants it: store_cancel in messages.h. */
MUST_CHECK enum error transition_cancel(struct store_transaction *transaction,
                                        struct message_row *row, bool *asked);

/* Its time is over, and nothing of it can have been sent. */
MUST_CHECK enum error transition_expire(struct store_transaction *transaction,
                                        struct message_row *row);

/* A queued message goes to a device: `dispatched`, or `accepted` by a basic one. */
MUST_CHECK enum error transition_dispatch(struct store_transaction *transaction,
                                          struct message_row *row,
                                          const struct store_holder *holder);

/* Back to the queue: this attempt sent nothing. One with a cancel request then becomes `cancelled`. If the reason is a
   failure the message waits for store_backoff_ms; after STORE_MAX_FAILURES it becomes `failed`. */
MUST_CHECK enum error transition_return(struct store_transaction *transaction,
                                        struct message_row *row, enum transition_reason reason,
                                        double jitter, const char *code, const char *text);

/* Back to the queue: offers that no device took. */
MUST_CHECK enum error transition_return_offers(struct store_transaction *transaction,
                                               struct message_row rows[], size_t count,
                                               enum transition_reason reason);

/* It was open in a backup that was restored, and may have been sent since: `unknown`, and no device has it. */
MUST_CHECK enum error transition_restore(struct store_transaction *transaction,
                                         struct message_row *row);

/* The device has another journal now, or another registration: an offer returns to the queue, and what it accepted
   becomes `unknown`. */
MUST_CHECK enum error transition_lose_journal(struct store_transaction *transaction,
                                              struct message_row *row);

/* What to tell a device that has an offer of this message; RELEASE has made it `accepted`. */
MUST_CHECK enum error transition_judge_offer(struct store_transaction *transaction,
                                             struct message_row *row, unsigned facts,
                                             enum store_verdict *verdict);

#endif
