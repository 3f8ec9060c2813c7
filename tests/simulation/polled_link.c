/*
 * When the app registers, connects and fetches its messages; and what goes wrong with it alone: another registration, an update, a
 * backup that is restored, a network without Internet.
 */
#include "tests/simulation/world.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_WAIT_MS = 10000,
    MOST_WAIT_MS = 5 * 3600 * 1000,
    PERIOD_MS = 15 * 60 * 1000,
    PING_MS = 60 * 1000,
};

/* In its process; `a` is the request that is meant, or what the step makes of it. */
static void schedule(struct world *world, const struct phone *phone, int64_t in_ms,
                     enum app_step step, unsigned a)
{
    world_schedule(world, in_ms,
                   (struct event){.type = EVENT_APP,
                                  .subject = phone->index,
                                  .generation = phone->incarnation,
                                  .a = a,
                                  .b = step});
}

static int64_t on_the_way_ms(struct world *world)
{
    return random_between(&world->random, 1, world->conditions.delay_ms);
}

static bool is_offline(const struct world *world, const struct phone *phone)
{
    return world->now_ms < phone->app.offline_until_ms;
}

static int64_t next_wait_ms(struct app *app)
{
    int64_t wait_ms = app->wait_ms;
    app->wait_ms = MIN(app->wait_ms * 2, MOST_WAIT_MS);
    return wait_ms;
}

/* ---- What it says of itself ---- */

static void asks(struct world *world, struct phone *phone, unsigned asked)
{
    if (is_offline(world, phone))
        schedule(world, phone, 2000, APP_ASKS, asked);
    else
        schedule(world, phone, on_the_way_ms(world), APP_IS_ASKING, asked);
}

/* The first request of a process opens a stream, as does each that follows. */
static void is_known(struct world *world, struct phone *phone, bool registered)
{
    struct app *app = &phone->app;
    app->wait_ms = FIRST_WAIT_MS;
    if (!app->keeps_stream_token || !*app->of_stream.token_id)
        app->of_stream = app->registration;
    if (app->has_stream)
        phone_connects(world, phone->index, phone->current != NOBODY);
    if (registered)
        polled_pull_soon(world, phone);
}

static void is_asking(struct world *world, struct phone *phone, unsigned asked)
{
    struct app *app = &phone->app;
    if (polled_api_waits(world)) {
        schedule(world, phone, 5, APP_IS_ASKING, asked);
        return;
    }
    bool registers = !*app->registration.token_id;
    enum answer answer = registers ? polled_api_register(world, phone)
                                   : polled_api_describe(world, phone);
    if (answer == ANSWER_OK) {
        is_known(world, phone, registers);
        return;
    }
    /* It registers anew after this answer alone, at once. */
    bool again = answer == ANSWER_UNAUTHORIZED && !registers;
    if (again)
        app->registration = (struct registration){0};
    schedule(world, phone, again ? 10 : next_wait_ms(app), APP_ASKS, asked);
}

/* ---- Fetching ---- */

/* One at a time: another one ends the one under way. */
void polled_pull_soon(struct world *world, struct phone *phone)
{
    schedule(world, phone, random_between(&world->random, 0, 20), APP_PULLS, ++phone->app.pulls);
}

void polled_connected(struct world *world, struct phone *phone)
{
    phone->wait_ms = 5000;
    polled_pull_soon(world, phone);
}

static void pulls(struct world *world, struct phone *phone, unsigned number)
{
    if (!*phone->app.registration.token_id)
        return;
    if (is_offline(world, phone))
        schedule(world, phone, 2000, APP_PULLS, number);
    else
        schedule(world, phone, on_the_way_ms(world), APP_IS_PULLING, number);
}

static void is_pulling(struct world *world, struct phone *phone, unsigned number)
{
    if (polled_api_waits(world)) {
        schedule(world, phone, 5, APP_IS_PULLING, number);
        return;
    }
    enum answer answer = polled_api_pull(world, phone);
    if (answer == ANSWER_OK && phone->app.listed_count > 0)
        schedule(world, phone, on_the_way_ms(world), APP_TAKES, number);
    else if (answer != ANSWER_OK)
        schedule(world, phone, random_between(&world->random, 5000, 20000), APP_PULLS, number);
}

/* One after the other, and it may be killed in between. */
static void takes(struct world *world, struct phone *phone)
{
    struct app *app = &phone->app;
    struct listed listed[MOST_MESSAGES];
    unsigned count = app->listed_count, installed = app->installed;
    memcpy(listed, app->listed, sizeof(listed));
    for (unsigned i = 0; i < count && phone->runs && app->installed == installed; i++) {
        if (phone_dies_here(world, phone))
            return;
        polled_takes(world, phone, &listed[i]);
    }
}

void polled_fetches_now(struct world *world, struct phone *phone)
{
    polled_pull_soon(world, phone);
    schedule(world, phone, phone->app.pings ? PING_MS : PERIOD_MS, APP_TICKS, 0);
}

/* ---- What goes wrong ---- */

