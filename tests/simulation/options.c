/* What clients ask for with a message, and the invariants over it. */
#include "tests/simulation/world.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_AHEAD_MS = 60000 };

/* For groups and SIMs only where there are some: no phone would ever send it otherwise. */
static void draw_target(struct world *world, struct message_target *target)
{
    struct random *random = &world->random;
    if (random_chance(random, 500))
        device_id_of(random_below(random, world->phone_count), target->device_id);
    else if (world->conditions.decisions > 0)
        devices_group_name(random_below(random, MOST_GROUPS), target->device_group);
    if (world->conditions.sim_changes > 0 && random_chance(random, 400))
        target->sim = 1 + random_below(random, MOST_SIMS);
}

static void draw_times(struct world *world, struct message_options *options)
{
    struct random *random = &world->random;
    int64_t now_ms = world_wall_ms(world);
    if (random_chance(random, 250))
        options->send_at_ms = now_ms + random_between(random, 1, MOST_AHEAD_MS);
    if (random_chance(random, 400))
        options->expires_at_ms = MAX(now_ms, options->send_at_ms) +
                                 random_between(random, 1, 2 * MOST_AHEAD_MS);
}

void options_draw(struct world *world, struct message_options *options)
{
    static const enum message_priority priorities[] = {MESSAGE_PRIORITY_NORMAL,
                                                       MESSAGE_PRIORITY_NORMAL,
                                                       MESSAGE_PRIORITY_HIGH, MESSAGE_PRIORITY_LOW};
    *options = (struct message_options){0};
    if (!random_chance(&world->random, world->conditions.options))
        return;
    if (random_chance(&world->random, 400))
        draw_target(world, &options->target);
    draw_times(world, options);
    options->priority = priorities[random_below(&world->random, ARRAY_LENGTH(priorities))];
    options->no_delivery_report = random_chance(&world->random, 200);
}

bool options_are_late(const struct world *world, const struct message_options *options)
{
    int64_t now_ms = world_wall_ms(world);
    return (options->send_at_ms != 0 && options->send_at_ms <= now_ms) ||
           (options->expires_at_ms != 0 && options->expires_at_ms <= now_ms);
}

/* ---- The gateway ---- */

static void check_given(struct world *world, const struct change *change)
{
    const struct message_options *options = &world->store.options[change->message];
    if (options->send_at_ms > world->store.wall_ms)
        violate(world, "S1: message %u goes to phone-%d %lld ms before its time", change->message,
                change->device, (long long)(options->send_at_ms - world->store.wall_ms));
    devices_check_given(world, change);
    opt_outs_check_given(world, change);
    if (options->expires_at_ms != 0 && options->expires_at_ms <= world->store.wall_ms)
        violate(world, "E1: message %u goes to phone-%d, and has expired", change->message,
                change->device);
}

static void check_expired(struct world *world, const struct change *change)
{
    const struct message_options *options = &world->store.options[change->message];
    const struct record *record = &world->records[change->message];
    bool is_reported = record->attempts[change->attempt].reports & 1u << MESSAGE_EXPIRED;
    world->counts->expired++;
    /* An app is told a time of which its gateway waits no longer for a report. */
    bool is_apps = record->attempts[change->attempt].polled && is_reported;
    if (options->expires_at_ms == 0 && !is_apps)
        violate(world, "E1: message %u expires, which nobody asked for", change->message);
    if (change->from != MESSAGE_QUEUED && change->from != MESSAGE_DISPATCHED) {
        if (!is_reported)
            violate(world, "E1: message %u expires, and a phone may be sending it",
                    change->message);
        return;
    }
    if (options->expires_at_ms > world->store.wall_ms)
        violate(world, "E1: message %u expires before its time", change->message);
    if (!change->clock_is_trusted)
        violate(world, "E1: message %u expires by a clock that has just been set", change->message);
}

void options_check_transition(struct world *world, const struct change *change)
{
    if (change->from == MESSAGE_QUEUED &&
        (change->to == MESSAGE_DISPATCHED || change->to == MESSAGE_ACCEPTED))
        check_given(world, change);
    if (change->to == MESSAGE_QUEUED || change->to == MESSAGE_CANCELLED ||
        change->to == MESSAGE_EXPIRED)
        devices_check_returned(world, change);
    if (change->to == MESSAGE_EXPIRED)
        check_expired(world, change);
}

/* Where the client does not ask for one, it may be that of the recipient's last message. */
static bool is_sim_of_frame(const struct phone *phone, unsigned sim, unsigned wanted)
{
    bool was_told = sim == 0;
    for (unsigned set = 0; set < 2 << MOST_SIMS; set++)
        was_told |= phone->ever_told & 1u << set && set & 1u << sim;
    return wanted != 0 ? sim == wanted : was_told;
}

void options_check_frame(struct world *world, unsigned phone, unsigned message, const char *text)
{
    const struct message_options *options = &world->store.options[message];
    bool wants_report = !strstr(text, "\"delivery_report\":false");
    if (!is_sim_of_frame(&world->phones[phone], frame_number(text, "\"sim\":"),
                         options->target.sim) ||
        frame_expires_at_ms(text) != options->expires_at_ms ||
        wants_report == options->no_delivery_report)
        violate(world, "F1: the frame of message %u lacks what its client asked for", message);
}

void options_check_claims(struct world *world)
{
    if (world->store.overtaking != 0)
        violate(world, "P1: message %u goes to a phone before message %u",
                world->store.overtaking - 1, world->store.overtaken - 1);
    if (world->store.to_old != 0)
        violate(world, "H1: message %u goes to a connection that its phone has replaced",
                world->store.to_old - 1);
    if (world->store.to_ended != 0)
        violate(world, "H1: message %u goes to a connection whose broker was ended",
                world->store.to_ended - 1);
    if (world->store.released != 0)
        violate(world, "S1: message %u is due by a clock that has just been set",
                world->store.released - 1);
}

/* ---- Phones ---- */

int64_t phone_clock_ms(const struct world *world)
{
    return world->right_ms + world->now_ms;
}

bool phone_has_time(const struct world *world, const struct phone *phone, int64_t expires_at_ms)
{
    return expires_at_ms == 0 || phone->ignores_options || phone_clock_ms(world) < expires_at_ms ||
           world->broken == MUTATION_PHONE_SENDS_EXPIRED;
}

void options_check_submit(struct world *world, const struct phone *phone, unsigned message)
{
    int64_t expires_at_ms = world->store.options[message].expires_at_ms;
    int64_t race_ms = phone->polled ? POLLED_RACE_MS : 0;
    if (expires_at_ms != 0 && !(phone->ignores_options && !phone->polled) &&
        phone_clock_ms(world) > expires_at_ms + race_ms - (race_ms == 0))
        violate(world, "E1: phone-%u sends message %u, which has expired", phone->index, message);
}
