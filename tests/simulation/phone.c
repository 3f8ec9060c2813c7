/* What all phones do: run, connect, be killed, lose everything. */
#include "tests/simulation/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct message_id next_epoch(struct phone *phone)
{
    phone->epochs++;
    return (struct message_id){{0xe0, (unsigned char)phone->index, (unsigned char)phone->epochs}};
}

static void new_journal(struct phone *phone)
{
    phone->memory = (struct journal){.epoch = next_epoch(phone)};
    phone->disk = phone->memory;
    memset(phone->seen, 0, sizeof(phone->seen));
    memset(phone->has_status, 0, sizeof(phone->has_status));
}

static void draw_behaviour(struct world *world, struct phone *phone)
{
    struct random *random = &world->random;
    phone->assured = random_chance(random, 700);
    phone->polled = false;
    phone->reads_older = random_chance(random, 300);
    phone->notices_silence = random_chance(random, 800);
    phone->slow_ms = random_chance(random, 150) ? 4000 : 0;
    phone->credit = random_chance(random, 300) ? random_below(random, 3) : 8;
    phone->no_sim = false;
    phone->ignores_options = random_chance(random, 150);
    phone->tells_sims = world->conditions.sim_changes > 0 && random_chance(random, 800);
    phone->sims = random_below(random, 1 << MOST_SIMS) << 1;
}

void phone_init(struct world *world, unsigned index)
{
    struct phone *phone = &world->phones[index];
    phone->index = index;
    phone->current = phone->older = NOBODY;
    new_journal(phone);
    draw_behaviour(world, phone);
    phone->polled = polled_draw(world);
    if (phone->polled)
        polled_install(world, phone);
    world_schedule(world, random_between(&world->random, 0, 2000),
                   (struct event){.type = EVENT_PHONE_START, .subject = index});
}

void phone_start(struct world *world, unsigned index)
{
    struct phone *phone = &world->phones[index];
    if (phone->runs)
        return;
    phone->runs = true;
    phone->incarnation++;
    phone->wait_ms = 500;
    phone->memory = phone->disk;
    TRACE(world, "phone-%u starts, %s", index,
          phone->polled    ? "polled"
          : phone->assured ? "with a journal"
                           : "basic");
    if (phone->polled) {
        polled_starts(world, phone);
        return;
    }
    if (phone->assured)
        assured_starts(world, phone);
    phone_connect_later(world, index);
}

static void leave_all(struct world *world, struct phone *phone)
{
    int connections[] = {phone->current, phone->older};
    phone->current = phone->older = NOBODY;
    for (size_t i = 0; i < ARRAY_LENGTH(connections); i++) {
        if (connections[i] != NOBODY)
            link_leave_phone(world, (unsigned)connections[i], false);
    }
}

void phone_kill(struct world *world, unsigned index)
{
    struct phone *phone = &world->phones[index];
    if (!phone->runs)
        return;
    TRACE(world, "phone-%u is killed", index);
    world->counts->crashes++;
    phone->runs = phone->connects = false;
    phone->incarnation++;
    leave_all(world, phone);
    memset(phone->has_status, 0, sizeof(phone->has_status));
    if (phone->polled)
        polled_killed(world, phone);
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        const struct journal_entry *entry = &phone->disk.entries[i];
        struct record *record = &world->records[i];
        if (!phone->assured || entry->state != ENTRY_SUBMITTING)
            continue;
        struct submit *submit = radio_find(world, i, index, entry->attempt);
        /* Without one it was killed just before, which it will not know. */
        if (!submit && record->submit_count < MOST_SUBMITS) {
            submit = &record->submits[record->submit_count++];
            *submit = (struct submit){.phone = index, .attempt = entry->attempt};
        }
        if (submit)
            submit->interrupted = true;
    }
    int64_t most_ms = random_chance(&world->random, 800) || world->recovering ? 2000 : 20000;
    world_schedule(world, random_between(&world->random, 50, most_ms),
                   (struct event){.type = EVENT_PHONE_START, .subject = index});
}

/* Another app only where an operator has ended the token of the one before. */
static void wipe_polled(struct world *world, struct phone *phone, bool polled)
{
    bool changes = world->polled.happen && random_chance(&world->polled.random, 200);
    phone->polled = polled && changes ? !polled_api_revoke(world, phone)
                                      : polled || (changes && polled_draw(world));
    if (phone->polled)
        polled_install(world, phone);
}

