/*
 * SMSGate's app: a list of messages by their names on the wire, in which each stays, and jobs that report what has become of
 * them. Both outlive its process, which may be killed at every step. What it does badly it does here too: it forgets that it
 * gave a message to the radio when it is killed before it has noted that, it may send what it has just cancelled, and some
 * versions send a message twice when another one comes meanwhile.
 */
#include "tests/simulation/world.h"

#include "common/model/polled_app.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_OF_TWICE = 1061000, /* versions that may send twice, */
    FIRST_WITHOUT = 1074001,
    SENT_GETS_LOST = 1070001, /* below it some broadcasts are dropped */
    MOST_TRIES = 11,          /* of a job */
    JOB_WAIT_MS = 10000,
};

static const unsigned versions[] = {1060000, 1066002, 1068000, 1074000, 1075000};

/* ---- Life ---- */

/* In some worlds none is, as before there were any. */
bool polled_draw(struct world *world)
{
    return world->polled.happen && random_chance(&world->polled.random, 600);
}

static unsigned sometimes(struct random *random, unsigned weight)
{
    return random_chance(random, 500) ? weight : 0;
}

void polled_init(struct world *world)
{
    struct polled_world *polled = &world->polled;
    struct random *random = &polled->random;
    random->state = world->seed ^ 0x9011ed;
    polled->happen = random_chance(random, 300);
    if (!polled->happen)
        return;
    polled->registers = sometimes(random, 2);
    polled->revokes = sometimes(random, 1);
    polled->updates = sometimes(random, 2);
    polled->backups = sometimes(random, 2);
    polled->offlines = sometimes(random, 4);
    /* Limits count messages here, not segments. */
    polled->long_texts = world->conditions.decisions == 0 &&
                         world->hosts[0].options.segments_per_minute == 0 &&
                         random_chance(random, 500);
    world->store.long_every = polled->long_texts ? 3 : 0;
}

/* The app is there, with nothing on its list, and its user has not typed a code. */
void polled_install(struct world *world, struct phone *phone)
{
    struct random *random = &world->random;
    unsigned installed = phone->app.installed + 1, codes = phone->app.codes;
    phone->assured = false;
    phone->app = (struct app){
        .version = versions[random_below(random, ARRAY_LENGTH(versions))],
        .installed = installed,
        .codes = codes,
        .has_stream = random_chance(random, 800),
        .pings = random_chance(random, 700),
        .keeps_stream_token = random_chance(random, 500),
        .wait_ms = 10000,
    };
    phone->tells_sims = phone->tells_sims && phone->app.version >= 1065000;
    polled_begin_faults(world, phone);
}

struct held *polled_find(struct app *app, unsigned message, unsigned attempt)
{
    for (unsigned i = 0; i < app->held_count; i++) {
        if (app->held[i].message == message && app->held[i].attempt == attempt)
            return &app->held[i];
    }
    return NULL;
}

static void schedule(struct world *world, const struct phone *phone, int64_t in_ms,
                     enum app_step step, const struct held *held)
{
    world_schedule(world, in_ms,
                   (struct event){.type = EVENT_APP,
                                  .subject = phone->index,
                                  .generation = phone->incarnation,
                                  .a = held->message | held->attempt << 8,
                                  .b = step});
}

static void send_soon(struct world *world, const struct phone *phone, const struct held *held)
{
    int64_t most_ms = random_chance(&world->random, 100) ? 8000 : 50;
    if (!world->recovering && random_chance(&world->random, 30))
        most_ms = 120000; /* a limit that its user has set */
    schedule(world, phone, random_between(&world->random, 0, most_ms), APP_LOOKS, held);
}

void polled_starts(struct world *world, struct phone *phone)
{
    struct app *app = &phone->app;
    app->wait_ms = 10000;
    app->of_stream = app->registration;
    for (unsigned i = 0; i < app->held_count; i++) {
        app->held[i].works = false;
        if (app->held[i].state == APP_PENDING)
            send_soon(world, phone, &app->held[i]);
    }
    for (unsigned i = 0; i < phone->memory.incoming_count; i++)
        polled_posts(world, phone, phone->memory.incoming[i]);
    polled_fetches_now(world, phone);
    world_schedule(world, random_between(&world->random, 0, 500),
                   (struct event){.type = EVENT_APP,
                                  .subject = phone->index,
                                  .generation = phone->incarnation,
                                  .a = ++app->asked,
                                  .b = APP_ASKS});
}

