/* Incoming SMS, in memory. */
#include "common/base/log.h"
#include "common/store/memory/memory.h"

#include <stdlib.h>
#include <string.h>

bool memory_copy_incoming(const struct incoming_sms *sms, struct incoming_sms *copy)
{
    *copy = *sms;
    copy->text = strdup(sms->text);
    return copy->text;
}

static enum error find(struct store_database *database, const char *device_id,
                       const char *received_id, struct incoming_sms *sms, bool *found)
{
    struct memory_incoming key = {.seq = 0};
    strcpy(key.sms.device_id, device_id);
    strcpy(key.sms.received_id, received_id);
    const struct memory_incoming *row = table_find(&database->tables->incoming_by_device, &key);
    *found = row;
    return !row || memory_copy_incoming(&row->sms, sms) ? ERROR_NONE : ERROR_INTERNAL;
}

static enum error put(struct store_database *database, int64_t seq, const struct incoming_sms *sms)
{
    struct memory_incoming row = {.seq = seq};
    if (!memory_copy_incoming(sms, &row.sms))
        return ERROR_INTERNAL;
    struct memory_incoming *copy = table_copy_row(&row, sizeof(row));
    if (!copy)
        incoming_sms_fini(&row.sms);
    return table_put(&database->tables->incoming, &database->undo, copy);
}

static enum error insert(struct store_database *database, const struct incoming_sms *sms)
{
    const struct table *table = &database->tables->incoming;
    struct memory_incoming key = {.seq = message_id_seq(&sms->id)};
    if (table_find(table, &key) && key.seq < INT64_MAX) /* an id that another process made */
        key.seq++;
    if (!table_find(table, &key))
        return put(database, key.seq, sms);
    log_error("the id of an incoming SMS is taken");
    return ERROR_INTERNAL;
}

/* The number of rows that are older. */
static size_t count_before(const struct table *table, int64_t before_ms)
{
    struct message_id first = message_id_first_at(MAX(before_ms, (int64_t)0));
    struct memory_incoming key = {.seq = message_id_seq(&first)};
    return table_lower_bound(table, &key);
}

static enum error remove_texts(struct store_database *database, int64_t before_ms, int64_t limit,
                               int64_t *count)
{
    struct table *table = &database->tables->incoming;
    size_t old = count_before(table, before_ms);
    enum error error = ERROR_NONE;
    *count = 0;
    for (size_t i = 0; i < old && *count < limit && error == ERROR_NONE; i++) {
        const struct memory_incoming *row = table->rows[i];
        struct incoming_sms emptied = row->sms;
        if (!*row->sms.text)
            continue;
        emptied.text = (char *)"";
        error = put(database, row->seq, &emptied);
        ++*count;
    }
    return error;
}

static enum error remove_old(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count)
{
    struct table *table = &database->tables->incoming;
    size_t old = count_before(table, before_ms);
    enum error error = ERROR_NONE;
    for (*count = 0; (size_t)*count < old && *count < limit && error == ERROR_NONE; ++*count)
        error = table_remove(table, &database->undo, table->rows[0]);
    return error;
}

const struct incoming_rows memory_incoming_rows = {
    .find = find,
    .insert = insert,
    .remove_texts = remove_texts,
    .remove_old = remove_old,
};
