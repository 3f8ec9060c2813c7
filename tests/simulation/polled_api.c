/*
 * The requests of polled phones, as api-fcgi answers them: each a transaction of its own, of a process that is killed at
 * times, before its commit or before its answer. And the invariants over what is listed to an app.
 */
#include "tests/simulation/world.h"

#include "api-fcgi/smsgate/mobile_report.h"
#include "common/model/polled_app.h"
#include "common/store/polled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_MS = 600000, KEPT_MS = 60000 };

bool polled_api_waits(const struct world *world)
{
    return world->store.open;
}

bool polled_api_knows(const struct world *world, const struct registration *registration)
{
    const struct device_token *token = table_find(&world->store.tables.tokens,
                                                  registration->token_id);
    return token && token->revoked_at_ms == 0;
}

static enum answer answer_of(enum error result, enum fate fate)
{
    if (fate != FATE_ANSWERED)
        return ANSWER_NONE;
    if (result == ERROR_DEVICE_TOKEN_INVALID)
        return ANSWER_UNAUTHORIZED;
    return result == ERROR_NONE ? ANSWER_OK : ANSWER_FAILED;
}

/* ---- Registering ---- */

enum { TOKENS = 0xa0 }; /* how their hashes begin, and no journal of a phone */

bool polled_api_gave(const struct message_id *journal)
{
    return journal->bytes[0] == TOKENS;
}

/* Another one of each phone every time; the journal is in the token's hash. */
static void make_token(struct phone *phone, struct device_token *token)
{
    *token = (struct device_token){.hash = {TOKENS, (unsigned char)phone->index,
                                            (unsigned char)(phone->app.codes >> 8),
                                            (unsigned char)phone->app.codes}};
    snprintf(token->id, sizeof(token->id), "p%u-%u", phone->index, phone->app.codes);
    device_id_of(phone->index, token->device_id);
}

static void code_hash_of(const struct phone *phone, unsigned char hash[SECRET_HASH_BYTES])
{
    memset(hash, 0, SECRET_HASH_BYTES);
    hash[0] = (unsigned char)(1 + phone->index);
    hash[1] = (unsigned char)(phone->app.codes >> 8);
    hash[2] = (unsigned char)phone->app.codes;
}

/* An operator makes a code for that device. */
static enum error make_code(struct world *world, struct phone *phone)
{
    struct store_write write = {.verb = STORE_CREATE_PAIRING};
    phone->app.codes++;
    code_hash_of(phone, write.create_pairing.code_hash);
    device_id_of(phone->index, write.create_pairing.device_id);
    write.create_pairing.valid_for_ms = CODE_MS;
    clients_run(world, &write, FATE_ANSWERED);
    return write.result;
}

static void set_sims(struct phone *phone, struct device_info *info, unsigned *set)
{
    if (!phone->tells_sims)
        return;
    *set |= POLLED_SIMS;
    info->sims = (char *)"[]";
    info->sim_slots = phone->sims;
}

static void note_sims(struct phone *phone, unsigned set)
{
    if (set & POLLED_SIMS)
        phone->ever_told |= 1u << phone->sims;
}

/* From the commit on the phone's journal is another one, whether it knows or not. */
static void note_registered(struct world *world, struct phone *phone, const struct store_pair *pair)
{
    struct message_id journal;
    device_token_journal(&pair->token, &journal);
    note_sims(phone, pair->set);
    if (message_id_equal(&journal, &phone->disk.epoch))
        return;
    phone->disk.epoch = phone->memory.epoch = journal;
    phone->wiped_at_ms = world->now_ms;
    world->counts->registrations++;
    TRACE(world, "phone-%u has the token %s", phone->index, pair->token.id);
}

/* For the same code the API gives the same token for a minute, unless it was killed since. */
enum answer polled_api_register(struct world *world, struct phone *phone)
{
    struct app *app = &phone->app;
    struct store_write write = {.verb = STORE_PAIR, .pair.polled = true};
    struct store_pair *pair = &write.pair;
    enum fate fate = clients_draw_fate(world);
    if (world->now_ms >= app->code_until_ms) {
        if (make_code(world, phone) != ERROR_NONE)
            return ANSWER_FAILED;
        app->code_until_ms = world->now_ms + KEPT_MS;
    }
    code_hash_of(phone, pair->code_hash);
    make_token(phone, &pair->token);
    pair->app_version = app->version;
    pair->info = DEVICE_INFO_UNKNOWN;
    set_sims(phone, &pair->info, &pair->set);
    clients_run(world, &write, fate);
    if (write.result == ERROR_PAIRING_CODE_INVALID) /* the clock was set */
        app->code_until_ms = 0;
    if (write.result != ERROR_NONE || fate == FATE_KILLED)
        return answer_of(write.result, fate);
    note_registered(world, phone, pair);
    if (fate == FATE_ANSWERED) {
        strcpy(app->registration.token_id, pair->token.id);
        device_token_journal(&pair->token, &app->registration.journal);
        app->code_until_ms = 0;
    }
    return answer_of(ERROR_NONE, fate);
}

