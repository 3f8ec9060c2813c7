/* What a device says of its battery and signal: one reading in some minutes is kept, for the plots of the last day. */
#ifndef COMMON_STORE_VERBS_DEVICE_READINGS_H
#define COMMON_STORE_VERBS_DEVICE_READINGS_H

#include "common/store/verbs/transaction.h"

/* After the device said how it is. The first of its time is kept; what that did not know is added. */
MUST_CHECK enum error device_reading_note(struct store_transaction *transaction,
                                          const char *device_id, const struct device_info *info);

#endif
