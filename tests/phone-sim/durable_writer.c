#include "tests/phone-sim/durable_writer.h"

#include <uuid/uuid.h>

/* After everything else that is due now, which has much to add. */
static void flush_soon(struct durable_writer *writer)
{
    if (writer->timer.place == 0)
        timers_arm(writer->timers, &writer->timer, clock_monotonic_ms() + 1);
}

void durable_writer_write(struct durable_writer *writer, struct phone *phone,
                          const struct journal_write *write)
{
    struct unsaved *unsaved = phone->unsaved;
    journal_file_write(&writer->journal, unsaved->name, write);
    if (unsaved->number == 0)
        TAILQ_INSERT_TAIL(&writer->written, unsaved, in_written);
    unsaved->number = write->number;
    flush_soon(writer);
}

void durable_writer_sms_left(struct durable_writer *writer, struct phone *phone,
                             const struct journal_entry *entry)
{
    struct unsaved *unsaved = phone->unsaved;
    crash_point_pass(writer->crash_point, CRASH_BEFORE_LEDGER);
    ledger_append(&writer->ledger, phone->id, entry->message_id, entry->attempt,
                  entry->phone_number);
    crash_point_pass(writer->crash_point, CRASH_AFTER_LEDGER);
    TAILQ_INSERT_TAIL(&writer->left, unsaved, in_left);
    flush_soon(writer);
}

void durable_writer_flush(struct durable_writer *writer, int64_t now_ms)
{
    struct unsaved *unsaved;
    timers_disarm(writer->timers, &writer->timer);
    if (!TAILQ_EMPTY(&writer->left)) {
        ledger_sync(&writer->ledger);
        crash_point_pass(writer->crash_point, CRASH_AFTER_SYNC);
    }
    while ((unsaved = TAILQ_FIRST(&writer->left))) {
        TAILQ_REMOVE(&writer->left, unsaved, in_left);
        phone_sms_recorded(unsaved->phone, now_ms); /* changes its journal */
    }
    if (!TAILQ_EMPTY(&writer->written)) {
        crash_point_pass(writer->crash_point, CRASH_BEFORE_COMMIT);
        journal_file_commit(&writer->journal);
        crash_point_pass(writer->crash_point, CRASH_AFTER_COMMIT);
    }
    while ((unsaved = TAILQ_FIRST(&writer->written))) {
        uint64_t number = unsaved->number;
        TAILQ_REMOVE(&writer->written, unsaved, in_written);
        unsaved->number = 0;
        phone_journal_durable(unsaved->phone, number, now_ms);
    }
}

static void on_timer(struct timer *timer, int64_t now_ms)
{
    durable_writer_flush(CONTAINER_OF(timer, struct durable_writer, timer), now_ms);
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

void durable_writer_new_epoch(char *epoch)
{
    uuid_t uuid;
    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, epoch);
}

static bool load(struct durable_writer *writer, const char *name, const struct phone *original,
                 struct journal_image *image)
{
    if (journal_file_load(&writer->journal, name, image))
        return true;
    if (!original)
        return false;
    journal_file_copy(&writer->journal, original->unsaved->name, name);
    return journal_file_load(&writer->journal, name, image);
}

void durable_writer_join(struct durable_writer *writer, struct phone *phone,
                         const struct phone *original)
{
    struct sent_store store = {.ledger = &writer->ledger, .device_id = phone->id};
    struct unsaved *unsaved = &writer->phones[writer->count++];
    struct journal_image image;
    *unsaved = (struct unsaved){.phone = phone};
    snprintf(unsaved->name, sizeof(unsaved->name), original ? "%s#clone" : "%s", phone->id);
    phone->unsaved = unsaved;
    if (load(writer, unsaved->name, original, &image)) {
        assured_on_restart(&phone->assured, &image, was_sent, &store);
        phone_load_inbox(phone, &image);
        journal_image_fini(&image);
        return;
    }
    char epoch[JOURNAL_EPOCH_SIZE];
    durable_writer_new_epoch(epoch);
    assured_on_first_start(&phone->assured, epoch);
}

bool durable_writer_init(struct durable_writer *writer, struct timers *timers,
                         const struct durable_writer_settings *settings, size_t phones)
{
    *writer = (struct durable_writer){
        .timers = timers,
        .crash_point = settings->crash_point,
        .timer.fire = on_timer,
        .ledger.file = -1,
    };
    TAILQ_INIT(&writer->written);
    TAILQ_INIT(&writer->left);
    if (!ledger_open(&writer->ledger, settings->ledger, settings->check_sent_store))
        return false;
    if (!settings->is_assured)
        return true;
    writer->phones = must_allocate(phones, sizeof(*writer->phones));
    return journal_file_open(&writer->journal, settings->journal);
}

void durable_writer_fini(struct durable_writer *writer)
{
    if (writer->journal.db)
        durable_writer_flush(writer, clock_monotonic_ms());
    journal_file_close(&writer->journal);
    ledger_close(&writer->ledger);
    free(writer->phones);
}