enum answer polled_api_describe(struct world *world, struct phone *phone)
{
    const struct app *app = &phone->app;
    struct store_write write = {.verb = STORE_NOTE_POLLED,
                                .note_polled = {.set = POLLED_APP_VERSION,
                                                .info = DEVICE_INFO_UNKNOWN,
                                                .app_version = app->version,
                                                .fetched = POLLED_FETCHED_SETTINGS}};
    struct store_note_polled *note = &write.note_polled;
    enum fate fate = clients_draw_fate(world);
    if (!polled_api_knows(world, &app->registration))
        return ANSWER_UNAUTHORIZED;
    device_id_of(phone->index, note->device_id);
    strcpy(note->token_id, app->registration.token_id);
    set_sims(phone, &note->info, &note->set);
    clients_run(world, &write, fate);
    if (write.result == ERROR_NONE && fate != FATE_KILLED)
        note_sims(phone, note->set);
    return answer_of(write.result, fate);
}

bool polled_api_revoke(struct world *world, struct phone *phone)
{
    struct store_write write = {.verb = STORE_REVOKE_TOKEN,
                                .revoke_token.revocation = DEVICE_TOKEN_REVOKED};
    if (polled_api_waits(world))
        return false;
    device_id_of(phone->index, write.revoke_token.device_id);
    clients_run(world, &write, FATE_ANSWERED);
    if (write.result != ERROR_NONE)
        return false;
    TRACE(world, "the token of phone-%u is revoked", phone->index);
    phone->app.code_until_ms = 0;
    clients_ring(world);
    return true;
}

/* ---- Fetching ---- */

static void see_clock(struct world *world)
{
    seen_clock_look(&world->polled.clock, world->now_ms, world->wall_offset_ms);
    world->store.api_trusts_clock = seen_clock_is_trusted(&world->polled.clock, world->now_ms);
}

/* A process that starts takes the clock as it is. */
static void forget_clock(struct world *world)
{
    world->polled.clock_trust = (struct clock_trust){0};
    world->polled.clock = (struct seen_clock){0};
}

static int64_t valid_until_ms(const struct world *world, const struct message *message)
{
    bool is_late = world->broken == MUTATION_LISTED_TOO_LONG;
    return polled_valid_until_ms(message->reached_at_ms[MESSAGE_ACCEPTED],
                                 is_late ? 0 : message->options.expires_at_ms,
                                 world->hosts[0].options.report_horizon_ms);
}

static void check_listed(struct world *world, const struct phone *phone,
                         const struct listed *listed)
{
    const struct app *app = &phone->app;
    struct record *record = &world->records[listed->message];
    const struct message_options *options = &world->store.options[listed->message];
    unsigned attempt = listed->attempt;
    bool is_old = app->version < POLLED_APP_CANCELS;
    invariants_check_release(world, phone->index, listed->message, attempt);
    if (world->violation[0])
        return;
    if (!message_id_equal(&record->attempts[attempt].journal, &app->registration.journal))
        violate(world, "L1: message %u is listed to another registration than it was given to",
                listed->message);
    if (!listed->cancel && record->attempts[attempt].reports != 0)
        violate(world, "L2: message %u is listed again, and phone-%u has reported on it",
                listed->message, phone->index);
    if (listed->valid_until_ms == 0 ||
        (options->expires_at_ms != 0 && listed->valid_until_ms > options->expires_at_ms) ||
        listed->valid_until_ms >
            record->attempts[attempt].accepted_ms + world->hosts[0].options.report_horizon_ms)
        violate(world, "L3: message %u is listed as valid for too long", listed->message);
    if (listed->cancel ? is_old
                       : world_store_on_disk(&world->store, listed->message).cancel_requested)
        violate(world,
                "L4: message %u is listed to an app that would send it, and is to be cancelled",
                listed->message);
}

static void take_listing(struct world *world, struct phone *phone,
                         const struct store_listing *listing)
{
    const struct message *message = &listing->message;
    struct app *app = &phone->app;
    unsigned number = message_of_id(&message->id);
    if (number == MOST_MESSAGES || app->listed_count == MOST_MESSAGES)
        abort();
    struct listed *listed = &app->listed[app->listed_count++];
    *listed = (struct listed){.message = number,
                              .attempt = message->attempt,
                              .cancel = listing->cancel,
                              .valid_until_ms = valid_until_ms(world, message),
                              .sim = message->options.target.sim};
    world->counts->listings++;
    TRACE(world, "phone-%u is listed message %u, attempt %u%s", phone->index, number,
          message->attempt, listing->cancel ? ", to be cancelled" : "");
    check_listed(world, phone, listed);
}

