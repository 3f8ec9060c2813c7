/* The tables: keys, ownership of rows, and the messages by status. */
#include "common/store/memory/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- Messages ---- */

static int compare_messages(const void *row, const void *key)
{
    const struct memory_message *a = row, *b = key;
    return (a->row.seq > b->row.seq) - (a->row.seq < b->row.seq);
}

/* Frees the events that are newer than `last`. */
static void free_events(struct memory_event *newest, const struct memory_event *last)
{
    while (newest != last) {
        struct memory_event *older = newest->older;
        free(newest);
        newest = older;
    }
}

static void free_message(void *row, const void *other, bool undone)
{
    struct memory_message *message = row;
    const struct memory_message *kept = other;
    if (!kept || undone)
        free_events(message->newest_event, kept ? kept->newest_event : NULL);
    if (!kept || kept->text != message->text)
        free(message->text);
    free(message);
}

static struct memory_tables *tables_of(struct table *messages)
{
    return (struct memory_tables *)((char *)messages - offsetof(struct memory_tables, messages));
}

static bool reserve_messages(struct table *messages)
{
    struct memory_tables *tables = tables_of(messages);
    bool good = true;
    for (int i = 0; i < MESSAGE_STATUS_COUNT && good; i++)
        good = table_reserve(&tables->messages_in[i], messages->capacity);
    return good;
}

static void move_message(struct table *messages, void *before, void *after)
{
    struct memory_tables *tables = tables_of(messages);
    const struct memory_message *old = before, *new = after;
    if (old)
        table_remove_shared(&tables->messages_in[old->row.status], old);
    if (new)
        table_insert_shared(&tables->messages_in[new->row.status], after);
}

struct memory_message *memory_find_message(const struct memory_tables *tables,
                                           const struct message_id *id)
{
    struct memory_message key = {.row.seq = message_id_seq(id)};
    size_t index = table_lower_bound(&tables->messages, &key);
    for (; index < tables->messages.count; index++) {
        struct memory_message *message = tables->messages.rows[index];
        if (message_id_equal(&message->row.id, id))
            return message;
        if (message->row.seq >
            key.row.seq) /* a message has the number of its id, or the next one */
            break;
    }
    return NULL;
}

/* ---- Incoming SMS ---- */

