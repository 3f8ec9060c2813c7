#include "ws-broker/core/session_table.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static void free_arrays(struct session_table *table)
{
    free(table->slots);
    free(table->check_at_ms);
    *table = (struct session_table){0};
}

static int compare_devices(const void *a, const void *b)
{
    return strcmp(((const struct session *)a)->device_id, ((const struct session *)b)->device_id);
}

bool session_table_init(struct session_table *table, uint32_t max_sessions)
{
    *table = (struct session_table){.max_sessions = max_sessions};
    table->slots = calloc(max_sessions, sizeof(*table->slots));
    table->check_at_ms = calloc(max_sessions, sizeof(*table->check_at_ms));
    if (table->slots && table->check_at_ms)
        return true;
    free_arrays(table);
    return false;
}

void session_table_fini(struct session_table *table)
{
    for (uint32_t i = 0; i < table->slot_count; i++) {
        if (table->slots[i]->id != 0)
            session_table_close(table, table->slots[i]);
        free(table->slots[i]);
    }
    free_arrays(table);
}

static struct session *take_slot(struct session_table *table, uint32_t *slot)
{
    struct session *session = table->free;
    if (session) {
        table->free = session->next;
        *slot = session->own_slot;
        return session;
    }
    if (table->slot_count == table->max_sessions)
        return NULL;
    session = calloc(1, sizeof(*session));
    if (session) {
        *slot = table->slot_count;
        table->slots[table->slot_count++] = session;
    }
    return session;
}

struct session *session_table_open(struct session_table *table)
{
    uint32_t slot;
    struct session *session = take_slot(table, &slot);
    if (!session)
        return NULL;
    table->open_count++;
    if (++table->generation == 0) /* no id is 0 */
        table->generation = 1;
    *session = (struct session){.id = (session_id)table->generation << 32 | slot};
    table->check_at_ms[slot] = 0;
    return session;
}

void session_table_close(struct session_table *table, struct session *session)
{
    uint32_t slot = session_slot(session->id);
    session_table_unset_current(table, session);
    session_fini(session);
    *session = (struct session){.next = table->free, .own_slot = slot};
    table->free = session;
    table->check_at_ms[slot] = INT64_MAX;
    table->open_count--;
}

struct session *session_table_find(const struct session_table *table, session_id id)
{
    uint32_t slot = session_slot(id);
    if (slot >= table->slot_count || table->slots[slot]->id != id)
        return NULL;
    table->check_at_ms[slot] = 0;
    return table->slots[slot];
}

struct session *session_table_at(const struct session_table *table, uint32_t slot)
{
    return table->slots[slot]->id != 0 ? table->slots[slot] : NULL;
}

struct session *session_table_current(const struct session_table *table, const char *device_id)
{
    struct session key;
    strcpy(key.device_id, device_id);
    struct session **found = tfind(&key, &table->by_device, compare_devices);
    if (!found)
        return NULL;
    table->check_at_ms[session_slot((*found)->id)] = 0;
    return *found;
}

bool session_table_set_current(struct session_table *table, struct session *session)
{
    return tsearch(session, &table->by_device, compare_devices);
}

void session_table_unset_current(struct session_table *table, struct session *session)
{
    if (session_table_current(table, session->device_id) == session)
        tdelete(session, &table->by_device, compare_devices);
}