enum answer polled_api_pull(struct world *world, struct phone *phone)
{
    struct app *app = &phone->app;
    struct store_write write = {.verb = STORE_POLL_MESSAGES};
    struct store_poll_messages *poll = &write.poll_messages;
    enum fate fate = clients_draw_fate(world);
    app->listed_count = 0;
    if (!polled_api_knows(world, &app->registration))
        return ANSWER_UNAUTHORIZED;
    device_id_of(phone->index, poll->holder.device_id);
    poll->holder.journal = app->registration.journal;
    strcpy(poll->token_id, app->registration.token_id);
    poll->app_version = app->version;
    see_clock(world);
    clock_trust_watch(&world->polled.clock_trust, world->now_ms, world_wall_ms(world));
    poll->trusted_wall_ms = clock_trust_wall_ms(&world->polled.clock_trust, world->now_ms);
    clients_run(world, &write, fate);
    if (fate == FATE_KILLED)
        forget_clock(world);
    bool is_early = world->broken == MUTATION_LISTED_BEFORE_COMMIT;
    if (write.result == ERROR_NONE && (fate != FATE_KILLED || is_early)) {
        for (size_t i = 0; i < poll->count; i++)
            take_listing(world, phone, &poll->listings[i]);
        if (fate != FATE_KILLED && poll->accepted > 0)
            clients_ring(world);
    }
    store_poll_messages_fini(poll);
    return answer_of(write.result, fate);
}

/* ---- Reports ---- */

static const char *const states[] = {
    [APP_PENDING] = "Pending",     [APP_PROCESSED] = "Processed", [APP_SENT] = "Sent",
    [APP_DELIVERED] = "Delivered", [APP_FAILED] = "Failed",       [APP_CANCELLED] = "Cancelled"};

static const char *const failures[] = {
    [FAILURE_NO_SERVICE] = "Send result: RESULT_ERROR_NO_SERVICE (4)",
    [FAILURE_PERMANENT] = "Send result: RESULT_INVALID_ARGUMENTS (11)",
    [FAILURE_AMBIGUOUS] = "sendSMS: the radio did not answer",
    [FAILURE_BEFORE_RADIO] = "Can't send message: SIM 2 not found",
    [FAILURE_EXPIRED] = "TTL expired",
    [FAILURE_UNDELIVERED] = "Delivery result: 70",
};

static void check_reported(struct world *world, const struct phone *phone,
                           const struct store_report *report)
{
    unsigned message = message_of_id(&report->ref.id);
    enum message_status status = report->confirms ? MESSAGE_ACCEPTED : report->status;
    if (!(world->records[message].attempts[report->ref.attempt].reports & 1u << status))
        violate(world,
                "I12: phone-%u has its answer about message %u, and its report is not on disk",
                phone->index, message);
}

enum answer polled_api_report(struct world *world, struct phone *phone, unsigned message,
                              unsigned attempt, enum app_state state, enum app_failure failure,
                              bool was_sent)
{
    const struct registration *registration = &phone->app.registration;
    struct store_report report = {.seq = -1, .jitter = 0.5};
    struct store_write write = {.verb = STORE_REPORT_POLLED,
                                .report_polled = {.reports = &report, .count = 1}};
    const struct message_ref ref = {message_id_of(message), attempt};
    enum fate fate = clients_draw_fate(world);
    char id[POLLED_WIRE_ID_SIZE];
    polled_wire_id_format(&ref, id);
    if (!mobile_report_read(id, states[state], state == APP_FAILED ? failures[failure] : "",
                            was_sent, &report))
        abort();
    if (!polled_api_knows(world, registration))
        return ANSWER_UNAUTHORIZED;
    device_id_of(phone->index, report.holder.device_id);
    report.holder.journal = registration->journal;
    TRACE(world, "phone-%u reports on message %u, attempt %u: %s", phone->index, message, attempt,
          states[state]);
    clients_run(world, &write, fate);
    if (fate == FATE_KILLED && world->broken == MUTATION_REPORTED_BEFORE_COMMIT)
        fate = FATE_ANSWERED;
    else if (write.result == ERROR_NONE && fate != FATE_KILLED && write.report_polled.changed > 0)
        clients_ring(world);
    if (write.result == ERROR_NONE && fate == FATE_ANSWERED)
        check_reported(world, phone, &report);
    return answer_of(write.result, fate);
}

/* ---- SMS that the phone received ---- */

enum answer polled_api_receive(struct world *world, struct phone *phone, unsigned number)
{
    char text[INCOMING_TEXT_SIZE];
    struct incoming_sms sms;
    struct store_write write = {.verb = STORE_RECEIVE, .receive.sms = &sms};
    enum fate fate = clients_draw_fate(world);
    if (!polled_api_knows(world,
                          &phone->app.registration)) /* the secret in the path goes with it */
        return ANSWER_FAILED;
    incoming_sms_of(world, number, &sms, text);
    sms.id = (struct message_id){{0x01, 0x03, 0, 0, (unsigned char)(++world->polled.received >> 8),
                                  (unsigned char)world->polled.received}};
    clients_run(world, &write, fate);
    if (write.result == ERROR_NONE && fate == FATE_ANSWERED)
        incoming_check_stored(world, number);
    return answer_of(write.result, fate);
}
