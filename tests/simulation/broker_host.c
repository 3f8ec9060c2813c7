/*
 * What ws_server.c, the store's writer thread and the operating system are to the core: carries out
 * its actions, brings its writes to the store in groups, ends it by kill or drain, starts another.
 */
#include "tests/simulation/world.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_IN_BATCH = 12, RESTART_MS = 3000, RECOVERY_TICK_MS = 40000, RECOVERY_SOON_MS = 120000 };

static void queue_write(struct write_queue *queue, struct store_write *write,
                        int64_t trusted_wall_ms)
{
    if (queue->count == MOST_WRITES)
        abort();
    queue->writes[queue->count++] = (struct queued_write){write, trusted_wall_ms};
}

static struct queued_write take_write(struct write_queue *queue)
{
    struct queued_write first = queue->writes[0];
    memmove(queue->writes, queue->writes + 1, --queue->count * sizeof(first));
    return first;
}

static void schedule_host(struct world *world, int64_t in_ms, enum event_kind type)
{
    world_schedule(world, in_ms,
                   (struct event){.type = type, .generation = world->host.generation});
}

/* When all is quiet nobody needs to look every second, and hours have to pass. */
static int64_t tick_due_ms(const struct world *world)
{
    if (world->recovering && world->now_ms - world->recovering_since_ms > RECOVERY_SOON_MS)
        return world->now_ms + RECOVERY_TICK_MS;
    return MAX(broker_wake_ms(world->host.broker), world->now_ms);
}

static void schedule_tick(struct world *world)
{
    world->host.tick_at_ms = tick_due_ms(world);
    schedule_host(world, world->host.tick_at_ms - world->now_ms, EVENT_BROKER_TICK);
}

/* ---- The clock ---- */

/* What the clock says, as far as the broker can know; 0: it has just seen that the clock was set. */
static int64_t trusted_wall_ms(const struct world *world)
{
    const struct seen_clock *clock = &world->host.clock;
    bool is_trusted = clock->any && seen_clock_is_trusted(clock, world->now_ms);
    return is_trusted ? world->now_ms + clock->offset_ms : 0;
}

/* A request counts by the clock that the broker saw, and only where the clock still says so. It may have been set
   in between, and back. */
static bool is_clock_trusted(const struct world *world, const struct queued_write *queued)
{
    return queued->trusted_wall_ms != 0 &&
           llabs(world_wall_ms(world) - queued->trusted_wall_ms) <= SEEN_CLOCK_STEP_MS;
}

/* ---- The store's writer ---- */

/* Whether, in a world where that rule is broken, this is answered before its commit. */
static bool is_answered_early(const struct world *world, enum store_verb verb)
{
    switch (world->broken) {
    case MUTATION_OFFER_BEFORE_COMMIT:
        return verb == STORE_CLAIM;
    case MUTATION_RELEASE_BEFORE_COMMIT:
        return verb == STORE_RELEASE || verb == STORE_DEVICE_CONNECT;
    case MUTATION_REPORT_ACK_BEFORE_COMMIT:
        return verb == STORE_REPORT;
    case MUTATION_INCOMING_ACK_BEFORE_COMMIT:
        return verb == STORE_RECEIVE;
    default:
        return false;
    }
}

static int64_t store_delay_ms(struct world *world, int64_t most_ms)
{
    int64_t ms = random_between(&world->random, 0, most_ms);
    if (!world->recovering && random_chance(&world->random, world->conditions.long_delays))
        ms += random_between(&world->random, 0, 3000);
    return ms;
}

static void begin_batch(struct world *world)
{
    struct host *host = &world->host;
    size_t most = 1 + random_below(&world->random, MOST_IN_BATCH);
    world_begin_transaction(world);
    while (host->waiting.count > 0 && host->batch.count < most) {
        struct queued_write queued = take_write(&host->waiting);
        struct store_write *write = queued.write;
        bool fails = !world->recovering &&
                     random_chance(&world->random, world->conditions.write_failures);
        world->store.clock_is_trusted = is_clock_trusted(world, &queued);
        write->result = fails ? ERROR_INTERNAL : world_store_execute(&world->store, write);
        queue_write(is_answered_early(world, write->verb) ? &host->committed : &host->batch, write,
                    0);
    }
    if (host->committed.count > 0)
        schedule_host(world, 0, EVENT_STORE_ANSWER);
    schedule_host(world, store_delay_ms(world, world->conditions.commit_ms), EVENT_STORE_COMMIT);
}

