/*
 * What ws_server.c and the operating system are to the core: carries out its actions, ends it by kill or drain, starts
 * another.
 */
#include "tests/simulation/world.h"

#include <stdlib.h>
#include <string.h>

enum { RECOVERY_TICK_MS = 40000, RECOVERY_SOON_MS = 120000 };

void host_schedule(struct world *world, const struct host *host, int64_t in_ms,
                   enum event_kind type)
{
    world_schedule(
        world, in_ms,
        (struct event){.type = type, .subject = host->index, .generation = host->generation});
}

/* When all is quiet nobody needs to look every second, and hours have to pass. Of two brokers each must renew its lease, or
   they would end each other for ever. */
static int64_t tick_due_ms(const struct world *world, const struct host *host)
{
    int64_t quiet_ms = world->broker_count > 1 ? host->options.lease_ms / 3 : RECOVERY_TICK_MS;
    if (world->recovering && world->now_ms - world->recovering_since_ms > RECOVERY_SOON_MS)
        return world->now_ms + quiet_ms;
    return MAX(broker_wake_ms(host->broker), world->now_ms);
}

void host_schedule_tick(struct world *world, struct host *host)
{
    host->tick_at_ms = tick_due_ms(world, host);
    host_schedule(world, host, host->tick_at_ms - world->now_ms, EVENT_BROKER_TICK);
}

/* ---- Actions ---- */

static int connection_of(const struct world *world, const struct host *host, session_id session)
{
    for (int i = 0; i < MOST_CONNECTIONS; i++) {
        const struct connection *connection = &world->connections[i];
        if (connection->used && connection->broker_is_open && connection->host == host->index &&
            connection->session == session)
            return i;
    }
    return NOBODY;
}

static void want_to_write(struct world *world, unsigned index)
{
    struct connection *connection = &world->connections[index];
    if (connection->writable_is_due)
        return;
    connection->writable_is_due = true;
    int64_t in_ms = random_chance(&world->random, 900) ? 0 : random_between(&world->random, 0, 50);
    if (!world->recovering)
        in_ms += random_between(&world->random, 0, world->phones[connection->phone].slow_ms);
    world_schedule(world, in_ms,
                   (struct event){.type = EVENT_WRITABLE,
                                  .subject = index,
                                  .generation = connection->generation});
}

static void carry_out(struct world *world, struct host *host, const struct broker_action *action)
{
    if (action->type == BROKER_STORE) {
        broker_store_submit(world, host, action->write);
        return;
    }
    if (action->type == BROKER_POLL) {
        broker_store_poll(world, host, action->work);
        return;
    }
    int found = connection_of(world, host, action->session);
    if (found == NOBODY)
        return;
    unsigned index = (unsigned)found;
    switch (action->type) {
    case BROKER_WRITE:
        want_to_write(world, index);
        break;
    case BROKER_PAUSE:
        link_pause(world, index, true);
        break;
    case BROKER_RESUME:
        link_pause(world, index, false);
        break;
    case BROKER_DROP:
        world_schedule(world, 0,
                       (struct event){.type = EVENT_BROKER_NOTICES,
                                      .subject = index,
                                      .generation = world->connections[index].generation});
        break;
    case BROKER_STORE:
    case BROKER_POLL:
        break;
    }
}

void host_pump(struct world *world, struct host *host)
{
    struct broker_action action;
    while (broker_next_action(host->broker, &action))
        carry_out(world, host, &action);
    if (tick_due_ms(world, host) < host->tick_at_ms)
        host_schedule_tick(world, host);
    if (host->waiting.count > 0 && !world->store.open)
        broker_store_go_on(world, host->index);
    host_end_lease_if_drained(world, host);
}

void host_write(struct world *world, unsigned index)
{
    struct connection *connection = &world->connections[index];
    struct buffer frame;
    struct host *host = &world->hosts[connection->host];
    enum error close_error = ERROR_NONE;
    connection->writable_is_due = false;
    buffer_init(&frame, 128 * 1024);
    enum session_output output = broker_take_output(host->broker, connection->session,
                                                    world->now_ms, &frame, &close_error);
    if (output != OUTPUT_NOTHING)
        want_to_write(world, index); /* one a time, so that anything can happen in between */
    switch (output) {
    case OUTPUT_NOTHING:
        break;
    case OUTPUT_FRAME:
        world->counts->frames++;
        TRACE(world, "broker to phone-%u: %s", connection->phone, frame.data);
        invariants_check_frame(world, connection->phone, frame.data);
        link_send_down(world, index, FLYING_TEXT, buffer_take(&frame), ERROR_NONE);
        break;
    case OUTPUT_PING:
        link_send_down(world, index, FLYING_PING, NULL, ERROR_NONE);
        break;
    case OUTPUT_CLOSE:
        TRACE(world, "broker to phone-%u: close, %s", connection->phone, error_code(close_error));
        invariants_check_close(world, index, close_error);
        link_send_down(world, index, FLYING_CLOSE, NULL, close_error);
        break;
    }
    buffer_fini(&frame);
    host_pump(world, host);
}

