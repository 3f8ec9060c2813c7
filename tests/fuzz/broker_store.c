/*
 * The store: that of the simulation behind a queue. Writes run in the order of their submission, as store.h says, each in
 * its own transaction. The core is told later, in any order, or gets an error instead.
 */
#include "tests/fuzz/broker_world.h"

unsigned store_count_of(session_id session)
{
    unsigned count = 0;
    for (size_t i = 0; i < world.pending_count; i++)
        count += world.pending[i].session == session;
    return count;
}

unsigned store_count(enum store_verb verb)
{
    unsigned count = 0;
    for (size_t i = 0; i < world.pending_count; i++)
        count += world.pending[i].verb == verb;
    return count;
}

struct attempt *store_find_attempt(const struct message_ref *ref)
{
    unsigned message = message_of_id(&ref->id);
    CHECK(message < MOST_MESSAGES && ref->attempt > 0 && ref->attempt < MOST_ATTEMPTS);
    return &world.attempts[message][ref->attempt];
}

bool store_has_received(unsigned device, const char *received_id)
{
    struct memory_incoming key = {0};
    device_id_of(device, key.sms.device_id);
    strcpy(key.sms.received_id, received_id);
    return table_find(&world.store.tables.incoming_by_device, &key);
}

static struct pending remove_pending(size_t index)
{
    struct pending pending = world.pending[index];
    world.pending_count--;
    memmove(&world.pending[index], &world.pending[index + 1],
            (world.pending_count - index) * sizeof(pending));
    return pending;
}

/* ---- Transactions ---- */

static enum error run(struct store_write *write)
{
    world_store_begin(&world.store, world.now_ms, world_wall_ms());
    enum error error = world_store_execute(&world.store, write);
    world_store_commit(&world.store);
    for (size_t i = 0; i < world.store.change_count; i++)
        promise_committed(&world.store.changes[i]);
    for (size_t i = 0; write->verb == STORE_CLAIM && i < write->claim.slot_count; i++)
        write->claim.messages[i].segments = 1 + (unsigned)i % 3;
    return error;
}

/* As store_poll_work does. */
static enum error poll_work(struct store_work *work)
{
    world_store_poll(&world.store, world_wall_ms(), work);
    CHECK(work->cancel_count < STORE_WORK_PAGE && work->revoked_count == 0);
    return ERROR_NONE;
}

enum error store_run_now(struct store_write *write)
{
    return run(write);
}

void store_run_next(void)
{
    for (size_t i = 0; i < world.pending_count; i++) {
        struct pending *pending = &world.pending[i];
        if (pending->state != WRITE_WAITS)
            continue;
        if (pending->write)
            pending->write->result = run(pending->write);
        else
            pending->poll_result = poll_work(pending->work);
        pending->state = WRITE_HAS_RUN;
        return;
    }
}

/* ---- Answers ---- */

static bool comes_again(const struct store_write *write)
{
    enum store_verb verb = write->verb;
    if (verb == STORE_RECEIVE) /* its phone repeats it */
        return write->result != ERROR_DISK_FULL && write->result != ERROR_WAL_FULL;
    return verb == STORE_RELEASE || verb == STORE_RETURN_TO_QUEUE || verb == STORE_REPORT ||
           verb == STORE_DEVICE_DISCONNECT;
}

static void note_lost(const struct store_write *write)
{
    const struct message_id *id = write->verb == STORE_RELEASE ? &write->release.ref.id
                                  : write->verb == STORE_RETURN_TO_QUEUE
                                      ? &write->return_to_queue.ref.id
                                      : &write->report.ref.id;
    if (write->verb == STORE_DEVICE_DISCONNECT)
        world.device_lost[phone_of_device(write->disconnect.device_id)] = true;
    else if (message_of_id(id) != MOST_MESSAGES)
        world.lost[message_of_id(id)] = true;
}

static void answer_poll(size_t index)
{
    struct pending poll = remove_pending(index);
    if (poll.poll_result == ERROR_NONE)
        promise_polled(poll.work);
    broker_polled(world.broker, poll.poll_result, world.now_ms);
}

