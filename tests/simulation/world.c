/* The run of a seed, and what all parts of the world share. */
#include "tests/simulation/world.h"

#include "common/base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600 * 1000, SETTLED_WITHIN_MS = 3 * HOUR_MS, LOAD_EVERY = 512 };

void world_schedule(struct world *world, int64_t in_ms, struct event event)
{
    event.at_ms = world->now_ms + in_ms;
    schedule_add(&world->schedule, event);
}

int64_t world_wall_ms(const struct world *world)
{
    return world->now_ms + world->wall_offset_ms;
}

void world_trace(struct world *world, const char *format, ...)
{
    struct trace *trace = world->trace;
    char *line = trace->lines[trace->count++ % TRACE_LINES];
    va_list arguments;
    int length = snprintf(line, TRACE_WIDTH, "%9lld  ", (long long)world->now_ms);
    va_start(arguments, format);
    vsnprintf(line + length, TRACE_WIDTH - (size_t)length, format, arguments);
    va_end(arguments);
    if (trace->print)
        puts(line);
}

void world_begin_transaction(struct world *world, const struct host *host)
{
    int64_t offset_ms = host ? host->clock_offset_ms : 0;
    world_store_begin(&world->store, world->now_ms, world_wall_ms(world) + offset_ms);
    world->store.host = host ? (int)host->index : NOBODY;
}

void world_commit_transaction(struct world *world)
{
    world_store_commit(&world->store);
    for (size_t i = 0; i < world->store.change_count; i++)
        invariants_check_transition(world, &world->store.changes[i]);
    options_check_claims(world);
    follower_reads(world);
}

/* ---- Frames ---- */

bool frame_is(const char *text, const char *type)
{
    static const char start[] = "{\"type\":\"";
    size_t length = strlen(type);
    return strncmp(text, start, sizeof(start) - 1) == 0 &&
           strncmp(text + sizeof(start) - 1, type, length) == 0 &&
           text[sizeof(start) - 1 + length] == '"';
}

unsigned frame_message(const char *text)
{
    static const char member[] = "\"message_id\":\"";
    const char *found = strstr(text, member);
    char id_text[MESSAGE_ID_TEXT_SIZE] = "";
    struct message_id id;
    if (!found)
        return MOST_MESSAGES;
    memccpy(id_text, found + sizeof(member) - 1, '"', sizeof(id_text) - 1);
    return message_id_parse(id_text, &id) ? message_of_id(&id) : MOST_MESSAGES;
}

unsigned frame_number(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    return found ? (unsigned)strtoul(found + strlen(name), NULL, 10) : 0;
}

int64_t frame_expires_at_ms(const char *text)
{
    static const char member[] = "\"expires_at\":\"";
    const char *found = strstr(text, member);
    char time_text[CLOCK_TEXT_SIZE] = "";
    int64_t at_ms = 0;
    if (found)
        memccpy(time_text, found + sizeof(member) - 1, '"', sizeof(time_text) - 1);
    time_text[strcspn(time_text, "\"")] = '\0';
    return found && clock_parse(time_text, &at_ms) ? at_ms : 0;
}

/* ---- Events ---- */

static void phone_event(struct world *world, const struct event *event)
{
    struct phone *phone = &world->phones[event->subject];
    unsigned message = event->a & 0xff, attempt = event->a >> 8;
    bool same = event->generation == phone->incarnation;
    if (event->type == EVENT_PHONE_CONNECTS && same)
        phone_connects(world, event->subject, false);
    if (event->type == EVENT_PHONE_SUBMITS && same && phone->assured)
        assured_submits(world, phone, message, attempt);
    if (event->type == EVENT_PHONE_SUBMITS && same && !phone->assured && !phone->polled)
        basic_submits(world, phone, message);
    if (event->type != EVENT_RADIO || !phone->runs)
        return;
    /* A phone that was killed may be told when it runs again, or never. */
    if (!same && random_chance(&world->random, 700))
        return;
    if (phone->polled && attempt > 0)
        polled_radio(world, phone, message, attempt, event->b);
    else if (phone->assured && attempt > 0)
        assured_radio(world, phone, message, attempt, event->b);
    if (!phone->assured && !phone->polled && attempt == 0 && phone->seen[message])
        basic_radio(world, phone, message, event->b);
}

static void connection_event(struct world *world, const struct event *event)
{
    struct connection *connection = &world->connections[event->subject];
    if (!connection->used || connection->generation != event->generation)
        return;
    if (two_brokers_defer(world, &world->hosts[connection->host], event))
        return;
    if (event->type == EVENT_OPENS)
        link_establish(world, event->subject);
    if (event->type == EVENT_WRITABLE && connection->broker_is_open)
        host_write(world, event->subject);
    if (event->type == EVENT_FRAME_UP)
        link_frame_up(world, event->subject);
    if (event->type == EVENT_FRAME_DOWN)
        link_frame_down(world, event->subject);
    if (event->type == EVENT_BROKER_NOTICES)
        link_broker_notices(world, event->subject);
    if (event->type == EVENT_PHONE_NOTICES)
        link_phone_notices(world, event->subject);
}

