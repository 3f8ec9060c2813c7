/*
 * The broker core, with the events that an input chooses: phones that come, say anything and leave,
 * a store that answers late, out of order or with an error, and a clock that jumps.
 *
 * The store here is a table of messages. It and the phones check what broker.h promises: no message
 * goes out before it is committed as accepted, nor twice, nor beyond the window; one that was never
 * written goes back; no report is forgotten; and whatever happened before, a drain ends.
 */
#include "../../common/json.h"
#include "../../common/protocol.h"
#include "../../ws-broker/broker.h"
#include "fuzz.h"

enum { DEVICES = 3, SESSIONS = 6, MESSAGES = 24, PENDING = 1024, EVENTS = 400 };

static const struct broker_options default_options = {
    .name = "broker",
    .max_sessions = SESSIONS - 1,
    .window = 3,
    .min_battery_percent = 5,
    .max_frames_per_second = 20,
    .device_info_timeout_ms = 10000,
    .liveness_timeout_ms = 60000,
    .ack_timeout_ms = 20000,
    .report_timeout_ms = 30000,
    .report_horizon_ms = 3600000,
    .stuck_after_ms = 900000,
    .sweep_interval_ms = 2000,
    .lease_ms = 15000,
    .drain_timeout_ms = 5000,
};

/* A message in the store, and what phones have seen of it. */
struct stored {
    struct message_id id;
    enum { ABSENT, QUEUED, ACCEPTED, REPORTED } state;
    char device_id[DEVICE_ID_SIZE]; /* unless it is queued */
    bool written;                   /* its frame, since it was accepted */
    bool released;                  /* likewise: its phone has reported on it */
    bool lost;                      /* the store refused to take it back until the end */
    session_id session;             /* where it was written */
    int64_t written_at_ms;
};

/* A phone's connection. */
struct phone {
    bool open;
    session_id id;
    char device_id[DEVICE_ID_SIZE];
    bool paused, dropped, acknowledged, closed;
    unsigned turn; /* the how manieth to say who it is; 0: has not */
};

static struct world {
    struct choices choices;
    struct broker_options options;
    struct broker *broker;
    int64_t now_ms;
    struct stored stored[MESSAGES];
    struct phone phones[SESSIONS];
    struct store_write *pending[PENDING];
    size_t pending_count;
    int64_t connections;   /* the store's last session number */
    struct phone *speaker; /* whose frame the core is reading */
    unsigned turns;
    int refused_reports; /* that must come again */
    bool ticking;        /* what the core does now, it does because time passes */
    bool draining;
    int64_t drain_until_ms;
} world;

/* ---- What the core wants ---- */

static struct phone *find_phone(session_id id)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        if (world.phones[i].open && world.phones[i].id == id)
            return &world.phones[i];
    }
    return NULL;
}

static struct stored *find_stored(const struct message_id *id)
{
    for (size_t i = 0; i < MESSAGES; i++) {
        if (world.stored[i].state != ABSENT && message_id_equal(&world.stored[i].id, id))
            return &world.stored[i];
    }
    return NULL;
}

/* A new report comes with a frame; when time passes, those that were refused come again. */
static void see_report(const struct store_write *write)
{
    struct stored *stored = find_stored(&write->report.id);
    if (world.ticking)
        world.refused_reports--;
    else if (stored && write->report.status != MESSAGE_SENDING &&
             strcmp(stored->device_id, write->report.phone.device_id) == 0)
        stored->released = true;
}

static void take_action(const struct broker_action *action)
{
    if (action->type == BROKER_STORE) {
        CHECK(world.pending_count < PENDING);
        world.pending[world.pending_count++] = action->write;
        if (action->write->verb == STORE_REPORT)
            see_report(action->write);
        if (action->write->verb == STORE_DEVICE_CONNECT)
            world.speaker->turn = ++world.turns;
        return;
    }
    struct phone *phone = find_phone(action->session);
    CHECK(phone); /* sessions that are closed are no longer named */
    switch (action->type) {
    case BROKER_PAUSE:
        CHECK(!phone->paused);
        phone->paused = true;
        break;
    case BROKER_RESUME:
        CHECK(phone->paused);
        phone->paused = false;
        break;
    case BROKER_DROP:
        CHECK(!phone->dropped);
        phone->dropped = true;
        break;
    case BROKER_WRITE:
    case BROKER_STORE:
        break;
    }
}

static void pump(void)
{
    struct broker_action action;
    while (broker_next_action(world.broker, &action))
        take_action(&action);
    CHECK(world.refused_reports >= 0);
}