void polled_killed(struct world *world, struct phone *phone)
{
    (void)world;
    for (unsigned i = 0; i < phone->app.held_count; i++)
        phone->app.held[i].works = false;
}

/* ---- Jobs ---- */

/* Each reads the state when it runs; there may be several of a message, and they outlive the process. */
static void job(struct world *world, const struct phone *phone, unsigned message, unsigned attempt,
                unsigned tries, int64_t in_ms)
{
    world_schedule(world, in_ms,
                   (struct event){.type = EVENT_APP,
                                  .subject = phone->index,
                                  .generation = phone->app.installed,
                                  .a = message | attempt << 8,
                                  .b = APP_JOB | tries << 16});
}

static void report_soon(struct world *world, const struct phone *phone, const struct held *held)
{
    int64_t most_ms = random_chance(&world->random, 100) ? 20000 : 50;
    job(world, phone, held->message, held->attempt, 0, random_between(&world->random, 0, most_ms));
}

static int64_t on_the_way_ms(struct world *world)
{
    if (!world->recovering && random_chance(&world->random, world->conditions.long_delays))
        return random_between(&world->random, 0, 6000);
    return random_between(&world->random, 1, world->conditions.delay_ms);
}

static void job_runs(struct world *world, struct phone *phone, const struct event *event)
{
    unsigned message = event->a & 0xff, attempt = event->a >> 8, tries = event->b >> 16;
    const struct held *held = polled_find(&phone->app, message, attempt);
    if (!held)
        return; /* its list was restored from a backup */
    bool waits = !phone->runs || world->now_ms < phone->app.offline_until_ms;
    if (waits) {
        job(world, phone, message, attempt, tries, 2000);
        return;
    }
    struct event report = *event;
    report.b = APP_REPORTS | held->state << 8 | held->failure << 12 |
               (unsigned)held->was_sent << 15 | tries << 16;
    world_schedule(world, on_the_way_ms(world), report);
    /* The library that makes the request repeats it where its connection was dead. */
    if (!world->recovering && random_chance(&world->random, 50))
        world_schedule(world, on_the_way_ms(world) + 200, report);
}

static void reports(struct world *world, struct phone *phone, const struct event *event)
{
    unsigned message = event->a & 0xff, attempt = event->a >> 8, tries = event->b >> 16;
    if (polled_api_waits(world)) {
        world_schedule(world, 5, *event);
        return;
    }
    enum answer answer = polled_api_report(
        world, phone, message, attempt, (enum app_state)(event->b >> 8 & 0xf),
        (enum app_failure)(event->b >> 12 & 0x7), event->b >> 15 & 1);
    /* It is given up after some hours; here sometimes at once. */
    bool gives_up = tries == MOST_TRIES ||
                    (!world->recovering && random_chance(&world->random, 150));
    if (answer != ANSWER_OK && !gives_up)
        job(world, phone, message, attempt, tries + 1, JOB_WAIT_MS << MIN(tries, 6u));
}

/* ---- What it is to send ---- */

/* The running worker is replaced, and may finish beside the new one. */
static void disturb(struct world *world, const struct phone *phone)
{
    const struct app *app = &phone->app;
    if (app->version < FIRST_OF_TWICE || app->version >= FIRST_WITHOUT)
        return;
    for (unsigned i = 0; i < app->held_count; i++) {
        const struct held *held = &app->held[i];
        if (held->state == APP_PENDING && held->works && random_chance(&world->random, 500))
            schedule(world, phone, random_between(&world->random, 0, 100), APP_HANDS, held);
    }
}

/* What it is listed may be as before the backup was restored: the last reports from then are under way. */
static bool is_soon_after_backup(const struct world *world, const struct app *app)
{
    enum { UNDER_WAY_MS = 10000 };
    return app->restored_at_ms > 0 && world->now_ms - app->restored_at_ms < UNDER_WAY_MS;
}

static void take_new(struct world *world, struct phone *phone, const struct listed *listed)
{
    struct app *app = &phone->app;
    if (app->held_count == MOST_HELD)
        return;
    disturb(world, phone);
    struct held *held = &app->held[app->held_count++];
    *held = (struct held){.message = listed->message,
                          .attempt = listed->attempt,
                          .valid_until_ms = listed->valid_until_ms,
                          .sim = listed->sim,
                          .is_old = is_soon_after_backup(world, app),
                          .registration = app->registration.journal};
    TRACE(world, "phone-%u has message %u, attempt %u, on its list", phone->index, listed->message,
          listed->attempt);
    send_soon(world, phone, held);
}

