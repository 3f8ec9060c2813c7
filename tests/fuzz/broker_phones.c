/*
 * Connections and the frames of phones: plausible ones, about messages that the phone has or does not have, in the right
 * attempt or another, and meaningless bytes.
 */
#include "common/model/protocol.h"
#include "tests/fuzz/broker_world.h"

#include <stdarg.h>

enum { MOST_SAID = 12000, PAGE_ENTRIES = 100 };

/* ---- Connections ---- */

struct phone *phone_find(session_id id)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        if (world.phones[i].open && world.phones[i].id == id)
            return &world.phones[i];
    }
    return NULL;
}

struct phone *phone_newest(unsigned device)
{
    struct phone *newest = NULL;
    for (size_t i = 0; i < SESSIONS; i++) {
        struct phone *phone = &world.phones[i];
        if (phone->open && phone->device == device && phone->turn > 0 &&
            (!newest || phone->turn > newest->turn))
            newest = phone;
    }
    return newest;
}

void phone_open(struct phone *phone)
{
    char device_id[DEVICE_ID_SIZE];
    unsigned kind = choose(&world.choices, 2 * DEVICES);
    struct phone opened = {
        .open = true,
        .device = kind % DEVICES,
        .assured = kind < DEVICES,
        .stage = kind < DEVICES ? STAGE_HELLO : STAGE_BASIC_INFO,
        .info = DEVICE_INFO_UNKNOWN,
        .credit = WINDOW,
    };
    device_id_of(opened.device, device_id);
    bool admitted = broker_check_admission(world.broker) == ERROR_NONE;
    bool there = broker_session_opened(world.broker, device_id, "",
                                       opened.assured ? &device_protocol_assured
                                                      : &device_protocol_basic,
                                       world.now_ms, &opened.id);
    CHECK(there == admitted && !(there && world.draining));
    if (there) {
        CHECK(!phone_find(opened.id));
        opened.opened = ++world.opened;
        *phone = opened;
    }
    world_pump();
}

void phone_close(struct phone *phone)
{
    phone->open = false;
    broker_session_closed(world.broker, phone->id, world.now_ms);
    world_pump();
    promise_gone(phone);
    device_info_fini(&phone->info);
    free(phone->entries);
    free(phone->owed);
    phone->entries = NULL;
    phone->owed = NULL;
}

/* Frames arrive whole; none from a connection that is paused or gone. */
static void receive(struct phone *phone, const void *bytes, size_t length)
{
    struct frame said;
    struct frame_problem problem;
    if (phone->paused || phone->dropped)
        return;
    char *text = bytes_of(bytes, length);
    bool good = frame_read(text, length, phone->stage, &phone->info, &said, &problem);
    world.speaker = phone;
    world.said = good ? &said : NULL;
    world.heard = false;
    promise_says(phone, world.said);
    broker_session_received(world.broker, phone->id, text, length, world.now_ms);
    world_pump();
    promise_said(phone, world.said);
    world.speaker = NULL;
    world.said = NULL;
    free(text);
    if (good)
        frame_fini(&said);
}

PRINTF_FORMAT(2, 3) static void say(struct phone *phone, const char *format, ...)
{
    static char text[MOST_SAID];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    CHECK(length < MOST_SAID);
    receive(phone, text, (size_t)length);
}

/* ---- Which message a frame is about ---- */

struct subject {
    char id[MESSAGE_ID_TEXT_SIZE];
    unsigned attempt;
};

static struct subject subject_of(unsigned message, unsigned attempt)
{
    struct subject subject = {.attempt = attempt};
    struct message_id id = message_id_of(message);
    message_id_format(&id, subject.id);
    return subject;
}

