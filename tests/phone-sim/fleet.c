#include "tests/phone-sim/fleet.h"

#include "tests/phone-sim/console.h"
#include "tests/phone-sim/durable_writer.h"
#include "tests/phone-sim/link.h"
#include "tests/phone-sim/phone.h"
#include "tests/phone-sim/timers.h"

#include <unistd.h>

struct counters {
    uint64_t received;
    uint64_t sent;
    uint64_t failed;
    uint64_t delivered;
    uint64_t refused;
    uint64_t unknown;
    uint64_t finished; /* sent, and everything about it written, or acknowledged if assured */
    uint64_t reconnects;
    uint64_t incoming, passed_on;
};

struct clone_timer {
    struct timer timer;
    struct fleet *fleet;
    size_t number;
    struct random random;
};

struct fleet {
    struct phone_world world;
    const struct options *options;
    struct timers timers;
    struct console console;
    struct durable_writer writer;
    struct crash_point crash_point;
    struct link link;
    struct tokens tokens;
    struct phone *phones;
    size_t count;                     /* without the clones */
    struct clone_timer *clone_timers; /* one for each of them */
    size_t connected;
    size_t stopped;
    bool told_all_connected;
    bool leaving;
    int status;
    struct counters counters;
};

static struct fleet *fleet_of(const struct phone *phone)
{
    return CONTAINER_OF(phone->world, struct fleet, world);
}

static void leave(struct fleet *fleet, int status)
{
    if (fleet->leaving)
        return;
    fleet->leaving = true;
    fleet->status = status;
    const struct counters *counters = &fleet->counters;
    console_flush(&fleet->console);
    printf("connected %zu, received %llu, sent %llu, failed %llu, delivered %llu, "
           "duplicates refused %llu, reconnects %llu\n",
           fleet->connected, (unsigned long long)counters->received,
           (unsigned long long)counters->sent, (unsigned long long)counters->failed,
           (unsigned long long)counters->delivered, (unsigned long long)counters->refused,
           (unsigned long long)counters->reconnects);
    if (counters->incoming + counters->passed_on > 0)
        printf("received from the network %llu, passed on %llu\n",
               (unsigned long long)counters->incoming, (unsigned long long)counters->passed_on);
    link_leave(&fleet->link);
}

static void on_signal(void *owner)
{
    leave(owner, 0);
}

/* ---- What happens to the phones ---- */

static void note(struct phone *phone, const char *text)
{
    console_note(&fleet_of(phone)->console, phone->id, text, clock_monotonic_ms());
}

static void on_connected(struct phone *phone, bool again)
{
    struct fleet *fleet = fleet_of(phone);
    fleet->connected++;
    fleet->counters.reconnects += again;
    if (fleet->count == 1) {
        char text[sizeof(fleet->options->url) + 32];
        snprintf(text, sizeof(text), "connected to %s", fleet->options->url);
        note(phone, text);
    } else if (!fleet->told_all_connected && fleet->connected + fleet->stopped == fleet->count) {
        console_flush(&fleet->console);
        printf("%zu phones connected\n", fleet->connected);
        fleet->told_all_connected = true;
    }
}

static void on_disconnected(struct phone *phone, const char *why, bool was_connected)
{
    struct fleet *fleet = fleet_of(phone);
    fleet->connected -= was_connected;
    if (fleet->leaving)
        return;
    if (fleet->options->behaviour.disconnect_seconds.high == 0)
        fleet->told_all_connected = false;
    if (phone->state != PHONE_STOPPED) {
        note(phone, why);
        return;
    }
    char text[256];
    snprintf(text, sizeof(text), "stops: another connection has taken over its id (%s)", why);
    note(phone, text);
    if (++fleet->stopped == fleet->count)
        leave(fleet, 1);
}

static void on_complained(struct phone *phone, const char *what)
{
    note(phone, what);
}

static void on_sms_refused(struct phone *phone, const char *id)
{
    char text[128];
    fleet_of(phone)->counters.refused++;
    snprintf(text, sizeof(text), "refused to send the message %s again", id);
    note(phone, text);
}