static void submit(struct world *world, struct store_write *write)
{
    struct host *host = &world->host;
    if (world->store_trouble != ERROR_NONE && random_chance(&world->random, 20)) {
        write->result = ERROR_STORE_BUSY; /* too many wait: refused at once */
        broker_store_done(host->broker, write, world->now_ms);
        return;
    }
    queue_write(&host->waiting, write, trusted_wall_ms(world));
}

static void lose_transaction(struct world *world)
{
    world_store_roll_back(&world->store);
    world->counts->commits_lost++;
    TRACE(world, "store: a transaction is lost");
}

/* ---- Polls: a view of what is committed, which may be old when the core gets it ---- */

static void begin_poll(struct world *world, struct store_work *work)
{
    world->host.poll = work;
    world->host.poll_state = POLL_BEGINS;
    schedule_host(world, store_delay_ms(world, world->conditions.commit_ms), EVENT_STORE_POLLED);
}

static void run_poll(struct world *world)
{
    struct host *host = &world->host;
    bool fails = !world->recovering &&
                 random_chance(&world->random, world->conditions.write_failures);
    host->poll_result = fails ? ERROR_INTERNAL : ERROR_NONE;
    host->poll_state = POLL_HAS_RUN;
    if (!fails) {
        world_store_poll(&world->store, world_wall_ms(world), host->poll);
    }
    schedule_host(world, store_delay_ms(world, 3), EVENT_STORE_POLLED);
}

static void end_poll(struct host *host, enum error result, int64_t now_ms)
{
    if (!host->poll)
        return;
    if (result != ERROR_NONE && host->poll_state == POLL_HAS_RUN)
        store_event_page_fini(
            &host->poll->moves); /* nobody else does, as it seems to have failed */
    host->poll = NULL;
    broker_polled(host->broker, result, now_ms);
}

void host_polled(struct world *world)
{
    struct host *host = &world->host;
    if (host->poll_state == POLL_HAS_RUN) {
        end_poll(host, host->poll_result, world->now_ms);
        host_pump(world);
    } else if (world->store.open) {
        host->poll_state = POLL_WAITS;
    } else {
        run_poll(world);
    }
}

void host_commit(struct world *world)
{
    struct host *host = &world->host;
    enum error trouble = world->store_trouble;
    if (trouble == ERROR_NONE)
        world_commit_transaction(world);
    else
        lose_transaction(world);
    if (host->poll && host->poll_state == POLL_WAITS)
        run_poll(world);
    while (host->batch.count > 0) {
        struct store_write *write = take_write(&host->batch).write;
        if (trouble != ERROR_NONE)
            write->result = trouble;
        queue_write(&host->committed, write, 0);
    }
    schedule_host(world, random_between(&world->random, 0, 3), EVENT_STORE_ANSWER);
    if (host->waiting.count > 0)
        begin_batch(world);
}

void host_answer(struct world *world)
{
    struct host *host = &world->host;
    while (host->committed.count > 0)
        broker_store_done(host->broker, take_write(&host->committed).write, world->now_ms);
    host_pump(world);
}

/* ---- Actions ---- */