static void cancel(struct world *world, struct phone *phone, struct held *held)
{
    if (held->state != APP_PENDING)
        return;
    held->state = APP_CANCELLED;
    report_soon(world, phone, held);
}

void polled_takes(struct world *world, struct phone *phone, const struct listed *listed)
{
    struct held *held = polled_find(&phone->app, listed->message, listed->attempt);
    bool cancels = listed->cancel && phone->app.version >= POLLED_APP_CANCELS;
    if (cancels && held) {
        cancel(world, phone, held);
    } else if (cancels) {
        const struct held unknown = {.message = listed->message, .attempt = listed->attempt};
        schedule(world, phone, on_the_way_ms(world), APP_CANCELLED_UNKNOWN, &unknown);
    } else if (held && world->broken != MUTATION_APP_SENDS_KNOWN) {
        report_soon(world, phone, held);
    } else {
        take_new(world, phone, listed);
    }
}

static void cancelled_unknown(struct world *world, struct phone *phone, const struct event *event)
{
    if (polled_api_waits(world))
        world_schedule(world, 5, *event);
    else if (polled_api_report(world, phone, event->a & 0xff, event->a >> 8, APP_CANCELLED, 0,
                               false) != ANSWER_OK)
        TRACE(world, "phone-%u cannot report that message %u is cancelled", phone->index,
              event->a & 0xff);
}

/* ---- Its stream ---- */

void polled_receives(struct world *world, struct phone *phone, const char *text)
{
    static const char member[] = "\"messageId\":\"";
    char id[POLLED_WIRE_ID_SIZE] = "";
    struct message_ref ref;
    const char *found = strstr(text, member);
    if (phone_dies_here(world, phone))
        return;
    if (strstr(text, "event: MessageEnqueued\n"))
        polled_pull_soon(world, phone);
    if (!found || phone->app.version < POLLED_APP_CANCELS)
        return;
    memccpy(id, found + sizeof(member) - 1, '"', sizeof(id) - 1);
    id[strcspn(id, "\"")] = '\0';
    struct held *held = polled_wire_id_parse(id, &ref)
                            ? polled_find(&phone->app, message_of_id(&ref.id), ref.attempt)
                            : NULL;
    if (held)
        cancel(world, phone, held);
}

/* ---- The radio ---- */

/* All that it has given to the radio of that attempt. */
static void for_submits(struct world *world, const struct phone *phone, const struct held *held,
                        void (*what)(struct submit *))
{
    struct record *record = &world->records[held->message];
    for (unsigned i = 0; i < record->submit_count; i++) {
        if (record->submits[i].phone == phone->index && record->submits[i].attempt == held->attempt)
            what(&record->submits[i]);
    }
}

/* It takes any failure for that of its last try, also one of a try that it has forgotten. */
static void set_proved(struct submit *submit)
{
    submit->proved = submit->unnoted = true;
}

static void fail(struct world *world, struct phone *phone, struct held *held,
                 enum app_failure failure)
{
    bool is_long = world_store_on_disk(&world->store, held->message).segments > 1;
    held->state = APP_FAILED;
    held->failure = failure;
    if (failure == FAILURE_BEFORE_RADIO || failure == FAILURE_EXPIRED ||
        (failure == FAILURE_NO_SERVICE && !is_long)) {
        world->records[held->message].attempts[held->attempt].claims_nothing = true;
        for_submits(world, phone, held, set_proved); /* what it has forgotten it cannot tell */
    }
    report_soon(world, phone, held);
}

static void look(struct world *world, struct phone *phone, struct held *held)
{
    if (held->state != APP_PENDING || held->works)
        return;
    if (phone_clock_ms(world) >= held->valid_until_ms &&
        world->broken != MUTATION_PHONE_SENDS_EXPIRED) {
        fail(world, phone, held, FAILURE_EXPIRED);
        return;
    }
    int64_t most_ms = random_chance(&world->random, 200) ? POLLED_RACE_MS : 5;
    held->works = true;
    schedule(world, phone, random_between(&world->random, 0, most_ms), APP_HANDS, held);
}