/* ---- Phones ---- */

static void open_phone(struct phone *phone)
{
    struct phone opened = {.open = true};
    snprintf(opened.device_id, sizeof(opened.device_id), "phone-%u",
             choose(&world.choices, DEVICES));
    bool admitted = broker_admits(world.broker) == ERROR_NONE;
    bool there = broker_session_opened(world.broker, opened.device_id, false, world.now_ms,
                                       &opened.id);
    CHECK(there == admitted && !(there && world.draining));
    if (there) {
        CHECK(!find_phone(opened.id));
        *phone = opened;
    }
    pump();
}

static void close_phone(struct phone *phone)
{
    phone->open = false;
    broker_session_closed(world.broker, phone->id, world.now_ms);
    pump();
}

/* Frames come whole; a connection that is paused or gone brings none. */
static void receive(struct phone *phone, const void *bytes, size_t length)
{
    if (phone->paused || phone->dropped)
        return;
    char *text = bytes_of(bytes, length);
    world.speaker = phone;
    broker_session_received(world.broker, phone->id, text, length, world.now_ms);
    free(text);
    pump();
    world.speaker = NULL;
}

static void say_info(struct phone *phone)
{
    static const char *const infos[] = {
        "{}",
        "{\"battery_level\":4,\"signal_strength\":-120}",
        "{\"battery_level\":90,\"signal_strength\":-70,\"extra\":[1]}",
        "{\"type\":\"device_update\",\"info\":{\"battery_level\":3,\"charging\":false}}",
        "{\"type\":\"device_update\",\"info\":{\"charging\":true,\"sim\":2}}",
    };
    const char *info = infos[choose(&world.choices, ARRAY_LENGTH(infos))];
    receive(phone, info, strlen(info));
}

static void say_report(struct phone *phone)
{
    static const char *const statuses[] = {"sent", "sending", "delivered", "failed", "queued"};
    char text[200], id[MESSAGE_ID_TEXT_SIZE];
    struct stored *stored = &world.stored[choose(&world.choices, MESSAGES)];
    unsigned status = choose(&world.choices, ARRAY_LENGTH(statuses));
    message_id_format(&stored->id, id);
    snprintf(text, sizeof(text),
             "{\"type\":\"status_update\",\"message_id\":\"%s\",\"status\":\"%s\"}", id,
             statuses[status]);
    receive(phone, text, strlen(text));
}

static void say_anything(struct phone *phone)
{
    struct choices bytes = choose_bytes(&world.choices, 250);
    receive(phone, bytes.data, bytes.size);
}

/* In the hands of this connection's phone, as the core must count them. */
static unsigned count_in_hand(const struct phone *phone)
{
    unsigned count = 0;
    for (size_t i = 0; i < MESSAGES; i++) {
        const struct stored *stored = &world.stored[i];
        count += stored->written && !stored->released && stored->session == phone->id &&
                 world.now_ms < stored->written_at_ms + world.options.report_timeout_ms;
    }
    return count;
}

/* Of those of its device: only the last to say who it is gets messages. */
static bool is_newest(const struct phone *phone)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        const struct phone *other = &world.phones[i];
        if (other->open && strcmp(other->device_id, phone->device_id) == 0 &&
            other->turn > phone->turn)
            return false;
    }
    return true;
}

static void check_frame(struct phone *phone, const struct buffer *text)
{
    struct json_problem problem;
    struct message_id id;
    struct json *frame = json_parse(text->data, text->length, &problem);
    CHECK(frame);
    const char *type = json_text(json_member(frame, "type"));
    if (strcmp(type, FRAME_CONNECTION_ACK) == 0) {
        CHECK(!phone->acknowledged);
        phone->acknowledged = true;
    } else if (strcmp(type, FRAME_NEW_SMS) == 0) {
        CHECK(phone->acknowledged && is_newest(phone));
        CHECK(message_id_parse(json_text(json_member(frame, "message_id")), &id));
        struct stored *stored = find_stored(&id);
        CHECK(stored && stored->state >= ACCEPTED && !stored->written);
        CHECK(strcmp(stored->device_id, phone->device_id) == 0);
        stored->written = true;
        stored->session = phone->id;
        stored->written_at_ms = world.now_ms;
        CHECK(count_in_hand(phone) <= world.options.window);
    } else {
        CHECK(strcmp(type, FRAME_ERROR) == 0);
    }
    json_free(frame);
}

