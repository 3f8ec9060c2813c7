#include "phone.h"

#include "../../common/protocol.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { COMPLAINT_SIZE = 512 };

static void PRINTF_FORMAT(2, 3) complain(struct phone *phone, const char *format, ...)
{
    char text[COMPLAINT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    phone->world->complained(phone, text);
}

static void arm(struct phone *phone, struct timer *timer, int64_t due_ms)
{
    timers_arm(phone->world->timers, timer, due_ms);
}

static void disarm(struct phone *phone, struct timer *timer)
{
    timers_disarm(phone->world->timers, timer);
}

bool phone_has_to_write(const struct phone *phone)
{
    switch (phone->state) {
    case PHONE_GREETING:
        return phone->wants_greeting;
    case PHONE_CONNECTED:
        return phone->wants_ping || phone->wants_update || !TAILQ_EMPTY(&phone->radio.to_report);
    case PHONE_RESTING:
    case PHONE_CONNECTING:
    case PHONE_STOPPED:
        break;
    }
    return false;
}

static void want_write(struct phone *phone)
{
    if (phone_has_to_write(phone))
        phone->world->want_write(phone);
}

/* ---- The device: battery and signal ---- */

static int64_t battery_percent(const struct phone *phone, int64_t now_ms)
{
    const struct habits *habits = phone->world->habits;
    double hours = (double)(now_ms - phone->switched_on_ms) / 3600e3;
    double lost = habits->charging ? 0 : floor(hours * habits->battery_drain);
    return MAX(0, (int64_t)((double)phone->battery_at_start - lost));
}

static void arm_battery(struct phone *phone, int64_t now_ms)
{
    const struct habits *habits = phone->world->habits;
    int64_t percent = battery_percent(phone, now_ms);
    if (habits->charging || habits->battery_drain <= 0 || percent == 0)
        return;
    double lost_then = (double)(phone->battery_at_start - percent + 1);
    double due_ms = MIN(ceil(lost_then / habits->battery_drain * 3600e3), 1e15);
    arm(phone, &phone->battery_timer, MAX(now_ms + 1, phone->switched_on_ms + (int64_t)due_ms));
}

static void on_battery_timer(struct timer *timer, int64_t now_ms)
{
    struct phone *phone = CONTAINER_OF(timer, struct phone, battery_timer);
    if (battery_percent(phone, now_ms) != phone->battery_reported)
        phone->wants_update = true;
    arm_battery(phone, now_ms);
    want_write(phone);
}

static void on_update_timer(struct timer *timer, int64_t now_ms)
{
    struct phone *phone = CONTAINER_OF(timer, struct phone, update_timer);
    int64_t walk = phone->world->habits->signal_walk_dbm;
    phone->signal_dbm += random_within(&phone->random, (struct range){-walk, walk});
    phone->signal_dbm = MIN(-50, MAX(-120, phone->signal_dbm));
    phone->wants_update = true;
    arm(phone, timer, now_ms + phone->world->habits->update_seconds * 1000);
    want_write(phone);
}

static size_t write_device(struct phone *phone, char *space, int64_t now_ms)
{
    struct device device = {
        .name = phone->name,
        .battery_percent = battery_percent(phone, now_ms),
        .charging = phone->world->habits->charging,
        .signal_dbm = phone->signal_dbm,
    };
    phone->battery_reported = device.battery_percent;
    return phone->state == PHONE_GREETING ? frame_write_device_info(space, &device)
                                          : frame_write_device_update(space, &device);
}

/* ---- The connection ---- */

static void drop(struct phone *phone, const char *reason)
{
    phone->drop_reason = reason;
    phone->world->drop(phone);
}

static void on_connection_timer(struct timer *timer, int64_t now_ms)
{
    struct phone *phone = CONTAINER_OF(timer, struct phone, connection_timer);
    switch (phone->state) {
    case PHONE_RESTING:
        phone->state = PHONE_CONNECTING;
        phone->world->connect(phone);
        break;
    case PHONE_GREETING:
        drop(phone, "no connection_ack came for 30 s");
        break;
    case PHONE_CONNECTED:
        if (now_ms - phone->heard_at_ms >= PHONE_SILENCE_DROP_MS) {
            drop(phone, "nothing was heard for 80 s");
        } else if (now_ms - phone->heard_at_ms >= PHONE_SILENCE_PING_MS) {
            phone->wants_ping = true;
            arm(phone, timer, phone->heard_at_ms + PHONE_SILENCE_DROP_MS);
            want_write(phone);
        } else {
            arm(phone, timer, phone->heard_at_ms + PHONE_SILENCE_PING_MS);
        }
        break;
    case PHONE_CONNECTING:
    case PHONE_STOPPED:
        break;
    }
}

static void on_disconnect_timer(struct timer *timer, int64_t now_ms)
{
    (void)now_ms;
    drop(CONTAINER_OF(timer, struct phone, disconnect_timer),
         "dropped, as --disconnect-every says");
}

static void on_pace_timer(struct timer *timer, int64_t now_ms)
{
    (void)now_ms;
    want_write(CONTAINER_OF(timer, struct phone, pace_timer));
}

void phone_opened(struct phone *phone, int64_t now_ms)
{
    phone->state = PHONE_GREETING;
    phone->wants_greeting = true;
    phone->heard_at_ms = now_ms;
    arm(phone, &phone->connection_timer, now_ms + PHONE_ACK_TIMEOUT_MS);
    want_write(phone);
}

void phone_heard(struct phone *phone, int64_t now_ms)
{
    phone->heard_at_ms = now_ms;
}

static void acknowledged(struct phone *phone, int64_t now_ms)
{
    const struct habits *habits = phone->world->habits;
    if (phone->state != PHONE_GREETING) {
        complain(phone, "the gateway sent connection_ack again");
        return;
    }
    phone->state = PHONE_CONNECTED;
    phone->acknowledged_at_ms = now_ms;
    phone->told_failure = false;
    arm(phone, &phone->connection_timer, now_ms + PHONE_SILENCE_PING_MS);
    if (habits->update_seconds > 0)
        arm(phone, &phone->update_timer, now_ms + habits->update_seconds * 1000);
    if (habits->disconnect_seconds.high > 0) {
        struct range ms = {habits->disconnect_seconds.low * 1000,
                           habits->disconnect_seconds.high * 1000};
        arm(phone, &phone->disconnect_timer, now_ms + random_within(&phone->random, ms));
    }
    arm_battery(phone, now_ms);
    radio_report_all_again(&phone->radio);
    phone->world->connected(phone, phone->was_connected);
    phone->was_connected = true;
    want_write(phone);
}

void phone_ended(struct phone *phone, int close_code, const char *why, int64_t now_ms)
{
    bool was_connected = phone->state == PHONE_CONNECTED;
    bool is_news = phone->state != PHONE_CONNECTING || !phone->told_failure;
    if (phone->drop_reason)
        why = phone->drop_reason;
    if (was_connected && now_ms - phone->acknowledged_at_ms >= PHONE_SUCCESS_MS)
        phone->backoff_ms = PHONE_BACKOFF_FIRST_MS;
    phone->drop_reason = NULL;
    phone->writing = PHONE_WRITES_NOTHING;
    phone->wants_greeting = phone->wants_ping = phone->wants_update = false;
    disarm(phone, &phone->connection_timer);
    disarm(phone, &phone->disconnect_timer);
    disarm(phone, &phone->pace_timer);
    disarm(phone, &phone->update_timer);
    disarm(phone, &phone->battery_timer);
    if (close_code == CLOSE_REPLACED || phone->radio.off) {
        phone->state = PHONE_STOPPED;
        radio_switch_off(&phone->radio);
    } else {
        struct range ms = {phone->backoff_ms / 2, phone->backoff_ms};
        phone->state = PHONE_RESTING;
        arm(phone, &phone->connection_timer, now_ms + random_within(&phone->random, ms));
        phone->backoff_ms = MIN(phone->backoff_ms * 2, PHONE_BACKOFF_LAST_MS);
    }
    phone->told_failure = true;
    if (is_news)
        phone->world->disconnected(phone, why, was_connected);
}

/* ---- Frames in ---- */

static void take_sms(struct phone *phone, const struct frame *frame, int64_t now_ms)
{
    switch (
        radio_take(&phone->radio, frame->message_id, frame->phone_number, frame->message, now_ms)) {
    case RADIO_TAKES_IT:
        break;
    case RADIO_HAS_HAD_IT:
        phone->world->sms_refused(phone, frame->message_id);
        break;
    case RADIO_IS_FULL:
        complain(phone, "an SMS is ignored: there are %d in memory", RADIO_CAPACITY);
        break;
    }
    want_write(phone);
}

void phone_received(struct phone *phone, const char *text, size_t length, int64_t now_ms)
{
    phone_heard(phone, now_ms);
    if (phone->radio.off)
        return;
    struct frame frame;
    frame_read(&frame, text, length);
    switch (frame.type) {
    case FRAME_IS_CONNECTION_ACK:
        acknowledged(phone, now_ms);
        break;
    case FRAME_IS_NEW_SMS:
        take_sms(phone, &frame, now_ms);
        break;
    case FRAME_IS_ERROR:
        if (frame.message_id && strcmp(frame.code, "message_not_held") == 0)
            radio_disown(&phone->radio, frame.message_id);
        complain(phone, "the gateway refused a frame: %s: %s%s%s", frame.code,
                 frame.detail ? frame.detail : "no detail", frame.message_id ? ", message " : "",
                 frame.message_id ? frame.message_id : "");
        break;
    case FRAME_IS_UNKNOWN:
        complain(phone, "a frame of the unknown type %.60s is ignored", frame.type_name);
        break;
    case FRAME_IS_BROKEN:
        complain(phone, "a frame that makes no sense is ignored: %.*s", (int)MIN(length, 60u),
                 text);
        break;
    }
    frame_fini(&frame);
}

/* ---- Frames out ---- */

static enum phone_frame choose_frame(const struct phone *phone)
{
    if (!phone_has_to_write(phone))
        return PHONE_WRITES_NOTHING;
    if (phone->state == PHONE_GREETING)
        return PHONE_WRITES_DEVICE_INFO;
    if (phone->wants_ping)
        return PHONE_WRITES_PING;
    return phone->wants_update ? PHONE_WRITES_DEVICE_UPDATE : PHONE_WRITES_STATUS_UPDATE;
}

enum phone_frame phone_next_frame(struct phone *phone, char *space, size_t *length, int64_t now_ms)
{
    *length = 0;
    phone->writing = choose_frame(phone);
    int64_t not_before_ms = phone->paced_until_ms - PHONE_FRAME_BURST_MS;
    if (phone->writing != PHONE_WRITES_NOTHING && now_ms < not_before_ms) {
        phone->writing = PHONE_WRITES_NOTHING;
        arm(phone, &phone->pace_timer, not_before_ms);
    }
    enum sms_status status;
    const struct sms *sms;
    switch (phone->writing) {
    case PHONE_WRITES_NOTHING:
    case PHONE_WRITES_PING:
        break;
    case PHONE_WRITES_DEVICE_INFO:
    case PHONE_WRITES_DEVICE_UPDATE:
        *length = write_device(phone, space, now_ms);
        break;
    case PHONE_WRITES_STATUS_UPDATE:
        sms = radio_next_report(&phone->radio, &status);
        *length = frame_write_status_update(space, sms, status);
        break;
    }
    return phone->writing;
}

void phone_frame_written(struct phone *phone, int64_t now_ms)
{
    const struct sms *finished = NULL;
    switch (phone->writing) {
    case PHONE_WRITES_NOTHING:
        break;
    case PHONE_WRITES_DEVICE_INFO:
        phone->wants_greeting = false;
        break;
    case PHONE_WRITES_PING:
        phone->wants_ping = false;
        break;
    case PHONE_WRITES_DEVICE_UPDATE:
        phone->wants_update = false;
        break;
    case PHONE_WRITES_STATUS_UPDATE:
        finished = radio_report_written(&phone->radio);
        break;
    }
    phone->writing = PHONE_WRITES_NOTHING;
    phone->paced_until_ms = MAX(phone->paced_until_ms, now_ms) + PHONE_FRAME_INTERVAL_MS;
    want_write(phone);
    if (finished)
        phone->world->sms_finished(phone, finished);
}

/* ---- From the beginning to the end ---- */

static void on_sms_changed(struct radio *radio, const struct sms *sms)
{
    struct phone *phone = CONTAINER_OF(radio, struct phone, radio);
    phone->world->sms_changed(phone, sms);
    want_write(phone);
}

void phone_init(struct phone *phone, const struct phone_world *world,
                const struct phone_identity *identity, int64_t now_ms, int64_t connect_at_ms)
{
    *phone = (struct phone){
        .world = world,
        .random.state = identity->seed,
        .backoff_ms = PHONE_BACKOFF_FIRST_MS,
        .connection_timer.fire = on_connection_timer,
        .disconnect_timer.fire = on_disconnect_timer,
        .pace_timer.fire = on_pace_timer,
        .update_timer.fire = on_update_timer,
        .battery_timer.fire = on_battery_timer,
        .switched_on_ms = now_ms,
        .battery_at_start = identity->battery_percent,
        .signal_dbm = world->habits->signal_dbm,
    };
    snprintf(phone->id, sizeof(phone->id), "%s", identity->id);
    snprintf(phone->name, sizeof(phone->name), "Simulated phone %zu", identity->number);
    radio_init(&phone->radio, &(struct radio_settings){
                                  .timers = world->timers,
                                  .random = &phone->random,
                                  .habits = world->habits,
                                  .changed = on_sms_changed,
                              });
    arm(phone, &phone->connection_timer, connect_at_ms);
}

void phone_fini(struct phone *phone)
{
    radio_fini(&phone->radio);
}

void phone_retire(struct phone *phone)
{
    radio_switch_off(&phone->radio);
    disarm(phone, &phone->connection_timer);
    disarm(phone, &phone->disconnect_timer);
    disarm(phone, &phone->update_timer);
    disarm(phone, &phone->battery_timer);
    phone->wants_ping = false;
}
