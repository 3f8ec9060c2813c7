/*
 * The store as one broker has it: its writer, which brings writes to the store in groups, and its reads. Transactions are alone:
 * another broker, or a client, waits for the end of one.
 */
#include "tests/simulation/world.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_IN_BATCH = 12 };

void queued_writes_add(struct queued_writes *queue, struct store_write *write,
                       int64_t trusted_wall_ms)
{
    if (queue->count == MOST_WRITES)
        abort();
    queue->writes[queue->count++] = (struct queued_write){write, trusted_wall_ms};
}

struct queued_write queued_writes_take(struct queued_writes *queue)
{
    struct queued_write first = queue->writes[0];
    memmove(queue->writes, queue->writes + 1, --queue->count * sizeof(first));
    return first;
}

/* ---- The clock ---- */

static int64_t wall_ms(const struct world *world, const struct host *host)
{
    return world_wall_ms(world) + host->clock_offset_ms;
}

/* What the clock says, as far as the broker can know; 0: it has just seen that the clock was set. */
static int64_t trusted_wall_ms(const struct world *world, const struct host *host)
{
    const struct seen_clock *clock = &host->clock;
    bool is_trusted = clock->any && seen_clock_is_trusted(clock, world->now_ms);
    return is_trusted ? world->now_ms + clock->offset_ms + host->clock_offset_ms : 0;
}

/* A request counts by the clock that the broker saw, and only where the clock still says so. It may have been set
   in between, and back. */
static bool is_clock_trusted(const struct world *world, const struct host *host,
                             const struct queued_write *queued)
{
    return queued->trusted_wall_ms != 0 &&
           llabs(wall_ms(world, host) - queued->trusted_wall_ms) <= SEEN_CLOCK_STEP_MS;
}

/* ---- Writes ---- */

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

static int64_t delay_ms(struct world *world, const struct host *host, int64_t most_ms)
{
    int64_t ms = random_between(&world->random, 0, most_ms);
    if (!world->recovering && random_chance(&world->random, world->conditions.long_delays))
        ms += random_between(&world->random, 0, 3000);
    if (!world->recovering && host->slow_ms > 0)
        ms += random_between(&world->random, 0, host->slow_ms);
    return ms;
}

static void begin_transaction(struct world *world, struct host *host)
{
    size_t most = 1 + random_below(&world->random, MOST_IN_BATCH);
    host->in_transaction = true;
    host->transactions++;
    world_begin_transaction(world, host);
    while (host->waiting.count > 0 && host->batch.count < most) {
        struct queued_write queued = queued_writes_take(&host->waiting);
        struct store_write *write = queued.write;
        bool fails = !world->recovering &&
                     random_chance(&world->random, world->conditions.write_failures);
        world->store.clock_is_trusted = is_clock_trusted(world, host, &queued);
        write->result = fails ? ERROR_INTERNAL : world_store_execute(&world->store, write);
        queued_writes_add(is_answered_early(world, write->verb) ? &host->committed : &host->batch,
                          write, queued.trusted_wall_ms);
    }
    if (host->committed.count > 0)
        host_schedule(world, host, 0, EVENT_STORE_ANSWER);
    world_schedule(world, delay_ms(world, host, world->conditions.commit_ms),
                   (struct event){.type = EVENT_STORE_COMMIT,
                                  .subject = host->index,
                                  .generation = host->generation,
                                  .a = host->transactions});
}

void broker_store_submit(struct world *world, struct host *host, struct store_write *write)
{
    if (world->store_trouble != ERROR_NONE && random_chance(&world->random, 20)) {
        write->result = ERROR_STORE_BUSY; /* too many wait: refused at once */
        broker_store_done(host->broker, write, world->now_ms);
        return;
    }
    queued_writes_add(&host->waiting, write, trusted_wall_ms(world, host));
}

static bool may_begin(const struct world *world, const struct host *host)
{
    return host->broker && host->waiting.count > 0 && host->batch.count == 0 &&
           !host->lost.is_away && !two_brokers_is_frozen(world, host);
}

static void take_turns(struct world *world, unsigned first)
{
    for (unsigned i = 0; i < world->broker_count && !world->store.open; i++) {
        struct host *host = &world->hosts[(first + i) % world->broker_count];
        if (may_begin(world, host))
            begin_transaction(world, host);
    }
}

static void run_poll(struct world *world, struct host *host)
{
    bool fails = !world->recovering &&
                 random_chance(&world->random, world->conditions.write_failures);
    fails |= host->lost.is_away;
    host->poll_result = fails ? ERROR_INTERNAL : ERROR_NONE;
    host->poll_state = POLL_HAS_RUN;
    if (!fails)
        world_store_poll(&world->store, wall_ms(world, host), host->poll);
    host_schedule(world, host, delay_ms(world, host, 3), EVENT_STORE_POLLED);
}

/* Reads that had to wait for a transaction. */
static void run_polls(struct world *world)
{
    for (unsigned i = 0; i < world->broker_count; i++) {
        struct host *host = &world->hosts[i];
        if (host->poll && host->poll_state == POLL_WAITS)
            run_poll(world, host);
    }
}

void broker_store_end_transaction(struct world *world, struct host *host, bool commits)
{
    host->in_transaction = false;
    if (commits) {
        world_commit_transaction(world);
    } else {
        world_store_roll_back(&world->store);
        world->counts->commits_lost++;
        TRACE(world, "store: a transaction is lost");
    }
}

void broker_store_commit(struct world *world, struct host *host)
{
    enum error trouble = world->store_trouble;
    if (two_brokers_lose_connection(world, host))
        return;
    broker_store_end_transaction(world, host, trouble == ERROR_NONE);
    run_polls(world);
    while (host->batch.count > 0) {
        struct store_write *write = queued_writes_take(&host->batch).write;
        if (trouble != ERROR_NONE)
            write->result = trouble;
        queued_writes_add(&host->committed, write, 0);
    }
    host_schedule(world, host, random_between(&world->random, 0, 3), EVENT_STORE_ANSWER);
    take_turns(world, host->index + 1);
}

void broker_store_go_on(struct world *world, unsigned first)
{
    if (world->store.open)
        return;
    run_polls(world);
    take_turns(world, first);
}

void broker_store_answer(struct world *world, struct host *host)
{
    while (host->committed.count > 0) {
        struct store_write *write = queued_writes_take(&host->committed).write;
        two_brokers_note_told(world, host, write);
        broker_store_done(host->broker, write, world->now_ms);
    }
    host_pump(world, host);
}

/* ---- Polls: a view of what is committed, which may be old when the core gets it ---- */

void broker_store_poll(struct world *world, struct host *host, struct store_work *work)
{
    host->poll = work;
    host->poll_state = POLL_BEGINS;
    host_schedule(world, host, delay_ms(world, host, world->conditions.commit_ms),
                  EVENT_STORE_POLLED);
}

void broker_store_end_poll(struct host *host, enum error result, int64_t now_ms)
{
    if (!host->poll)
        return;
    if (result != ERROR_NONE && host->poll_state == POLL_HAS_RUN)
        store_event_page_fini(
            &host->poll->moves); /* nobody else does, as it seems to have failed */
    host->poll = NULL;
    broker_polled(host->broker, result, now_ms);
}

void broker_store_polled(struct world *world, struct host *host)
{
    if (host->poll_state == POLL_HAS_RUN) {
        broker_store_end_poll(host, host->poll_result, world->now_ms);
        host_pump(world, host);
    } else if (world->store.open) {
        host->poll_state = POLL_WAITS;
    } else {
        run_poll(world, host);
    }
}
