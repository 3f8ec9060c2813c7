#include "common/store/postgresql/prefetch.h"

#include "common/base/grow_list.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const tables[] = {
    "message",        "message_state", "message_event", "gateway_event",  "device",
    "device_group",   "device_use",    "accepted",      "sending",        "opt_out",
    "idempotency",    "broker",        "lease",         "device_token",   "token_use",
    "token_identity", "batch",         "polled_device", "device_reading",
};
enum { IN_FLIGHT_BIT = 30, OTHER_BIT = 31 };

uint32_t prefetch_in_flight(void)
{
    return 1u << IN_FLIGHT_BIT;
}

uint32_t prefetch_messages(void)
{
    return 1u << IN_FLIGHT_BIT | 1u << 0 | 1u << 1;
}

uint32_t prefetch_transitions(void)
{
    return prefetch_messages() | 1u << 2 | 1u << 3 | 1u << OTHER_BIT;
}

static size_t word_length(const char *text)
{
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || text[length] == '_')
        length++;
    return length;
}

static uint32_t bit_of(const char *name, size_t length)
{
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
        if (strlen(tables[i]) == length && memcmp(tables[i], name, length) == 0)
            return 1u << i;
    }
    return 1u << OTHER_BIT;
}

/* The bit of the table after a keyword; 0 where none follows. */
static uint32_t table_after(const char *sql, const char *keyword)
{
    size_t length = strlen(keyword);
    if (strncmp(sql, keyword, length) != 0 || sql[length] != ' ')
        return 0;
    const char *name = sql + length + 1;
    return islower((unsigned char)*name) ? bit_of(name, word_length(name)) : 0;
}

struct prefetch_scope prefetch_scope_of(const char *sql)
{
    struct prefetch_scope scope = {0, 0};
    for (; *sql; sql++) {
        scope.reads |= table_after(sql, "FROM") | table_after(sql, "JOIN");
        scope.writes |= table_after(sql, "INTO") | table_after(sql, "UPDATE") |
                        table_after(sql, "DELETE FROM");
    }
    return scope;
}

uint64_t prefetch_hash(const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3;
    return hash;
}

const struct prefetch_entry *prefetch_find(const struct prefetch *prefetch, int statement,
                                           const struct buffer *key)
{
    uint64_t hash = prefetch_hash(key->data, key->length);
    for (size_t i = 0; i < prefetch->count; i++) {
        const struct prefetch_entry *entry = &prefetch->entries[i];
        if (entry->hash == hash && entry->statement == statement && entry->tables != 0 &&
            entry->key_length == key->length &&
            (key->length == 0 || memcmp(entry->key, key->data, key->length) == 0))
            return entry;
    }
    return NULL;
}

size_t prefetch_add(struct prefetch *prefetch, int statement, const struct buffer *key,
                    uint32_t read_tables)
{
    if (key->failed || prefetch_find(prefetch, statement, key))
        return prefetch->count;
    if (prefetch->count == prefetch->capacity) {
        void *more = grow_list(prefetch->entries, &prefetch->capacity, sizeof(*prefetch->entries));
        if (!more)
            return prefetch->count;
        prefetch->entries = more;
    }
    char *copy = malloc(key->length + 1);
    if (!copy)
        return prefetch->count;
    if (key->length > 0)
        memcpy(copy, key->data, key->length);
    prefetch->entries[prefetch->count] = (struct prefetch_entry){
        .statement = statement,
        .hash = prefetch_hash(key->data, key->length),
        .key = copy,
        .key_length = key->length,
        .tables = read_tables,
        .name_field = -1,
    };
    return prefetch->count++;
}

void prefetch_forget(struct prefetch *prefetch, uint32_t written, int name_field,
                     uint64_t name_hash)
{
    for (size_t i = 0; i < prefetch->count; i++) {
        struct prefetch_entry *entry = &prefetch->entries[i];
        bool of_another = name_field >= 0 && entry->name_field == name_field &&
                          entry->name_hash != name_hash;
        if (entry->tables & written && !of_another)
            entry->tables = 0;
    }
}

void prefetch_clear(struct prefetch *prefetch)
{
    for (size_t i = 0; i < prefetch->count; i++) {
        if (!prefetch->entries[i].is_shared)
            PQclear(prefetch->entries[i].result);
        free(prefetch->entries[i].key);
    }
    prefetch->count = 0;
}

void prefetch_fini(struct prefetch *prefetch)
{
    prefetch_clear(prefetch);
    free(prefetch->entries);
    *prefetch = (struct prefetch){0};
}
