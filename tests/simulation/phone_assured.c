/*
 * A phone with a journal, as ws-broker/PROTOCOL.md wants it: `memory` is what it thinks, `disk` what
 * a restart finds, and sync() comes before each frame and each act that follows from a change. It
 * may be killed at every step.
 */
#include "tests/simulation/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void sync(struct phone *phone)
{
    phone->disk = phone->memory;
}

PRINTF_FORMAT(3, 4)
static void say(struct world *world, unsigned connection, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    link_send_up(world, connection, FLYING_TEXT, strdup(text));
}

static const char *id_text(unsigned message, char text[MESSAGE_ID_TEXT_SIZE])
{
    struct message_id id = message_id_of(message);
    message_id_format(&id, text);
    return text;
}

static const char *epoch_text(const struct phone *phone, char text[MESSAGE_ID_TEXT_SIZE])
{
    message_id_format(&phone->memory.epoch, text);
    return text;
}

/* ---- Connecting ---- */

struct page_entry {
    unsigned message, attempt;
    bool offered;
};

/* What is to be told of the journal, in no particular order. */
static size_t list_entries(struct world *world, const struct phone *phone,
                           struct page_entry list[MOST_MESSAGES + MOST_OUTBOX])
{
    const struct journal *journal = &phone->memory;
    size_t count = 0;
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        const struct journal_entry *entry = &journal->entries[i];
        if (entry->state == ENTRY_OFFERED || entry->state == ENTRY_RELEASED ||
            entry->state == ENTRY_SUBMITTING)
            list[count++] = (struct page_entry){i, entry->attempt, entry->state == ENTRY_OFFERED};
    }
    for (unsigned i = 0; i < journal->outbox_count; i++) {
        const struct outgoing *report = &journal->outbox[i];
        bool listed = false;
        for (size_t j = 0; j < count; j++)
            listed |= list[j].message == report->message && list[j].attempt == report->attempt;
        if (!listed)
            list[count++] = (struct page_entry){report->message, report->attempt, false};
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = random_below(&world->random, (unsigned)i);
        struct page_entry entry = list[i - 1];
        list[i - 1] = list[other];
        list[other] = entry;
    }
    return count;
}

void assured_greet(struct world *world, struct phone *phone, unsigned connection)
{
    struct page_entry list[MOST_MESSAGES + MOST_OUTBOX];
    char id[MESSAGE_ID_TEXT_SIZE], sims[DEVICES_SIMS_SIZE], text[8192];
    size_t count = list_entries(world, phone, list), next = 0;
    say(world, connection,
        "{\"type\":\"hello\",\"journal\":\"%s\",\"credit\":%u,\"info\":{\"battery_level\":80%s}}",
        epoch_text(phone, id), phone->credit, devices_sims_text(phone, sims));
    do {
        size_t end = MIN(count, next + (size_t)random_between(&world->random, 1, 60));
        int length = snprintf(text, sizeof(text), "{\"type\":\"journal\",\"entries\":[");
        for (; next < end; next++)
            length += snprintf(text + length, sizeof(text) - (size_t)length,
                               "{\"message_id\":\"%s\",\"attempt\":%u,\"state\":\"%s\"}%s",
                               id_text(list[next].message, id), list[next].attempt,
                               list[next].offered ? "offered" : "released",
                               next + 1 < end ? "," : "");
        snprintf(text + length, sizeof(text) - (size_t)length, "],\"last\":%s}",
                 next == count ? "true" : "false");
        link_send_up(world, connection, FLYING_TEXT, strdup(text));
    } while (next < count);
}

/* ---- Reports ---- */

static void send_report(struct world *world, unsigned connection, const struct outgoing *report)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    if (report->code)
        say(world, connection,
            "{\"type\":\"report\",\"seq\":%u,\"message_id\":\"%s\",\"attempt\":%u,"
            "\"status\":\"%s\",\"error_code\":\"%s\",\"parts_sent\":%u}",
            report->seq, id_text(report->message, id), report->attempt,
            message_status_name(report->status), report->code, report->parts_sent);
    else
        say(world, connection,
            "{\"type\":\"report\",\"seq\":%u,\"message_id\":\"%s\",\"attempt\":%u,"
            "\"status\":\"%s\"}",
            report->seq, id_text(report->message, id), report->attempt,
            message_status_name(report->status));
}

void assured_send_reports(struct world *world, struct phone *phone, unsigned connection)
{
    for (unsigned i = 0; i < phone->memory.outbox_count; i++)
        send_report(world, connection, &phone->memory.outbox[i]);
}

/* Into the journal, with whatever else has changed there, and then on its way. */
static void report(struct world *world, struct phone *phone, struct outgoing report)
{
    struct journal *journal = &phone->memory;
    if (journal->outbox_count == MOST_OUTBOX || phone->last_seq + 1 == MOST_REPORTS)
        abort();
    report.seq = ++phone->last_seq;
    journal->outbox[journal->outbox_count++] = report;
    phone->reported[report.seq] = (struct reported){report.message, report.attempt, report.status};
    sync(phone);
    if (phone_dies_here(world, phone))
        return;
    if (phone->current != NOBODY && world->connections[phone->current].greeted)
        send_report(world, (unsigned)phone->current, &report);
}

