/*
 * Connections. Frames of one direction arrive in their order, however late, until the connection is
 * cut; then some of those under way still arrive, as with TCP, and the other side may notice much
 * later. An end that is gone may have a successor by then.
 */
#include "tests/simulation/world.h"

#include <stdlib.h>
#include <string.h>

static void schedule_on(struct world *world, unsigned index, int64_t in_ms, enum event_kind type)
{
    world_schedule(world, in_ms,
                   (struct event){.type = type,
                                  .subject = index,
                                  .generation = world->connections[index].generation});
}

static int64_t delay(struct world *world)
{
    if (!world->recovering && random_chance(&world->random, world->conditions.long_delays))
        return random_between(&world->random, 0, 6000);
    return random_between(&world->random, 1, world->conditions.delay_ms);
}

static void send(struct world *world, struct link *link, struct flying flying)
{
    struct flying *frame = malloc(sizeof(*frame));
    if (!frame)
        abort();
    flying.at_ms = MAX(link->last_at_ms, world->now_ms + delay(world)); /* drawn twice */
    flying.at_ms = MAX(link->last_at_ms, flying.at_ms);
    *frame = flying;
    link->last_at_ms = flying.at_ms;
    if (link->last)
        link->last->next = frame;
    else
        link->first = frame;
    link->last = frame;
}

static void free_frame(struct flying *frame)
{
    free(frame->text);
    free(frame);
}

static struct flying *receive(struct link *link, int64_t now_ms)
{
    struct flying *frame = link->first;
    if (!frame || frame->at_ms > now_ms)
        return NULL;
    link->first = frame->next;
    if (!link->first)
        link->last = NULL;
    return frame;
}

static void lose_all(struct link *link)
{
    for (struct flying *next; link->first; link->first = next) {
        next = link->first->next;
        free_frame(link->first);
    }
    link->last = NULL;
}

/* Of the frames under way a first few still arrive. */
static void cut(struct world *world, struct link *link)
{
    struct flying **end = &link->first;
    struct flying *last = NULL;
    while (*end && random_chance(&world->random, 700)) {
        last = *end;
        end = &(*end)->next;
    }
    struct link rest = {.first = *end};
    *end = NULL;
    link->last = last;
    lose_all(&rest);
}

static void free_when_over(struct connection *connection)
{
    if (connection->phone_is_open || connection->broker_is_open || connection->is_opening)
        return;
    lose_all(&connection->up);
    lose_all(&connection->down);
    connection->used = false;
    connection->generation++;
}

/* ---- Opening ---- */

int link_open(struct world *world, unsigned phone)
{
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++) {
        struct connection *connection = &world->connections[i];
        if (connection->used)
            continue;
        *connection = (struct connection){
            .used = true,
            .generation = connection->generation,
            .phone = phone,
            .assured = world->phones[phone].assured,
            .polled = world->phones[phone].polled,
            .phone_is_open = true,
            .is_opening = true,
            .host = two_brokers_choose(world, &world->phones[phone]),
        };
        schedule_on(world, i, delay(world), EVENT_OPENS);
        return (int)i;
    }
    return NOBODY;
}

static bool open_session(struct world *world, struct connection *connection, const char *device_id)
{
    const struct registration *registration = &world->phones[connection->phone].app.of_stream;
    struct broker *broker = world->hosts[connection->host].broker;
    if (connection->polled)
        return polled_api_knows(world, registration) &&
               broker_stream_opened(broker, device_id, registration->token_id,
                                    &registration->journal, world->now_ms, &connection->session);
    return broker_session_opened(broker, device_id, "",
                                 connection->assured ? &device_protocol_assured
                                                     : &device_protocol_basic,
                                 world->now_ms, &connection->session);
}

void link_establish(struct world *world, unsigned index)
{
    struct connection *connection = &world->connections[index];
    char device_id[DEVICE_ID_SIZE];
    struct host *host = &world->hosts[connection->host];
    connection->is_opening = false;
    if (!connection->phone_is_open) {
        free_when_over(connection);
        return;
    }
    device_id_of(connection->phone, device_id);
    if (!host->broker || broker_check_admission(host->broker) != ERROR_NONE ||
        !open_session(world, connection, device_id)) {
        link_phone_notices(world, index);
        return;
    }
    connection->broker_is_open = true;
    connection->opened = ++world->phones[connection->phone].last_opened;
    phone_opened(world, index);
    host_pump(world, host);
}

/* ---- Frames ---- */

