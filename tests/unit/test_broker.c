/* The broker core with a store and phones of a few lines each: each event is made by the test. */
#include "ws-broker/core/broker.h"

#include "common/base/json.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { MAX_PENDING = 256, ENDLESS_SIZE = 30000 };

/* The core, its pending writes, and the messages that are queued. */
struct world {
    struct broker *broker;
    int64_t now_ms;
    struct store_write *pending[MAX_PENDING]; /* submitted, not completed */
    size_t pending_count;
    int queued;      /* messages in the store's queue */
    bool endless;    /* the next queued message fits into no frame */
    int64_t session; /* the last connection epoch */
    session_id dropped[16], paused[16];
    size_t dropped_count, paused_count, resumed_count;
    struct buffer frame;
};

static const struct broker_options default_options = {
    .name = "broker",
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

/* Carries out the actions of the core; writes wait until a test completes them. */
static void pump(struct world *world)
{
    struct broker_action action;
    while (broker_next_action(world->broker, &action)) {
        switch (action.type) {
        case BROKER_WRITE:
            break; /* tests look with next_frame() */
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
        }
    }
}

static struct world *new_world(const struct broker_options *options)
{
    struct world *world = calloc(1, sizeof(*world));
    world->now_ms = 1000000;
    world->broker = broker_new(options, world->now_ms);
    assert_non_null(world->broker);
    buffer_init(&world->frame, 65536);
    return world;
}

/* Takes the oldest pending write of that verb; NULL when there is none. */
static struct store_write *take_pending(struct world *world, enum store_verb verb)
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

static void answer(struct world *world, struct store_write *write, enum error result)
{
    write->result = result;
    broker_store_done(world->broker, write, world->now_ms);
    pump(world);
}

/* Fills a claim, as the store does, with as many messages as are queued. */
static void fill_claim(struct world *world, struct store_write *write)
{
    size_t count = MIN(write->claim.slot_count, (size_t)world->queued);
    for (size_t i = 0; i < count; i++) {
        struct message *message = &write->claim.messages[i];
        message->id = message_id_new();
        strcpy(message->phone_number, "+1234567890");
        message->text = world->endless ? calloc(1, ENDLESS_SIZE) : strdup("text");
        if (world->endless)
            memset(message->text, 1, ENDLESS_SIZE - 1);
        message->segments = world->endless ? 255 : 1;
        world->endless = false;
        message->attempt = 1;
        message->status = write->claim.slots[i].assured ? MESSAGE_DISPATCHED : MESSAGE_ACCEPTED;
        strcpy(message->device_id, write->claim.slots[i].device_id);
    }
    write->claim.message_count = count;
    world->queued -= (int)count;
}

/* Completes all pending writes with success, until none is left. */
static void answer_all(struct world *world)
{
    pump(world);
    while (world->pending_count > 0) {
        struct store_write *write = take_pending(world, world->pending[0]->verb);
        if (write->verb == STORE_CLAIM)
            fill_claim(world, write);
        if (write->verb == STORE_RETURN_TO_QUEUE)
            world->queued++;
        if (write->verb == STORE_DEVICE_CONNECT)
            write->connect.session = ++world->session;
        answer(world, write, ERROR_NONE);
    }
}

static void free_world(struct world *world)
{
    answer_all(world);
    broker_free(world->broker);
    buffer_fini(&world->frame);
    free(world);
}

static void advance(struct world *world, int64_t ms)
{
    world->now_ms += ms;
    broker_tick(world->broker, world->now_ms, 1700000000000);
    pump(world);
}

static session_id open_session(struct world *world, const char *device_id)
{
    session_id id = 0;
    assert_true(broker_session_opened(world->broker, device_id, "", &device_protocol_basic,
                                      world->now_ms, &id));
    return id;
}

static void receive(struct world *world, session_id id, const char *text)
{
    broker_session_received(world->broker, id, text, strlen(text), world->now_ms);
    pump(world);
}

static void close_session(struct world *world, session_id id)
{
    broker_session_closed(world->broker, id, world->now_ms);
    pump(world);
}

static enum session_output next_output(struct world *world, session_id id, enum error *error)
{
    buffer_clear(&world->frame);
    enum session_output output = broker_take_output(world->broker, id, world->now_ms, &world->frame,
                                                    error);
    pump(world);
    return output;
}

/* The type of the next frame, "" when there is none; the frame is in world->frame. */
static const char *next_frame(struct world *world, session_id id)
{
    static char type[32];
    enum error error;
    struct json_problem problem;
    enum session_output output = next_output(world, id, &error);
    if (output == OUTPUT_PING)
        output = next_output(world, id, &error);
    if (output != OUTPUT_FRAME)
        return "";
    struct json *frame = json_parse(world->frame.data, world->frame.length, &problem);
    assert_non_null(frame);
    snprintf(type, sizeof(type), "%s", json_text(json_member(frame, "type")));
    json_free(frame);
    return type;
}

static void assert_closes(struct world *world, session_id id, enum error expected)
{
    enum error error = ERROR_NONE;
    enum session_output output;
    while ((output = next_output(world, id, &error)) == OUTPUT_FRAME || output == OUTPUT_PING)
        ;
    assert_int_equal(output, OUTPUT_CLOSE);
    assert_int_equal(error, expected);
    assert_int_equal(next_output(world, id, &error), OUTPUT_NOTHING);
}

/* A connected phone that has read its connection_ack. */
static session_id connect_phone(struct world *world, const char *device_id, const char *info)
{
    session_id id = open_session(world, device_id);
    receive(world, id, info);
    answer_all(world);
    assert_string_equal(next_frame(world, id), "connection_ack");
    return id;
}

static void queue(struct world *world, int count)
{
    world->queued += count;
    broker_doorbell(world->broker, world->now_ms);
    pump(world);
}

/* Reads a new_sms from the phone's connection; copies its id. False when there is none. */
static bool read_message(struct world *world, session_id id, char message_id[MESSAGE_ID_TEXT_SIZE])
{
    struct json_problem problem;
    if (strcmp(next_frame(world, id), "new_sms") != 0)
        return false;
    struct json *frame = json_parse(world->frame.data, world->frame.length, &problem);
    snprintf(message_id, MESSAGE_ID_TEXT_SIZE, "%s", json_text(json_member(frame, "message_id")));
    json_free(frame);
    return true;
}

static int count_messages(struct world *world, session_id id)
{
    char message_id[MESSAGE_ID_TEXT_SIZE];
    int count = 0;
    while (read_message(world, id, message_id))
        count++;
    return count;
}

static void report(struct world *world, session_id id, const char *message_id, const char *status)
{
    char text[200];
    snprintf(text, sizeof(text),
             "{\"type\":\"status_update\",\"message_id\":\"%s\",\"status\":\"%s\"}", message_id,
             status);
    receive(world, id, text);
}

/* ---- Connecting ---- */

static void presence_is_committed_before_the_acknowledgement(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = open_session(world, "phone");
    receive(world, id, "{}");
    assert_string_equal(next_frame(world, id), "");
    answer_all(world);
    assert_string_equal(next_frame(world, id), "connection_ack");
    free_world(world);
}

static void a_refused_presence_closes_the_connection(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = open_session(world, "phone");
    receive(world, id, "{}");
    answer(world, take_pending(world, STORE_DEVICE_CONNECT), ERROR_DISK_FULL);
    assert_closes(world, id, ERROR_DISK_FULL);
    close_session(world, id);
    assert_null(take_pending(world, STORE_DEVICE_DISCONNECT));
    free_world(world);
}

static void a_phone_that_leaves_while_it_is_being_connected_is_disconnected(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = open_session(world, "phone");
    receive(world, id, "{}");
    struct store_write *connect = take_pending(world, STORE_DEVICE_CONNECT);
    close_session(world, id);
    connect->connect.session = 7;
    answer(world, connect, ERROR_NONE);
    struct store_write *disconnect = take_pending(world, STORE_DEVICE_DISCONNECT);
    assert_non_null(disconnect);
    assert_string_equal(disconnect->disconnect.device_id, "phone");
    assert_int_equal(disconnect->disconnect.session, 7);
    answer(world, disconnect, ERROR_NONE);
    free_world(world);
}

static void a_phone_that_says_nothing_is_sent_away(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = open_session(world, "phone");
    advance(world, 9999);
    enum error error;
    assert_int_equal(next_output(world, id, &error), OUTPUT_NOTHING);
    advance(world, 1);
    assert_closes(world, id, ERROR_NO_DEVICE_INFO);
    advance(world, 3000);
    assert_int_equal(world->dropped_count, 1); /* it did not answer the close frame */
    close_session(world, id);
    free_world(world);
}

static void the_newest_connection_of_a_device_wins(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    char message_id[MESSAGE_ID_TEXT_SIZE];
    session_id first = connect_phone(world, "phone", "{}");
    queue(world, 2);
    answer_all(world);
    assert_true(read_message(world, first, message_id));
    session_id silent = open_session(world, "phone");
    assert_int_equal(world->pending_count, 0); /* without a greeting it replaces no connection */

    session_id second = open_session(world, "phone");
    receive(world, second, "{}");
    struct store_write *back = take_pending(world, STORE_RETURN_TO_QUEUE);
    assert_non_null(back); /* the message that was not written */
    answer(world, back, ERROR_NONE);
    world->queued++;
    assert_closes(world, first, ERROR_REPLACED);
    report(world, first, message_id, "sent"); /* late, but it counts */
    struct store_write *late = take_pending(world, STORE_REPORT);
    assert_non_null(late);
    answer(world, late, ERROR_NONE);

    answer_all(world);
    assert_string_equal(next_frame(world, second), "connection_ack");
    assert_int_equal(count_messages(world, second), 1);
    close_session(world, first);
    close_session(world, silent);
    free_world(world);
}

/* A late greeting of an older connection must not win over a newer connection. */
static void a_greeting_on_an_older_connection_does_not_replace_a_newer_one(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id first = open_session(world, "phone");
    session_id second = connect_phone(world, "phone", "{}");
    receive(world, first, "{}");
    assert_null(take_pending(world, STORE_DEVICE_CONNECT));
    assert_closes(world, first, ERROR_REPLACED);
    close_session(world, first);
    queue(world, 1);
    answer_all(world);
    assert_int_equal(count_messages(world, second), 1);
    free_world(world);
}

/* ---- Phones with a journal ---- */

static session_id connect_assured_phone(struct world *world, const char *device_id)
{
    session_id id;
    assert_true(broker_session_opened(world->broker, device_id, "", &device_protocol_assured,
                                      world->now_ms, &id));
    receive(world, id,
            "{\"type\":\"hello\",\"journal\":\"0b9f0000-0000-4000-8000-000000000000\","
            "\"credit\":4}");
    receive(world, id, "{\"type\":\"journal\",\"entries\":[],\"last\":true}");
    answer_all(world);
    assert_string_equal(next_frame(world, id), "welcome");
    return id;
}

static void about(struct world *world, session_id id, const struct message_id *message,
                  const char *format)
{
    char id_text[MESSAGE_ID_TEXT_SIZE], text[300];
    message_id_format(message, id_text);
    snprintf(text, sizeof(text), "{\"type\":%s,\"message_id\":\"%s\"}", format, id_text);
    receive(world, id, text);
}

static void a_report_on_an_older_attempt_leaves_the_new_offer_alone(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_assured_phone(world, "phone");
    queue(world, 1);
    struct store_write *write = take_pending(world, STORE_CLAIM);
    fill_claim(world, write);
    write->claim.messages[0].attempt = 2;
    struct message_id message = write->claim.messages[0].id;
    answer(world, write, ERROR_NONE);
    about(world, id, &message, "\"report\",\"seq\":1,\"attempt\":1,\"status\":\"sent\"");
    answer_all(world);
    assert_string_equal(next_frame(world, id), "report_ack");
    assert_string_equal(next_frame(world, id), "offer");
    free_world(world);
}

/* Whatever it reports, it has not acknowledged the offer, and was not told to send. */
static void a_report_instead_of_an_ack_leaves_the_offer_where_it_is(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_assured_phone(world, "phone");
    queue(world, 1);
    struct store_write *write = take_pending(world, STORE_CLAIM);
    fill_claim(world, write);
    struct message_id message = write->claim.messages[0].id;
    answer(world, write, ERROR_NONE);
    assert_string_equal(next_frame(world, id), "offer");
    about(world, id, &message, "\"report\",\"seq\":1,\"attempt\":1,\"status\":\"sent\"");
    answer_all(world);
    advance(world, default_options.ack_timeout_ms);
    assert_closes(world, id, ERROR_ACK_TIMEOUT);
    write = take_pending(world, STORE_RETURN_TO_QUEUE);
    assert_non_null(write);
    assert_true(message_id_equal(&write->return_to_queue.id, &message));
    answer(world, write, ERROR_NONE);
    free_world(world);
}

/* Without its greeting its journal is unknown. */
static void a_phone_sent_away_before_its_greeting_reports_nothing(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    struct message_id message = message_id_new();
    session_id id;
    assert_true(broker_session_opened(world->broker, "phone", "", &device_protocol_assured,
                                      world->now_ms, &id));
    advance(world, default_options.device_info_timeout_ms);
    about(world, id, &message,
          "\"report\",\"seq\":1,\"attempt\":1,\"status\":\"failed\","
          "\"error_code\":\"no_service\"");
    assert_null(take_pending(world, STORE_REPORT));
    receive(world, id, "{\"type\":\"hello\",\"journal\":\"\",\"credit\":4}");
    assert_closes(world, id, ERROR_NO_DEVICE_INFO);
    free_world(world);
}

static void a_message_that_is_given_up_leaves_the_window_of_a_phone_with_a_journal(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.window = 1;
    options.report_horizon_ms = 40000;
    struct world *world = new_world(&options);
    session_id id = connect_assured_phone(world, "phone");
    queue(world, 2);
    struct store_write *write = take_pending(world, STORE_CLAIM);
    fill_claim(world, write);
    struct message_id message = write->claim.messages[0].id;
    answer(world, write, ERROR_NONE);
    assert_string_equal(next_frame(world, id), "offer");
    about(world, id, &message, "\"ack\",\"attempt\":1");
    write = take_pending(world, STORE_RELEASE);
    write->release.verdict = STORE_VERDICT_RELEASE;
    answer(world, write, ERROR_NONE);
    assert_string_equal(next_frame(world, id), "release");
    for (int i = 0; i < 39; i++) {
        advance(world, 1000);
        broker_session_alive(world->broker, id, world->now_ms);
        answer_all(world);
    }
    assert_string_equal(next_frame(world, id), "");
    advance(world, 1000);
    answer_all(world);
    assert_string_equal(next_frame(world, id), "offer");
    free_world(world);
}

/* ---- What is old ---- */

/* Time passes, on the wall clock too. */
static void let_pass(struct world *world, int64_t ms, int64_t *wall_ms)
{
    world->now_ms += ms;
    *wall_ms += ms;
    broker_tick(world->broker, world->now_ms, *wall_ms);
    pump(world);
}

static void what_is_old_is_removed_in_pieces_once_the_clock_is_trusted(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.text_retention_ms = 1000000;
    struct world *world = new_world(&options);
    int64_t wall_ms = 1700000000000;
    for (int minute = 0; minute < 60; minute++) {
        let_pass(world, 60000, &wall_ms);
        assert_null(take_pending(world, STORE_PURGE));
        answer_all(world);
    }
    let_pass(world, 60000, &wall_ms);
    struct store_write *write = take_pending(world, STORE_PURGE);
    assert_int_equal(write->purge.text_before_ms, wall_ms - 1000000);
    assert_int_equal(write->purge.message_before_ms, 0);
    assert_in_range(write->purge.limit, 1, 1000);
    write->purge.more = true;
    answer(world, write, ERROR_NONE);
    assert_in_range(broker_wake_ms(world->broker), world->now_ms + 1, world->now_ms + 500);
    let_pass(world, 500, &wall_ms);
    write = take_pending(world, STORE_PURGE);
    answer(world, write, ERROR_NONE);
    let_pass(world, 1000, &wall_ms);
    assert_null(take_pending(world, STORE_PURGE));

    wall_ms += 86400000; /* the clock is set */
    let_pass(world, 60000, &wall_ms);
    assert_null(take_pending(world, STORE_PURGE));
    broker_drain(world->broker, ERROR_SHUTTING_DOWN, world->now_ms);
    let_pass(world, 7200000, &wall_ms);
    assert_null(take_pending(world, STORE_PURGE));
    free_world(world);
}

static void silence_counts_only_while_the_clock_is_trusted(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    int64_t wall_ms = 1700000000000;
    static const int64_t steps_ms[] = {0, 86400000, -86400000};
    for (size_t i = 0; i < ARRAY_LENGTH(steps_ms); i++) {
        wall_ms += steps_ms[i];
        for (int minute = 0; minute <= 61; minute++) {
            let_pass(world, 60000, &wall_ms);
            struct store_write *write = take_pending(world, STORE_EXPIRE);
            assert_non_null(write);
            if (minute < 60)
                assert_int_equal(write->expire.silent_since_ms, 0);
            if (minute == 61)
                assert_int_equal(write->expire.silent_since_ms,
                                 wall_ms - default_options.report_horizon_ms);
            answer(world, write, ERROR_NONE);
            answer_all(world);
        }
    }
    free_world(world);
}

/* ---- Messages ---- */

static void no_frame_goes_out_before_the_commit(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 1);
    assert_string_equal(next_frame(world, id), "");
    answer_all(world);
    assert_string_equal(next_frame(world, id), "new_sms");
    assert_string_equal(next_frame(world, id), "");
    free_world(world);
}

