/*
 * Clients, whose requests are done by the API: another process, which is killed at times, before its commit or before its
 * answer. A request with an idempotency key is repeated until there is an answer; others are given up. Operators are here
 * too, as they wait for their turn at the store in the same way.
 */
#include "tests/simulation/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 2 /* messages of a batch, in a page of its cancelling */ };

/* ---- Requests ---- */

static void schedule(struct world *world, int64_t in_ms, enum client_step step, unsigned about)
{
    world_schedule(world, in_ms, (struct event){.type = EVENT_CLIENT, .a = step, .b = about});
}

static struct request *add_request(struct world *world, int64_t at_ms)
{
    unsigned index = world->request_count++;
    struct request *request = &world->requests[index];
    *request = (struct request){.count = 1, .first = NOBODY, .told = NOBODY, .old = NOBODY};
    request->has_key = random_chance(&world->random, world->conditions.keys);
    request->ignores_opt_out = opt_outs_draw_ignores(world);
    schedule(world, at_ms, CLIENT_REQUESTS, index);
    return request;
}

static void add_messages(struct world *world, unsigned *left)
{
    struct random *random = &world->random;
    int64_t at_ms = random_between(random, 0, world->conditions.faults_ms * 3 / 4);
    struct request *request = add_request(world, at_ms);
    if (random_chance(random, world->conditions.batches)) {
        request->kind = REQUEST_BATCH;
        request->count = (unsigned)random_between(random, 2, MOST_IN_REQUEST);
        request->count = MIN(request->count, *left);
    }
    *left -= request->count;
    if (random_chance(random, world->conditions.cancels))
        schedule(world, at_ms + random_between(random, 1, 10000), CLIENT_CANCELS,
                 world->request_count - 1);
}

void clients_init(struct world *world)
{
    unsigned left = world->conditions.messages;
    while (left > 0)
        add_messages(world, &left);
    for (unsigned i = 0; i < world->conditions.resends; i++) {
        int64_t at_ms = world->conditions.faults_ms * random_between(&world->random, 200, 1500);
        add_request(world, at_ms / 1000)->kind = REQUEST_RESEND;
    }
}

bool clients_are_done(const struct world *world)
{
    for (unsigned i = 0; i < world->request_count; i++) {
        if (!world->requests[i].is_over)
            return false;
    }
    return true;
}

static unsigned index_of(const struct world *world, const struct request *request)
{
    return (unsigned)(request - world->requests);
}

static struct message_id batch_id_of(const struct world *world, const struct request *request)
{
    return (struct message_id){{0xba, (unsigned char)(1 + index_of(world, request))}};
}

/* ---- The API ---- */

enum fate clients_draw_fate(struct world *world)
{
    if (world->recovering || !random_chance(&world->random, world->conditions.lost_answers))
        return FATE_ANSWERED;
    return random_chance(&world->random, 500) ? FATE_KILLED : FATE_ANSWER_LOST;
}

void clients_run(struct world *world, struct store_write *write, enum fate fate)
{
    if (world->store_trouble != ERROR_NONE) {
        write->result = world->store_trouble;
        return;
    }
    world_begin_transaction(world, NULL);
    write->result = world_store_execute(&world->store, write);
    if (fate == FATE_KILLED)
        world_store_roll_back(&world->store);
    else
        world_commit_transaction(world);
}

void clients_ring(struct world *world)
{
    if (!random_chance(&world->random, world->conditions.lost_doorbells))
        world_schedule(world, random_between(&world->random, 0, 5),
                       (struct event){.type = EVENT_DOORBELL});
}

/* The key, and the answer: the number of the first message. */
static void init_idempotency(struct store_idempotency *idempotency, unsigned request,
                             unsigned number)
{
    *idempotency = (struct store_idempotency){.answer.status = 202, .request_hash = {1}};
    snprintf(idempotency->key, sizeof(idempotency->key), "key-%u", request);
    buffer_init(&idempotency->answer.body, 64);
    buffer_append_char(&idempotency->answer.body, (char)('a' + number));
}

/* ---- What is there after a try ---- */

static unsigned count_there(const struct world *world, unsigned first, unsigned count)
{
    unsigned there = 0;
    for (unsigned i = first; i < first + count; i++)
        there += world_store_on_disk(&world->store, i).there;
    return there;
}

static void note_created(struct world *world, struct request *request, unsigned first)
{
    if (request->has_key && request->first != NOBODY)
        violate(world, "K1: request %u creates message %u, and had created message %d",
                index_of(world, request), first, request->first);
    request->first = (int)first;
    for (unsigned i = first; i < first + request->count; i++)
        world->records[i].event_count = 1;
    world->message_count = MAX(world->message_count, first + request->count);
    world->counts->messages += request->count;
}

