/* Handing messages to phones in SQLite: the oldest that are due, to who may have them. */
#include "common/store/sqlite/transition.h"

#include <stdlib.h>
#include <string.h>

/* A message that is due, and the slot it goes to. */
struct due_message {
    struct moving moving;
    struct message message;
};

static enum error read_due(sqlite3_stmt *row, struct due_message *due)
{
    struct message *message = &due->message;
    read_moving(row, &due->moving);
    *message = (struct message){
        .id = due->moving.id,
        .request_id = due->moving.request_id,
        .segments = due->moving.segments,
    };
    column_text(row, MOVING_COLUMN_COUNT, message->phone_number, sizeof(message->phone_number));
    const char *text = (const char *)sqlite3_column_text(row, MOVING_COLUMN_COUNT + 1);
    message->text = text ? strdup(text) : NULL;
    message->encoding = (enum sms_encoding)sqlite3_column_int(row, MOVING_COLUMN_COUNT + 2);
    return message->text ? ERROR_NONE : ERROR_INTERNAL;
}

/* All are read before the first is moved, because moving changes the index that is read. A pause
   that is longer than any can be was made by a clock that was wrong. */
static enum error read_all_due(struct store_connection *connection, size_t most,
                               struct due_message *due, size_t *count)
{
    bool row = true;
    sqlite3_stmt *select = statement(connection, SELECT_QUEUED);
    bind_integer(select, 1, (int64_t)most);
    bind_integer(select, 2, connection->now_ms);
    bind_integer(select, 3, connection->now_ms + STORE_MAX_BACKOFF_MS);
    *count = 0;
    enum error error = step(connection, select, &row);
    while (error == ERROR_NONE && row) {
        error = read_due(select, &due[*count]);
        ++*count;
        if (error == ERROR_NONE)
            error = step(connection, select, &row);
    }
    sqlite3_reset(select);
    return error;
}

/* ---- Who may have how much ---- */

struct phones {
    struct device_use uses[STORE_MAX_CLAIM];
    size_t count;
    struct device_use *of_slot[STORE_MAX_CLAIM]; /* NULL: not looked up yet */
};

/* What the phone of a slot has been given, with what this hand-over gives it; a phone may have
   several slots. */
static enum error find_use(struct store_connection *connection, const struct store_write *write,
                           struct phones *phones, size_t slot)
{
    const char *device_id = write->claim.slots[slot].device_id;
    if (phones->of_slot[slot])
        return ERROR_NONE;
    for (size_t i = 0; i < phones->count; i++) {
        if (strcmp(phones->uses[i].device_id, device_id) == 0) {
            phones->of_slot[slot] = &phones->uses[i];
            return ERROR_NONE;
        }
    }
    struct device_use *use = &phones->uses[phones->count];
    enum error error = read_device_use(connection, device_id, use);
    if (error == ERROR_NONE) {
        phones->of_slot[slot] = use;
        phones->count++;
    }
    return error;
}

/* The first slot that has no message and may have this one; slot_count when there is none. */
static enum error find_slot(struct store_connection *connection, struct store_write *write,
                            struct phones *phones, const struct message *message, size_t *slot)
{
    int64_t most = connection->brakes.limits.device_daily_segments;
    for (*slot = 0; *slot < write->claim.slot_count; ++*slot) {
        if (write->claim.messages[*slot].text)
            continue;
        if (!limits_devices(connection))
            return ERROR_NONE;
        enum error error = find_use(connection, write, phones, *slot);
        if (error != ERROR_NONE)
            return error;
        struct device_use *use = phones->of_slot[*slot];
        if (most == 0 || use->in_day + message->segments <= most) {
            use->in_day += message->segments;
            use->in_window += message->segments;
            use->changed = true;
            return ERROR_NONE;
        }
        write->claim.slots[*slot].at_daily_limit = true;
    }
    return ERROR_NONE;
}

static enum error write_uses(struct store_connection *connection, const struct phones *phones)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < phones->count && error == ERROR_NONE; i++) {
        if (phones->uses[i].changed)
            error = write_device_use(connection, &phones->uses[i]);
    }
    return error;
}

/* ---- Giving ---- */

/* The message is the slot's from then on. */
static enum error give(struct store_connection *connection, struct store_write *write,
                       struct due_message *due, size_t slot_index)
{
    struct store_holder *slot = &write->claim.slots[slot_index];
    struct message *message = &write->claim.messages[slot_index];
    *message = due->message;
    due->message.text = NULL;
    slot->at_daily_limit = false;
    message->attempt = due->moving.attempt + 1;
    message->status = slot->assured ? MESSAGE_DISPATCHED : MESSAGE_ACCEPTED;
    strcpy(message->device_id, slot->device_id);
    write->claim.message_count++;
    return move_to_device(connection, &due->moving, slot);
}

/* DEVICE_DAILY_SEGMENTS was lowered since it was accepted: it would stand before all others for ever. */
static bool is_too_long(const struct store_connection *connection, const struct moving *moving)
{
    int64_t most = connection->brakes.limits.device_daily_segments;
    return most > 0 && moving->segments > most;
}

enum error hand_over(struct store_connection *connection, struct store_write *write)
{
    struct hand_over {
        struct due_message due[STORE_MAX_CLAIM];
        struct phones phones;
    } *work = workspace(connection, sizeof(*work));
    size_t count = 0;

    write->claim.message_count = 0;
    if (!work)
        return ERROR_INTERNAL;
    struct due_message *due = work->due;
    struct phones *phones = &work->phones;
    enum error error = brakes_read_paused(connection, &write->claim.paused);
    if (error != ERROR_NONE || write->claim.paused)
        return error;
    phones->count = 0;
    memset(phones->of_slot, 0, sizeof(phones->of_slot));
    error = read_all_due(connection, write->claim.slot_count, due, &count);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        size_t slot;
        if (is_too_long(connection, &due[i].moving)) {
            error = move(connection, &due[i].moving, MESSAGE_FAILED, "too_long",
                         "no phone may be given so many segments in a day");
            continue;
        }
        error = find_slot(connection, write, phones, &due[i].message, &slot);
        if (error == ERROR_NONE && slot < write->claim.slot_count)
            error = give(connection, write, &due[i], slot);
    }
    if (error == ERROR_NONE)
        error = write_uses(connection, phones);
    for (size_t i = 0; i < count; i++)
        message_fini(&due[i].message); /* of those that nobody may have */
    return error;
}
