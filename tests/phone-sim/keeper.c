#include "tests/phone-sim/keeper.h"

#include <uuid/uuid.h>

/* After everything else that is due now, which has much to add. */
static void flush_soon(struct keeper *keeper)
{
    if (keeper->timer.place == 0)
        timers_arm(keeper->timers, &keeper->timer, clock_monotonic_ms() + 1);
}

void keeper_write(struct keeper *keeper, struct phone *phone, const struct journal_write *write)
{
    struct unsaved *unsaved = phone->unsaved;
    journal_file_write(&keeper->journal, unsaved->name, write);
    if (unsaved->number == 0)
        TAILQ_INSERT_TAIL(&keeper->written, unsaved, in_written);
    unsaved->number = write->number;
    flush_soon(keeper);
}

void keeper_sms_left(struct keeper *keeper, struct phone *phone, const struct journal_entry *entry)
{
    struct unsaved *unsaved = phone->unsaved;
    doom_pass(keeper->doom, DOOM_BEFORE_LEDGER);
    ledger_append(&keeper->ledger, phone->id, entry->message_id, entry->attempt,
                  entry->phone_number);
    doom_pass(keeper->doom, DOOM_AFTER_LEDGER);
    TAILQ_INSERT_TAIL(&keeper->left, unsaved, in_left);
    flush_soon(keeper);
}

void keeper_flush(struct keeper *keeper, int64_t now_ms)
{
    struct unsaved *unsaved;
    timers_disarm(keeper->timers, &keeper->timer);
    if (!TAILQ_EMPTY(&keeper->left)) {
        ledger_sync(&keeper->ledger);
        doom_pass(keeper->doom, DOOM_AFTER_SYNC);
    }
    while ((unsaved = TAILQ_FIRST(&keeper->left))) {
        TAILQ_REMOVE(&keeper->left, unsaved, in_left);
        phone_sms_recorded(unsaved->phone, now_ms); /* changes its journal */
    }
    if (!TAILQ_EMPTY(&keeper->written)) {
        doom_pass(keeper->doom, DOOM_BEFORE_COMMIT);
        journal_file_commit(&keeper->journal);
        doom_pass(keeper->doom, DOOM_AFTER_COMMIT);
    }
    while ((unsaved = TAILQ_FIRST(&keeper->written))) {
        uint64_t number = unsaved->number;
        TAILQ_REMOVE(&keeper->written, unsaved, in_written);
        unsaved->number = 0;
        phone_journal_durable(unsaved->phone, number, now_ms);
    }
}

static void on_timer(struct timer *timer, int64_t now_ms)
{
    keeper_flush(CONTAINER_OF(timer, struct keeper, timer), now_ms);
}

struct sent_store {
    const struct ledger *ledger;
    const char *device_id;
};

static bool was_sent(void *store, const struct journal_entry *entry)
{
    const struct sent_store *sent = store;
    return ledger_had(sent->ledger, sent->device_id, entry->message_id, entry->attempt);
}

void keeper_new_epoch(char *epoch)
{
    uuid_t uuid;
    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, epoch);
}

static bool load(struct keeper *keeper, const char *name, const struct phone *original,
                 struct journal_image *image)
{
    if (journal_file_load(&keeper->journal, name, image))
        return true;
    if (!original)
        return false;
    journal_file_copy(&keeper->journal, original->unsaved->name, name);
    return journal_file_load(&keeper->journal, name, image);
}

void keeper_join(struct keeper *keeper, struct phone *phone, const struct phone *original)
{
    struct sent_store store = {.ledger = &keeper->ledger, .device_id = phone->id};
    struct unsaved *unsaved = &keeper->phones[keeper->count++];
    struct journal_image image;
    *unsaved = (struct unsaved){.phone = phone};
    snprintf(unsaved->name, sizeof(unsaved->name), original ? "%s#clone" : "%s", phone->id);
    phone->unsaved = unsaved;
    if (load(keeper, unsaved->name, original, &image)) {
        assured_on_restart(&phone->assured, &image, was_sent, &store);
        journal_image_fini(&image);
        return;
    }
    char epoch[JOURNAL_EPOCH_SIZE];
    keeper_new_epoch(epoch);
    assured_on_first_start(&phone->assured, epoch);
}

bool keeper_init(struct keeper *keeper, struct timers *timers,
                 const struct keeper_settings *settings, size_t phones)
{
    *keeper = (struct keeper){
        .timers = timers,
        .doom = settings->doom,
        .timer.fire = on_timer,
        .ledger.file = -1,
    };
    TAILQ_INIT(&keeper->written);
    TAILQ_INIT(&keeper->left);
    if (!ledger_open(&keeper->ledger, settings->ledger, settings->check_sent_store))
        return false;
    if (!settings->is_assured)
        return true;
    keeper->phones = must_allocate(phones, sizeof(*keeper->phones));
    return journal_file_open(&keeper->journal, settings->journal);
}

void keeper_fini(struct keeper *keeper)
{
    if (keeper->journal.db)
        keeper_flush(keeper, clock_monotonic_ms());
    journal_file_close(&keeper->journal);
    ledger_close(&keeper->ledger);
    free(keeper->phones);
}
