/*
 * Worlds with two brokers on one store: each may lose its connection to the store, before a commit or after it, be cut off from
 * it, freeze and come back as if nothing had happened, or never come back under its name; their clocks differ a bit, and
 * phones move from one to the other. The invariants over that are here too.
 *
 * A connection that is lost is treated as common/store/postgresql does: what has become of a transaction whose COMMIT was
 * under way is known after reconnecting; one that is not there runs again; and who waits for too long is told that the
 * outcome is not known.
 */
#include "tests/simulation/world.h"

#include "ws-broker/core/store_request.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CLOCKS_APART_MS = 1000, /* from the API's, either way */
    SERVER_ENDS_MS = 5000,  /* a transaction whose client is silent */
    GIVES_UP_MS = 10000,
    MOST_FROZEN_MS = 70000,
    MOST_CUT_OFF_MS = 60000,
    RESTART_MS = 3000,
    LATE_RESTART_MS = 40000,
    IMPATIENT_MS = 30000, /* phones at a broker that says nothing */
};

static bool happen_here(const struct world *world)
{
    return world->broker_count > 1;
}

/* ---- The world ---- */

static unsigned sometimes(struct world *world, unsigned weight)
{
    return random_chance(&world->random, 500) ? weight : 0;
}

static void draw_host(struct world *world, unsigned index)
{
    struct host *host = &world->hosts[index];
    host->options = world->hosts[0].options;
    host->index = index;
    snprintf(host->options.name, sizeof(host->options.name), "broker-%u", index);
    host->clock_offset_ms = random_between(&world->random, -CLOCKS_APART_MS, CLOCKS_APART_MS);
    host->slow_ms = random_chance(&world->random, 300) ? 4000 : 0;
}

void two_brokers_init(struct world *world)
{
    struct conditions *conditions = &world->conditions;
    if (!happen_here(world))
        return;
    conditions->freezes = sometimes(world, 4);
    conditions->cut_offs = sometimes(world, 4);
    conditions->moves = sometimes(world, 8);
    conditions->lost_connections = sometimes(world, 30);
    world->small_jumps_ms = 2 * CLOCKS_APART_MS;
    world->greeting_delay_ms = MOST_FROZEN_MS + GIVES_UP_MS;
    for (unsigned i = 0; i < world->broker_count; i++)
        draw_host(world, i);
}

unsigned two_brokers_choose(struct world *world, const struct phone *phone)
{
    unsigned host = 0;
    if (!happen_here(world))
        return host;
    host = random_below(&world->random, world->broker_count);
    if (phone->older != NOBODY && random_chance(&world->random, 500))
        host = 1 - world->connections[phone->older].host;
    if (!world->hosts[host].broker && random_chance(&world->random, 800))
        host = 1 - host; /* who stands before them knows */
    world->counts->moves += phone->older != NOBODY && world->connections[phone->older].host != host;
    return host;
}

/* Some come back late, and some never under that name. */
int64_t two_brokers_restart_ms(struct world *world, struct host *host)
{
    bool is_late = happen_here(world) && !world->recovering && random_chance(&world->random, 300);
    if (happen_here(world) && random_chance(&world->random, 300))
        snprintf(host->options.name, sizeof(host->options.name), "broker-%u-%u", host->index,
                 host->generation);
    host->frozen_until_ms = host->leased_at_ms = 0;
    host->lost.is_away = host->lost.is_unknown = host->lost.committed = false;
    host->lost.doubt = host->lost.cut_off_until_ms = 0;
    return random_between(&world->random, 100, is_late ? LATE_RESTART_MS : RESTART_MS);
}

/* ---- Its connection to the store ---- */

static void schedule(struct world *world, const struct host *host, int64_t in_ms,
                     enum event_kind type, bool commits)
{
    world_schedule(world, in_ms,
                   (struct event){.type = type,
                                  .subject = host->index,
                                  .generation = host->generation,
                                  .a = host->transactions,
                                  .b = commits});
}

