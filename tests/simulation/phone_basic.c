/*
 * A basic phone: it sends what it is given, once, and says what became of it. It remembers what it
 * was given for ever, and what became of it until it is killed.
 */
#include "tests/simulation/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void send_report(struct world *world, struct phone *phone, unsigned connection,
                        unsigned message)
{
    char text[300], id[MESSAGE_ID_TEXT_SIZE];
    struct message_id message_id = message_id_of(message);
    message_id_format(&message_id, id);
    const char *code = phone->code[message];
    snprintf(text, sizeof(text),
             "{\"type\":\"status_update\",\"message_id\":\"%s\",\"status\":\"%s\"%s%s%s}", id,
             message_status_name(phone->status[message]), code ? ",\"error_code\":\"" : "",
             code ? code : "", code ? "\"" : "");
    link_send_up(world, connection, FLYING_TEXT, strdup(text));
}

void basic_greet(struct world *world, struct phone *phone, unsigned connection)
{
    char sims[DEVICES_SIMS_SIZE], text[DEVICES_SIMS_SIZE + 40];
    snprintf(text, sizeof(text), "{\"battery_level\":80%s}", devices_sims_text(phone, sims));
    link_send_up(world, connection, FLYING_TEXT, strdup(text));
}

void basic_send_reports(struct world *world, struct phone *phone, unsigned connection)
{
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        if (phone->has_status[i])
            send_report(world, phone, connection, i);
    }
}

static void report(struct world *world, struct phone *phone, unsigned message,
                   enum message_status status, const char *code)
{
    phone->has_status[message] = true;
    phone->status[message] = status;
    phone->code[message] = code;
    if (phone->current != NOBODY && world->connections[phone->current].greeted)
        send_report(world, phone, (unsigned)phone->current, message);
}

void basic_receives(struct world *world, struct phone *phone, unsigned connection, const char *text)
{
    unsigned message = frame_message(text);
    if (phone_dies_here(world, phone))
        return;
    if (frame_is(text, "connection_ack")) {
        world->connections[connection].greeted = true;
        phone->wait_ms = 500;
        basic_send_reports(world, phone, connection);
        incoming_send_all(world, phone, connection);
        devices_tell_sims(world, phone);
    } else if (frame_is(text, "new_sms") && message != MOST_MESSAGES) {
        if (phone->seen[message]) {
            if (phone->has_status[message])
                send_report(world, phone, connection, message);
            return;
        }
        phone->seen[message] = true;
        phone->expires_at_ms[message] = frame_expires_at_ms(text);
        world_schedule(world, random_between(&world->random, 0, 100),
                       (struct event){.type = EVENT_PHONE_SUBMITS,
                                      .subject = phone->index,
                                      .generation = phone->incarnation,
                                      .a = message});
    } else {
        incoming_receives(world, phone, text);
    }
}

void basic_submits(struct world *world, struct phone *phone, unsigned message)
{
    if (!phone_has_time(world, phone, phone->expires_at_ms[message])) {
        report(world, phone, message, MESSAGE_EXPIRED, NULL);
        return;
    }
    if (random_chance(&world->random, 300))
        report(world, phone, message, MESSAGE_SENDING, NULL);
    if (phone_dies_here(world, phone))
        return;
    radio_submit(world, phone, message, 0);
    phone_dies_here(world, phone);
}

void basic_radio(struct world *world, struct phone *phone, unsigned message, unsigned result)
{
    static const struct {
        enum message_status status;
        const char *code;
    } reports[] = {
        [RADIO_SENT] = {MESSAGE_SENT, NULL},
        [RADIO_DELIVERED] = {MESSAGE_DELIVERED, NULL},
        [RADIO_UNDELIVERED] = {MESSAGE_FAILED, "undelivered"},
        [RADIO_DEFINITE] = {MESSAGE_FAILED, "no_service"},
        [RADIO_PERMANENT] = {MESSAGE_FAILED, "invalid_arguments"},
        [RADIO_AMBIGUOUS] = {MESSAGE_FAILED, "generic_failure"},
        [RADIO_PARTIAL] = {MESSAGE_FAILED, "no_service"},
        [RADIO_TIMEOUT] = {MESSAGE_FAILED, "timeout"},
    };
    if (result != RADIO_TIMEOUT || phone->notices_silence)
        report(world, phone, message, reports[result].status, reports[result].code);
}