static void show_sms(const struct fleet *fleet, const struct phone *phone,
                     const struct sms_news *news)
{
    char text[CONSOLE_TEXT_SIZE];
    if (fleet->options->quiet)
        return;
    console_escape(text, news->text, CONSOLE_SMS_CHARACTERS);
    char number[CONSOLE_TEXT_SIZE];
    console_escape(number, news->phone_number, CONSOLE_SMS_CHARACTERS);
    if (news->status == SMS_FAILED)
        printf("%s  failed to send to %s (%s): \"%s\"\n", phone->id, number, news->error_code,
               text);
    else
        printf("%s  %s to %s: \"%s\"\n", phone->id, sms_status_name(news->status), number, text);
}

static void on_sms_changed(struct phone *phone, const struct sms_news *news)
{
    struct fleet *fleet = fleet_of(phone);
    struct counters *counters = &fleet->counters;
    switch (news->status) {
    case SMS_QUEUED:
        counters->received++;
        break;
    case SMS_SENDING:
        break;
    case SMS_SENT:
        if (!phone->is_assured) /* or else it is there already */
            ledger_append(&fleet->writer.ledger, phone->id, news->message_id, 0,
                          news->phone_number);
        counters->sent++;
        show_sms(fleet, phone, news);
        break;
    case SMS_DELIVERED:
        counters->delivered++;
        break;
    case SMS_FAILED:
        counters->failed++;
        show_sms(fleet, phone, news);
        break;
    case SMS_CANCELLED:
    case SMS_EXPIRED:
        show_sms(fleet, phone, news);
        break;
    case SMS_UNKNOWN:
        counters->unknown++;
        show_sms(fleet, phone, news);
        break;
    }
}

static void on_sms_finished(struct phone *phone, const struct sms_news *news)
{
    struct fleet *fleet = fleet_of(phone);
    fleet->counters.finished += news->status == SMS_SENT || news->status == SMS_DELIVERED;
    uint64_t enough = (uint64_t)fleet->options->exit_after;
    if (enough > 0 && fleet->counters.finished >= enough)
        leave(fleet, 0);
}

static void show_incoming(const struct phone *phone, const struct incoming *incoming,
                          const char *what)
{
    char sender[CONSOLE_TEXT_SIZE], text[CONSOLE_TEXT_SIZE];
    if (fleet_of(phone)->options->quiet)
        return;
    console_escape(sender, incoming->sender, CONSOLE_SMS_CHARACTERS);
    console_escape(text, incoming->text, CONSOLE_SMS_CHARACTERS);
    printf("%s  %s from %s: \"%s\"\n", phone->id, what, sender, text);
}

static void on_sms_received(struct phone *phone, const struct incoming *incoming)
{
    fleet_of(phone)->counters.incoming++;
    show_incoming(phone, incoming, "received");
}

static void on_sms_passed_on(struct phone *phone, const struct incoming *incoming)
{
    fleet_of(phone)->counters.passed_on++;
    show_incoming(phone, incoming, "passed on");
}

static void on_journal_write(struct phone *phone, const struct journal_write *write)
{
    durable_writer_write(&fleet_of(phone)->writer, phone, write);
}

static void on_sms_left(struct phone *phone, const struct journal_entry *entry)
{
    durable_writer_sms_left(&fleet_of(phone)->writer, phone, entry);
}

static void on_new_epoch(struct phone *phone, char *epoch)
{
    (void)phone;
    durable_writer_new_epoch(epoch);
}

/* ---- From the beginning to the end ---- */

/* The `number`th of the phones, from 0, or a clone of it. */
static void make_phone(struct fleet *fleet, size_t number, struct random *random,
                       int64_t connect_at_ms, bool is_clone)
{
    const struct options *options = fleet->options;
    struct range battery = options->behaviour.battery_percent;
    int64_t last = MAX((int64_t)fleet->count - 1, 1);
    struct phone *phone = &fleet->phones[fleet->link.count];
    struct phone_identity identity = {
        .number = number + 1,
        .seed = random_next(random),
        .battery_percent = battery.low + (battery.high - battery.low) * (int64_t)number / last,
    };
    char id[PHONE_ID_SIZE + 24];
    snprintf(id, sizeof(id), fleet->count == 1 ? "%s" : "%s-%zu", options->id, number + 1);
    snprintf(identity.id, sizeof(identity.id), "%.*s", PHONE_ID_SIZE - 1, id);
    phone_init(phone, &fleet->world, &identity, clock_monotonic_ms(), connect_at_ms);
    link_join(&fleet->link, phone);
    if (options->behaviour.assured)
        durable_writer_join(&fleet->writer, phone, is_clone ? &fleet->phones[number] : NULL);
}