/* Its last transaction, at the server. */
static void server_ends(struct world *world, struct host *host, bool commits)
{
    host->lost.committed = commits && world->store_trouble == ERROR_NONE;
    if (host->lost.doubt != 0)
        world->store.committed[host->lost.doubt % MOST_DOUBTS] = host->lost.committed;
    broker_store_end_transaction(world, host, host->lost.committed);
    broker_store_go_on(world, host->index + 1);
}

/* `has_asked`: for the commit. */
static void lose(struct world *world, struct host *host, bool has_asked, int64_t away_ms)
{
    bool commits = has_asked && random_chance(&world->random, 500);
    TRACE(world, "%s: loses its connection to the store%s", host->options.name,
          !host->in_transaction ? ""
          : has_asked           ? ", with a COMMIT under way"
                                : ", in a transaction");
    world->counts->lost_connections++;
    host->lost.is_away = true;
    host->lost.is_unknown = has_asked && host->in_transaction;
    host->lost.committed = false;
    host->lost.doubt = 0;
    host->lost.until_ms = MAX(world->now_ms + away_ms, host->lost.cut_off_until_ms);
    schedule(world, host, host->lost.until_ms - world->now_ms, EVENT_STORE_RECONNECTS, false);
    schedule(world, host, GIVES_UP_MS, EVENT_STORE_GIVES_UP, false);
    if (host->in_transaction && random_chance(&world->random, 700))
        server_ends(world, host, commits);
    else if (host->in_transaction)
        schedule(world, host, random_between(&world->random, 0, SERVER_ENDS_MS),
                 EVENT_STORE_SERVER_ENDS, commits);
}

bool two_brokers_lose_connection(struct world *world, struct host *host)
{
    if (world->recovering || !happen_here(world) ||
        !random_chance(&world->random, world->conditions.lost_connections))
        return false;
    bool has_asked = random_chance(&world->random, 500);
    int64_t away_ms = random_chance(&world->random, 700)
                          ? random_between(&world->random, 5, 1500)
                          : random_between(&world->random, 1500, 2 * GIVES_UP_MS);
    lose(world, host, has_asked, away_ms);
    return true;
}

static void free_results(struct store_write *write)
{
    for (size_t i = 0; write->verb == STORE_CLAIM && i < write->claim.slot_count; i++)
        message_fini(&write->claim.messages[i]);
}

/* The batch runs again, before what has come since. */
static void run_again(struct host *host)
{
    struct queued_writes later = host->waiting;
    host->waiting.count = 0;
    while (host->batch.count > 0) {
        struct queued_write queued = queued_writes_take(&host->batch);
        free_results(queued.write);
        queued_writes_add(&host->waiting, queued.write, queued.trusted_wall_ms);
    }
    for (size_t i = 0; i < later.count; i++)
        queued_writes_add(&host->waiting, later.writes[i].write, later.writes[i].trusted_wall_ms);
}

/* Who has asked is told; ERROR_NONE: what each write has found. */
static void answer(struct world *world, struct host *host, struct queued_writes *queue,
                   enum error error)
{
    while (queue->count > 0) {
        struct store_write *write = queued_writes_take(queue).write;
        if (error != ERROR_NONE && (error != ERROR_OUTCOME_UNKNOWN || write->result == ERROR_NONE))
            write->result = error;
        queued_writes_add(&host->committed, write, 0);
    }
    host_schedule(world, host, 0, EVENT_STORE_ANSWER);
}

/* Whether the batch was committed, as the broker's store sees it. */
static bool seems_committed(const struct world *world, const struct host *host)
{
    if (host->lost.is_unknown && world->broken == MUTATION_UNKNOWN_TAKEN_FOR_FAILED)
        return false;
    if (host->lost.is_unknown && world->broken == MUTATION_UNKNOWN_TAKEN_FOR_DONE)
        return true;
    return host->lost.committed;
}

/* The row of the writer is locked until its last transaction has ended. */
static void reconnects(struct world *world, struct host *host)
{
    if (!host->lost.is_away || world->now_ms < host->lost.until_ms)
        return;
    if (host->in_transaction) {
        schedule(world, host, 20, EVENT_STORE_RECONNECTS, false);
        return;
    }
    TRACE(world, "%s: is connected to the store again%s", host->options.name,
          !host->lost.is_unknown ? ""
          : host->lost.committed ? ", and was committed"
                                 : ", and was not committed");
    if (host->batch.count > 0 && seems_committed(world, host))
        answer(world, host, &host->batch, ERROR_NONE);
    else
        run_again(host);
    host->lost.is_away = host->lost.is_unknown = host->lost.committed = false;
    host->lost.doubt = 0;
    broker_store_go_on(world, host->index);
}