static int connection_of(const struct world *world, session_id session)
{
    for (int i = 0; i < MOST_CONNECTIONS; i++) {
        const struct connection *connection = &world->connections[i];
        if (connection->used && connection->broker_is_open && connection->session == session)
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

static void carry_out(struct world *world, const struct broker_action *action)
{
    if (action->type == BROKER_STORE) {
        submit(world, action->write);
        return;
    }
    if (action->type == BROKER_POLL) {
        begin_poll(world, action->work);
        return;
    }
    int found = connection_of(world, action->session);
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

void host_pump(struct world *world)
{
    struct host *host = &world->host;
    struct broker_action action;
    while (broker_next_action(host->broker, &action))
        carry_out(world, &action);
    if (tick_due_ms(world) < host->tick_at_ms)
        schedule_tick(world);
    if (host->waiting.count > 0 && !world->store.open)
        begin_batch(world);
    host_end_lease_if_drained(world);
}

void host_write(struct world *world, unsigned index)
{
    struct connection *connection = &world->connections[index];
    struct buffer frame;
    enum error close_error = ERROR_NONE;
    connection->writable_is_due = false;
    buffer_init(&frame, 128 * 1024);
    enum session_output output = broker_take_output(world->host.broker, connection->session,
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
    host_pump(world);
}

void host_tick(struct world *world)
{
    /* An event that was made before the core asked for an earlier one. */
    if (world->now_ms != world->host.tick_at_ms)
        return;
    broker_tick(world->host.broker, world->now_ms, world_wall_ms(world));
    seen_clock_look(&world->host.clock, world->now_ms, world->wall_offset_ms);
    world->host.tick_at_ms = INT64_MAX;
    host_pump(world);
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

void host_start(struct world *world)
{
    struct host *host = &world->host;
    host->generation++;
    host->instance = (struct message_id){
        {0xb0, (unsigned char)(host->generation >> 8), (unsigned char)host->generation}};
    host->options.instance = host->instance;
    host->options.new_id = next_id;
    host->options.seed = random_next(&world->random);
    host->broker = broker_new(&host->options, world->now_ms);
    if (!host->broker)
        abort();
    host->draining = false;
    host->clock = (struct seen_clock){0};
    TRACE(world, "broker: starts, number %u", host->generation);
    schedule_tick(world);
}

/* Lets go of a core that is no more: what it has at the store comes back, and nobody listens to
   what it still wants. */
static void discard(struct host *host, int64_t now_ms)
{
    struct write_queue *queues[] = {&host->waiting, &host->batch, &host->committed};
    struct broker_action action;
    bool more = true;
    while (more) {
        more = false;
        end_poll(host, ERROR_STORE_BUSY, now_ms);
        for (size_t i = 0; i < ARRAY_LENGTH(queues); i++) {
            while (queues[i]->count > 0) {
                struct store_write *write = take_write(queues[i]).write;
                write->result = ERROR_STORE_BUSY;
                broker_store_done(host->broker, write, now_ms);
            }
        }
        while (broker_next_action(host->broker, &action)) {
            more |= action.type == BROKER_STORE || action.type == BROKER_POLL;
            if (action.type == BROKER_POLL)
                host->poll = action.work;
            if (action.type == BROKER_STORE)
                queue_write(&host->waiting, action.write, 0);
        }
    }
    broker_free(host->broker);
    host->broker = NULL;
    host->generation++;
}

static void end(struct world *world)
{
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++) {
        if (world->connections[i].used && world->connections[i].broker_is_open)
            link_leave_broker(world, i, false);
    }
    discard(&world->host, world->now_ms);
    world->host.draining = false;
    world_schedule(world, random_between(&world->random, 100, RESTART_MS),
                   (struct event){.type = EVENT_BROKER_START});
    invariants_check_rows(world);
}

/* kill -9: a transaction that was being committed is on disk as a whole, or not at all. */
void host_kill(struct world *world)
{
    if (!world->host.broker)
        return;
    TRACE(world, "broker: killed, with %zu writes in a transaction, %zu waiting and %zu answers",
          world->host.batch.count, world->host.waiting.count, world->host.committed.count);
    world->counts->kills++;
    if (world->store.open && world->store_trouble == ERROR_NONE &&
        random_chance(&world->random, 500))
        world_commit_transaction(world);
    else if (world->store.open)
        lose_transaction(world);
    end(world);
}

void host_discard(struct world *world)
{
    if (world->host.broker)
        discard(&world->host, world->now_ms);
}

void host_drain(struct world *world)
{
    if (!world->host.broker || world->host.draining)
        return;
    TRACE(world, "broker: drains");
    world->counts->drains++;
    world->host.draining = true;
    broker_drain(world->host.broker, ERROR_SHUTTING_DOWN, world->now_ms);
    host_pump(world);
}

/* The end of main(): the lease ends, if the store lets it. */
void host_end_lease_if_drained(struct world *world)
{
    struct host *host = &world->host;
    if (!host->draining || !broker_is_drained(host->broker) || world->store.open)
        return;
    TRACE(world, "broker: drained");
    if (world->store_trouble == ERROR_NONE) {
        struct store_write write = {.verb = STORE_BROKER_LEASE};
        write.lease.instance = host->instance;
        world_begin_transaction(world);
        world_store_execute(&world->store, &write);
        world_commit_transaction(world);
    }
    end(world);
}
