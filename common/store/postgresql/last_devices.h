/*
 * The last device of a recipient (struct message_rows, find_last_device), read with the messages that are due: a claim asks it
 * for nearly each of them.
 */
#ifndef COMMON_STORE_POSTGRESQL_LAST_DEVICES_H
#define COMMON_STORE_POSTGRESQL_LAST_DEVICES_H

#include "common/store/verbs/rows.h"

struct statement;

struct last_device {
    int64_t due_seq; /* of the message that is due */
    char phone_number[PHONE_NUMBER_SIZE];
    int64_t seq; /* of the newest message to it that left the queue; 0: none did */
    char device_id[DEVICE_ID_SIZE];
    unsigned sim;
    int64_t updated_at_ms;
};

struct last_devices {
    struct last_device *list;
    size_t count, capacity;
};

/* From the current row of LIST_DUE_AND_LAST, which is of that message. */
void last_devices_put(struct store_database *database, const struct statement *select,
                      const struct due_message *due);
/* After a message has changed. */
void last_devices_note(struct last_devices *devices, const struct message_row *after);
/* NULL: it is not known. */
const struct last_device *last_devices_find(const struct last_devices *devices,
                                            const char *phone_number);
void last_devices_fini(struct last_devices *devices);

#endif