static void a_window_is_never_more_than_full(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    char ids[4][MESSAGE_ID_TEXT_SIZE];
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 10);
    answer_all(world);
    for (int i = 0; i < 4; i++)
        assert_true(read_message(world, id, ids[i]));
    assert_int_equal(count_messages(world, id), 0);

    report(world, id, ids[0], "sending"); /* still in flight */
    answer_all(world);
    assert_int_equal(count_messages(world, id), 0);
    report(world, id, ids[0], "sent");
    report(world, id, ids[1], "failed");
    answer_all(world);
    assert_int_equal(count_messages(world, id), 2);
    report(world, id, ids[0], "delivered"); /* no longer in flight */
    answer_all(world);
    assert_int_equal(count_messages(world, id), 0);
    assert_int_equal(world->queued, 4);
    free_world(world);
}

static void a_new_connection_does_not_empty_the_window(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    struct message_id held[3] = {message_id_new(), message_id_new(), message_id_new()};
    char text[MESSAGE_ID_TEXT_SIZE];
    session_id id = open_session(world, "phone");
    receive(world, id, "{}");
    struct store_write *connect = take_pending(world, STORE_DEVICE_CONNECT);
    assert_int_equal(connect->connect.held_capacity, 4);
    for (int i = 0; i < 3; i++)
        connect->connect.held[i].id = held[i];
    connect->connect.held[2].silent_ms = 30000; /* as long as the report timeout: forgotten */
    connect->connect.held_count = 3;
    connect->connect.session = 1;
    answer(world, connect, ERROR_NONE);
    answer_all(world);
    assert_string_equal(next_frame(world, id), "connection_ack");
    queue(world, 10);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 2);
    message_id_format(&held[0], text);
    report(world, id, text, "delivered");
    answer_all(world);
    assert_int_equal(count_messages(world, id), 1);
    free_world(world);
}

