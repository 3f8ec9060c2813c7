/* A phone on the assured level: what assured.h and modem.h ask for, and how they hear of it. */
#include "tests/phone-sim/phone_parts.h"

static struct phone *phone_of(const struct assured *assured)
{
    return CONTAINER_OF(assured, struct phone, assured);
}

static struct sms_news news_of_entry(const struct journal_entry *entry)
{
    return (struct sms_news){
        .message_id = entry->message_id,
        .phone_number = entry->phone_number,
        .text = entry->text ? entry->text : "",
        .error_code = entry->error_code,
        .status = entry->status,
    };
}

static void on_journal_write(struct assured *assured, const struct journal_write *write)
{
    struct phone *phone = phone_of(assured);
    phone->world->journal_write(phone, write);
}

static int64_t on_clock_read(struct assured *assured)
{
    return phone_clock_ms(phone_of(assured));
}

static void on_submit(struct assured *assured, const struct journal_entry *entry)
{
    struct phone *phone = phone_of(assured);
    modem_submit(&phone->modem, entry->message_id, entry->attempt, !entry->no_delivery_report,
                 phone->now_ms);
}

static void on_entry_changed(struct assured *assured, const struct journal_entry *entry)
{
    struct phone *phone = phone_of(assured);
    struct sms_news news = news_of_entry(entry);
    if (entry->state != ENTRY_RELEASED && entry->state != ENTRY_DROPPED)
        phone->world->sms_changed(phone, &news);
}

static void on_entry_reported(struct assured *assured, const struct journal_entry *entry)
{
    struct phone *phone = phone_of(assured);
    struct sms_news news = news_of_entry(entry);
    if (!modem_awaits_delivery(&phone->modem, entry->message_id))
        phone->world->sms_finished(phone, &news);
}

static void on_offer_refused(struct assured *assured, const char *message_id, const char *code)
{
    struct phone *phone = phone_of(assured);
    if (code)
        phone_complain(phone, "refused the message %s: %s", message_id, code);
    else
        phone->world->sms_refused(phone, message_id);
}

static const struct assured_world assured_world = {
    .journal_write = on_journal_write,
    .clock_ms = on_clock_read,
    .submit = on_submit,
    .changed = on_entry_changed,
    .reported = on_entry_reported,
    .refused = on_offer_refused,
};

static void on_sms_left(struct modem *modem, const char *message_id, int64_t attempt)
{
    struct phone *phone = CONTAINER_OF(modem, struct phone, modem);
    const struct entry *entry = journal_find(&phone->assured.journal, message_id);
    (void)attempt;
    phone->world->sms_left(phone, &entry->value);
}

static void on_modem_answered(struct modem *modem, const char *message_id, int64_t attempt,
                              const struct radio_result *result, int64_t now_ms)
{
    struct phone *phone = CONTAINER_OF(modem, struct phone, modem);
    phone->now_ms = now_ms;
    assured_on_radio_result(&phone->assured, message_id, attempt, result);
    phone_want_write(phone);
}

void phone_journal_durable(struct phone *phone, uint64_t number, int64_t now_ms)
{
    phone->now_ms = now_ms;
    assured_on_journal_durable(&phone->assured, number);
    phone_want_write(phone);
}

void phone_sms_recorded(struct phone *phone, int64_t now_ms)
{
    modem_recorded(&phone->modem, now_ms);
}

void phone_take_assured(struct phone *phone, const struct received_frame *frame, int64_t now_ms)
{
    phone->now_ms = now_ms;
    const char *problem = assured_on_frame(&phone->assured, frame);
    if (problem)
        phone_complain(phone, "%s", problem);
    phone_want_write(phone);
}

/* ---- The journal gets lost ---- */

static void arm_loss(struct phone *phone, int64_t now_ms)
{
    struct range seconds = phone->world->behaviour->lose_journal_seconds;
    struct range ms = {seconds.low * 1000, seconds.high * 1000};
    if (phone->is_assured && seconds.high > 0)
        timers_arm(phone->world->timers, &phone->loss_timer,
                   now_ms + random_within(&phone->random, ms));
}

void phone_lose_journal(struct phone *phone, int64_t now_ms)
{
    char epoch[JOURNAL_EPOCH_SIZE];
    phone->loses_journal = false;
    phone->world->new_epoch(phone, epoch);
    modem_fini(&phone->modem);
    inbox_fini(&phone->inbox);
    assured_on_journal_lost(&phone->assured, epoch);
    arm_loss(phone, now_ms);
}

static void on_loss_timer(struct timer *timer, int64_t now_ms)
{
    enum { LATER_MS = 100 };
    struct phone *phone = CONTAINER_OF(timer, struct phone, loss_timer);
    switch (phone->state) {
    case PHONE_RESTING:
        phone_lose_journal(phone, now_ms);
        break;
    case PHONE_CONNECTING:
        timers_arm(phone->world->timers, timer, now_ms + LATER_MS);
        break;
    case PHONE_GREETING:
    case PHONE_CONNECTED:
        phone->loses_journal = true;
        phone_drop(phone, "lost its journal, as --lose-journal-every says");
        break;
    case PHONE_STOPPED:
        break;
    }
}

/* ---- At the beginning ---- */

void phone_init_assured(struct phone *phone, int64_t now_ms)
{
    const struct behaviour *behaviour = phone->world->behaviour;
    phone->is_assured = behaviour->assured;
    struct assured_behaviour assured_behaviour = {
        .credit = random_within(&phone->random, behaviour->credit),
        .nack_rate = behaviour->nack_rate,
        .nack_codes = behaviour->nack_codes,
        .sims = behaviour->sims,
    };
    assured_init(&phone->assured, &assured_world, &assured_behaviour, random_next(&phone->random));
    phone->modem = (struct modem){
        .timers = phone->world->timers,
        .random = &phone->random,
        .behaviour = behaviour,
        .left = on_sms_left,
        .answered = on_modem_answered,
    };
    modem_init(&phone->modem);
    phone->loss_timer.fire = on_loss_timer;
    arm_loss(phone, now_ms);
}