/* Takes up to `most` outputs. */
static void read_output(struct phone *phone, unsigned most)
{
    struct buffer frame;
    enum session_output output = OUTPUT_FRAME;
    buffer_init(&frame, FRAME_MAX_BYTES);
    for (unsigned i = 0; i < most && output != OUTPUT_NOTHING; i++) {
        enum error error = ERROR_NONE;
        buffer_clear(&frame);
        output = broker_take_output(world.broker, phone->id, world.now_ms, &frame, &error);
        CHECK(!phone->closed || output == OUTPUT_NOTHING);
        if (output == OUTPUT_CLOSE) {
            CHECK(error_close_code(error) != 0);
            phone->closed = true;
        }
        if (output == OUTPUT_FRAME)
            check_frame(phone, &frame);
        pump();
    }
    buffer_fini(&frame);
}

/* ---- The store ---- */

static void fill_hand_over(struct store_write *write)
{
    size_t count = 0;
    for (size_t i = 0; i < MESSAGES && count < write->hand_over.slot_count; i++) {
        struct stored *stored = &world.stored[i];
        if (stored->state != QUEUED)
            continue;
        stored->state = ACCEPTED;
        stored->written = stored->released = false;
        strcpy(stored->device_id, write->hand_over.slots[count].device_id);
        struct message *message = &write->hand_over.messages[count++];
        message->id = stored->id;
        message->text = strdup("\xc3\xa9\n\"");
        message->status = MESSAGE_ACCEPTED;
        message->segments = 1 + (unsigned)i % 3;
        strcpy(message->phone_number, "+1234567890");
        strcpy(message->device_id, stored->device_id);
    }
    write->hand_over.message_count = count;
}

static void fill_connect(struct store_write *write)
{
    size_t count = 0;
    write->connect.session = ++world.connections;
    for (size_t i = 0; i < MESSAGES && count < write->connect.held_capacity; i++) {
        const struct stored *stored = &world.stored[i];
        if (stored->state != ACCEPTED ||
            strcmp(stored->device_id, write->connect.phone.device_id) != 0)
            continue;
        write->connect.held[count++] = (struct store_held_message){
            .id = stored->id,
            .silent_ms = stored->written ? world.now_ms - stored->written_at_ms : 0,
        };
    }
    write->connect.held_count = count;
}

static enum error take_report(const struct store_write *write)
{
    struct stored *stored = find_stored(&write->report.id);
    CHECK(message_status_is_report(write->report.status));
    if (!stored || stored->state < ACCEPTED ||
        strcmp(stored->device_id, write->report.phone.device_id) != 0)
        return ERROR_MESSAGE_NOT_HELD;
    if (write->report.status != MESSAGE_SENDING)
        stored->state = REPORTED;
    return ERROR_NONE;
}

static void take_back(const struct store_write *write)
{
    struct stored *stored = find_stored(&write->take_back.id);
    CHECK(stored && !stored->written);
    if (stored->state == ACCEPTED) {
        CHECK(strcmp(stored->device_id, write->take_back.device_id) == 0);
        stored->state = QUEUED;
    }
}

/* Does what a write says. */
static enum error commit(struct store_write *write)
{
    switch (write->verb) {
    case STORE_HAND_OVER:
        fill_hand_over(write);
        break;
    case STORE_TAKE_BACK:
        take_back(write);
        break;
    case STORE_REPORT:
        return take_report(write);
    case STORE_DEVICE_CONNECT:
        fill_connect(write);
        break;
    case STORE_DEVICE_UPDATE:
        CHECK(write->update.session > 0 && write->update.session <= world.connections);
        break;
    case STORE_DEVICE_DISCONNECT:
        CHECK(write->disconnect.session > 0 && write->disconnect.session <= world.connections);
        break;
    case STORE_GIVE_UP:
    case STORE_FIND_REVOKED:
    case STORE_COUNT_STUCK:
    case STORE_BROKER_LEASE:
        break;
    case STORE_ENQUEUE:
    case STORE_CANCEL:
    case STORE_RELEASE:
    case STORE_PROBE:
    case STORE_VERB_COUNT:
        CHECK(false); /* not the broker's */
    }
    return ERROR_NONE;
}

static void answer(size_t index, enum error result)
{
    struct store_write *write = world.pending[index];
    world.pending_count--;
    memmove(&world.pending[index], &world.pending[index + 1],
            (world.pending_count - index) * sizeof(write));
    write->result = result == ERROR_NONE ? commit(write) : result;
    bool overdue = world.draining && world.now_ms >= world.drain_until_ms;
    if (result != ERROR_NONE && write->verb == STORE_REPORT && !overdue)
        world.refused_reports++;
    if (result != ERROR_NONE && write->verb == STORE_TAKE_BACK && overdue)
        find_stored(&write->take_back.id)->lost = true;
    broker_store_done(world.broker, write, world.now_ms);
    pump();
}