/* Completes a write. */
static void answer_write(size_t index)
{
    struct store_write *write = world.pending[index].write;
    bool refused = write->result != ERROR_NONE && write->result != ERROR_MESSAGE_NOT_HELD;
    bool overdue = world.draining && world.now_ms >= world.drain_until_ms;
    if (refused && comes_again(write) && !overdue) {
        world.pending[index].state = WRITE_REFUSED;
        world.pending[index].refused_at_ms = world.now_ms;
    } else {
        struct pending pending = remove_pending(index);
        if (refused && comes_again(write) && write->verb != STORE_RECEIVE)
            note_lost(write);
        promise_answered(&pending);
    }
    broker_store_done(world.broker, write, world.now_ms);
}

static void answer(size_t index)
{
    if (world.pending[index].write)
        answer_write(index);
    else
        answer_poll(index);
}

static void refuse(size_t index, enum error error)
{
    struct pending *pending = &world.pending[index];
    if (pending->write)
        pending->write->result = error;
    else
        pending->poll_result = error;
    answer(index);
}

/* Chooses a write in that state; MOST_WRITES when there is none. */
static size_t find_pending(int state, unsigned choice)
{
    size_t count = 0;
    for (size_t i = 0; i < world.pending_count; i++)
        count += (int)world.pending[i].state == state;
    for (size_t i = 0, left = count > 0 ? choice % count : 0; i < world.pending_count; i++) {
        if ((int)world.pending[i].state == state && left-- == 0)
            return i;
    }
    return MOST_WRITES;
}

void store_answer_one(unsigned choice)
{
    size_t index = find_pending(WRITE_HAS_RUN, choice);
    if (index == MOST_WRITES)
        return;
    answer(index);
    world_pump();
}

void store_refuse_one(unsigned choice, enum error error)
{
    size_t index = find_pending(WRITE_WAITS, choice);
    if (index == MOST_WRITES)
        return;
    refuse(index, error);
    world_pump();
}

void store_answer_all(void)
{
    while (find_pending(WRITE_HAS_RUN, 0) != MOST_WRITES ||
           find_pending(WRITE_WAITS, 0) != MOST_WRITES) {
        store_run_next();
        store_answer_one(0);
    }
}

/* ---- Submission ---- */

/* A refused write is retried, unchanged. */
static struct pending *enqueue(struct store_write *write)
{
    struct pending pending = {.write = write, .verb = write->verb};
    bool again = false;
    for (size_t i = 0; i < world.pending_count && !again; i++) {
        if (world.pending[i].write != write)
            continue;
        CHECK(world.pending[i].state == WRITE_REFUSED);
        pending = remove_pending(i);
        again = true;
    }
    CHECK(world.pending_count < MOST_WRITES);
    bool of_a_frame = write->verb == STORE_DEVICE_CONNECT || write->verb == STORE_RELEASE ||
                      write->verb == STORE_REPORT || write->verb == STORE_RECEIVE;
    if (!again && of_a_frame && world.speaker)
        pending.session = world.speaker->id;
    pending.state = WRITE_WAITS;
    world.pending[world.pending_count] = pending;
    if (!again)
        promise_wanted(&pending);
    return &world.pending[world.pending_count++];
}

void store_take(struct store_write *write)
{
    struct pending *pending = enqueue(write);
    if (world.refusals == 0)
        return;
    world.refusals--;
    refuse((size_t)(pending - world.pending), ERROR_STORE_BUSY); /* too many wait */
}

void store_take_poll(struct store_work *work)
{
    CHECK(!world.draining && world.pending_count < MOST_WRITES);
    for (size_t i = 0; i < world.pending_count; i++)
        CHECK(world.pending[i].write); /* one at a time */
    world.pending[world.pending_count++] = (struct pending){
        .work = work,
        .verb = STORE_VERB_COUNT,
        .state = WRITE_WAITS,
    };
}