void phone_wipe(struct world *world, unsigned index)
{
    struct phone *phone = &world->phones[index];
    phone_kill(world, index);
    TRACE(world, "phone-%u is wiped", index);
    world->counts->wipes++;
    bool assured = phone->assured, polled = phone->polled;
    phone->wiped_at_ms = world->now_ms;
    incoming_wiped(world, index);
    new_journal(phone);
    draw_behaviour(world, phone);
    if (random_chance(&world->random, 800)) /* otherwise it may get another app */
        phone->assured = assured;
    wipe_polled(world, phone, polled);
}

bool phone_dies_here(struct world *world, struct phone *phone)
{
    if (world->recovering || !random_chance(&world->random, world->conditions.crash_per_mille))
        return false;
    phone_kill(world, phone->index);
    return true;
}

/* ---- Connecting ---- */

void phone_connect_later(struct world *world, unsigned index)
{
    struct phone *phone = &world->phones[index];
    if (!phone->runs || phone->connects || phone->current != NOBODY ||
        (phone->polled && !phone->app.has_stream))
        return;
    phone->connects = true;
    int64_t wait_ms = phone->wait_ms * random_between(&world->random, 500, 1000) / 1000;
    phone->wait_ms = MIN(phone->wait_ms * 2, 60000);
    world_schedule(world, wait_ms,
                   (struct event){.type = EVENT_PHONE_CONNECTS,
                                  .subject = index,
                                  .generation = phone->incarnation});
}

/* `second`: the phone believes that its connection is gone, or opens another beside it. */
void phone_connects(struct world *world, unsigned index, bool second)
{
    struct phone *phone = &world->phones[index];
    phone->connects = false;
    if (!phone->runs || (phone->current != NOBODY && !second))
        return;
    if (phone->older != NOBODY)
        link_leave_phone(world, (unsigned)phone->older, false);
    phone->older = NOBODY;
    if (phone->current != NOBODY) {
        TRACE(world, "phone-%u connects a second time", index);
        if (phone->reads_older || phone->polled)
            phone->older = phone->current;
        else
            link_leave_phone(world, (unsigned)phone->current, false);
    }
    phone->current = link_open(world, index);
    if (phone->current == NOBODY)
        phone_connect_later(world, index);
}

void phone_opened(struct world *world, unsigned connection)
{
    struct phone *phone = &world->phones[world->connections[connection].phone];
    if (world->connections[connection].polled)
        polled_connected(world, phone);
    else if (world->connections[connection].assured)
        assured_greet(world, phone, connection);
    else
        basic_greet(world, phone, connection);
}

void phone_lost(struct world *world, unsigned connection)
{
    struct phone *phone = &world->phones[world->connections[connection].phone];
    if (phone->older == (int)connection)
        phone->older = NOBODY;
    if (phone->current == (int)connection)
        phone->current = NOBODY;
    phone_connect_later(world, phone->index);
}

void phone_changes_credit(struct world *world, unsigned index)
{
    struct phone *phone = &world->phones[index];
    char text[64];
    phone->credit = world->recovering ? 8 : random_below(&world->random, 9);
    if (!phone->assured || phone->current == NOBODY || !world->connections[phone->current].greeted)
        return;
    snprintf(text, sizeof(text), "{\"type\":\"credit\",\"credit\":%u}", phone->credit);
    link_send_up(world, (unsigned)phone->current, FLYING_TEXT, strdup(text));
}

static void is_closed(struct world *world, struct phone *phone, unsigned connection)
{
    /* Reports may still be sent, and they count. */
    if (!phone->polled && world->connections[connection].greeted &&
        random_chance(&world->random, 500)) {
        if (phone->assured)
            assured_send_reports(world, phone, connection);
        else
            basic_send_reports(world, phone, connection);
        incoming_send_all(world, phone, connection);
    }
    link_leave_phone(world, connection, true);
    phone_lost(world, connection);
}

void phone_receives(struct world *world, unsigned connection, const struct flying *frame)
{
    struct phone *phone = &world->phones[world->connections[connection].phone];
    switch (frame->kind) {
    case FLYING_PING:
        if (!world->connections[connection].polled) /* there it is a comment */
            link_send_up(world, connection, FLYING_PONG, NULL);
        break;
    case FLYING_CLOSE:
        is_closed(world, phone, connection);
        break;
    case FLYING_TEXT:
        if (world->connections[connection].polled)
            polled_receives(world, phone, frame->text);
        else if (phone->assured)
            assured_receives(world, phone, connection, frame->text);
        else
            basic_receives(world, phone, connection, frame->text);
        break;
    case FLYING_PONG:
        break;
    }
}
