/*
 * Recipients that opt out and in again, by an SMS to any phone, and clients whose key ignores that; and the invariants over it.
 */
#include "tests/simulation/world.h"

#include <string.h>

enum { MOST_KEYWORDS = 4 };

/* By chances of its own: a world without opt-outs is the same as before there were any. */
void opt_outs_init(struct world *world)
{
    struct random *random = &world->opt_outs.random;
    random->state = world->seed ^ 0x0b7;
    world->opt_outs.happen = random_chance(random, 250);
    unsigned count = world->opt_outs.happen ? 1 + random_below(random, MOST_KEYWORDS) : 0;
    for (unsigned i = 0; i < count; i++) {
        enum keyword keyword = random_chance(random, 350) ? KEYWORD_START : KEYWORD_STOP;
        unsigned recipient = random_below(random, RECIPIENTS);
        world_schedule(world, random_between(random, 0, world->conditions.faults_ms),
                       (struct event){.type = EVENT_PHONE_RECEIVES,
                                      .subject = random_below(random, world->phone_count),
                                      .b = keyword * RECIPIENTS + recipient});
    }
}

bool opt_outs_draw_ignores(struct world *world)
{
    return world->opt_outs.happen && random_chance(&world->opt_outs.random, 200);
}

/* ---- Invariants ---- */

/* The messages that are there when a recipient opts out are never given to a phone again, also after it has opted in. */
void opt_outs_note(struct world *world, const struct change *change)
{
    bool opts_out = change->opt == STORE_OPTED_OUT;
    TRACE(world, "recipient %u opts %s", change->recipient, opts_out ? "out" : "in");
    world->opt_outs.out[change->recipient] = opts_out;
    world->counts->opt_outs += opts_out;
    for (unsigned i = 0; i < MOST_MESSAGES && opts_out; i++) {
        struct stored_message row = world_store_on_disk(&world->store, i);
        if (!row.there || row.recipient != change->recipient)
            continue;
        world->records[i].stopped = true;
        if (row.status == MESSAGE_QUEUED || row.status == MESSAGE_DISPATCHED)
            violate(world, "Q1: message %u is %s, and its recipient has opted out", i,
                    message_status_name(row.status));
    }
}

void opt_outs_check_given(struct world *world, const struct change *change)
{
    if (world->records[change->message].stopped)
        violate(world, "Q1: message %u goes to phone-%d, and its recipient had opted out",
                change->message, change->device);
}

static bool is_out(const struct world *world, const struct request *request, unsigned first)
{
    bool out = false;
    if (request->kind == REQUEST_RESEND)
        return world->opt_outs
            .out[world_store_on_disk(&world->store, (unsigned)request->old).recipient];
    for (unsigned i = first; i < first + request->count; i++)
        out |= world->opt_outs.out[recipient_of(i)];
    return out;
}

void opt_outs_check_request(struct world *world, const struct request *request, unsigned first,
                            enum error result, bool replayed)
{
    bool may = request->ignores_opt_out || !is_out(world, request, first);
    if (result == ERROR_NONE && !replayed && !may)
        violate(world, "Q1: message %u is accepted, and its recipient has opted out", first);
    if (result == ERROR_RECIPIENT_OPTED_OUT && may)
        violate(world, "Q1: message %u is refused, and its recipient has not opted out", first);
}