/* Its broker does not learn what has become of the transaction that is lost now, but may ask later. */
static void leave_in_doubt(struct world *world, struct host *host)
{
    TRACE(world, "%s: the outcome of a transaction is not known", host->options.name);
    world->counts->outcomes_unknown++;
    host->lost.doubt = ++world->store.doubts;
    world->store.committed[host->lost.doubt % MOST_DOUBTS] = host->lost.committed;
    for (size_t i = 0; i < host->batch.count; i++)
        host->batch.writes[i].write->transaction = host->lost.doubt;
    for (unsigned i = 0; i < MOST_MESSAGES && !host->in_transaction; i++) {
        for (unsigned attempt = 0; attempt < MOST_ATTEMPTS; attempt++)
            world->records[i].attempts[attempt].in_doubt |=
                world->records[i].attempts[attempt].by_broker &&
                world->records[i].attempts[attempt].host == host->index;
    }
}

bool two_brokers_is_in_doubt(const struct world *world, int host)
{
    return host != NOBODY && world->hosts[host].lost.doubt != 0;
}

static void gives_up(struct world *world, struct host *host)
{
    if (!host->lost.is_away)
        return;
    if (host->batch.count > 0) {
        enum error error = host->lost.is_unknown ? ERROR_OUTCOME_UNKNOWN : ERROR_STORE_UNAVAILABLE;
        if (host->lost.is_unknown && world->broken == MUTATION_UNKNOWN_TAKEN_FOR_FAILED)
            error = ERROR_STORE_UNAVAILABLE;
        if (host->lost.is_unknown && world->broken == MUTATION_UNKNOWN_TAKEN_FOR_DONE)
            error = ERROR_NONE;
        if (error == ERROR_OUTCOME_UNKNOWN)
            leave_in_doubt(world, host);
        answer(world, host, &host->batch, error);
    }
    answer(world, host, &host->waiting, ERROR_STORE_BUSY);
    schedule(world, host, GIVES_UP_MS, EVENT_STORE_GIVES_UP, false);
}

void two_brokers_cut_off(struct world *world, struct host *host)
{
    if (!host->broker || host->lost.is_away)
        return;
    int64_t ms = random_between(&world->random, 1000, MOST_CUT_OFF_MS);
    host->lost.cut_off_until_ms = world->now_ms + ms;
    lose(world, host, host->in_transaction && random_chance(&world->random, 500), ms);
}

/* ---- It freezes ---- */

bool two_brokers_is_frozen(const struct world *world, const struct host *host)
{
    return world->now_ms < host->frozen_until_ms;
}

/* Those at it may lose patience. */
static void leave_phones_alone(struct world *world, const struct host *host)
{
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++) {
        const struct connection *connection = &world->connections[i];
        if (connection->used && connection->phone_is_open && connection->host == host->index &&
            random_chance(&world->random, 700))
            world_schedule(world, random_between(&world->random, 0, IMPATIENT_MS),
                           (struct event){.type = EVENT_PHONE_NOTICES,
                                          .subject = i,
                                          .generation = connection->generation});
    }
}

void two_brokers_freeze(struct world *world, struct host *host)
{
    if (!host->broker || two_brokers_is_frozen(world, host))
        return;
    int64_t least_ms = random_chance(&world->random, 400) ? 500 : host->options.lease_ms;
    int64_t ms = random_between(&world->random, least_ms, MOST_FROZEN_MS);
    TRACE(world, "%s: freezes for %lld ms", host->options.name, (long long)ms);
    world->counts->freezes++;
    host->frozen_until_ms = world->now_ms + ms;
    host_schedule(world, host, ms, EVENT_BROKER_THAWS);
    /* The server does not wait for a client that has not asked for its commit. */
    if (host->in_transaction && !host->lost.is_away && random_chance(&world->random, 500))
        lose(world, host, false, ms);
    leave_phones_alone(world, host);
}