static void on_clone_timer(struct timer *timer, int64_t now_ms)
{
    struct clone_timer *clone = CONTAINER_OF(timer, struct clone_timer, timer);
    if (!clone->fleet->leaving)
        make_phone(clone->fleet, clone->number, &clone->random, now_ms, true);
}

static void make_phones(struct fleet *fleet)
{
    const struct options *options = fleet->options;
    uint64_t seed = (uint64_t)(options->seed ? options->seed : time(NULL) ^ getpid());
    struct random seeds = {.state = seed};
    int64_t now_ms = clock_monotonic_ms();
    struct range clone = options->behaviour.clone_seconds;
    for (size_t i = 0; i < fleet->count; i++) {
        make_phone(fleet, i, &seeds, now_ms + (int64_t)i * 1000 / options->connect_rate, false);
        if (clone.high == 0)
            continue;
        struct clone_timer *timer = &fleet->clone_timers[i];
        *timer = (struct clone_timer){
            .fleet = fleet,
            .number = i,
            .random.state = random_next(&seeds),
            .timer.fire = on_clone_timer,
        };
        struct range ms = {clone.low * 1000, clone.high * 1000};
        timers_arm(&fleet->timers, &timer->timer, now_ms + random_within(&timer->random, ms));
    }
}

/* What is written is on the disk then. */
static void fini(struct fleet *fleet)
{
    durable_writer_fini(&fleet->writer);
    for (size_t i = 0; i < fleet->link.count; i++)
        phone_fini(&fleet->phones[i]);
    free(fleet->phones);
    free(fleet->clone_timers);
    tokens_free(&fleet->tokens);
    timers_fini(&fleet->timers);
}

_Noreturn static void on_left(void *owner)
{
    struct fleet *fleet = owner;
    fini(fleet);
    exit(fleet->status);
}

int fleet_run(const struct options *options)
{
    struct fleet fleet = {
        .options = options,
        .count = (size_t)options->count,
        .status = 1,
        .crash_point = options->crash_point,
        .link = {.on_signal = on_signal,
                 .on_left = on_left,
                 .owner = &fleet,
                 .crash_point = &fleet.crash_point,
                 .tokens = &fleet.tokens},
        .world =
            {
                .timers = &fleet.timers,
                .behaviour = &options->behaviour,
                .connect = connection_begin,
                .drop = connection_drop,
                .want_write = connection_want_write,
                .journal_write = on_journal_write,
                .sms_left = on_sms_left,
                .new_epoch = on_new_epoch,
                .stop_reading = connection_stop_reading,
                .connected = on_connected,
                .disconnected = on_disconnected,
                .complained = on_complained,
                .sms_refused = on_sms_refused,
                .sms_changed = on_sms_changed,
                .sms_finished = on_sms_finished,
                .sms_received = on_sms_received,
                .sms_passed_on = on_sms_passed_on,
            },
    };
    struct durable_writer_settings writer_settings = {
        .journal = options->journal,
        .ledger = options->ledger,
        .is_assured = options->behaviour.assured,
        .check_sent_store = options->check_sent_store,
        .crash_point = &fleet.crash_point,
    };
    timers_init(&fleet.timers);
    console_init(&fleet.console, &fleet.timers, fleet.count > 1);
    size_t most = options->behaviour.clone_seconds.high > 0 ? fleet.count * 2 : fleet.count;
    fleet.phones = must_allocate(most, sizeof(struct phone));
    fleet.clone_timers = must_allocate(fleet.count, sizeof(struct clone_timer));
    if (!tokens_load(&fleet.tokens, options->tokens) ||
        !durable_writer_init(&fleet.writer, &fleet.timers, &writer_settings, most) ||
        !link_init(&fleet.link, &options->gateway, options->ca, &fleet.timers, most))
        goto out;
    make_phones(&fleet);
    link_run(&fleet.link);

out:
    link_fini(&fleet.link);
    fini(&fleet);
    return fleet.status;
}