static void silence_frees_the_window_after_a_time(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 8);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 4);
    for (int i = 0; i < 29; i++) {
        advance(world, 1000);
        broker_session_alive(world->broker, id, world->now_ms);
        answer_all(world);
    }
    assert_int_equal(count_messages(world, id), 0);
    advance(world, 1000);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 4);
    free_world(world);
}

static void an_unwritten_message_goes_back_when_the_connection_ends(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    char message_id[MESSAGE_ID_TEXT_SIZE];
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 3);
    answer_all(world);
    assert_true(read_message(world, id, message_id));
    close_session(world, id);
    struct message_id written;
    assert_true(message_id_parse(message_id, &written));
    for (int i = 0; i < 2; i++) {
        struct store_write *back = take_pending(world, STORE_RETURN_TO_QUEUE);
        assert_non_null(back);
        assert_false(message_id_equal(&back->return_to_queue.id, &written));
        assert_string_equal(back->return_to_queue.device_id, "phone");
        answer(world, back, ERROR_NONE);
    }
    assert_null(take_pending(world, STORE_RETURN_TO_QUEUE));
    free_world(world);
}

static void what_a_phone_said_before_it_left_counts_and_it_is_given_nothing_more(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.window = 1;
    struct world *world = new_world(&options);
    char message_id[MESSAGE_ID_TEXT_SIZE];
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 2);
    answer_all(world);
    assert_true(read_message(world, id, message_id));
    assert_true(broker_session_leaves(world->broker, id, world->now_ms));
    report(world, id, message_id, "sent");
    struct store_write *write = take_pending(world, STORE_REPORT);
    assert_non_null(write);
    assert_null(take_pending(world, STORE_CLAIM)); /* though there is room now */
    close_session(world, id);
    answer(world, write, ERROR_NONE);
    assert_null(take_pending(world, STORE_CLAIM));
    assert_false(broker_session_leaves(world->broker, id, world->now_ms));
    assert_true(broker_session_opened(world->broker, "stranger", "", &device_protocol_basic,
                                      world->now_ms, &id));
    assert_false(broker_session_leaves(world->broker, id, world->now_ms));
    close_session(world, id);
    answer_all(world);
    free_world(world);
}