/* A message that the phone has, or any; mostly in the current attempt. */
static struct subject choose_subject(const struct phone *phone)
{
    unsigned which = choose(&world.choices, 2 * MOST_MESSAGES), off = choose(&world.choices, 8);
    unsigned message = which % MOST_MESSAGES;
    unsigned attempt = world_store_message(&world.store, message).attempt;
    if (which >= MOST_MESSAGES && phone->in_flight_count > 0) {
        message = phone->in_flight[which % phone->in_flight_count].message;
        attempt = phone->in_flight[which % phone->in_flight_count].attempt;
    }
    attempt = off == 6 ? attempt + 1 : off == 7 ? attempt - 1 : attempt;
    return subject_of(message, MAX(1, attempt));
}

/* ---- Who it is ---- */

static void say_info(struct phone *phone)
{
    static const char *const infos[] = {
        "{}",
        "{\"battery_level\":4,\"signal_strength\":-120,\"sims\":[{\"slot\":1}]}",
        "{\"battery_level\":90,\"signal_strength\":-70,\"extra\":[1]}",
        "{\"type\":\"device_update\",\"info\":{\"battery_level\":3,\"charging\":false}}",
        "{\"type\":\"device_update\",\"info\":{\"charging\":true,\"sims\":[{\"slot\":2}]}}",
    };
    say(phone, "%s", infos[choose(&world.choices, ARRAY_LENGTH(infos))]);
}

static void say_hello(struct phone *phone)
{
    static const unsigned credits[] = {0, 1, 2, WINDOW, WINDOW + 1, STORE_MAX_CLAIM};
    struct message_id epoch = {{0xee, (unsigned char)phone->device}};
    char journal[MESSAGE_ID_TEXT_SIZE];
    unsigned how = choose(&world.choices, 8); /* a bit for the journal id, two for the battery */
    epoch.bytes[2] = how & 1;
    message_id_format(&epoch, journal);
    say(phone,
        "{\"type\":\"hello\",\"journal\":\"%s\",\"credit\":%u,"
        "\"info\":{\"battery_level\":%s}}",
        journal, credits[choose(&world.choices, ARRAY_LENGTH(credits))],
        how >> 1 == 3   ? "4"
        : how >> 1 == 2 ? "80"
                        : "null");
}

/* The entries that the store expects, or some, or as many as a page can have. */
static size_t list_entries(const struct phone *phone, struct subject entries[PAGE_ENTRIES])
{
    unsigned kind = choose(&world.choices, 8);
    size_t count = 0;
    for (unsigned i = 0; i < MOST_MESSAGES && kind == 6; i++) {
        struct stored_message row = world_store_message(&world.store, i);
        if (row.there && row.device == (int)phone->device &&
            message_id_equal(&row.journal, &phone->journal))
            entries[count++] = subject_of(i, row.attempt);
    }
    for (; kind < 6 && count < kind; count++)
        entries[count] = choose_subject(phone);
    for (; kind == 7 && count < PAGE_ENTRIES; count++)
        entries[count] = subject_of((unsigned)count, 1 + (unsigned)phone->entry_count);
    return count;
}

static void say_journal(struct phone *phone)
{
    struct subject entries[PAGE_ENTRIES];
    char list[MOST_SAID - 100] = "";
    size_t count = list_entries(phone, entries), length = 0;
    unsigned how = choose(&world.choices, 8); /* three bits */
    for (size_t i = 0; i < count; i++) {
        bool offered = how & 1 || (how & 2 && i % 2 == 0);
        length += (size_t)snprintf(list + length, sizeof(list) - length,
                                   "%s{\"message_id\":\"%s\",\"attempt\":%u,\"state\":\"%s\"}",
                                   i > 0 ? "," : "", entries[i].id, entries[i].attempt,
                                   offered ? "offered" : "released");
    }
    say(phone, "{\"type\":\"journal\",\"entries\":[%s],\"last\":%s}", list,
        how & 4 ? "false" : "true");
}

static void say_credit(struct phone *phone)
{
    say(phone, "{\"type\":\"credit\",\"credit\":%u}", choose(&world.choices, WINDOW + 2));
}

/* The frame that the stage expects. */
static void say_who(struct phone *phone)
{
    if (phone->stage == STAGE_HELLO)
        say_hello(phone);
    else if (phone->stage == STAGE_JOURNAL)
        say_journal(phone);
    else
        say_info(phone);
}

