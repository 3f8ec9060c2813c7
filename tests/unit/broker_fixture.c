#include "tests/unit/broker_fixture.h"

#include "common/base/json.h"

#include <stdlib.h>

const struct broker_options default_options = {
    .name = "broker",
    .new_id = message_id_new,
    .max_sessions = 64,
    .window = 4,
    .min_battery_percent = 5,
    .max_frames_per_second = 1000,
    .device_info_timeout_ms = 10000,
    .liveness_timeout_ms = 60000,
    .ack_timeout_ms = 20000,
    .report_timeout_ms = 30000,
    .report_horizon_ms = 3600000,
    .sweep_interval_ms = 2000,
    .lease_ms = 15000,
    .drain_timeout_ms = 5000,
};

void world_pump(struct world *world)
{
    struct broker_action action;
    while (broker_next_action(world->broker, &action)) {
        switch (action.type) {
        case BROKER_WRITE:
            break; /* tests look with world_next_frame() */
        case BROKER_PAUSE:
            world->paused[world->paused_count++] = action.session;
            break;
        case BROKER_RESUME:
            world->resumed_count++;
            break;
        case BROKER_DROP:
            world->dropped[world->dropped_count++] = action.session;
            break;
        case BROKER_STORE:
            assert_true(world->pending_count < MAX_PENDING);
            world->pending[world->pending_count++] = action.write;
            break;
        case BROKER_POLL:
            assert_null(world->poll);
            world->poll = action.work;
            break;
        }
    }
}

struct world *world_new(const struct broker_options *options)
{
    struct world *world = calloc(1, sizeof(*world));
    world->now_ms = 1000000;
    world->broker = broker_new(options, world->now_ms);
    assert_non_null(world->broker);
    buffer_init(&world->frame, 65536);
    return world;
}

struct store_write *world_take_pending(struct world *world, enum store_verb verb)
{
    for (size_t i = 0; i < world->pending_count; i++) {
        struct store_write *write = world->pending[i];
        if (write->verb == verb) {
            world->pending_count--;
            memmove(&world->pending[i], &world->pending[i + 1],
                    (world->pending_count - i) * sizeof(write));
            return write;
        }
    }
    return NULL;
}

void world_answer(struct world *world, struct store_write *write, enum error result)
{
    write->result = result;
    broker_store_done(world->broker, write, world->now_ms);
    world_pump(world);
}

struct store_work *world_take_poll(struct world *world)
{
    struct store_work *work = world->poll;
    world->poll = NULL;
    return work;
}

void world_answer_poll(struct world *world, enum error result)
{
    broker_polled(world->broker, result, world->now_ms);
    world_pump(world);
}

/* With nothing found. */
static void answer_poll(struct world *world)
{
    struct store_work *work = world_take_poll(world);
    if (!work)
        return;
    work->cancel_count = work->revoked_count = work->superseded_count = 0;
    work->more = false;
    memset(work->stuck, 0, sizeof(work->stuck));
    world_answer_poll(world, ERROR_NONE);
}

static struct message *fill_slot(struct store_write *write, size_t slot)
{
    struct message *message = &write->claim.messages[slot];
    message->id = message_id_new();
    strcpy(message->phone_number, "+1234567890");
    message->text = strdup("text");
    message->segments = 1;
    message->attempt = 1;
    message->status = write->claim.slots[slot].assured ? MESSAGE_DISPATCHED : MESSAGE_ACCEPTED;
    strcpy(message->device_id, write->claim.slots[slot].device_id);
    return message;
}

void world_fill_slots_of(struct store_write *write, const char *device_id)
{
    for (size_t slot = 0; slot < write->claim.slot_count; slot++) {
        if (strcmp(write->claim.slots[slot].device_id, device_id) != 0)
            continue;
        fill_slot(write, slot);
        write->claim.message_count++;
    }
}

void world_fill_claim(struct world *world, struct store_write *write)
{
    size_t count = MIN(write->claim.slot_count, (size_t)world->queued);
    for (size_t i = 0; i < count; i++) {
        struct message *message = fill_slot(write, i);
        if (!world->endless)
            continue;
        free(message->text);
        message->text = calloc(1, ENDLESS_SIZE);
        memset(message->text, 1, ENDLESS_SIZE - 1);
        message->segments = 255;
        world->endless = false;
    }
    write->claim.message_count = count;
    world->queued -= (int)count;
}