static void a_message_for_a_phone_that_left_meanwhile_goes_back(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 1);
    struct store_write *claim = take_pending(world, STORE_CLAIM);
    close_session(world, id);
    fill_claim(world, claim);
    answer(world, claim, ERROR_NONE);
    struct store_write *back = take_pending(world, STORE_RETURN_TO_QUEUE);
    assert_non_null(back);
    answer(world, back, ERROR_NONE);
    free_world(world);
}

/* The store says that the phone has it: the old connection had it when the store was asked. */
static void a_message_that_goes_back_leaves_the_window_of_the_connection_that_took_over(
    void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.window = 1;
    struct world *world = new_world(&options);
    connect_phone(world, "phone", "{}");
    queue(world, 1);
    struct store_write *claim = take_pending(world, STORE_CLAIM);
    session_id id = open_session(world, "phone");
    receive(world, id, "{}");
    fill_claim(world, claim);
    struct store_held_message held = {.id = claim->claim.messages[0].id, .attempt = 1};
    answer(world, claim, ERROR_NONE);

    struct store_write *connect = take_pending(world, STORE_DEVICE_CONNECT);
    connect->connect.held[0] = held;
    connect->connect.held_count = 1;
    answer(world, connect, ERROR_NONE);
    assert_string_equal(next_frame(world, id), "connection_ack");

    struct store_write *back = take_pending(world, STORE_RETURN_TO_QUEUE);
    assert_true(message_id_equal(&back->return_to_queue.id, &held.id));
    back->return_to_queue.changed = true;
    world->queued++;
    answer(world, back, ERROR_NONE);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 1);
    free_world(world);
}

static void the_store_is_asked_for_no_more_than_phones_can_take(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    queue(world, 100);
    assert_null(take_pending(world, STORE_CLAIM)); /* no phone is connected */
    connect_phone(world, "phone", "{}");
    assert_int_equal(world->queued, 96);
    free_world(world);

    world = new_world(&default_options);
    connect_phone(world, "phone", "{}");
    queue(world, 100);
    struct store_write *write = take_pending(world, STORE_CLAIM);
    assert_int_equal(write->claim.slot_count, 4);
    fill_claim(world, write);
    answer(world, write, ERROR_NONE);
    assert_null(take_pending(world, STORE_RETURN_TO_QUEUE));
    free_world(world);
}

static void one_hand_over_is_at_the_store_at_a_time(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    connect_phone(world, "a", "{}");
    connect_phone(world, "b", "{}");
    connect_phone(world, "c", "{}");
    queue(world, 12);
    struct store_write *first = take_pending(world, STORE_CLAIM);
    assert_non_null(first);
    broker_doorbell(world->broker, world->now_ms);
    pump(world);
    assert_null(take_pending(world, STORE_CLAIM));
    fill_claim(world, first);
    answer(world, first, ERROR_NONE);
    struct store_write *second = take_pending(world, STORE_CLAIM);
    assert_non_null(second);
    fill_claim(world, second);
    answer(world, second, ERROR_NONE);
    answer_all(world);
    assert_int_equal(world->queued, 0);
    free_world(world);
}

static void a_busy_store_is_asked_again_later(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 1);
    answer(world, take_pending(world, STORE_CLAIM), ERROR_STORE_BUSY);
    broker_doorbell(world->broker, world->now_ms);
    pump(world);
    assert_null(take_pending(world, STORE_CLAIM)); /* not at once */
    advance(world, 1000);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 1);
    free_world(world);
}

static void the_sweep_finds_what_no_doorbell_announced(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    advance(world, 1);
    answer_all(world);
    world->queued = 1;
    advance(world, 2000);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 1);
    free_world(world);
}

static void a_search_for_what_to_revoke_goes_on_to_the_end(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    int64_t places[] = {0, 777, 0};
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        if (i != 1)
            broker_doorbell(world->broker, world->now_ms);
        pump(world);
        struct store_write *search = take_pending(world, STORE_FIND_CANCEL_REQUESTS);
        assert_non_null(search);
        assert_int_equal(search->find_cancel_requests.after, places[i]);
        search->find_cancel_requests.count = i == 0 ? search->find_cancel_requests.capacity : 1;
        search->find_cancel_requests.last = 777;
        answer(world, search, ERROR_NONE);
        world->now_ms += i * 1000;
    }
    assert_null(take_pending(world, STORE_FIND_CANCEL_REQUESTS));
    free_world(world);
}

static void equal_phones_take_turns(void **state)
{
    enum { PHONES = 10, ROUNDS = 30 };
    (void)state;
    struct world *world = new_world(&default_options);
    session_id ids[PHONES];
    int counts[PHONES] = {0};
    for (int i = 0; i < PHONES; i++) {
        char name[32];
        snprintf(name, sizeof(name), "phone-%d", i);
        ids[i] = connect_phone(world, name, "{}");
    }
    for (int round = 0; round < ROUNDS * PHONES; round++) { /* one message at a time */
        queue(world, 1);
        answer_all(world);
        for (int i = 0; i < PHONES; i++) {
            char message_id[MESSAGE_ID_TEXT_SIZE];
            while (read_message(world, ids[i], message_id)) {
                counts[i]++;
                report(world, ids[i], message_id, "sent");
            }
        }
        answer_all(world);
    }
    for (int i = 0; i < PHONES; i++)
        assert_int_equal(counts[i], ROUNDS);
    free_world(world);
}