static void host_event(struct world *world, const struct event *event)
{
    struct host *host = &world->hosts[event->subject];
    if (!host->broker || event->generation != host->generation ||
        two_brokers_defer(world, host, event))
        return;
    if (event->type == EVENT_BROKER_TICK)
        host_tick(world, host);
    if (event->type == EVENT_STORE_COMMIT && host->in_transaction && !host->lost.is_away &&
        event->a == host->transactions)
        broker_store_commit(world, host);
    if (event->type == EVENT_STORE_ANSWER)
        broker_store_answer(world, host);
    if (event->type == EVENT_STORE_POLLED)
        broker_store_polled(world, host);
    two_brokers_event(world, host, event);
}

static void ring(struct world *world)
{
    for (unsigned i = 0; i < world->broker_count; i++) {
        struct host *host = &world->hosts[i];
        if (!host->broker || two_brokers_is_frozen(world, host))
            continue;
        broker_doorbell(host->broker, world->now_ms);
        host_pump(world, host);
    }
}

static void happen(struct world *world, const struct event *event)
{
    switch (event->type) {
    case EVENT_BROKER_START:
        if (!world->hosts[event->subject].broker)
            host_start(world, &world->hosts[event->subject]);
        break;
    case EVENT_DOORBELL:
        ring(world);
        break;
    case EVENT_BROKER_THAWS:
    case EVENT_STORE_SERVER_ENDS:
    case EVENT_STORE_RECONNECTS:
    case EVENT_STORE_GIVES_UP:
    case EVENT_BROKER_TICK:
    case EVENT_STORE_COMMIT:
    case EVENT_STORE_ANSWER:
    case EVENT_STORE_POLLED:
        host_event(world, event);
        break;
    case EVENT_OPENS:
    case EVENT_WRITABLE:
    case EVENT_FRAME_UP:
    case EVENT_FRAME_DOWN:
    case EVENT_BROKER_NOTICES:
    case EVENT_PHONE_NOTICES:
        connection_event(world, event);
        break;
    case EVENT_PHONE_START:
        phone_start(world, event->subject);
        break;
    case EVENT_PHONE_RECEIVES:
        incoming_event(world, event);
        break;
    case EVENT_PHONE_CONNECTS:
    case EVENT_PHONE_SUBMITS:
    case EVENT_RADIO:
        phone_event(world, event);
        break;
    case EVENT_APP:
        polled_event(world, event);
        break;
    case EVENT_CLIENT:
        clients_step(world, (enum client_step)event->a, event->b);
        break;
    case EVENT_FAULT:
        faults_inject(world);
        break;
    }
}

static void run(struct world *world)
{
    struct event event;
    faults_init(world);
    while (!world->violation[0] && schedule_take(&world->schedule, &event)) {
        world->now_ms = event.at_ms;
        world->counts->steps++;
        if (!world->recovering && world->now_ms >= world->conditions.faults_ms)
            faults_end(world);
        happen(world, &event);
        if (!world->recovering || event.type != EVENT_BROKER_TICK)
            continue;
        if ((invariants_all_finished(world) && clients_are_done(world) &&
             incoming_is_settled(world) && two_brokers_are_settled(world)) ||
            world->now_ms - world->recovering_since_ms > SETTLED_WITHIN_MS)
            break;
    }
    if (!world->violation[0])
        invariants_check_end(world);
}

bool world_run(uint64_t seed, unsigned brokers, enum mutation broken, struct counts *counts,
               struct trace *trace, char violation[256])
{
    struct world *world = calloc(1, sizeof(*world));
    if (!world)
        abort();
    *world = (struct world){
        .seed = seed,
        .broken = broken,
        .store.broken = broken,
        .random.state = seed,
        .counts = counts,
        .trace = trace,
        .broker_count = brokers,
    };
    struct store_limits limits = {
        .same_device_ms = seed % 2 * HOUR_MS,
        .keeps_opt_outs = true,
        .opt_out_keywords = "STOP",
        .opt_in_keywords = "START",
        .recipient_daily_messages = seed % 8 == 5 ? 1 + (int64_t)(seed / 8 % MOST_MESSAGES) : 0,
    };
    world_store_init(&world->store, &limits);
    if (seed % LOAD_EVERY == 0 && brokers == 1)
        load_run(world);
    else
        run(world);
    counts->seeds++;
    counts->violations += world->violation[0] != '\0';
    strcpy(violation, world->violation);
    for (unsigned i = 0; i < brokers; i++)
        host_discard(world, &world->hosts[i]);
    link_release_all(world);
    free(world->schedule.heap);
    world_store_fini(&world->store);
    bool good = !world->violation[0];
    free(world);
    return good;
}