static void check_there(struct world *world, struct request *request, unsigned first, bool created)
{
    unsigned there = count_there(world, first, request->count);
    if (there != (created ? request->count : 0))
        violate(world, "B1: %u of the %u messages of request %u are there", there, request->count,
                index_of(world, request));
    else if (created)
        note_created(world, request, first);
}

static void take_answer(struct world *world, struct request *request, unsigned first,
                        const struct store_idempotency *idempotency)
{
    if (idempotency && idempotency->replayed) {
        first = (unsigned)(idempotency->answer.body.data[0] - 'a');
        world->counts->replays++;
        if ((int)first != request->first)
            violate(world, "K1: request %u created message %d, and the answer names message %u",
                    index_of(world, request), request->first, first);
    } else {
        clients_ring(world);
    }
    request->told = (int)first;
    for (unsigned i = first; i < first + request->count; i++)
        world->records[i].promised = true;
}

/* Some repeat a request also after its answer. */
static void go_on(struct world *world, struct request *request, bool answered)
{
    bool repeats = request->has_key &&
                   (!answered || (request->tries == 1 && random_chance(&world->random, 200)));
    request->is_over = !repeats;
    if (repeats)
        schedule(world, random_between(&world->random, 200, 5000), CLIENT_REQUESTS,
                 index_of(world, request));
}

static bool is_trouble(enum error error)
{
    return error == ERROR_STORE_BUSY || error == ERROR_DISK_FULL ||
           error == ERROR_STORE_UNAVAILABLE;
}

/* `first`: of the numbers that the try had for its messages. */
static void complete(struct world *world, struct request *request, const struct store_write *write,
                     unsigned first, enum fate fate, const struct store_idempotency *idempotency)
{
    bool done = write->result == ERROR_NONE, replayed = idempotency && idempotency->replayed;
    TRACE(world, "request %u, for %u messages from number %u: %s%s", index_of(world, request),
          request->count, first, done ? "done" : error_code(write->result),
          fate == FATE_KILLED        ? ", and the API is killed before the commit"
          : fate == FATE_ANSWER_LOST ? ", and the answer is lost"
          : replayed                 ? ", again"
                                     : "");
    opt_outs_check_request(world, request, first, write->result, replayed);
    check_there(world, request, first, done && !replayed && fate != FATE_KILLED);
    if (fate == FATE_ANSWERED && done)
        take_answer(world, request, first, idempotency);
    go_on(world, request, fate == FATE_ANSWERED && !is_trouble(write->result));
}

/* ---- New messages ---- */

/* Its times have passed: it may have been accepted before. */
static void find_answer(struct world *world, struct request *request,
                        struct store_idempotency *idempotency)
{
    struct store_write write = {.verb = STORE_FIND_ANSWER, .find_answer.idempotency = idempotency};
    clients_run(world, &write, FATE_ANSWERED);
    if (write.result == ERROR_NONE && idempotency->replayed)
        take_answer(world, request, 0, idempotency);
    else if (write.result == ERROR_NONE && request->first != NOBODY)
        violate(world, "K1: request %u created message %d, and its key is not known",
                index_of(world, request), request->first);
    go_on(world, request, !is_trouble(write.result));
}

static bool is_late(const struct world *world, const struct request *request)
{
    bool late = false;
    for (unsigned i = 0; i < request->count && request->tries > 1; i++)
        late |= options_are_late(world, &request->options[i]);
    return late;
}

/* A mutation: the key gets a transaction of its own, unless the API is killed before that. */
static void keep_late(struct world *world, const struct store_write *write, enum fate fate,
                      const struct store_idempotency *idempotency)
{
    if (write->result != ERROR_NONE || fate != FATE_ANSWERED)
        return;
    world_begin_transaction(world, NULL);
    if (memory_idempotency_rows.insert(&world->store.database, idempotency, 0) != ERROR_NONE)
        abort();
    world_commit_transaction(world);
}

static void post(struct world *world, struct request *request, unsigned first,
                 struct store_idempotency *idempotency)
{
    struct message message = {.id = message_id_of(first)};
    struct store_write write = {.verb = STORE_ENQUEUE,
                                .enqueue = {.message = &message,
                                            .ignores_opt_out = request->ignores_opt_out,
                                            .idempotency = idempotency}};
    enum fate fate = clients_draw_fate(world);
    bool is_late_key = idempotency && world->broken == MUTATION_KEY_OUTSIDE_TRANSACTION &&
                       request->first == NOBODY;
    if (is_late_key)
        write.enqueue.idempotency = NULL;
    clients_run(world, &write, fate);
    if (is_late_key)
        keep_late(world, &write, fate, idempotency);
    complete(world, request, &write, first, fate, idempotency);
}