static void answer_one(void)
{
    static const enum error results[] = {
        ERROR_NONE,      ERROR_NONE, ERROR_NONE, ERROR_STORE_BUSY, ERROR_STORE_UNAVAILABLE,
        ERROR_DISK_FULL,
    };
    unsigned index = choose(&world.choices, 256);
    enum error result = results[choose(&world.choices, ARRAY_LENGTH(results))];
    if (world.pending_count > 0)
        answer(index % world.pending_count, result);
}

static void answer_all(void)
{
    while (world.pending_count > 0)
        answer(0, ERROR_NONE);
}

static void queue_message(void)
{
    struct stored *stored = &world.stored[choose(&world.choices, MESSAGES)];
    if (stored->state == ABSENT)
        stored->state = QUEUED;
    broker_doorbell(world.broker, world.now_ms);
    pump();
}

/* ---- Time ---- */

static void pass_time(int64_t ms)
{
    world.now_ms += ms;
    world.ticking = true;
    broker_tick(world.broker, world.now_ms, 1700000000000 + world.now_ms);
    pump();
    world.ticking = false;
    CHECK(broker_wake_ms(world.broker) > world.now_ms);
    CHECK(broker_wake_ms(world.broker) <= world.now_ms + 1000);
}

static void drain(void)
{
    if (!world.draining)
        world.drain_until_ms = world.now_ms + world.options.drain_timeout_ms;
    world.draining = true;
    broker_drain(world.broker, world.now_ms);
    pump();
}

/* ---- */

static void happen(void)
{
    static const int64_t times_ms[] = {0, 1, 50, 100, 1000, 1000, 3000, 10000, 30000, 60000};
    unsigned event = choose(&world.choices, 13);
    struct phone *phone = &world.phones[choose(&world.choices, SESSIONS)];
    switch (event) {
    case 0:
        queue_message();
        return;
    case 1:
        answer_one();
        return;
    case 2:
        answer_all();
        return;
    case 3:
        pass_time(times_ms[choose(&world.choices, ARRAY_LENGTH(times_ms))]);
        return;
    case 4:
        if (choose(&world.choices, 16) == 1)
            drain();
        return;
    }
    if (!phone->open) {
        open_phone(phone);
        return;
    }
    switch (event) {
    case 5:
    case 6:
        say_info(phone);
        break;
    case 7:
        say_report(phone);
        break;
    case 8:
        say_anything(phone);
        break;
    case 9:
        read_output(phone, 1 + choose(&world.choices, 100));
        break;
    case 10:
        broker_session_alive(world.broker, phone->id, world.now_ms);
        pump();
        break;
    case 11:
        broker_session_violated(world.broker, phone->id, ERROR_BINARY_FRAME, world.now_ms);
        pump();
        break;
    case 12:
        close_phone(phone);
        break;
    }
}

/* Everybody behaves well now; the broker must come to its end, and nothing may be missing. */
static void end_well(void)
{
    drain();
    for (int i = 0; i < 3 || world.pending_count > 0; i++) {
        CHECK(i < 100);
        answer_all();
        for (size_t k = 0; k < SESSIONS; k++) {
            struct phone *phone = &world.phones[k];
            if (!phone->open)
                continue;
            read_output(phone, UINT32_MAX);
            CHECK(phone->closed);
            CHECK(!phone->paused || world.refused_reports > 0); /* it is owed nothing */
            close_phone(phone);
        }
        answer_all();
        pass_time(1000);
    }
    answer_all();
    CHECK(broker_is_drained(world.broker));
    CHECK(world.refused_reports == 0);
    for (size_t i = 0; i < MESSAGES; i++) {
        const struct stored *stored = &world.stored[i];
        CHECK(stored->state != ACCEPTED || stored->written || stored->released || stored->lost);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    log_nothing();
    world = (struct world){.choices = {data, size}, .options = default_options, .now_ms = 1000000};
    world.options.segments_per_minute = 60 * choose(&world.choices, 2);
    for (size_t i = 0; i < MESSAGES; i++)
        world.stored[i].id.bytes[15] = (unsigned char)(1 + i);
    world.broker = broker_new(&world.options, world.now_ms);
    CHECK(world.broker);
    for (int i = 0; i < EVENTS && world.choices.size > 0; i++)
        happen();
    end_well();
    broker_free(world.broker);
    return 0;
}