static void suffers_later(struct world *world, const struct phone *phone)
{
    const struct polled_world *polled = &world->polled;
    if (polled->registers + polled->revokes + polled->updates + polled->backups +
            polled->offlines ==
        0)
        return;
    world_schedule(world, random_between(&world->random, 500, 30000),
                   (struct event){.type = EVENT_APP,
                                  .subject = phone->index,
                                  .generation = phone->app.installed,
                                  .b = APP_SUFFERS});
}

void polled_begin_faults(struct world *world, struct phone *phone)
{
    suffers_later(world, phone);
}

/* Its user types another code; the list stays. */
static void registers_again(struct world *world, struct phone *phone)
{
    struct app *app = &phone->app;
    if (!phone->runs)
        return;
    TRACE(world, "phone-%u is registered once more", phone->index);
    app->registration = (struct registration){0};
    app->code_until_ms = 0;
    asks(world, phone, ++app->asked);
}

static void is_updated(struct world *world, struct phone *phone)
{
    static const unsigned next[] = {1066002, 1068000, 1075000};
    unsigned version = next[random_below(&world->random, ARRAY_LENGTH(next))];
    if (version <= phone->app.version)
        return;
    TRACE(world, "the app of phone-%u is updated from %u to %u", phone->index, phone->app.version,
          version);
    phone_kill(world, phone->index);
    phone->app.version = version;
}

static void backs_up(struct app *app)
{
    app->has_backup = true;
    app->kept_registration = app->registration;
    app->kept_count = app->held_count;
    memcpy(app->kept, app->held, sizeof(app->kept));
}

/* What the restored list does not know it may be given, and send, again. */
static void forget_submits(struct world *world, struct phone *phone)
{
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct record *record = &world->records[i];
        for (unsigned j = 0; j < record->submit_count; j++) {
            struct submit *submit = &record->submits[j];
            const struct held *held = polled_find(&phone->app, i, submit->attempt);
            if (submit->phone == phone->index && (!held || held->state == APP_PENDING))
                submit->unnoted = true;
        }
    }
}

static void is_restored(struct world *world, struct phone *phone)
{
    struct app *app = &phone->app;
    if (!app->has_backup)
        return;
    TRACE(world, "phone-%u has a list from before", phone->index);
    phone_kill(world, phone->index);
    app->restored_at_ms = world->now_ms;
    app->registration = app->kept_registration;
    app->held_count = app->kept_count;
    memcpy(app->held, app->kept, sizeof(app->held));
    for (unsigned i = 0; i < app->held_count; i++) {
        app->held[i].works = false;
        app->held[i].is_old = app->held[i].state == APP_PENDING;
    }
    forget_submits(world, phone);
}

static void suffers(struct world *world, struct phone *phone)
{
    const struct polled_world *polled = &world->polled;
    struct app *app = &phone->app;
    const unsigned weights[] = {polled->registers, polled->revokes, polled->updates,
                                polled->backups, polled->offlines};
    unsigned sum = 0, which = 0;
    if (world->recovering)
        return;
    suffers_later(world, phone);
    for (size_t i = 0; i < ARRAY_LENGTH(weights); i++)
        sum += weights[i];
    unsigned drawn = random_below(&world->random, sum);
    while (drawn >= weights[which])
        drawn -= weights[which++];
    switch (which) {
    case 0:
        registers_again(world, phone);
        break;
    case 1:
        polled_api_revoke(world, phone);
        break;
    case 2:
        is_updated(world, phone);
        break;
    case 3:
        if (app->has_backup && random_chance(&world->random, 500))
            is_restored(world, phone);
        else
            backs_up(app);
        break;
    case 4:
        app->offline_until_ms = world->now_ms + random_between(&world->random, 1000, 200000);
        TRACE(world, "phone-%u has no Internet for %lld ms", phone->index,
              (long long)(app->offline_until_ms - world->now_ms));
        break;
    }
}

/* Everybody has Internet and asks each minute, and whose token was revoked starts the app again, which then registers. */
void polled_recovers(struct world *world, struct phone *phone)
{
    struct app *app = &phone->app;
    if (!phone->polled)
        return;
    app->offline_until_ms = 0;
    app->pings = true;
    if (phone->runs)
        polled_fetches_now(world, phone);
    if (phone->runs && *app->registration.token_id && !polled_api_knows(world, &app->registration))
        phone_kill(world, phone->index);
}

void polled_link_event(struct world *world, struct phone *phone, const struct event *event)
{
    enum app_step step = (enum app_step)(event->b & 0xff);
    if (step == APP_SUFFERS)
        suffers(world, phone);
    if (step == APP_TICKS)
        polled_fetches_now(world, phone);
    if (step == APP_ASKS && event->a == phone->app.asked)
        asks(world, phone, event->a);
    if (step == APP_IS_ASKING && event->a == phone->app.asked)
        is_asking(world, phone, event->a);
    if (event->a != phone->app.pulls)
        return;
    if (step == APP_PULLS)
        pulls(world, phone, event->a);
    if (step == APP_IS_PULLING)
        is_pulling(world, phone, event->a);
    if (step == APP_TAKES)
        takes(world, phone);
}
