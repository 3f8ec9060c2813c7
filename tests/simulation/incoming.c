/*
 * SMS that phones receive. A phone keeps each until it is acknowledged, one with a journal on disk before it sends it; and
 * the invariants over that.
 */
#include "tests/simulation/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AGAIN_MS = 60000 };

static void text_of(const struct world *world, unsigned number, char text[INCOMING_TEXT_SIZE])
{
    enum keyword keyword = world->incoming[number].keyword;
    if (keyword == KEYWORD_NONE)
        snprintf(text, INCOMING_TEXT_SIZE, "sms %u", number);
    else
        strcpy(text, keyword == KEYWORD_STOP ? "STOP" : "START");
}

static const char *sender_of(const struct world *world, unsigned number)
{
    bool has_keyword = world->incoming[number].keyword != KEYWORD_NONE;
    return has_keyword ? recipient_number(world->incoming[number].recipient) : "72000";
}

/* The number of an SMS in a frame of the gateway; MOST_INCOMING without one. */
static unsigned number_in(const char *frame)
{
    static const char member[] = "\"received_id\":\"r-";
    const char *found = strstr(frame, member);
    return found ? (unsigned)strtoul(found + sizeof(member) - 1, NULL, 10) : MOST_INCOMING;
}

void incoming_sms_of(const struct world *world, unsigned number, struct incoming_sms *sms,
                     char text[INCOMING_TEXT_SIZE])
{
    text_of(world, number, text);
    *sms = (struct incoming_sms){.received_at_ms = number * 1000, .text = text, .segments = 1};
    device_id_of(world->incoming[number].phone, sms->device_id);
    snprintf(sms->received_id, sizeof(sms->received_id), "r-%u", number);
    strcpy(sms->sender, sender_of(world, number));
}

/* ---- A phone ---- */

static void send(struct world *world, unsigned connection, unsigned number)
{
    char frame[200], text[INCOMING_TEXT_SIZE];
    text_of(world, number, text);
    snprintf(frame, sizeof(frame),
             "{\"type\":\"sms_received\",\"received_id\":\"r-%u\",\"from\":\"%s\",\"message\":"
             "\"%s\",\"received_at\":%u}",
             number, sender_of(world, number), text, number);
    link_send_up(world, connection, FLYING_TEXT, strdup(frame));
}

static void send_on_current(struct world *world, struct phone *phone, unsigned number)
{
    if (phone->polled)
        polled_posts(world, phone, number);
    else if (phone->current != NOBODY && world->connections[phone->current].greeted)
        send(world, (unsigned)phone->current, number);
}

void incoming_send_all(struct world *world, struct phone *phone, unsigned connection)
{
    for (unsigned i = 0; i < phone->memory.incoming_count; i++)
        send(world, connection, phone->memory.incoming[i]);
}

static unsigned find(const struct journal *journal, unsigned number)
{
    unsigned i = 0;
    while (i < journal->incoming_count && journal->incoming[i] != number)
        i++;
    return i;
}

/* `what`: a keyword and who sends it; 0: neither. */
static void arrives(struct world *world, struct phone *phone, unsigned what)
{
    struct journal *journal = &phone->memory;
    unsigned number = world->incoming_count;
    if (!phone->runs || number == MOST_INCOMING)
        return; /* it waits in the network for longer than this world lasts */
    world->incoming_count++;
    world->counts->incoming++;
    world->incoming[number].phone = phone->index;
    world->incoming[number].keyword = (enum keyword)(what / RECIPIENTS);
    world->incoming[number].recipient = what % RECIPIENTS;
    journal->incoming[journal->incoming_count++] = number;
    if (phone_dies_here(world, phone))
        return;
    if (phone->assured || phone->polled) {
        phone->disk = phone->memory;
        world->incoming[number].journaled = true;
        TRACE(world, "phone-%u has journaled incoming SMS %u", phone->index, number);
    }
    if (!phone_dies_here(world, phone))
        send_on_current(world, phone, number);
}