static void thaws(struct world *world, struct host *host)
{
    TRACE(world, "%s: goes on", host->options.name);
    host_schedule_tick(world, host);
    broker_store_go_on(world, host->index);
}

bool two_brokers_defer(struct world *world, const struct host *host, const struct event *event)
{
    bool waits = event->type == EVENT_STORE_ANSWER || event->type == EVENT_STORE_POLLED ||
                 event->type == EVENT_STORE_RECONNECTS || event->type == EVENT_STORE_GIVES_UP ||
                 event->type == EVENT_OPENS || event->type == EVENT_WRITABLE ||
                 event->type == EVENT_FRAME_UP || event->type == EVENT_BROKER_NOTICES;
    if (!two_brokers_is_frozen(world, host))
        return false;
    if (event->type == EVENT_OPENS && random_chance(&world->random, 700))
        world_schedule(world, random_between(&world->random, 0, IMPATIENT_MS),
                       (struct event){.type = EVENT_PHONE_NOTICES,
                                      .subject = event->subject,
                                      .generation = event->generation});
    if (waits)
        world_schedule(world, host->frozen_until_ms - world->now_ms, *event);
    return waits || event->type == EVENT_BROKER_TICK; /* it ticks when it goes on */
}

void two_brokers_event(struct world *world, struct host *host, const struct event *event)
{
    if (event->type == EVENT_STORE_SERVER_ENDS && host->in_transaction &&
        event->a == host->transactions)
        server_ends(world, host, event->b);
    if (event->type == EVENT_STORE_RECONNECTS)
        reconnects(world, host);
    if (event->type == EVENT_STORE_GIVES_UP && event->a == host->transactions)
        gives_up(world, host);
    if (event->type == EVENT_BROKER_THAWS)
        thaws(world, host);
}

/* The store is there for each of them again. Who is frozen goes on when it does: what has come to it meanwhile comes first. */
void two_brokers_recover(struct world *world)
{
    for (unsigned i = 0; i < world->broker_count && happen_here(world); i++) {
        struct host *host = &world->hosts[i];
        host->slow_ms = 0;
        host->lost.cut_off_until_ms = 0;
        host->lost.until_ms = MIN(host->lost.until_ms, world->now_ms);
        if (host->broker && host->lost.is_away)
            schedule(world, host, 0, EVENT_STORE_RECONNECTS, false);
    }
}

/* ---- The invariants ---- */

void two_brokers_check_lease(struct world *world, const struct change *change)
{
    for (unsigned i = 0; i < world->broker_count; i++) {
        struct host *host = &world->hosts[i];
        bool is_meant = host->broker && message_id_equal(&host->instance, &change->instance);
        int64_t now_ms = world->store.now_ms; /* when the transaction began */
        int64_t age_ms = now_ms - host->leased_at_ms, lease_ms = host->options.lease_ms;
        if (is_meant && change->lease == LEASE_RENEWED)
            host->leased_at_ms = now_ms;
        if (!is_meant || change->lease != LEASE_ENDED)
            continue;
        TRACE(world, "%s: is ended by another broker", host->options.name);
        /* Unless the clock was set, and set again, while a request of the other one was on its way. */
        if (host->leased_at_ms > 0 && age_ms < lease_ms / 2 &&
            now_ms - world->clock_set_ms[1] > 2 * lease_ms)
            violate(world, "H2: %s is ended %lld ms after it renewed its lease", host->options.name,
                    (long long)age_ms);
    }
    if (change->lease != LEASE_ENDED)
        return;
    world->counts->ended_brokers++;
    if (change->left_ms > 0 && change->left_ms <= 2 * world->hosts[0].options.lease_ms)
        violate(world, "H2: a broker is ended %lld ms before its lease is over",
                (long long)change->left_ms);
}

/* Which of its connections the phone may go on with. */
static void note_connection(struct world *world, const struct host *host,
                            const struct store_write *write)
{
    session_id session = CONTAINER_OF(write, const struct store_request, write)->session;
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++) {
        struct connection *connection = &world->connections[i];
        if (connection->used && connection->broker_is_open && connection->host == host->index &&
            connection->session == session)
            connection->session_epoch = write->connect.connection_epoch;
    }
}

