/* How much a device has been given: its limit of the day, and its send budget. */
#ifndef COMMON_STORE_VERBS_DEVICE_USE_H
#define COMMON_STORE_VERBS_DEVICE_USE_H

#include "common/store/verbs/transaction.h"

/* Whether a limit needs it counted: of all devices, or of this one. */
bool device_use_is_counted(const struct store_transaction *transaction,
                           const struct device_traits *traits);

/* The segments that the device may be given in a day; 0: no limit. */
int64_t device_use_daily_limit(const struct store_transaction *transaction,
                               const struct device_traits *traits);

/* The use of today, and the send budget with the limits that hold. */
MUST_CHECK enum error device_use_find(struct store_transaction *transaction, const char *device_id,
                                      const struct device_traits *traits, struct device_use *use);

/* Of a day that is over it is 0. Pure. */
void device_use_begin_day(struct device_use *use, int64_t now_ms);

/* The device is given that many segments. */
void device_use_add(struct device_use *use, unsigned segments, int64_t now_ms);

/* A message returns to the queue or is cancelled, and its device has sent nothing: it no longer counts where it was
   counted. */
MUST_CHECK enum error device_use_refund(struct store_transaction *transaction,
                                        const struct message_row *row);

#endif
