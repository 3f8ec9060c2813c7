#include "common/store/postgresql/last_devices.h"

#include "common/base/grow_list.h"
#include "common/store/postgresql/database.h"

#include <stdlib.h>
#include <string.h>

static void set_last(struct last_device *last, const struct message_row *row)
{
    last->seq = row->seq;
    strcpy(last->device_id, row->device_id);
    last->sim = row->device_sim != 0 ? row->device_sim : row->options.target.sim;
    last->updated_at_ms = row->updated_at_ms;
}

static struct last_device *add(struct last_devices *devices)
{
    if (devices->count == devices->capacity) {
        void *more = grow_list(devices->list, &devices->capacity, sizeof(*devices->list));
        if (!more)
            return NULL; /* it is read alone, then */
        devices->list = more;
    }
    return &devices->list[devices->count++];
}

void last_devices_put(struct store_database *database, const struct statement *select,
                      const struct due_message *due)
{
    struct last_device last = {.due_seq = due->row.seq};
    last.seq = statement_integer(select, FIELD_LAST_SEQ);
    strcpy(last.phone_number, due->message.phone_number);
    statement_text(select, FIELD_LAST_DEVICE, last.device_id, sizeof(last.device_id));
    last.sim = (unsigned)statement_integer(select, FIELD_LAST_SIM);
    last.updated_at_ms = statement_integer(select, FIELD_LAST_AT_MS);
    /* The transaction may have changed it since that was read. */
    const struct message_row *known = message_cache_find(&database->messages, last.seq);
    if (known && known->status == MESSAGE_QUEUED)
        return;
    if (known)
        set_last(&last, known);
    struct last_device *added = add(&database->last_devices);
    if (added)
        *added = last;
}

void last_devices_note(struct last_devices *devices, const struct message_row *after)
{
    char number[PHONE_NUMBER_SIZE] = "";
    for (size_t i = 0; i < devices->count && !*number; i++) {
        if (devices->list[i].due_seq == after->seq || devices->list[i].seq == after->seq)
            strcpy(number, devices->list[i].phone_number);
    }
    if (!*number)
        return;
    for (size_t i = 0; i < devices->count; i++) {
        struct last_device *last = &devices->list[i];
        if (strcmp(last->phone_number, number) != 0)
            continue;
        if (after->status == MESSAGE_QUEUED)
            last->phone_number[0] =
                '\0'; /* the one before it is not known; no message has this number */
        else if (after->seq >= last->seq)
            set_last(last, after);
    }
}

const struct last_device *last_devices_find(const struct last_devices *devices,
                                            const char *phone_number)
{
    for (size_t i = 0; i < devices->count && *phone_number; i++) {
        if (strcmp(devices->list[i].phone_number, phone_number) == 0)
            return &devices->list[i];
    }
    return NULL;
}

void last_devices_fini(struct last_devices *devices)
{
    free(devices->list);
}
