/* The promises about frames: each frame of a phone has its effect, and each frame to it follows from what is on disk. */
#include "common/base/json.h"
#include "common/model/protocol.h"
#include "tests/fuzz/broker_world.h"

enum { MOST_ENTRIES = 1000 }; /* of a journal */

/* ---- What a phone says ---- */

void promise_says(struct phone *phone, const struct frame *said)
{
    if (said && said->type == FRAME_IS_HELLO)
        phone->journal = said->journal;
    if (said && (said->type == FRAME_IS_HELLO || said->type == FRAME_IS_CREDIT))
        phone->credit = said->credit;
    for (size_t i = 0; said && i < said->entry_count; i++) {
        phone->entries = realloc(phone->entries,
                                 (phone->entry_count + 1) * sizeof(*phone->entries));
        CHECK(phone->entries);
        phone->entries[phone->entry_count++] = said->entries[i];
    }
}

/* Whether a frame has had the effect that it has on a connection which stays open. */
static bool had_effect(struct phone *phone, const struct frame *said)
{
    switch (said->type) {
    case FRAME_IS_DEVICE_INFO:
        return phone->turn > 0;
    case FRAME_IS_JOURNAL:
        return phone->turn > 0 || (!said->last && phone->entry_count <= MOST_ENTRIES);
    case FRAME_IS_ACK:
        return world.heard || !phone->connected;
    case FRAME_IS_NACK: { /* without effect unless it is about an open offer */
        const struct in_flight *held = in_flight_find(phone, message_of_id(&said->ref.id),
                                                      said->ref.attempt);
        return world.heard || !held || !held->offered || held->answered;
    }
    case FRAME_IS_REPORT:
    case FRAME_IS_STATUS_UPDATE:
    case FRAME_IS_SMS_RECEIVED:
        return world.heard || phone->turn == 0;
    case FRAME_IS_HELLO:
    case FRAME_IS_CREDIT:
    case FRAME_IS_DEVICE_UPDATE:
    case FRAME_TYPE_COUNT:
        break;
    }
    return true;
}

static bool is_patient(void)
{
    return world.options.max_frames_per_second > EVENTS;
}

void promise_said(struct phone *phone, const struct frame *said)
{
    bool greets = phone->stage != STAGE_ASSURED && phone->stage != STAGE_BASIC;
    if (!said) {
        phone_owe(phone, (struct owed){.type = FRAME_ERROR});
        phone->must_close |= greets;
        return;
    }
    bool is_report = said->type == FRAME_IS_REPORT || said->type == FRAME_IS_STATUS_UPDATE ||
                     said->type == FRAME_IS_SMS_RECEIVED;
    bool effective = had_effect(phone, said);
    CHECK(effective || !is_report ||
          !is_patient()); /* also on a connection that was closed or replaced */
    phone->must_close |= !effective;
    phone->warnable += said->warning.error != ERROR_NONE;
    if (said->type == FRAME_IS_HELLO)
        phone->stage = STAGE_JOURNAL;
    if (said->type == FRAME_IS_JOURNAL && said->last)
        phone->stage = STAGE_ASSURED;
    if (said->type == FRAME_IS_DEVICE_INFO)
        phone->stage = STAGE_BASIC;
    if (said->type == FRAME_IS_DEVICE_INFO || said->type == FRAME_IS_HELLO ||
        said->type == FRAME_IS_DEVICE_UPDATE) {
        struct device_info before = phone->info;
        CHECK(device_info_copy(&said->info, &phone->info));
        device_info_fini(&before);
    }
}

/* ---- What a phone is written ---- */

/* No other phone was told to send it, except those that have proved that they did not. */
static bool is_only_one(unsigned message, unsigned attempt)
{
    unsigned newest = world_store_message(&world.store, message).attempt;
    for (unsigned i = 1; i <= newest; i++) {
        const struct attempt *other = &world.attempts[message][i];
        if (i != attempt && other->given && !other->proved)
            return false;
    }
    return true;
}

static void check_offer(struct phone *phone, const struct owed *frame)
{
    struct attempt *attempt = store_find_attempt(&frame->ref);
    struct in_flight *held = in_flight_find(phone, message_of_id(&frame->ref.id),
                                            frame->ref.attempt);
    CHECK(attempt->claimed && attempt->assured && attempt->device == phone->device);
    CHECK(message_id_equal(&attempt->journal, &phone->journal));
    CHECK(!attempt->offered && held && !held->written);
    attempt->offered = true;
    held->written = true;
    held->due_at_ms = world.now_ms + world.options.ack_timeout_ms;
}

static void check_new_sms(struct phone *phone, const struct owed *frame)
{
    unsigned message = message_of_id(&frame->ref.id);
    struct in_flight *held = in_flight_find_unwritten(phone, message);
    CHECK(held);
    struct attempt *attempt = store_find_attempt(
        &(struct message_ref){frame->ref.id, held->attempt});
    CHECK(attempt->accepted && !attempt->assured && attempt->device == phone->device);
    CHECK(!attempt->given && is_only_one(message, held->attempt));
    attempt->given = true;
    held->written = true;
    held->due_at_ms = world.now_ms + world.options.report_timeout_ms;
}