static void forget_report(struct phone *phone, unsigned seq)
{
    struct journal *journal = &phone->memory;
    for (unsigned i = 0; i < journal->outbox_count; i++) {
        if (journal->outbox[i].seq != seq)
            continue;
        memmove(&journal->outbox[i], &journal->outbox[i + 1],
                (--journal->outbox_count - i) * sizeof(journal->outbox[0]));
        sync(phone);
        return;
    }
}

/* ---- What the gateway says ---- */

/* 0: any. An older app does not look. */
static bool has_sim(const struct phone *phone, unsigned sim)
{
    return !phone->no_sim && (sim == 0 || phone->ignores_options || phone->sims & 1u << sim);
}

/* The member that says by which it will be sent: as it is asked for, or by the first. */
static const char *sim_text(const struct phone *phone, const char *offer)
{
    static const char *const texts[] = {"", ",\"sim\":1", ",\"sim\":2"};
    unsigned sim = frame_number(offer, "\"sim\":");
    if (!phone->tells_sims)
        return "";
    return texts[sim != 0 ? sim : phone->sims & 1u << 1 ? 1 : phone->sims ? 2 : 0];
}

static void take_offer(struct world *world, struct phone *phone, unsigned connection,
                       unsigned message, unsigned attempt, const char *text)
{
    struct journal_entry *entry = &phone->memory.entries[message];
    char id[MESSAGE_ID_TEXT_SIZE];
    bool again = entry->state == ENTRY_OFFERED && entry->attempt == attempt;
    bool fresh = entry->state == ENTRY_NONE ||
                 (entry->attempt < attempt &&
                  (entry->state == ENTRY_OFFERED || entry->state == ENTRY_DROPPED ||
                   (entry->state == ENTRY_DONE && entry->nothing_sent)));
    if (!again && !fresh) {
        for (unsigned i = phone->memory.outbox_count; i-- > 0;) {
            if (phone->memory.outbox[i].message != message)
                continue;
            send_report(world, connection, &phone->memory.outbox[i]);
            return;
        }
        return;
    }
    if (fresh && !has_sim(phone, frame_number(text, "\"sim\":"))) {
        say(world, connection,
            "{\"type\":\"nack\",\"message_id\":\"%s\",\"attempt\":%u,\"code\":\"no_sim\"}",
            id_text(message, id), attempt);
        return;
    }
    *entry = (struct journal_entry){
        .state = ENTRY_OFFERED, .attempt = attempt, .expires_at_ms = frame_expires_at_ms(text)};
    if (phone_dies_here(world, phone))
        return;
    sync(phone);
    if (phone_dies_here(world, phone))
        return;
    say(world, connection, "{\"type\":\"ack\",\"message_id\":\"%s\",\"attempt\":%u%s}",
        id_text(message, id), attempt, sim_text(phone, text));
}

static void submit_later(struct world *world, const struct phone *phone, unsigned message,
                         unsigned attempt)
{
    int64_t most_ms = random_chance(&world->random, 100) ? 8000 : 50;
    world_schedule(world, random_between(&world->random, 0, most_ms),
                   (struct event){.type = EVENT_PHONE_SUBMITS,
                                  .subject = phone->index,
                                  .generation = phone->incarnation,
                                  .a = message | attempt << 8});
}

static void take_release(struct world *world, struct phone *phone, unsigned message,
                         unsigned attempt)
{
    struct journal_entry *entry = &phone->memory.entries[message];
    if (entry->state != ENTRY_OFFERED || entry->attempt != attempt)
        return;
    entry->state = ENTRY_RELEASED;
    if (phone_dies_here(world, phone))
        return;
    sync(phone);
    submit_later(world, phone, message, attempt);
}

static void take_drop(struct phone *phone, unsigned message, unsigned attempt)
{
    struct journal_entry *entry = &phone->memory.entries[message];
    if (entry->state != ENTRY_OFFERED || entry->attempt != attempt)
        return;
    entry->state = ENTRY_DROPPED;
    sync(phone);
}

static void take_revoke(struct world *world, struct phone *phone, unsigned message,
                        unsigned attempt)
{
    struct journal_entry *entry = &phone->memory.entries[message];
    if (entry->attempt != attempt ||
        (entry->state != ENTRY_OFFERED && entry->state != ENTRY_RELEASED))
        return;
    entry->state = ENTRY_DONE;
    entry->nothing_sent = true;
    report(world, phone,
           (struct outgoing){.message = message, .attempt = attempt, .status = MESSAGE_CANCELLED});
}