static void an_empty_battery_gets_nothing_until_it_is_charged(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{\"battery_level\":4}");
    queue(world, 3);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 0);
    receive(world, id, "{\"type\":\"device_update\",\"info\":{\"charging\":true}}");
    answer_all(world);
    assert_int_equal(count_messages(world, id), 3);
    free_world(world);
}

static void fail_all(struct world *world, session_id id)
{
    char message_id[MESSAGE_ID_TEXT_SIZE], text[200];
    while (read_message(world, id, message_id)) {
        snprintf(text, sizeof(text),
                 "{\"type\":\"status_update\",\"message_id\":\"%s\",\"status\":\"failed\","
                 "\"error_code\":\"no_service\"}",
                 message_id);
        receive(world, id, text);
        answer_all(world);
    }
}

static void a_phone_that_sends_nothing_is_tried_with_one_at_a_time(void **state)
{
    char message_id[MESSAGE_ID_TEXT_SIZE];
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 20);
    answer_all(world);
    fail_all(world, id); /* its window of 4, and those given after the first of them */
    assert_int_equal(world->queued, 15);
    for (int seconds = 1; seconds <= 4; seconds *= 2) {
        advance(world, seconds * 1000 - 1);
        queue(world, 0);
        answer_all(world);
        assert_int_equal(count_messages(world, id), 0);
        advance(world, 1);
        queue(world, 0);
        answer_all(world);
        if (seconds < 4)
            fail_all(world, id);
    }
    assert_int_equal(world->queued, 12);
    assert_true(read_message(world, id, message_id));
    report(world, id, message_id, "sent");
    answer_all(world);
    assert_int_equal(count_messages(world, id), 4);
    free_world(world);
}

static void a_phone_that_sends_nothing_comes_after_others(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id idle = connect_phone(world, "idle", "{\"signal_strength\":-60}");
    session_id other = connect_phone(world, "other", "{\"signal_strength\":-110}");
    for (int i = 0; i < 2; i++) {
        queue(world, 1);
        answer_all(world);
        fail_all(world, idle);
    }
    advance(world, 1000);
    queue(world, 2);
    answer_all(world);
    assert_int_equal(count_messages(world, idle), 0);
    assert_int_equal(count_messages(world, other), 2);
    free_world(world);
}

static void a_pace_is_kept(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.segments_per_minute = 60;
    options.segments_burst = 2;
    struct world *world = new_world(&options);
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 8);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 2);
    advance(world, 1900);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 0);
    assert_true(broker_wake_ms(world->broker) <= world->now_ms + 400);
    advance(world, 400);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 2);
    free_world(world);
}

/* A text of MAX_MESSAGE_SEGMENTS fits; a longer one must not be tried for ever. */
static void a_message_that_fits_into_no_frame_fails_by_itself(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.segments_per_minute = 1;
    options.segments_burst = 3;
    for (int assured = 0; assured < 2; assured++) {
        struct world *world = new_world(&options);
        session_id id = assured ? connect_assured_phone(world, "phone")
                                : connect_phone(world, "phone", "{}");
        world->endless = true;
        queue(world, 1);
        struct store_write *give = take_pending(world, STORE_CLAIM);
        fill_claim(world, give);
        struct message_id message = give->claim.messages[0].id;
        answer(world, give, ERROR_NONE);
        assert_string_equal(next_frame(world, id), "");
        struct store_write *back = take_pending(world, STORE_RETURN_TO_QUEUE);
        assert_non_null(back);
        assert_true(message_id_equal(&back->return_to_queue.id, &message));
        assert_true(back->return_to_queue.hopeless);
        assert_string_equal(back->return_to_queue.error_code, "too_long");
        assert_non_null(back->return_to_queue.error_message);
        back->return_to_queue.changed = true;
        answer(world, back, ERROR_NONE);
        answer_all(world); /* the store has no others yet */

        queue(world, 5); /* it has cost nothing: the whole burst is left */
        answer_all(world);
        int given = 0;
        while (*next_frame(world, id))
            given++;
        assert_int_equal(given, 3);
        close_session(world, id);
        free_world(world);
    }
}

static void a_new_connection_brings_no_new_burst(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.segments_per_minute = 60;
    options.segments_burst = 2;
    struct world *world = new_world(&options);
    session_id id = open_session(world, "phone");
    receive(world, id, "{}");
    struct store_write *connect = take_pending(world, STORE_DEVICE_CONNECT);
    connect->connect.session = ++world->session;
    connect->connect.recent_segments = 1;
    answer(world, connect, ERROR_NONE);
    assert_string_equal(next_frame(world, id), "connection_ack");
    queue(world, 4);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 1);
    free_world(world);
}

static void a_phone_at_its_cap_does_not_stand_in_the_way_of_others(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.liveness_timeout_ms = 600000;
    struct world *world = new_world(&options);
    session_id capped = connect_phone(world, "capped", "{\"signal_strength\":-60}");
    session_id other = connect_phone(world, "other", "{\"signal_strength\":-110}");
    world->queued = 2;
    broker_doorbell(world->broker, world->now_ms);
    pump(world);
    struct store_write *write = take_pending(world, STORE_CLAIM);
    for (size_t i = 0; i < write->claim.slot_count; i++)
        write->claim.slots[i].at_daily_limit = strcmp(write->claim.slots[i].device_id, "capped") ==
                                               0;
    answer(world, write, ERROR_NONE); /* no message was claimed */
    answer_all(world);
    assert_int_equal(count_messages(world, capped), 0);
    assert_int_equal(count_messages(world, other), 2);
    queue(world, 1);
    answer_all(world);
    assert_int_equal(count_messages(world, other), 1);
    advance(world, 60000); /* then it is tried again */
    queue(world, 1);
    answer_all(world);
    assert_int_equal(count_messages(world, capped), 1);
    free_world(world);
}

static void while_sending_is_paused_the_store_is_asked_by_the_sweep_alone(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    world->queued = 1;
    broker_doorbell(world->broker, world->now_ms);
    pump(world);
    struct store_write *write = take_pending(world, STORE_CLAIM);
    write->claim.paused = true;
    answer(world, write, ERROR_NONE);
    assert_null(take_pending(world, STORE_CLAIM));
    advance(world, 2000);
    answer_all(world);
    assert_int_equal(count_messages(world, id), 1);
    free_world(world);
}

/* ---- Reports ---- */

static void a_report_is_tried_until_the_store_takes_it(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    char message_id[MESSAGE_ID_TEXT_SIZE];
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 1);
    answer_all(world);
    assert_true(read_message(world, id, message_id));
    report(world, id, message_id, "sent");
    for (int i = 0; i < 5; i++) {
        struct store_write *write = take_pending(world, STORE_REPORT);
        assert_non_null(write);
        answer(world, write, ERROR_STORE_UNAVAILABLE);
        assert_null(take_pending(world, STORE_REPORT));
        advance(world, 1000);
    }
    close_session(world, id); /* also when the phone has gone */
    struct store_write *write = take_pending(world, STORE_REPORT);
    assert_non_null(write);
    assert_int_equal(write->report.status, MESSAGE_SENT);
    answer(world, write, ERROR_NONE);
    free_world(world);
}