/* A mutation: one message after the other, unless the API is killed in between. */
static void post_in_pieces(struct world *world, struct store_write *batch, enum fate fate)
{
    for (size_t i = 0; i < batch->enqueue_batch.count; i++) {
        struct store_write write = {.verb = STORE_ENQUEUE,
                                    .enqueue.message = &batch->enqueue_batch.messages[i]};
        write.enqueue.ignores_opt_out = batch->enqueue_batch.ignores_opt_out;
        clients_run(world, &write, fate == FATE_KILLED && i == 0 ? FATE_ANSWERED : fate);
        batch->result = write.result;
    }
}

static void post_batch(struct world *world, struct request *request, unsigned first,
                       struct store_idempotency *idempotency)
{
    struct message messages[MOST_IN_REQUEST] = {0};
    struct store_write write = {
        .verb = STORE_ENQUEUE_BATCH,
        .enqueue_batch = {.id = batch_id_of(world, request),
                          .messages = messages,
                          .count = request->count,
                          .ignores_opt_out = request->ignores_opt_out,
                          .idempotency = idempotency},
    };
    enum fate fate = clients_draw_fate(world);
    for (unsigned i = 0; i < request->count; i++)
        messages[i].id = message_id_of(first + i);
    if (world->broken == MUTATION_BATCH_IN_PIECES)
        post_in_pieces(world, &write, fate);
    else
        clients_run(world, &write, fate);
    world->counts->batches++;
    complete(world, request, &write, first, fate, idempotency);
}

/* ---- Resending ---- */

static bool may_be_resent(enum message_status status)
{
    return status == MESSAGE_FAILED || status == MESSAGE_EXPIRED || status == MESSAGE_CANCELLED ||
           status == MESSAGE_UNKNOWN;
}

/* Mostly one that has no result. */
static void choose_old(struct world *world, struct request *request)
{
    bool any = random_chance(&world->random, 100);
    unsigned number = random_below(&world->random, MOST_MESSAGES);
    for (unsigned i = 0; i < MOST_MESSAGES && request->old == NOBODY; i++) {
        const struct record *record = &world->records[(number + i) % MOST_MESSAGES];
        if (record->promised && (any || may_be_resent(record->status)))
            request->old = (int)((number + i) % MOST_MESSAGES);
    }
    request->again = random_chance(&world->random, 200);
    request->accept_duplicate = random_chance(&world->random, 500);
}

/* `before`: as it was before the resend. */
static void check_resent(struct world *world, struct request *request, enum message_status before)
{
    struct record *record = &world->records[request->old];
    if (!may_be_resent(before))
        violate(world, "N1: message %d is resent, and was %s", request->old,
                message_status_name(before));
    if (before == MESSAGE_UNKNOWN && !request->accept_duplicate)
        violate(world, "N1: message %d is resent, and may have been sent", request->old);
    if (record->resends++ > 0 && !request->again)
        violate(world, "N1: message %d is resent twice", request->old);
    world->counts->resends++;
}

static void resend(struct world *world, struct request *request, unsigned number,
                   struct store_idempotency *idempotency)
{
    struct message message = {0};
    struct store_write write = {.verb = STORE_RESEND,
                                .resend = {.id = message_id_of((unsigned)request->old),
                                           .new_id = message_id_of(number),
                                           .again = request->again,
                                           .accept_duplicate = request->accept_duplicate,
                                           .ignores_opt_out = request->ignores_opt_out,
                                           .message = &message,
                                           .idempotency = idempotency}};
    enum fate fate = clients_draw_fate(world);
    enum message_status before = world->records[request->old].status;
    int created = request->first;
    if (random_chance(&world->random, 300))
        write.resend.expires_at_ms = world_wall_ms(world) +
                                     random_between(&world->random, 1, 120000);
    clients_run(world, &write, fate);
    message_fini(&message);
    complete(world, request, &write, number, fate, idempotency);
    if (request->first != created)
        check_resent(world, request, before);
}

/* Waits for one that has no result; in the end there may be none. */
static bool find_old(struct world *world, struct request *request)
{
    if (request->old == NOBODY)
        choose_old(world, request);
    if (request->old != NOBODY)
        return true;
    if (world->recovering)
        request->is_over = true;
    else
        schedule(world, random_between(&world->random, 2000, 20000), CLIENT_REQUESTS,
                 index_of(world, request));
    return false;
}

/* ---- A try ---- */

static void draw_wishes(struct world *world, struct request *request)
{
    for (unsigned i = 0; i < request->count && request->kind != REQUEST_RESEND; i++)
        options_draw(world, &request->options[i]);
}

static void try(struct world *world, struct request *request, unsigned first,
                struct store_idempotency *idempotency)
{
    if (request->kind == REQUEST_RESEND) {
        resend(world, request, first, idempotency);
        return;
    }
    memcpy(&world->store.options[first], request->options,
           request->count * sizeof(request->options[0]));
    if (request->kind == REQUEST_BATCH)
        post_batch(world, request, first, idempotency);
    else
        post(world, request, first, idempotency);
}