static void check_release(struct phone *phone, const struct owed *frame)
{
    struct attempt *attempt = store_find_attempt(&frame->ref);
    CHECK(attempt->accepted && attempt->assured && attempt->device == phone->device);
    CHECK(message_id_equal(&attempt->journal, &phone->journal));
    /* A repetition to the journal that has the proof has no effect. */
    CHECK(attempt->proved || is_only_one(message_of_id(&frame->ref.id), frame->ref.attempt));
    attempt->given = true;
}

static void check_revoke(struct phone *phone, const struct owed *frame)
{
    unsigned message = message_of_id(&frame->ref.id);
    struct attempt *attempt = store_find_attempt(&frame->ref);
    CHECK(attempt->accepted && attempt->assured && attempt->device == phone->device);
    CHECK(world_store_message(&world.store, message).cancel_requested);
    CHECK(phone->revoked[message] != frame->ref.attempt);
    phone->revoked[message] = frame->ref.attempt;
}

/* Not before it is on disk. */
static void check_received_ack(struct phone *phone, const struct owed *frame)
{
    CHECK(store_has_received(phone->device, frame->received_id));
}

static const struct {
    const char *type;
    void (*check)(struct phone *phone, const struct owed *frame);
    bool is_owed; /* the one frame that follows from a completed write */
    bool is_late; /* it comes after the greeting */
} rules[] = {
    {FRAME_WELCOME, NULL, true, false},
    {FRAME_CONNECTION_ACK, NULL, true, false},
    {FRAME_ERROR, NULL, true, false},
    {FRAME_REPORT_ACK, NULL, true, false},
    {FRAME_RELEASE, check_release, true, true},
    {FRAME_DROP, NULL, true, true},
    {FRAME_OFFER, check_offer, false, true},
    {FRAME_NEW_SMS, check_new_sms, false, true},
    {FRAME_SMS_RECEIVED_ACK, check_received_ack, true, false},
    {FRAME_REVOKE, check_revoke, false,
     true}, /* possibly about a message that counts as silent here */
};

/* False when the member is missing. */
static bool read_number(const struct json *frame, const char *name, int64_t *number)
{
    const struct json *value = json_member(frame, name);
    CHECK(!value || json_integer(value, number));
    return value;
}

static struct owed read_frame(const struct json *json)
{
    struct owed frame = {.type = json_text(json_member(json, "type"))};
    const struct json *id = json_member(json, "message_id");
    int64_t number = 0;
    CHECK(frame.type);
    frame.is_warning = strcmp(frame.type, FRAME_ERROR) == 0 &&
                       strcmp(json_text(json_member(json, "code")), "member_ignored") == 0;
    if (strcmp(frame.type, FRAME_ERROR) == 0)
        return frame; /* whatever message it names */
    CHECK(!id || message_id_parse(json_text(id), &frame.ref.id));
    const struct json *received_id = json_member(json, "received_id");
    CHECK(!received_id || strlen(json_text(received_id)) < RECEIVED_ID_SIZE);
    strcpy(frame.received_id, received_id ? json_text(received_id) : "");
    frame.ref.attempt = read_number(json, "attempt", &number) ? (unsigned)number : 0;
    frame.credit = read_number(json, "credit", &number) ? (unsigned)number : 0;
    if (read_number(json, "seq", &number) || read_number(json, "session", &number))
        frame.number = number;
    return frame;
}

void promise_frame(struct phone *phone, const struct buffer *text)
{
    struct json_problem problem;
    struct json *json = json_parse(text->data, text->length, &problem);
    CHECK(json);
    struct owed frame = read_frame(json);
    if (frame.is_warning) { /* at most one for a frame, and after the greeting */
        CHECK(phone->greeted && phone->warnings++ < MIN(phone->warnable, 8u));
        json_free(json);
        return;
    }
    size_t i = 0;
    while (strcmp(frame.type, rules[i].type) != 0)
        CHECK(++i < ARRAY_LENGTH(rules));
    CHECK(phone_pay(phone, &frame) || !rules[i].is_owed);
    CHECK(phone->greeted || !rules[i].is_late);
    if (rules[i].check)
        rules[i].check(phone, &frame);
    phone->greeted |= strcmp(frame.type, FRAME_WELCOME) == 0 ||
                      strcmp(frame.type, FRAME_CONNECTION_ACK) == 0;
    json_free(json);
}

void promise_silence(const struct phone *phone)
{
    if (phone->closed)
        return;
    CHECK(!phone->must_close);
    CHECK(phone->owed_count == 0);
    for (unsigned i = 0; i < phone->in_flight_count; i++)
        CHECK(phone->in_flight[i].written);
}

void promise_closed(struct phone *phone, enum error error)
{
    CHECK(error_close_code(error) != 0);
    CHECK(error != ERROR_REPLACED || phone->opened < world.last_opened[phone->device]);
    CHECK(error != ERROR_SHUTTING_DOWN || world.draining);
    CHECK(in_flight_count_returnable(phone) == 0);
    phone->closed = true;
}

void promise_gone(const struct phone *phone)
{
    CHECK(in_flight_count_returnable(phone) == 0);
}