void link_send_up(struct world *world, unsigned index, int kind, char *text)
{
    struct connection *connection = &world->connections[index];
    if (!connection->phone_is_open) {
        free(text);
        return;
    }
    if (text)
        TRACE(world, "phone-%u sends: %s", connection->phone, text);
    send(world, &connection->up, (struct flying){.kind = kind, .text = text});
    schedule_on(world, index, connection->up.last_at_ms - world->now_ms, EVENT_FRAME_UP);
}

void link_send_down(struct world *world, unsigned index, int kind, char *text,
                    enum error close_error)
{
    struct connection *connection = &world->connections[index];
    send(world, &connection->down,
         (struct flying){.kind = kind, .text = text, .close_error = close_error});
    schedule_on(world, index, connection->down.last_at_ms - world->now_ms, EVENT_FRAME_DOWN);
}

void link_frame_up(struct world *world, unsigned index)
{
    struct connection *connection = &world->connections[index];
    struct host *host = &world->hosts[connection->host];
    if (!connection->broker_is_open)
        return;
    if (connection->paused) {
        connection->up.due++;
        return;
    }
    struct flying *frame = receive(&connection->up, world->now_ms);
    if (!frame)
        return;
    if (frame->kind == FLYING_TEXT) {
        world->counts->frames++;
        TRACE(world, "broker from phone-%u: %s", connection->phone, frame->text);
        broker_session_received(host->broker, connection->session, frame->text, strlen(frame->text),
                                world->now_ms);
    } else {
        broker_session_alive(host->broker, connection->session, world->now_ms);
    }
    free_frame(frame);
    host_pump(world, host);
}

void link_frame_down(struct world *world, unsigned index)
{
    struct connection *connection = &world->connections[index];
    struct flying *frame = receive(&connection->down, world->now_ms);
    if (!frame)
        return;
    if (connection->phone_is_open)
        phone_receives(world, index, frame);
    free_frame(frame);
}

void link_pause(struct world *world, unsigned index, bool pause)
{
    struct connection *connection = &world->connections[index];
    connection->paused = pause;
    for (; !pause && connection->up.due > 0; connection->up.due--)
        schedule_on(world, index, 0, EVENT_FRAME_UP);
}

/* ---- The end ---- */

void link_leave_phone(struct world *world, unsigned index, bool gently)
{
    struct connection *connection = &world->connections[index];
    if (!connection->phone_is_open)
        return;
    connection->phone_is_open = false;
    lose_all(&connection->down);
    if (!gently)
        cut(world, &connection->up);
    /* Mostly at once; or the network has said nothing, and only silence tells. */
    int64_t after_ms = connection->up.last_at_ms - world->now_ms;
    int64_t in_ms = random_between(&world->random, 0, 100);
    if (!gently && random_chance(&world->random, 300))
        in_ms = random_between(&world->random, 0, 90000);
    if (connection->broker_is_open)
        schedule_on(world, index, MAX(after_ms, 0) + in_ms, EVENT_BROKER_NOTICES);
    free_when_over(connection);
}

void link_leave_broker(struct world *world, unsigned index, bool gently)
{
    struct connection *connection = &world->connections[index];
    if (!connection->broker_is_open)
        return;
    connection->broker_is_open = false;
    lose_all(&connection->up);
    if (!gently)
        cut(world, &connection->down);
    int64_t after_ms = connection->down.last_at_ms - world->now_ms;
    int64_t in_ms = random_between(&world->random, 0, 100);
    if (random_chance(&world->random, 100))
        in_ms = random_between(&world->random, 0, 80000); /* until its own ping is not answered */
    if (connection->phone_is_open)
        schedule_on(world, index, MAX(after_ms, 0) + in_ms, EVENT_PHONE_NOTICES);
    free_when_over(connection);
}

void link_broker_notices(struct world *world, unsigned index)
{
    struct connection *connection = &world->connections[index];
    if (!connection->broker_is_open)
        return;
    TRACE(world, "%s: the connection of phone-%u is gone",
          world->hosts[connection->host].options.name, connection->phone);
    struct host *host = &world->hosts[connection->host];
    session_id session = connection->session;
    link_leave_broker(world, index, false);
    broker_session_closed(host->broker, session, world->now_ms);
    host_pump(world, host);
}

void link_phone_notices(struct world *world, unsigned index)
{
    struct connection *connection = &world->connections[index];
    if (!connection->phone_is_open)
        return;
    link_leave_phone(world, index, false);
    phone_lost(world, index);
}

void link_release_all(struct world *world)
{
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++) {
        lose_all(&world->connections[i].up);
        lose_all(&world->connections[i].down);
    }
}