static void make_request(struct world *world, struct request *request)
{
    unsigned first = world->message_count;
    struct store_idempotency idempotency;
    if (first + request->count > MOST_MESSAGES) { /* no numbers are left */
        request->is_over = true;
        return;
    }
    if (request->kind == REQUEST_RESEND && !find_old(world, request))
        return;
    if (++request->tries == 1)
        draw_wishes(world, request);
    init_idempotency(&idempotency, index_of(world, request), first);
    if (request->has_key && is_late(world, request))
        find_answer(world, request, &idempotency);
    else
        try(world, request, first, request->has_key ? &idempotency : NULL);
    buffer_fini(&idempotency.answer.body);
}

/* A mutation: the client is told before the commit. */
static void promise_early(struct world *world, struct request *request)
{
    if (world->message_count == MOST_MESSAGES)
        return;
    unsigned number = world->message_count++;
    options_draw(world, &world->store.options[number]);
    request->told = (int)number;
    request->is_over = true;
    request->count = 1;
    world->records[number].promised = true;
    schedule(world, random_between(&world->random, 1, 500), CLIENT_COMMITS,
             index_of(world, request));
}

static void commit_late(struct world *world, struct request *request)
{
    struct message message = {.id = message_id_of((unsigned)request->told)};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    clients_run(world, &write, FATE_ANSWERED);
    if (write.result == ERROR_NONE)
        note_created(world, request, (unsigned)request->told);
}

/* ---- Cancelling ---- */

static void note_revoked(struct world *world)
{
    for (unsigned i = 0; i < world->message_count; i++) {
        if (world_store_on_disk(&world->store, i).cancel_requested)
            world->records[i].revoke_promised = true;
    }
}

static void cancel_one(struct world *world, unsigned number)
{
    struct store_write write = {.verb = STORE_CANCEL, .cancel.id = message_id_of(number)};
    clients_run(world, &write, FATE_ANSWERED);
    if (write.result != ERROR_NONE)
        return;
    TRACE(world, "message %u: %s", number,
          write.cancel.asked ? "its phone must cancel it" : "is cancelled");
    note_revoked(world);
    clients_ring(world);
}

/* A page; others follow. */
static void cancel_batch(struct world *world, struct request *request)
{
    struct store_write write = {.verb = STORE_CANCEL_BATCH,
                                .cancel_batch = {.id = batch_id_of(world, request),
                                                 .after = request->cancel_after,
                                                 .limit = PAGE}};
    const struct store_cancel_batch *cancel = &write.cancel_batch;
    clients_run(world, &write, FATE_ANSWERED);
    if (write.result != ERROR_NONE)
        return;
    TRACE(world, "of the batch of request %u, %zu are cancelled, %zu asked for, %zu too late",
          index_of(world, request), cancel->cancelled, cancel->asked, cancel->too_late);
    note_revoked(world);
    clients_ring(world);
    request->cancel_after = cancel->after;
    request->cancel_seen += (unsigned)(cancel->cancelled + cancel->asked + cancel->too_late);
    if (cancel->more)
        schedule(world, random_between(&world->random, 0, 50), CLIENT_CANCELS,
                 index_of(world, request));
    else if (request->cancel_seen != request->count)
        violate(world, "B1: cancelling the batch of request %u finds %u of %u messages",
                index_of(world, request), request->cancel_seen, request->count);
}

static void cancel(struct world *world, struct request *request)
{
    if (request->told == NOBODY)
        return;
    if (request->kind == REQUEST_BATCH && world->broken != MUTATION_BATCH_IN_PIECES)
        cancel_batch(world, request);
    else
        cancel_one(world, (unsigned)request->told);
}

/* ---- Steps ---- */

void clients_step(struct world *world, enum client_step step, unsigned about)
{
    bool waits = step == OPERATOR_DECIDES && world->store_trouble != ERROR_NONE;
    if (waits || world->store.open) { /* for another process, or for the disk */
        schedule(world, waits ? 500 : 5, step, about);
        return;
    }
    if (step == OPERATOR_DECIDES)
        devices_decide(world, about);
    else if (step == CLIENT_CANCELS)
        cancel(world, &world->requests[about]);
    else if (step == CLIENT_COMMITS)
        commit_late(world, &world->requests[about]);
    else if (world->broken == MUTATION_QUEUE_ANSWERED_EARLY)
        promise_early(world, &world->requests[about]);
    else
        make_request(world, &world->requests[about]);
}

void clients_check_end(struct world *world)
{
    for (unsigned i = 0; i < world->request_count; i++) {
        struct request *request = &world->requests[i];
        if (request->first != NOBODY &&
            count_there(world, (unsigned)request->first, request->count) != request->count)
            violate(world, "B1: messages of request %u are missing", i);
    }
}