void assured_receives(struct world *world, struct phone *phone, unsigned connection,
                      const char *text)
{
    unsigned message = frame_message(text), attempt = frame_number(text, "\"attempt\":");
    if (phone_dies_here(world, phone))
        return;
    if (frame_is(text, "welcome")) {
        world->connections[connection].greeted = true;
        phone->wait_ms = 500;
        assured_send_reports(world, phone, connection);
        incoming_send_all(world, phone, connection);
        devices_tell_sims(world, phone);
        if (world->recovering)
            phone_changes_credit(world, phone->index);
    } else if (frame_is(text, "report_ack")) {
        forget_report(phone, frame_number(text, "\"seq\":"));
    } else if (message == MOST_MESSAGES) {
        incoming_receives(world, phone, text);
    } else if (frame_is(text, "offer")) {
        take_offer(world, phone, connection, message, attempt, text);
    } else if (frame_is(text, "release")) {
        take_release(world, phone, message, attempt);
    } else if (frame_is(text, "drop")) {
        take_drop(phone, message, attempt);
    } else if (frame_is(text, "revoke")) {
        take_revoke(world, phone, message, attempt);
    }
}

/* ---- The radio ---- */

void assured_submits(struct world *world, struct phone *phone, unsigned message, unsigned attempt)
{
    struct journal_entry *entry = &phone->memory.entries[message];
    if (entry->state != ENTRY_RELEASED || entry->attempt != attempt)
        return;
    if (!phone_has_time(world, phone, entry->expires_at_ms)) {
        entry->state = ENTRY_DONE;
        entry->nothing_sent = true;
        report(
            world, phone,
            (struct outgoing){.message = message, .attempt = attempt, .status = MESSAGE_EXPIRED});
        return;
    }
    if (world->broken == MUTATION_PHONE_SUBMITS_FIRST)
        radio_submit(world, phone, message, attempt);
    entry->state = ENTRY_SUBMITTING;
    if (phone_dies_here(world, phone))
        return;
    sync(phone);
    if (phone_dies_here(world, phone))
        return;
    if (world->broken != MUTATION_PHONE_SUBMITS_FIRST)
        radio_submit(world, phone, message, attempt);
    if (phone_dies_here(world, phone))
        return;
    if (random_chance(&world->random, 300))
        report(
            world, phone,
            (struct outgoing){.message = message, .attempt = attempt, .status = MESSAGE_SENDING});
}

void assured_radio(struct world *world, struct phone *phone, unsigned message, unsigned attempt,
                   unsigned result)
{
    static const struct outgoing reports[] = {
        [RADIO_SENT] = {.status = MESSAGE_SENT},
        [RADIO_DELIVERED] = {.status = MESSAGE_DELIVERED},
        [RADIO_UNDELIVERED] = {.status = MESSAGE_FAILED, .code = "undelivered", .parts_sent = 1},
        [RADIO_DEFINITE] = {.status = MESSAGE_FAILED, .code = "no_service"},
        [RADIO_PERMANENT] = {.status = MESSAGE_FAILED, .code = "invalid_arguments"},
        [RADIO_AMBIGUOUS] = {.status = MESSAGE_FAILED, .code = "generic_failure"},
        [RADIO_PARTIAL] = {.status = MESSAGE_FAILED, .code = "no_service", .parts_sent = 1},
        [RADIO_TIMEOUT] = {.status = MESSAGE_FAILED, .code = "timeout"},
    };
    struct journal_entry *entry = &phone->memory.entries[message];
    if (entry->attempt != attempt ||
        (entry->state != ENTRY_SUBMITTING && entry->state != ENTRY_DONE))
        return;
    if (result == RADIO_TIMEOUT && (entry->state != ENTRY_SUBMITTING || !phone->notices_silence))
        return;
    entry->state = ENTRY_DONE;
    entry->nothing_sent = result == RADIO_DEFINITE;
    if (phone_dies_here(world, phone))
        return;
    struct submit *submit = radio_find(world, message, phone->index, attempt);
    if (submit && result == RADIO_DEFINITE)
        submit->proved = true;
    struct outgoing outgoing = reports[result];
    outgoing.message = message;
    outgoing.attempt = attempt;
    report(world, phone, outgoing);
}

/* ---- After a kill ---- */

void assured_starts(struct world *world, struct phone *phone)
{
    for (unsigned i = 0; i < MOST_MESSAGES && phone->runs; i++) {
        struct journal_entry *entry = &phone->memory.entries[i];
        if (entry->state == ENTRY_RELEASED) {
            submit_later(world, phone, i, entry->attempt);
        } else if (entry->state == ENTRY_SUBMITTING) {
            struct submit *submit = radio_find(world, i, phone->index, entry->attempt);
            bool found = submit && submit->taken && random_chance(&world->random, 500);
            if (world->broken == MUTATION_PHONE_SENDS_AGAIN) {
                radio_submit(world, phone, i, entry->attempt);
                continue;
            }
            entry->state = ENTRY_DONE; /* where its own store of sent messages has it: sent */
            report(world, phone,
                   (struct outgoing){.message = i,
                                     .attempt = entry->attempt,
                                     .status = found ? MESSAGE_SENT : MESSAGE_UNKNOWN});
        }
    }
}