static int compare_incoming(const void *row, const void *key)
{
    const struct memory_incoming *a = row, *b = key;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

static int compare_received(const void *row, const void *key)
{
    const struct memory_incoming *a = row, *b = key;
    int order = strcmp(a->sms.device_id, b->sms.device_id);
    return order ? order : strcmp(a->sms.received_id, b->sms.received_id);
}

static void free_incoming(void *row, const void *other, bool undone)
{
    struct memory_incoming *incoming = row;
    (void)other, (void)undone;
    incoming_sms_fini(&incoming->sms);
    free(incoming);
}

static struct table *by_device(struct table *incoming)
{
    return &CONTAINER_OF(incoming, struct memory_tables, incoming)->incoming_by_device;
}

static bool reserve_incoming(struct table *incoming)
{
    return table_reserve(by_device(incoming), incoming->capacity);
}

static void move_incoming(struct table *incoming, void *before, void *after)
{
    if (before)
        table_remove_shared(by_device(incoming), before);
    if (after)
        table_insert_shared(by_device(incoming), after);
}

/* ---- Other rows ---- */

static void free_plain(void *row, const void *other, bool undone)
{
    (void)other, (void)undone;
    free(row);
}

static void free_device(void *row, const void *other, bool undone)
{
    struct memory_device *device = row;
    const struct memory_device *kept = other;
    (void)undone;
    if (kept && kept->info.extra == device->info.extra)
        device->info.extra = NULL;
    if (kept && kept->info.sims == device->info.sims)
        device->info.sims = NULL;
    device_info_fini(&device->info);
    free(device);
}

static void free_idempotency(void *row, const void *other, bool undone)
{
    struct memory_idempotency *idempotency = row;
    (void)other, (void)undone;
    free(idempotency->answer);
    free(idempotency);
}

/* For rows that begin with their key, a text. */
static int compare_texts(const void *row, const void *key)
{
    return strcmp(row, key);
}

static int compare_ids(const void *row, const void *key)
{
    return memcmp(row, key, MESSAGE_ID_BYTES);
}

static int compare_hashes(const void *row, const void *key)
{
    return memcmp(row, key, SECRET_HASH_BYTES);
}

static int compare_identities(const void *row, const void *key)
{
    const struct memory_identity *a = row, *b = key;
    int order = strcmp(a->token_id, b->token_id);
    return order ? order : strcmp(a->identity, b->identity);
}

static int compare_readings(const void *row, const void *key)
{
    const struct memory_reading *a = row, *b = key;
    int order = strcmp(a->device_id, b->device_id);
    return order ? order : (a->slot > b->slot) - (a->slot < b->slot);
}

static int compare_superseded(const void *row, const void *key)
{
    const struct memory_superseded *a = row, *b = key;
    int order = strcmp(a->device_id, b->device_id);
    return order ? order
                 : (a->connection_epoch > b->connection_epoch) -
                       (a->connection_epoch < b->connection_epoch);
}

static int compare_accepted(const void *row, const void *key)
{
    const struct memory_accepted *a = row, *b = key;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->period != b->period)
        return a->period < b->period ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int compare_idempotency(const void *row, const void *key)
{
    const struct memory_idempotency *a = row, *b = key;
    int order = strcmp(a->key_id, b->key_id);
    return order ? order : strcmp(a->key, b->key);
}

static int compare_deliveries(const void *row, const void *key)
{
    const struct memory_delivery *a = row, *b = key;
    int order = strcmp(a->webhook_id, b->webhook_id);
    if (order)
        return order;
    return (a->delivery.event_id > b->delivery.event_id) -
           (a->delivery.event_id < b->delivery.event_id);
}

static int compare_events(const void *row, const void *key)
{
    const struct memory_any_event *a = row, *b = key;
    return (a->id > b->id) - (a->id < b->id);
}

static int compare_single(const void *row, const void *key)
{
    (void)row, (void)key;
    return 0;
}

void memory_tables_init(struct memory_tables *tables)
{
    _Static_assert(offsetof(struct memory_batch, id) == 0, "the key comes first");
    _Static_assert(offsetof(struct memory_device, device_id) == 0, "the key comes first");
    _Static_assert(offsetof(struct memory_broker, name) == 0, "the key comes first");
    _Static_assert(offsetof(struct memory_pairing, code_hash) == 0, "the key comes first");
    _Static_assert(offsetof(struct memory_ticket, hash) == 0, "the key comes first");
    _Static_assert(offsetof(struct memory_token_use, token_id) == 0, "the key comes first");
    _Static_assert(offsetof(struct api_key, id) == 0, "the key comes first");
    _Static_assert(offsetof(struct device_token, id) == 0, "the key comes first");
    _Static_assert(offsetof(struct polled_device, device_id) == 0, "the key comes first");
    _Static_assert(offsetof(struct webhook, id) == 0, "the key comes first");
    _Static_assert(offsetof(struct device_use, device_id) == 0, "the key comes first");
    _Static_assert(offsetof(struct opt_out_row, opt_out.phone_number) == 0, "the key comes first");
    *tables = (struct memory_tables){
        .messages = {.compare = compare_messages,
                     .free_row = free_message,
                     .changed = move_message,
                     .reserve = reserve_messages},
        .events = {.compare = compare_events, .free_row = free_plain},
        .batches = {.compare = compare_ids, .free_row = free_plain},
        .incoming = {.compare = compare_incoming,
                     .free_row = free_incoming,
                     .changed = move_incoming,
                     .reserve = reserve_incoming},
        .incoming_by_device = {.compare = compare_received},
        .opt_outs = {.compare = compare_texts, .free_row = free_plain},
        .devices = {.compare = compare_texts, .free_row = free_device},
        .readings = {.compare = compare_readings, .free_row = free_plain},
        .brokers = {.compare = compare_texts, .free_row = free_plain},
        .leases = {.compare = compare_texts, .free_row = free_plain},
        .superseded = {.compare = compare_superseded, .free_row = free_plain},
        .keys = {.compare = compare_texts, .free_row = free_plain},
        .pairings = {.compare = compare_hashes, .free_row = free_plain},
        .tickets = {.compare = compare_hashes, .free_row = free_plain},
        .polled = {.compare = compare_texts, .free_row = free_plain},
        .tokens = {.compare = compare_texts, .free_row = free_plain},
        .token_uses = {.compare = compare_texts, .free_row = free_plain},
        .identities = {.compare = compare_identities, .free_row = free_plain},
        .webhooks = {.compare = compare_texts, .free_row = free_plain},
        .deliveries = {.compare = compare_deliveries, .free_row = free_plain},
        .webhook_changes = {.compare = compare_single, .free_row = free_plain},
        .accepted = {.compare = compare_accepted, .free_row = free_plain},
        .device_uses = {.compare = compare_texts, .free_row = free_plain},
        .idempotency = {.compare = compare_idempotency, .free_row = free_idempotency},
        .sending = {.compare = compare_single, .free_row = free_plain},
        .removed_events = {.compare = compare_single, .free_row = free_plain},
    };
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
        tables->messages_in[i].compare = compare_messages;
}

void memory_tables_fini(struct memory_tables *tables)
{
    struct table *const all[] = {
        &tables->messages,    &tables->devices,        &tables->brokers,
        &tables->leases,      &tables->keys,           &tables->pairings,
        &tables->polled,      &tables->tokens,         &tables->token_uses,
        &tables->identities,  &tables->accepted,       &tables->device_uses,
        &tables->idempotency, &tables->sending,        &tables->batches,
        &tables->tickets,     &tables->incoming,       &tables->opt_outs,
        &tables->webhooks,    &tables->deliveries,     &tables->webhook_changes,
        &tables->events,      &tables->removed_events, &tables->readings,
        &tables->superseded,
    };
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        table_fini(all[i]);
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
        free(tables->messages_in[i].allocated);
    free(tables->incoming_by_device.allocated);
}
