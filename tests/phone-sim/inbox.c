#include "tests/phone-sim/inbox.h"

void inbox_init(struct inbox *inbox)
{
    *inbox = (struct inbox){0};
    TAILQ_INIT(&inbox->all);
}

static void remove_entry(struct inbox *inbox, struct inbox_entry *entry)
{
    TAILQ_REMOVE(&inbox->all, entry, in_all);
    inbox->count--;
    inbox->unanswered -= entry->is_written;
    free(entry->value.text);
    free(entry);
}

void inbox_fini(struct inbox *inbox)
{
    while (!TAILQ_EMPTY(&inbox->all))
        remove_entry(inbox, TAILQ_FIRST(&inbox->all));
}

void inbox_put(struct inbox *inbox, const struct incoming *incoming, uint64_t after)
{
    struct inbox_entry *entry = must_allocate(1, sizeof(*entry));
    entry->value = *incoming;
    entry->value.text = must_copy(incoming->text);
    entry->after = after;
    TAILQ_INSERT_TAIL(&inbox->all, entry, in_all);
    inbox->count++;
}

/* Those before it are written: at most INBOX_UNANSWERED. */
static struct inbox_entry *next_entry(const struct inbox *inbox, uint64_t durable)
{
    struct inbox_entry *entry = TAILQ_FIRST(&inbox->all);
    if (inbox->unanswered >= INBOX_UNANSWERED)
        return NULL;
    while (entry && entry->is_written)
        entry = TAILQ_NEXT(entry, in_all);
    return entry && entry->after <= durable ? entry : NULL;
}

const struct incoming *inbox_next(const struct inbox *inbox, uint64_t durable)
{
    const struct inbox_entry *entry = next_entry(inbox, durable);
    return entry ? &entry->value : NULL;
}

void inbox_written(struct inbox *inbox, uint64_t durable, int64_t now_ms)
{
    struct inbox_entry *entry = next_entry(inbox, durable);
    entry->is_written = true;
    entry->written_at_ms = now_ms;
    inbox->unanswered++;
}

static struct inbox_entry *find(const struct inbox *inbox, const char *received_id)
{
    struct inbox_entry *entry = TAILQ_FIRST(&inbox->all);
    while (entry && strcmp(entry->value.received_id, received_id) != 0)
        entry = TAILQ_NEXT(entry, in_all);
    return entry;
}

const struct incoming *inbox_find(const struct inbox *inbox, const char *received_id)
{
    const struct inbox_entry *entry = find(inbox, received_id);
    return entry ? &entry->value : NULL;
}

void inbox_remove(struct inbox *inbox, const char *received_id)
{
    struct inbox_entry *entry = find(inbox, received_id);
    if (entry)
        remove_entry(inbox, entry);
}

static void unwrite(struct inbox *inbox, struct inbox_entry *entry)
{
    inbox->unanswered -= entry->is_written;
    entry->is_written = false;
}

void inbox_on_disconnected(struct inbox *inbox)
{
    struct inbox_entry *entry;
    TAILQ_FOREACH(entry, &inbox->all, in_all)
    unwrite(inbox, entry);
}

int64_t inbox_write_again(struct inbox *inbox, int64_t now_ms)
{
    struct inbox_entry *entry;
    int64_t next_ms = INT64_MAX;
    TAILQ_FOREACH(entry, &inbox->all, in_all)
    {
        if (!entry->is_written)
            continue;
        if (now_ms - entry->written_at_ms >= INBOX_AGAIN_AFTER_MS)
            unwrite(inbox, entry);
        else
            next_ms = MIN(next_ms, entry->written_at_ms + INBOX_AGAIN_AFTER_MS);
    }
    return next_ms;
}