/* ---- About messages ---- */

static void say_ack(struct phone *phone)
{
    struct subject subject = choose_subject(phone);
    say(phone, "{\"type\":\"ack\",\"message_id\":\"%s\",\"attempt\":%u}", subject.id,
        subject.attempt);
}

static void say_nack(struct phone *phone)
{
    struct subject subject = choose_subject(phone);
    say(phone, "{\"type\":\"nack\",\"message_id\":\"%s\",\"attempt\":%u,\"code\":\"no_sim\"}",
        subject.id, subject.attempt);
}

static void say_report(struct phone *phone)
{
    static const char *const statuses[] = {"sent",   "sending",   "delivered", "failed",
                                           "queued", "cancelled", "unknown",   "expired"};
    static const char *const codes[] = {"no_service", "invalid_arguments", "generic_failure", ""};
    struct subject subject = choose_subject(phone);
    const char *status = statuses[choose(&world.choices, ARRAY_LENGTH(statuses))];
    unsigned how = choose(&world.choices, 16); /* two bits for the code, one each for the rest */
    int64_t seq = how & 8 ? MAX(0, world.seq - 2) : ++world.seq;
    if (phone->assured)
        say(phone,
            "{\"type\":\"report\",\"seq\":%lld,\"message_id\":\"%s\",\"attempt\":%u,"
            "\"status\":\"%s\",\"error_code\":\"%s\",\"parts_sent\":%u}",
            (long long)seq, subject.id, subject.attempt, status, codes[how & 3], how >> 2 & 1);
    else
        say(phone,
            "{\"type\":\"status_update\",\"message_id\":\"%s\",\"status\":\"%s\","
            "\"error_code\":\"%s\"}",
            subject.id, status, codes[how & 3]);
}

/* New ones, and repetitions with the same content or another. */
static void say_received(struct phone *phone)
{
    static const char *const texts[] = {"text", "", "another", "\\u20ac"};
    unsigned how = choose(&world.choices, 64); /* three bits for the id, two for the text */
    say(phone,
        "{\"type\":\"sms_received\",\"received_id\":\"r-%u\",\"from\":\"%s\",\"message\":\"%s\","
        "\"received_at\":%d,\"sim\":%u}",
        how & 7, how & 32 ? "+49 151 12345678" : "BANK", texts[how >> 3 & 3], (int)how - 20,
        how >> 3);
}

static void say_anything(struct phone *phone)
{
    struct choices bytes = choose_bytes(&world.choices, 250);
    receive(phone, bytes.data, bytes.size);
}

void phone_says(struct phone *phone, unsigned speech)
{
    static void (*const speeches[PHONE_SPEECHES])(struct phone *) = {
        say_who,    say_who,  say_ack,    say_received, say_report,
        say_report, say_nack, say_credit, say_info,     say_anything,
    };
    speeches[speech](phone);
}

/* ---- What it is told ---- */

void phone_reads(struct phone *phone, unsigned most)
{
    struct buffer frame;
    enum session_output output = OUTPUT_FRAME;
    buffer_init(&frame, FRAME_MAX_BYTES);
    for (unsigned i = 0; i < most && output != OUTPUT_NOTHING && !phone->dropped; i++) {
        enum error error = ERROR_NONE;
        buffer_clear(&frame);
        output = broker_take_output(world.broker, phone->id, world.now_ms, &frame, &error);
        /* The core has asked to write since there was nothing. */
        CHECK(output == OUTPUT_NOTHING || (phone->write_due && !phone->closed));
        phone->write_due &= output != OUTPUT_NOTHING;
        switch (output) {
        case OUTPUT_FRAME:
            promise_frame(phone, &frame);
            break;
        case OUTPUT_PING:
            break;
        case OUTPUT_CLOSE:
            promise_closed(phone, error);
            break;
        case OUTPUT_NOTHING:
            promise_silence(phone);
            break;
        }
        world_pump();
    }
    buffer_fini(&frame);
}