static void a_phone_that_reports_faster_than_the_store_writes_is_not_read(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    const char *message_id = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1";
    for (int i = 0; i < 64; i++)
        report(world, id, message_id, "sent");
    assert_int_equal(world->paused_count, 1);
    assert_int_equal(world->paused[0], id);
    assert_int_equal(world->resumed_count, 0);
    for (int i = 0; i < 33; i++)
        answer(world, take_pending(world, STORE_REPORT), ERROR_NONE);
    assert_int_equal(world->resumed_count, 1);
    free_world(world);
}

/* A phone that sends the same odd value in each frame. */
static void warnings_come_after_the_greeting_and_are_few(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{\"battery_level\":0.87}");
    int warnings = 0;
    for (int i = 0; i < 100; i++) {
        while (strcmp(next_frame(world, id), "error") == 0) {
            assert_non_null(strstr(world->frame.data, "\"code\":\"member_ignored\""));
            assert_non_null(strstr(world->frame.data, "\"member\":\"battery_level\""));
            warnings++;
        }
        receive(world, id,
                "{\"type\":\"device_update\",\"info\":{\"battery_level\":0.87,\"charging\":[]}}");
        answer_all(world);
    }
    assert_int_equal(warnings, 8);
    free_world(world);
}

static void a_report_without_its_seq_counts_and_is_not_acknowledged(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_assured_phone(world, "phone");
    receive(world, id,
            "{\"type\":\"report\",\"message_id\":\"019d0000-0000-7000-8000-000000000001\","
            "\"status\":\"failed\",\"error_code\":\"no_service\"}");
    struct store_write *write = take_pending(world, STORE_REPORT);
    assert_non_null(write);
    assert_int_equal(write->report.status, MESSAGE_FAILED);
    assert_int_equal(write->report.seq, -1);
    assert_int_equal(write->report.attempt, 0);
    assert_false(write->report.nothing_sent); /* of which attempt? */
    answer(world, write, ERROR_NONE);
    assert_string_equal(next_frame(world, id), "error");
    assert_non_null(strstr(world->frame.data, "member_ignored"));
    assert_string_equal(next_frame(world, id), "");
    free_world(world);
}

static void a_report_on_anothers_message_is_answered_with_an_error(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    report(world, id, "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1", "sent");
    answer(world, take_pending(world, STORE_REPORT), ERROR_MESSAGE_NOT_HELD);
    assert_string_equal(next_frame(world, id), "error");
    assert_non_null(strstr(world->frame.data, "message_not_held"));
    assert_non_null(strstr(world->frame.data, "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"));
    free_world(world);
}

/* ---- Rules ---- */

/* ---- Tokens that two phones use ---- */

static session_id open_with_token(struct world *world, const char *token_id)
{
    session_id id = 0;
    assert_true(broker_session_opened(world->broker, "phone", token_id, &device_protocol_basic,
                                      world->now_ms, &id));
    receive(world, id, "{}");
    return id;
}

static void a_takeover_counts_when_the_one_before_was_there(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id first = open_with_token(world, "first");
    answer_all(world);
    session_id second = open_with_token(world, "second");
    answer_all(world);
    session_id third = open_with_token(world, "third");
    assert_closes(world, second, ERROR_REPLACED);
    close_session(world, second); /* it does not answer: a dead connection of the same phone */
    assert_null(take_pending(world, STORE_COUNT_TAKEOVER));

    answer_all(world);
    close_session(world, third); /* the connection that took over has left */
    assert_closes(world, first, ERROR_REPLACED);
    broker_session_answered_close(world->broker, first);
    pump(world);
    struct store_write *count = take_pending(world, STORE_COUNT_TAKEOVER);
    assert_non_null(count);
    assert_string_equal(count->count_takeover.device_id, "phone");
    assert_string_equal(count->count_takeover.token_id, "first"); /* its own token */
    answer(world, count, ERROR_STORE_BUSY);
    advance(world, 1000);
    count = take_pending(world, STORE_COUNT_TAKEOVER);
    assert_non_null(count);
    answer(world, count, ERROR_NONE);

    session_id only = open_with_token(world, "first");
    answer_all(world);
    receive(world, only, "[");
    broker_session_violated(world->broker, only, ERROR_BINARY_FRAME, world->now_ms);
    broker_session_answered_close(world->broker, only); /* closed for another reason */
    pump(world);
    assert_null(take_pending(world, STORE_COUNT_TAKEOVER));
    close_session(world, only);
    close_session(world, first);
    free_world(world);
}

static void without_a_token_no_takeover_counts(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id first = connect_phone(world, "phone", "{}");
    connect_phone(world, "phone", "{}");
    assert_closes(world, first, ERROR_REPLACED);
    broker_session_answered_close(world->broker, first);
    pump(world);
    assert_null(take_pending(world, STORE_COUNT_TAKEOVER));
    close_session(world, first);
    free_world(world);
}

static void a_quarantined_token_ends_the_connection_that_has_it(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id first = open_with_token(world, "old");
    answer_all(world);
    session_id second = open_with_token(world, "new");
    answer_all(world);
    assert_closes(world, first, ERROR_REPLACED);
    while (*next_frame(world, second))
        ;
    for (int i = 0; i < 2; i++) {
        enum error error = ERROR_NONE;
        broker_session_answered_close(world->broker, first);
        pump(world);
        struct store_write *count = take_pending(world, STORE_COUNT_TAKEOVER);
        strcpy(count->count_takeover.token_id, i == 0 ? "old" : "new");
        count->count_takeover.quarantined = true;
        answer(world, count, ERROR_NONE);
        if (i == 0)
            assert_int_equal(next_output(world, second, &error), OUTPUT_NOTHING);
        else
            assert_closes(world, second, ERROR_DEVICE_QUARANTINED);
    }
    close_session(world, first);
    close_session(world, second);
    free_world(world);
}

static void a_phone_that_is_found_to_be_a_second_one_is_not_greeted(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = open_with_token(world, "token");
    struct store_write *connect = take_pending(world, STORE_DEVICE_CONNECT);
    connect->connect.quarantined = true;
    answer(world, connect, ERROR_NONE);
    enum error error = ERROR_NONE;
    assert_int_equal(next_output(world, id, &error), OUTPUT_CLOSE);
    assert_int_equal(error, ERROR_DEVICE_QUARANTINED);
    report(world, id, "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1", "sent");
    assert_null(take_pending(world, STORE_REPORT)); /* its reports do not count either */
    close_session(world, id);
    assert_null(take_pending(world, STORE_DEVICE_DISCONNECT));
    free_world(world);
}

