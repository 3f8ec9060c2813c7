#include "tests/phone-sim/journal.h"

#include <string.h>

static const char *const state_names[] = {
    [ENTRY_OFFERED] = "offered", [ENTRY_RELEASED] = "released", [ENTRY_SUBMITTING] = "submitting",
    [ENTRY_DONE] = "done",       [ENTRY_DROPPED] = "dropped",
};

const char *entry_state_name(enum entry_state state)
{
    return state_names[state];
}

bool entry_state_from_name(enum entry_state *state, const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(state_names); i++) {
        if (strcmp(state_names[i], name) == 0) {
            *state = (enum entry_state)i;
            return true;
        }
    }
    return false;
}

void journal_init(struct journal *journal, const char *epoch)
{
    *journal = (struct journal){0};
    snprintf(journal->epoch, sizeof(journal->epoch), "%s", epoch);
    TAILQ_INIT(&journal->entries);
    TAILQ_INIT(&journal->reports);
}

void journal_fini(struct journal *journal)
{
    for (struct report *report = TAILQ_FIRST(&journal->reports), *next; report; report = next) {
        next = TAILQ_NEXT(report, in_all);
        journal_remove_report(journal, report);
    }
    for (struct entry *entry = TAILQ_FIRST(&journal->entries), *next; entry; entry = next) {
        next = TAILQ_NEXT(entry, in_all);
        free(entry->value.text);
        free(entry);
    }
    free(journal->slots);
    journal_init(journal, "");
}

/* ---- Entries ---- */

/* FNV-1a: where the entry is, or would be. */
static size_t place_of(const struct journal *journal, const char *message_id)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *p = message_id; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
    size_t place = (size_t)(hash ^ (hash >> 32)) & (journal->capacity - 1);
    while (journal->slots[place] &&
           strcmp(journal->slots[place]->value.message_id, message_id) != 0)
        place = (place + 1) & (journal->capacity - 1);
    return place;
}

struct entry *journal_find(const struct journal *journal, const char *message_id)
{
    return journal->capacity > 0 ? journal->slots[place_of(journal, message_id)] : NULL;
}

static void grow(struct journal *journal)
{
    struct entry *entry;
    free(journal->slots);
    journal->capacity = MAX(journal->capacity * 2, (size_t)16);
    journal->slots = must_allocate(journal->capacity, sizeof(journal->slots[0]));
    TAILQ_FOREACH(entry, &journal->entries, in_all)
    journal->slots[place_of(journal, entry->value.message_id)] = entry;
}

struct entry *journal_add(struct journal *journal, const struct journal_entry *value)
{
    struct entry *entry = must_allocate(1, sizeof(*entry));
    entry->value = *value;
    entry->value.text = value->text ? must_copy(value->text) : NULL;
    if (journal->entry_count >= journal->capacity / 4 * 3)
        grow(journal);
    journal->slots[place_of(journal, value->message_id)] = entry;
    TAILQ_INSERT_TAIL(&journal->entries, entry, in_all);
    journal->entry_count++;
    return entry;
}

bool journal_entry_is_unsent(const struct journal_entry *entry)
{
    if (entry->state != ENTRY_DONE)
        return false;
    if (entry->status == SMS_CANCELLED || entry->status == SMS_EXPIRED)
        return true;
    return entry->status == SMS_FAILED && entry->parts_sent == 0 &&
           sms_error_find(entry->error_code)->error_class == SMS_ERROR_DEFINITE;
}

/* ---- Reports ---- */

static struct report *append(struct journal *journal, struct entry *entry,
                             const struct journal_report *value)
{
    struct report *report = must_allocate(1, sizeof(*report));
    report->value = *value;
    report->entry = entry;
    entry->reports++;
    journal->report_count++;
    TAILQ_INSERT_TAIL(&journal->reports, report, in_all);
    journal->last_seq = MAX(journal->last_seq, value->seq);
    return report;
}

struct report *journal_add_report(struct journal *journal, struct entry *entry)
{
    const struct journal_entry *now = &entry->value;
    struct journal_report value = {
        .seq = journal->last_seq + 1,
        .attempt = now->attempt,
        .status = now->status,
        .parts_sent = now->parts_sent,
    };
    memcpy(value.message_id, now->message_id, sizeof(value.message_id));
    memcpy(value.error_code, now->error_code, sizeof(value.error_code));
    return append(journal, entry, &value);
}

struct report *journal_find_report(const struct journal *journal, uint64_t seq)
{
    struct report *report = TAILQ_FIRST(&journal->reports);
    while (report && report->value.seq != seq)
        report = TAILQ_NEXT(report, in_all);
    return report;
}

void journal_remove_report(struct journal *journal, struct report *report)
{
    TAILQ_REMOVE(&journal->reports, report, in_all);
    report->entry->reports--;
    journal->report_count--;
    free(report);
}

void journal_load(struct journal *journal, const struct journal_image *image)
{
    journal_init(journal, image->epoch);
    journal->last_seq = image->last_seq;
    for (size_t i = 0; i < image->entry_count; i++)
        journal_add(journal, &image->entries[i]);
    for (size_t i = 0; i < image->report_count; i++) {
        struct entry *entry = journal_find(journal, image->reports[i].message_id);
        if (entry)
            append(journal, entry, &image->reports[i]);
    }
}