/* It sees no more whether the message was cancelled meanwhile. */
static void hand_over(struct world *world, struct phone *phone, struct held *held)
{
    struct record *record = &world->records[held->message];
    bool has_sim = !phone->no_sim && (held->sim == 0 || phone->sims & 1u << held->sim);
    held->works = false;
    if (!has_sim) {
        fail(world, phone, held, FAILURE_BEFORE_RADIO);
        return;
    }
    bool is_others = !message_id_equal(&held->registration, &phone->app.registration.journal);
    if (record->submit_count + 2 >= MOST_SUBMITS)
        return; /* it was killed so often with this message that it is another story */
    radio_submit(world, phone, held->message, held->attempt);
    struct submit *submit = &record->submits[record->submit_count - 1];
    submit->too_late = held->state == APP_CANCELLED;
    submit->proved = held->is_old;
    submit->unnoted = true;
    if (phone_dies_here(world, phone))
        return;
    /* What another registration had left on the list may be sent twice beside what this one is given. */
    submit->unnoted = is_others || held->is_old;
    if (held->state == APP_PENDING || held->state == APP_CANCELLED)
        held->state = APP_PROCESSED;
    report_soon(world, phone, held);
}

void polled_radio(struct world *world, struct phone *phone, unsigned message, unsigned attempt,
                  unsigned result)
{
    struct held *held = polled_find(&phone->app, message, attempt);
    bool is_long = world_store_on_disk(&world->store, message).segments > 1;
    if (!held || phone_dies_here(world, phone))
        return;
    switch ((enum radio_result)result) {
    case RADIO_SENT:
        if (phone->app.version < SENT_GETS_LOST && random_chance(&world->random, 100))
            return;
        if (held->state == APP_FAILED || held->state == APP_DELIVERED)
            return;
        held->state = APP_SENT;
        held->was_sent = true;
        report_soon(world, phone, held);
        break;
    case RADIO_DELIVERED:
        if (held->state == APP_FAILED)
            return;
        held->state = APP_DELIVERED;
        report_soon(world, phone, held);
        break;
    case RADIO_UNDELIVERED:
        fail(world, phone, held, FAILURE_UNDELIVERED);
        break;
    case RADIO_DEFINITE:
        fail(world, phone, held, FAILURE_NO_SERVICE);
        break;
    case RADIO_PERMANENT:
        fail(world, phone, held, FAILURE_PERMANENT);
        break;
    case RADIO_PARTIAL: /* of one part there is nothing else */
        fail(world, phone, held, is_long ? FAILURE_NO_SERVICE : FAILURE_AMBIGUOUS);
        break;
    case RADIO_AMBIGUOUS:
        fail(world, phone, held, FAILURE_AMBIGUOUS);
        break;
    case RADIO_TIMEOUT: /* it waits for ever */
        break;
    }
}

/* ---- SMS that it receives ---- */

void polled_posts(struct world *world, struct phone *phone, unsigned number)
{
    world_schedule(world, on_the_way_ms(world),
                   (struct event){.type = EVENT_APP,
                                  .subject = phone->index,
                                  .generation = phone->incarnation,
                                  .a = number,
                                  .b = APP_POSTS});
}

static void posts(struct world *world, struct phone *phone, const struct event *event)
{
    if (!incoming_is_kept(phone, event->a))
        return;
    if (polled_api_waits(world) || world->now_ms < phone->app.offline_until_ms ||
        !*phone->app.registration.token_id)
        world_schedule(world, polled_api_waits(world) ? 5 : 2000, *event);
    else if (polled_api_receive(world, phone, event->a) != ANSWER_OK)
        world_schedule(world, random_between(&world->random, 2000, 5000), *event);
    else
        incoming_forget(world, phone, event->a);
}

/* ---- Events ---- */

void polled_event(struct world *world, const struct event *event)
{
    struct phone *phone = &world->phones[event->subject];
    enum app_step step = (enum app_step)(event->b & 0xff);
    bool outlives = step == APP_JOB || step == APP_REPORTS || step == APP_SUFFERS;
    if (!phone->polled ||
        event->generation != (outlives ? phone->app.installed : phone->incarnation))
        return;
    struct held *held = polled_find(&phone->app, event->a & 0xff, event->a >> 8);
    switch (step) {
    case APP_LOOKS:
        if (held)
            look(world, phone, held);
        break;
    case APP_HANDS:
        if (held)
            hand_over(world, phone, held);
        break;
    case APP_JOB:
        job_runs(world, phone, event);
        break;
    case APP_REPORTS:
        reports(world, phone, event);
        break;
    case APP_CANCELLED_UNKNOWN:
        cancelled_unknown(world, phone, event);
        break;
    case APP_POSTS:
        posts(world, phone, event);
        break;
    case APP_ASKS:
    case APP_IS_ASKING:
    case APP_PULLS:
    case APP_IS_PULLING:
    case APP_TAKES:
    case APP_TICKS:
    case APP_SUFFERS:
        polled_link_event(world, phone, event);
        break;
    }
}