static void too_many_frames_end_a_connection(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.max_frames_per_second = 10;
    struct world *world = new_world(&options);
    session_id id = connect_phone(world, "phone", "{}");
    for (int i = 0; i < 19; i++)
        receive(world, id, "{\"type\":\"device_update\",\"info\":{}}");
    enum error error;
    assert_int_equal(next_output(world, id, &error), OUTPUT_NOTHING);
    receive(world, id, "{\"type\":\"device_update\",\"info\":{}}");
    assert_closes(world, id, ERROR_TOO_MANY_FRAMES);
    free_world(world);
}

static void a_phone_that_does_not_read_its_errors_is_sent_away(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    for (int i = 0; i < SESSION_MAX_OWED; i++)
        receive(world, id, "garbage");
    assert_int_equal(world->paused_count, 1);
    for (int i = 0; i < 9; i++)
        advance(world, 1000);
    assert_string_equal(next_frame(world, id), "error"); /* one, in the last moment */
    for (int i = 0; i < 12; i++) /* 10 s for another, and 3 s for its close frame */
        advance(world, 1000);
    assert_int_equal(world->dropped_count, 0);
    assert_closes(world, id, ERROR_NOT_READING);
    advance(world, 1000);
    assert_int_equal(world->dropped_count, 1);
    free_world(world);
}

static void a_phone_that_reads_its_errors_is_read_from_again(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    for (int i = 0; i < SESSION_MAX_OWED; i++)
        receive(world, id, "garbage");
    assert_int_equal(world->paused_count, 1);
    while (world->resumed_count == 0)
        assert_string_equal(next_frame(world, id), "error");
    for (int i = 0; i < 59; i++) /* its silence counts from there */
        advance(world, 1000);
    assert_int_equal(world->dropped_count, 0);
    advance(world, 1000);
    assert_int_equal(world->dropped_count, 1);
    free_world(world);
}

static void a_phone_is_not_silent_while_it_is_not_read_from(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    for (int i = 0; i < SESSION_MAX_OWED; i++)
        report(world, id, "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1", "sent");
    for (int i = 0; i < 300; i++) /* the store is locked for minutes */
        advance(world, 1000);
    assert_int_equal(world->dropped_count, 0);
    answer_all(world);
    assert_int_equal(world->resumed_count, 1);
    advance(world, 1000);
    assert_int_equal(world->dropped_count, 0);
    free_world(world);
}

/* Whatever the work is: pings, empty fragments, single bytes. */
static void a_phone_that_makes_too_much_work_is_not_read_for_a_while(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.max_frames_per_second = 10; /* 30 units a second, 60 at once */
    struct world *world = new_world(&options);
    session_id id = connect_phone(world, "phone", "{}");
    for (int i = 0; i < 60; i++)
        broker_session_worked(world->broker, id, 1, world->now_ms);
    pump(world);
    assert_int_equal(world->paused_count, 0);
    assert_true(broker_session_is_read(world->broker, id));
    broker_session_worked(world->broker, id, 3000, world->now_ms); /* a hundred seconds' worth */
    pump(world);
    assert_int_equal(world->paused_count, 1);
    assert_false(broker_session_is_read(world->broker, id));
    for (int i = 0; i < 99; i++)
        advance(world, 1000);
    assert_int_equal(world->resumed_count, 0);
    advance(world, 1000);
    assert_int_equal(world->resumed_count, 1);
    assert_true(broker_session_is_read(world->broker, id));
    assert_int_equal(world->dropped_count, 0); /* it was not silent: it was not read from */

    broker_session_worked(world->broker, id, 3, world->now_ms);
    pump(world);
    assert_int_equal(broker_wake_ms(world->broker),
                     world->now_ms + 100); /* and no longer than needed */
    free_world(world);
}

static void two_reasons_not_to_read_are_one_pause(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    for (int i = 0; i < SESSION_MAX_OWED; i++)
        report(world, id, "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1", "sent");
    broker_session_worked(world->broker, id, 10000, world->now_ms);
    pump(world);
    assert_int_equal(world->paused_count, 1);
    answer_all(world);
    while (*next_frame(world, id))
        ;
    assert_int_equal(world->resumed_count, 0); /* the other one is still there */
    for (int i = 0; i < 3; i++)
        advance(world, 1000);
    assert_int_equal(world->resumed_count, 1);
    free_world(world);
}

static void pings_go_out_and_silence_ends(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id silent = connect_phone(world, "silent", "{}");
    session_id alive = connect_phone(world, "alive", "{}");
    enum error error;
    int pings = 0;
    for (int i = 0; i < 60; i++) {
        advance(world, 1000);
        answer_all(world);
        if (next_output(world, alive, &error) == OUTPUT_PING) {
            pings++;
            broker_session_alive(world->broker, alive, world->now_ms);
        }
    }
    assert_int_equal(pings, 3);
    assert_int_equal(world->dropped_count, 1);
    assert_int_equal(world->dropped[0], silent);
    free_world(world);
}

static void no_more_phones_than_allowed_are_admitted(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.max_sessions = 2;
    struct world *world = new_world(&options);
    session_id ids[3];
    ids[0] = open_session(world, "a");
    ids[1] = open_session(world, "b");
    assert_int_equal(broker_admits(world->broker), ERROR_TOO_MANY_PHONES);
    assert_false(broker_session_opened(world->broker, "c", "", &device_protocol_basic,
                                       world->now_ms, &ids[2]));
    close_session(world, ids[0]);
    assert_int_equal(broker_admits(world->broker), ERROR_NONE);
    ids[2] = open_session(world, "c");
    assert_int_not_equal(ids[2], ids[0]); /* the slot is used again, the id is not */
    receive(world, ids[0], "{}");
    assert_int_equal(world->pending_count, 0);
    free_world(world);
}

/* ---- Stopping ---- */

static void a_drain_flushes_says_farewell_and_takes_reports(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    char message_id[MESSAGE_ID_TEXT_SIZE];
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 1);
    answer_all(world);
    broker_drain(world->broker, ERROR_SHUTTING_DOWN, world->now_ms);
    pump(world);
    assert_int_equal(broker_admits(world->broker), ERROR_SHUTTING_DOWN);
    assert_true(read_message(world, id, message_id)); /* committed, so it is written */
    assert_closes(world, id, ERROR_SHUTTING_DOWN);
    queue(world, 1);
    assert_null(take_pending(world, STORE_CLAIM));
    report(world, id, message_id, "sent");
    assert_false(broker_is_drained(world->broker));
    close_session(world, id);
    assert_false(broker_is_drained(world->broker)); /* the report is at the store */
    assert_non_null(world->pending[0]);
    answer_all(world);
    assert_true(broker_is_drained(world->broker));
    free_world(world);
}