bool incoming_is_kept(const struct phone *phone, unsigned number)
{
    return find(&phone->memory, number) < phone->memory.incoming_count;
}

void incoming_event(struct world *world, const struct event *event)
{
    struct phone *phone = &world->phones[event->subject];
    if (event->a == 0)
        arrives(world, phone, event->b);
    else if (event->generation == phone->incarnation && incoming_is_kept(phone, event->a - 1))
        send_on_current(world, phone, event->a - 1);
}

void incoming_forget(struct world *world, struct phone *phone, unsigned number)
{
    struct journal *journal = &phone->memory;
    unsigned place = find(journal, number);
    if (place == journal->incoming_count)
        return;
    memmove(&journal->incoming[place], &journal->incoming[place + 1],
            (--journal->incoming_count - place) * sizeof(journal->incoming[0]));
    if ((phone->assured || phone->polled) && !phone_dies_here(world, phone))
        phone->disk = phone->memory;
}

void incoming_receives(struct world *world, struct phone *phone, const char *text)
{
    unsigned number = number_in(text);
    if (frame_is(text, "sms_received_ack"))
        incoming_forget(world, phone, number);
    else if (frame_is(text, "error") && number != MOST_INCOMING) /* it was refused */
        world_schedule(world, random_between(&world->random, 1, AGAIN_MS),
                       (struct event){.type = EVENT_PHONE_RECEIVES,
                                      .subject = phone->index,
                                      .generation = phone->incarnation,
                                      .a = 1 + number});
}

/* What its journal had is gone with it. */
void incoming_wiped(struct world *world, unsigned phone)
{
    for (unsigned i = 0; i < world->incoming_count; i++) {
        if (world->incoming[i].phone == phone)
            world->incoming[i].journaled = false;
    }
}

/* ---- The world ---- */

/* By chances of its own: the other things that happen in a world are the same without it. */
void incoming_init(struct world *world)
{
    struct random random = {.state = world->seed ^ 0x1bc0};
    unsigned count = random_chance(&random, 400) ? 1 + random_below(&random, MOST_INCOMING) : 0;
    for (unsigned i = 0; i < count; i++)
        world_schedule(world, random_between(&random, 0, world->conditions.faults_ms),
                       (struct event){.type = EVENT_PHONE_RECEIVES,
                                      .subject = random_below(&random, world->phone_count)});
}

bool incoming_is_settled(const struct world *world)
{
    for (unsigned i = 0; i < world->phone_count; i++) {
        if (world->phones[i].memory.incoming_count > 0 || !world->phones[i].runs)
            return false;
    }
    return true;
}

/* How often it is stored. */
static void check_once(struct world *world, unsigned number, bool is_expected)
{
    char text[INCOMING_TEXT_SIZE];
    text_of(world, number, text);
    unsigned count = world_store_count_incoming(&world->store, world->incoming[number].phone,
                                                number, text);
    if (count == 0 && is_expected)
        violate(world, "X1: incoming SMS %u of phone-%u is not on disk", number,
                world->incoming[number].phone);
    if (count > 1)
        violate(world, "X2: incoming SMS %u of phone-%u is stored %u times", number,
                world->incoming[number].phone, count);
}

void incoming_check_stored(struct world *world, unsigned number)
{
    check_once(world, number, true);
}

void incoming_check_ack(struct world *world, const char *text)
{
    incoming_check_stored(world, number_in(text));
}

void incoming_check_end(struct world *world)
{
    for (unsigned i = 0; i < world->incoming_count; i++)
        check_once(world, i, world->incoming[i].journaled);
    for (unsigned i = 0; i < world->phone_count; i++) {
        if (world->phones[i].runs && world->phones[i].memory.incoming_count > 0)
            violate(world, "X1: phone-%u still has incoming SMS that are not acknowledged", i);
    }
}
