/* Keeps the partitions of message_event now and then, in a thread and with a connection of its own. */
#ifndef COMMON_STORE_POSTGRESQL_PARTITION_KEEPER_H
#define COMMON_STORE_POSTGRESQL_PARTITION_KEEPER_H

#include "common/store/postgresql/timeline.h"
#include "common/store/store.h"

struct partition_keeper;

/* The arguments outlive it. NULL without memory. */
struct partition_keeper *partition_keeper_new(const char *url, const struct store_options *options,
                                              struct newest_timeline *newest);
/* Waits for what it is doing. NULL is accepted. */
void partition_keeper_free(struct partition_keeper *keeper);

/* Retention has run, for messages that are kept so long: it is looked at whether it is time. One thread. */
void partition_keeper_wake(struct partition_keeper *keeper, int64_t message_age_ms);

#endif
