#include "fleet.h"

#include "console.h"
#include "link.h"
#include "phone.h"
#include "timers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct counters {
    uint64_t received;
    uint64_t sent;
    uint64_t failed;
    uint64_t delivered;
    uint64_t refused;
    uint64_t finished; /* sent, and everything about it written */
    uint64_t reconnects;
};

struct fleet {
    struct phone_world world;
    const struct options *options;
    struct timers timers;
    struct console console;
    struct link link;
    struct phone *phones;
    size_t count;
    size_t connected;
    size_t stopped;
    bool told_all_connected;
    bool leaving;
    int status;
    int ledger; /* a file descriptor; -1: none */
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
    if (fleet->options->habits.disconnect_seconds.high == 0)
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

/* One line in one write(): other programs may append to the same file, or read it now. */
static void write_ledger(struct fleet *fleet, const struct phone *phone, const struct sms *sms)
{
    struct timespec now;
    struct tm utc;
    char time_text[32];
    char line[256];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &utc);
    int length = snprintf(line, sizeof(line), "%s.%03ldZ %s %s %s\n", time_text,
                          now.tv_nsec / 1000000, phone->id, sms->id, sms->phone_number);
    if (write(fleet->ledger, line, (size_t)length) != length) {
        fprintf(stderr, "phone-sim: %s cannot be written: %s\n", fleet->options->ledger,
                strerror(errno));
        exit(1); /* without its line the SMS must not count as sent */
    }
}

static void show_sms(const struct fleet *fleet, const struct phone *phone, const struct sms *sms)
{
    char text[CONSOLE_TEXT_SIZE];
    if (fleet->options->quiet)
        return;
    console_escape(text, sms->text ? sms->text : "", CONSOLE_SMS_CHARACTERS);
    if (sms->status == SMS_SENT)
        printf("%s  sent to %s: \"%s\"\n", phone->id, sms->phone_number, text);
    else
        printf("%s  failed to send to %s (%s): \"%s\"\n", phone->id, sms->phone_number,
               sms->error->code, text);
}

static void on_sms_changed(struct phone *phone, const struct sms *sms)
{
    struct fleet *fleet = fleet_of(phone);
    struct counters *counters = &fleet->counters;
    switch (sms->status) {
    case SMS_QUEUED:
        counters->received++;
        break;
    case SMS_SENDING:
        break;
    case SMS_SENT:
        if (fleet->ledger >= 0)
            write_ledger(fleet, phone, sms);
        counters->sent++;
        show_sms(fleet, phone, sms);
        break;
    case SMS_DELIVERED:
        counters->delivered++;
        break;
    case SMS_FAILED:
        counters->failed++;
        show_sms(fleet, phone, sms);
        break;
    }
}

static void on_sms_finished(struct phone *phone, const struct sms *sms)
{
    struct fleet *fleet = fleet_of(phone);
    fleet->counters.finished += sms->status != SMS_FAILED;
    uint64_t enough = (uint64_t)fleet->options->exit_after;
    if (enough > 0 && fleet->counters.finished >= enough)
        leave(fleet, 0);
}

/* ---- From the beginning to the end ---- */

static void make_phones(struct fleet *fleet)
{
    const struct options *options = fleet->options;
    struct range battery = options->habits.battery_percent;
    uint64_t seed = (uint64_t)(options->seed ? options->seed : time(NULL) ^ getpid());
    struct random seeds = {.state = seed};
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < fleet->count; i++) {
        int64_t last = MAX((int64_t)fleet->count - 1, 1);
        struct phone_identity identity = {
            .number = i + 1,
            .seed = random_next(&seeds),
            .battery_percent = battery.low + (battery.high - battery.low) * (int64_t)i / last,
        };
        char id[PHONE_ID_SIZE + 24];
        snprintf(id, sizeof(id), fleet->count == 1 ? "%s" : "%s-%zu", options->id, i + 1);
        snprintf(identity.id, sizeof(identity.id), "%.*s", PHONE_ID_SIZE - 1, id);
        phone_init(&fleet->phones[i], &fleet->world, &identity, now_ms,
                   now_ms + (int64_t)i * 1000 / options->connect_rate);
        link_join(&fleet->link, &fleet->phones[i]);
    }
}

static bool open_ledger(struct fleet *fleet)
{
    const char *path = fleet->options->ledger;
    fleet->ledger = -1;
    if (*path == '\0')
        return true;
    fleet->ledger = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fleet->ledger < 0)
        fprintf(stderr, "phone-sim: %s cannot be opened: %s\n", path, strerror(errno));
    return fleet->ledger >= 0;
}

int fleet_run(const struct options *options)
{
    struct fleet fleet = {
        .options = options,
        .count = (size_t)options->count,
        .status = 1,
        .link = {.on_signal = on_signal, .owner = &fleet},
        .world =
            {
                .timers = &fleet.timers,
                .habits = &options->habits,
                .connect = connection_begin,
                .drop = connection_drop,
                .want_write = connection_want_write,
                .connected = on_connected,
                .disconnected = on_disconnected,
                .complained = on_complained,
                .sms_refused = on_sms_refused,
                .sms_changed = on_sms_changed,
                .sms_finished = on_sms_finished,
            },
    };
    timers_init(&fleet.timers);
    console_init(&fleet.console, &fleet.timers, fleet.count > 1);
    fleet.phones = must_allocate(fleet.count, sizeof(struct phone));
    if (!open_ledger(&fleet) ||
        !link_init(&fleet.link, &options->gateway, &fleet.timers, fleet.count))
        goto out;
    make_phones(&fleet);
    link_run(&fleet.link);

out:
    link_fini(&fleet.link);
    for (size_t i = 0; i < fleet.link.count; i++)
        phone_fini(&fleet.phones[i]);
    free(fleet.phones);
    timers_fini(&fleet.timers);
    if (fleet.ledger >= 0)
        close(fleet.ledger);
    return fleet.status;
}