static void a_drain_ends_also_with_a_phone_that_does_not_listen(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    session_id id = connect_phone(world, "phone", "{}");
    queue(world, 1);
    answer_all(world);
    broker_drain(world->broker, ERROR_SHUTTING_DOWN, world->now_ms);
    pump(world);
    advance(world, 4999);
    assert_int_equal(world->dropped_count, 0);
    advance(world, 1);
    assert_int_equal(world->dropped_count, 1);
    close_session(world, id);
    struct store_write *back = take_pending(world, STORE_RETURN_TO_QUEUE);
    assert_non_null(back);
    answer(world, back, ERROR_STORE_BUSY); /* the time is over: no retry */
    answer_all(world);
    assert_true(broker_is_drained(world->broker));
    free_world(world);
}

/* A phone whose token is revoked is closed within two seconds, also without the doorbell. */
static void what_an_operator_has_ended_is_looked_for_at_once_and_every_two_seconds(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.sweep_interval_ms = 600000; /* a sweep searches too */
    struct world *world = new_world(&options);
    int64_t looked_at_ms = world->now_ms;
    for (int i = 0; i < 30; i++) {
        advance(world, 1000); /* as often as it is asked to */
        struct store_write *search = take_pending(world, STORE_FIND_REVOKED_TOKENS);
        if (search) {
            looked_at_ms = world->now_ms;
            answer(world, search, ERROR_NONE);
        }
        answer_all(world);
        assert_in_range(world->now_ms - looked_at_ms, 0, 2000);
    }
    world->now_ms += 300;
    broker_doorbell(world->broker, world->now_ms);
    pump(world);
    struct store_write *search = take_pending(world, STORE_FIND_REVOKED_TOKENS);
    assert_non_null(search);
    answer(world, search, ERROR_NONE);
    free_world(world);
}

static void the_lease_is_renewed_in_time(void **state)
{
    (void)state;
    struct world *world = new_world(&default_options);
    int leases = 0;
    for (int i = 0; i < 30; i++) {
        advance(world, 1000);
        struct store_write *lease = take_pending(world, STORE_BROKER_LEASE);
        if (lease) {
            leases++;
            assert_int_equal(lease->lease.lease_ms, 15000);
            answer(world, lease, ERROR_NONE);
        }
        answer_all(world);
    }
    assert_int_equal(leases, 6);
    free_world(world);
}

UNIT_TESTS(
    cmocka_unit_test(presence_is_committed_before_the_acknowledgement),
    cmocka_unit_test(a_refused_presence_closes_the_connection),
    cmocka_unit_test(a_phone_that_leaves_while_it_is_being_connected_is_disconnected),
    cmocka_unit_test(a_phone_that_says_nothing_is_sent_away),
    cmocka_unit_test(the_newest_connection_of_a_device_wins),
    cmocka_unit_test(a_greeting_on_an_older_connection_does_not_replace_a_newer_one),
    cmocka_unit_test(a_report_on_an_older_attempt_leaves_the_new_offer_alone),
    cmocka_unit_test(a_report_instead_of_an_ack_leaves_the_offer_where_it_is),
    cmocka_unit_test(a_phone_sent_away_before_its_greeting_reports_nothing),
    cmocka_unit_test(a_message_that_is_given_up_leaves_the_window_of_a_phone_with_a_journal),
    cmocka_unit_test(what_is_old_is_removed_in_pieces_once_the_clock_is_trusted),
    cmocka_unit_test(silence_counts_only_while_the_clock_is_trusted),
    cmocka_unit_test(no_frame_goes_out_before_the_commit),
    cmocka_unit_test(a_window_is_never_more_than_full),
    cmocka_unit_test(a_new_connection_does_not_empty_the_window),
    cmocka_unit_test(silence_frees_the_window_after_a_time),
    cmocka_unit_test(an_unwritten_message_goes_back_when_the_connection_ends),
    cmocka_unit_test(what_a_phone_said_before_it_left_counts_and_it_is_given_nothing_more),
    cmocka_unit_test(a_message_for_a_phone_that_left_meanwhile_goes_back),
    cmocka_unit_test(a_message_that_goes_back_leaves_the_window_of_the_connection_that_took_over),
    cmocka_unit_test(the_store_is_asked_for_no_more_than_phones_can_take),
    cmocka_unit_test(one_hand_over_is_at_the_store_at_a_time),
    cmocka_unit_test(a_busy_store_is_asked_again_later),
    cmocka_unit_test(the_sweep_finds_what_no_doorbell_announced),
    cmocka_unit_test(a_search_for_what_to_revoke_goes_on_to_the_end),
    cmocka_unit_test(equal_phones_take_turns),
    cmocka_unit_test(an_empty_battery_gets_nothing_until_it_is_charged),
    cmocka_unit_test(a_phone_that_sends_nothing_is_tried_with_one_at_a_time),
    cmocka_unit_test(a_phone_that_sends_nothing_comes_after_others),
    cmocka_unit_test(a_pace_is_kept),
    cmocka_unit_test(a_message_that_fits_into_no_frame_fails_by_itself),
    cmocka_unit_test(warnings_come_after_the_greeting_and_are_few),
    cmocka_unit_test(a_report_without_its_seq_counts_and_is_not_acknowledged),
    cmocka_unit_test(a_new_connection_brings_no_new_burst),
    cmocka_unit_test(a_phone_at_its_cap_does_not_stand_in_the_way_of_others),
    cmocka_unit_test(while_sending_is_paused_the_store_is_asked_by_the_sweep_alone),
    cmocka_unit_test(a_report_is_tried_until_the_store_takes_it),
    cmocka_unit_test(a_phone_that_reports_faster_than_the_store_writes_is_not_read),
    cmocka_unit_test(a_report_on_anothers_message_is_answered_with_an_error),
    cmocka_unit_test(a_takeover_counts_when_the_one_before_was_there),
    cmocka_unit_test(without_a_token_no_takeover_counts),
    cmocka_unit_test(a_quarantined_token_ends_the_connection_that_has_it),
    cmocka_unit_test(a_phone_that_is_found_to_be_a_second_one_is_not_greeted),
    cmocka_unit_test(too_many_frames_end_a_connection),
    cmocka_unit_test(a_phone_that_does_not_read_its_errors_is_sent_away),
    cmocka_unit_test(a_phone_that_reads_its_errors_is_read_from_again),
    cmocka_unit_test(a_phone_is_not_silent_while_it_is_not_read_from),
    cmocka_unit_test(a_phone_that_makes_too_much_work_is_not_read_for_a_while),
    cmocka_unit_test(two_reasons_not_to_read_are_one_pause),
    cmocka_unit_test(pings_go_out_and_silence_ends),
    cmocka_unit_test(no_more_phones_than_allowed_are_admitted),
    cmocka_unit_test(a_drain_flushes_says_farewell_and_takes_reports),
    cmocka_unit_test(a_drain_ends_also_with_a_phone_that_does_not_listen),
    cmocka_unit_test(what_an_operator_has_ended_is_looked_for_at_once_and_every_two_seconds),
    cmocka_unit_test(the_lease_is_renewed_in_time))