void two_brokers_note_told(struct world *world, const struct host *host,
                           const struct store_write *write)
{
    if (write->result != ERROR_NONE || !happen_here(world))
        return;
    if (write->verb == STORE_DEVICE_CONNECT && !write->connect.quarantined)
        note_connection(world, host, write);
    for (size_t i = 0; write->verb == STORE_CLAIM && i < write->claim.slot_count; i++) {
        const struct message *message = &write->claim.messages[i];
        if (message->text && message->attempt < MOST_ATTEMPTS)
            world->records[message_of_id(&message->id)].attempts[message->attempt].was_told = true;
    }
}

void two_brokers_note_untold(struct world *world, const struct host *host)
{
    for (unsigned i = 0; i < MOST_MESSAGES && happen_here(world); i++) {
        for (unsigned attempt = 0; attempt < MOST_ATTEMPTS; attempt++)
            world->records[i].attempts[attempt].may_be_untold |=
                world->records[i].attempts[attempt].host == host->index;
    }
}

static bool has_claim(const struct queued_writes *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        if (queue->writes[i].write->verb == STORE_CLAIM)
            return true;
    }
    return false;
}

/* Before it is noted: the attempt is over, and its broker should have known of it, or will. */
void two_brokers_check_left(struct world *world, const struct change *change)
{
    const struct record *record = &world->records[change->message];
    bool was_claimed = record->status == MESSAGE_DISPATCHED || record->status == MESSAGE_ACCEPTED;
    if (!happen_here(world) || !was_claimed)
        return;
    const struct host *host = &world->hosts[record->attempts[record->attempt].host];
    if (!record->attempts[record->attempt].by_broker ||
        record->attempts[record->attempt].was_told ||
        record->attempts[record->attempt].may_be_untold)
        return;
    if (!record->attempts[record->attempt].in_doubt && !has_claim(&host->batch) &&
        !has_claim(&host->committed))
        violate(world, "H4: message %u was claimed by %s, which was never told", change->message,
                host->options.name);
    /* Unless an app has fetched it meanwhile. */
    if (record->attempts[record->attempt].in_doubt && !record->attempts[record->attempt].released &&
        change->to == MESSAGE_UNKNOWN)
        violate(world, "H5: message %u is unknown, and %s knows that it was never given away",
                change->message, host->options.name);
}

static bool is_stored(const struct world *world, int index)
{
    const struct connection *connection = &world->connections[MAX(index, 0)];
    return index != NOBODY && connection->broker_is_open &&
           world_store_has_connection(&world->store, connection->phone, connection->session_epoch);
}

/* An app may have no stream, or try with a token of before, and ask now and then; it hears what comes by an older one; and of two on one broker the one that came
   later is the newest, whichever the app takes for it. */
static bool is_app_settled(const struct world *world, const struct phone *phone)
{
    char device_id[DEVICE_ID_SIZE];
    device_id_of(phone->index, device_id);
    const struct memory_device *device = table_find(&world->store.tables.devices, device_id);
    if (phone->current == NOBODY || is_stored(world, phone->older) ||
        !polled_api_knows(world, &phone->app.of_stream))
        return true;
    const struct host *host = &world->hosts[world->connections[phone->current].host];
    return device && message_id_equal(&device->broker, &host->instance);
}

static bool is_settled(const struct world *world, const struct phone *phone)
{
    return is_stored(world, phone->current) || (phone->polled && is_app_settled(world, phone));
}

bool two_brokers_are_settled(const struct world *world)
{
    for (unsigned i = 0; i < world->phone_count && happen_here(world); i++) {
        if (world->store.open || !is_settled(world, &world->phones[i]))
            return false;
    }
    return true;
}

void two_brokers_check_end(struct world *world)
{
    for (unsigned i = 0; i < world->phone_count && happen_here(world); i++) {
        if (!is_settled(world, &world->phones[i]))
            violate(world, "H3: the connection of phone-%u is not the one that the store has", i);
    }
}