void world_answer_all(struct world *world)
{
    world_pump(world);
    while (world->pending_count > 0) {
        struct store_write *write = world_take_pending(world, world->pending[0]->verb);
        if (write->verb == STORE_CLAIM)
            world_fill_claim(world, write);
        if (write->verb == STORE_RETURN_TO_QUEUE)
            world->queued++;
        if (write->verb == STORE_DEVICE_CONNECT)
            write->connect.connection_epoch = ++world->session;
        if (write->verb == STORE_BROKER_LEASE)
            write->lease.keeps_house = !world->has_other;
        world_answer(world, write, ERROR_NONE);
    }
    answer_poll(world);
}

void world_free(struct world *world)
{
    world_answer_all(world);
    broker_free(world->broker);
    buffer_fini(&world->frame);
    free(world);
}

void world_advance(struct world *world, int64_t ms)
{
    world->now_ms += ms;
    broker_tick(world->broker, world->now_ms, WORLD_WALL_MS);
    world_pump(world);
}

session_id world_open_session(struct world *world, const char *device_id)
{
    session_id id = 0;
    assert_true(broker_session_opened(world->broker, device_id, "", &device_protocol_basic,
                                      world->now_ms, &id));
    return id;
}

void world_receive(struct world *world, session_id id, const char *text)
{
    broker_session_received(world->broker, id, text, strlen(text), world->now_ms);
    world_pump(world);
}

void world_close_session(struct world *world, session_id id)
{
    broker_session_closed(world->broker, id, world->now_ms);
    world_pump(world);
}

enum session_output world_next_output(struct world *world, session_id id, enum error *error)
{
    buffer_clear(&world->frame);
    enum session_output output = broker_take_output(world->broker, id, world->now_ms, &world->frame,
                                                    error);
    world_pump(world);
    return output;
}

const char *world_next_frame(struct world *world, session_id id)
{
    static char type[32];
    enum error error;
    struct json_problem problem;
    enum session_output output = world_next_output(world, id, &error);
    if (output == OUTPUT_PING)
        output = world_next_output(world, id, &error);
    if (output != OUTPUT_FRAME)
        return "";
    struct json *frame = json_parse(world->frame.data, world->frame.length, &problem);
    assert_non_null(frame);
    snprintf(type, sizeof(type), "%s", json_text(json_member(frame, "type")));
    json_free(frame);
    return type;
}

void world_assert_closes(struct world *world, session_id id, enum error expected)
{
    enum error error = ERROR_NONE;
    enum session_output output;
    while ((output = world_next_output(world, id, &error)) == OUTPUT_FRAME || output == OUTPUT_PING)
        ;
    assert_int_equal(output, OUTPUT_CLOSE);
    assert_int_equal(error, expected);
    assert_int_equal(world_next_output(world, id, &error), OUTPUT_NOTHING);
}

session_id world_connect_phone(struct world *world, const char *device_id, const char *info)
{
    session_id id = world_open_session(world, device_id);
    world_receive(world, id, info);
    world_answer_all(world);
    assert_string_equal(world_next_frame(world, id), "connection_ack");
    return id;
}

void world_queue(struct world *world, int count)
{
    world->queued += count;
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
}

bool world_read_message(struct world *world, session_id id, char message_id[MESSAGE_ID_TEXT_SIZE])
{
    struct json_problem problem;
    if (strcmp(world_next_frame(world, id), "new_sms") != 0)
        return false;
    struct json *frame = json_parse(world->frame.data, world->frame.length, &problem);
    snprintf(message_id, MESSAGE_ID_TEXT_SIZE, "%s", json_text(json_member(frame, "message_id")));
    json_free(frame);
    return true;
}

int world_count_messages(struct world *world, session_id id)
{
    char message_id[MESSAGE_ID_TEXT_SIZE];
    int count = 0;
    while (world_read_message(world, id, message_id))
        count++;
    return count;
}

void world_report(struct world *world, session_id id, const char *message_id, const char *status)
{
    char text[200];
    snprintf(text, sizeof(text),
             "{\"type\":\"status_update\",\"message_id\":\"%s\",\"status\":\"%s\"}", message_id,
             status);
    world_receive(world, id, text);
}

session_id world_connect_assured_phone(struct world *world, const char *device_id)
{
    session_id id;
    assert_true(broker_session_opened(world->broker, device_id, "", &device_protocol_assured,
                                      world->now_ms, &id));
    world_receive(world, id,
                  "{\"type\":\"hello\",\"journal\":\"0b9f0000-0000-4000-8000-000000000000\","
                  "\"credit\":4}");
    world_receive(world, id, "{\"type\":\"journal\",\"entries\":[],\"last\":true}");
    world_answer_all(world);
    assert_string_equal(world_next_frame(world, id), "welcome");
    return id;
}