void host_tick(struct world *world, struct host *host)
{
    /* An event that was made before the core asked for an earlier one. */
    if (world->now_ms != host->tick_at_ms)
        return;
    broker_tick(host->broker, world->now_ms, world_wall_ms(world) + host->clock_offset_ms);
    seen_clock_look(&host->clock, world->now_ms, world->wall_offset_ms);
    host->tick_at_ms = INT64_MAX;
    host_pump(world, host);
}

/* ---- Life and death ---- */

/* In the order in which they are asked for. */
static struct message_id next_id(void)
{
    static uint32_t count;
    struct message_id id = {{0x01, 0x02}};
    count++;
    for (int i = 0; i < 4; i++)
        id.bytes[2 + i] = (unsigned char)(count >> 8 * (3 - i));
    return id;
}

void host_start(struct world *world, struct host *host)
{
    host->generation++;
    host->instance = (struct message_id){{0xb0, (unsigned char)(host->generation >> 8),
                                          (unsigned char)host->generation,
                                          (unsigned char)host->index}};
    host->options.instance = host->instance;
    host->options.new_id = next_id;
    host->options.seed = random_next(&world->random);
    host->broker = broker_new(&host->options, world->now_ms);
    if (!host->broker)
        abort();
    host->draining = false;
    host->clock = (struct seen_clock){0};
    TRACE(world, "%s: starts, number %u", host->options.name, host->generation);
    host_schedule_tick(world, host);
}

/* Lets go of a core that is no more: what it has at the store comes back, and nobody listens to
   what it still wants. */
static void discard(struct host *host, int64_t now_ms)
{
    struct queued_writes *queues[] = {&host->waiting, &host->batch, &host->committed};
    struct broker_action action;
    bool more = true;
    while (more) {
        more = false;
        broker_store_end_poll(host, ERROR_STORE_BUSY, now_ms);
        for (size_t i = 0; i < ARRAY_LENGTH(queues); i++) {
            while (queues[i]->count > 0) {
                struct store_write *write = queued_writes_take(queues[i]).write;
                write->result = ERROR_STORE_BUSY;
                broker_store_done(host->broker, write, now_ms);
            }
        }
        while (broker_next_action(host->broker, &action)) {
            more |= action.type == BROKER_STORE || action.type == BROKER_POLL;
            if (action.type == BROKER_POLL)
                host->poll = action.work;
            if (action.type == BROKER_STORE)
                queued_writes_add(&host->waiting, action.write, 0);
        }
    }
    broker_free(host->broker);
    host->broker = NULL;
    host->generation++;
}

static void end(struct world *world, struct host *host)
{
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++) {
        const struct connection *connection = &world->connections[i];
        if (connection->used && connection->broker_is_open && connection->host == host->index)
            link_leave_broker(world, i, false);
    }
    two_brokers_note_untold(world, host);
    discard(host, world->now_ms);
    host->draining = false;
    world_schedule(world, two_brokers_restart_ms(world, host),
                   (struct event){.type = EVENT_BROKER_START, .subject = host->index});
    invariants_check_rows(world);
    broker_store_go_on(world, 0);
}

/* kill -9: a transaction that was being committed is on disk as a whole, or not at all. */
void host_kill(struct world *world, struct host *host)
{
    if (!host->broker)
        return;
    TRACE(world, "%s: killed, with %zu writes in a transaction, %zu waiting and %zu answers",
          host->options.name, host->batch.count, host->waiting.count, host->committed.count);
    world->counts->kills++;
    if (host->in_transaction)
        broker_store_end_transaction(
            world, host, world->store_trouble == ERROR_NONE && random_chance(&world->random, 500));
    end(world, host);
}

void host_discard(struct world *world, struct host *host)
{
    if (host->broker)
        discard(host, world->now_ms);
}

void host_drain(struct world *world, struct host *host)
{
    if (!host->broker || host->draining || two_brokers_is_frozen(world, host))
        return;
    TRACE(world, "%s: drains", host->options.name);
    world->counts->drains++;
    host->draining = true;
    broker_drain(host->broker, ERROR_SHUTTING_DOWN, world->now_ms);
    host_pump(world, host);
}

/* The end of main(): the lease ends, if the store lets it. */
void host_end_lease_if_drained(struct world *world, struct host *host)
{
    if (!host->draining || !broker_is_drained(host->broker) || world->store.open)
        return;
    TRACE(world, "%s: drained", host->options.name);
    if (world->store_trouble == ERROR_NONE && !host->lost.is_away) {
        struct store_write write = {.verb = STORE_BROKER_LEASE};
        write.lease.instance = host->instance;
        world_begin_transaction(world, host);
        world_store_execute(&world->store, &write);
        world_commit_transaction(world);
    }
    end(world, host);
}
