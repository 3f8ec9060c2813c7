#include "tests/phone-sim/phone.h"

#include "common/model/protocol.h"
#include "tests/phone-sim/phone_parts.h"

#include <math.h>
#include <stdarg.h>
#include <time.h>

enum { COMPLAINT_SIZE = 512 };

void PRINTF_FORMAT(2, 3) phone_complain(struct phone *phone, const char *format, ...)
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

/* Frames in the delay queue not counted. */
static bool has_new_frame(const struct phone *phone, bool also_later)
{
    bool has_assured = also_later ? assured_has_frame_later(&phone->assured)
                                  : assured_has_frame(&phone->assured);
    switch (phone->state) {
    case PHONE_GREETING:
        return phone->wants_greeting || has_assured;
    case PHONE_CONNECTED:
        return phone->wants_ping || phone->wants_update || has_assured ||
               !TAILQ_EMPTY(&phone->radio.to_report) || phone_inbox_has_frame(phone, also_later);
    case PHONE_RESTING:
    case PHONE_CONNECTING:
    case PHONE_STOPPED:
        break;
    }
    return false;
}

static bool has_frame(const struct phone *phone, bool also_later)
{
    return has_new_frame(phone, also_later) || !TAILQ_EMPTY(&phone->delay_queue);
}

bool phone_has_to_write(const struct phone *phone)
{
    return has_frame(phone, true);
}

void phone_want_write(struct phone *phone)
{
    if (has_frame(phone, false))
        phone->world->want_write(phone);
}

/* ---- The device: battery and signal ---- */

static int64_t battery_percent(const struct phone *phone, int64_t now_ms)
{
    const struct behaviour *behaviour = phone->world->behaviour;
    double hours = (double)(now_ms - phone->switched_on_ms) / 3600e3;
    double lost = behaviour->charging ? 0 : floor(hours * behaviour->battery_drain);
    return MAX(0, (int64_t)((double)phone->battery_at_start - lost));
}

static void arm_battery(struct phone *phone, int64_t now_ms)
{
    const struct behaviour *behaviour = phone->world->behaviour;
    int64_t percent = battery_percent(phone, now_ms);
    if (behaviour->charging || behaviour->battery_drain <= 0 || percent == 0)
        return;
    double lost_then = (double)(phone->battery_at_start - percent + 1);
    double due_ms = MIN(ceil(lost_then / behaviour->battery_drain * 3600e3), 1e15);
    arm(phone, &phone->battery_timer, MAX(now_ms + 1, phone->switched_on_ms + (int64_t)due_ms));
}

static void on_battery_timer(struct timer *timer, int64_t now_ms)
{
    struct phone *phone = CONTAINER_OF(timer, struct phone, battery_timer);
    if (battery_percent(phone, now_ms) != phone->battery_reported)
        phone->wants_update = true;
    arm_battery(phone, now_ms);
    phone_want_write(phone);
}

static void on_update_timer(struct timer *timer, int64_t now_ms)
{
    struct phone *phone = CONTAINER_OF(timer, struct phone, update_timer);
    int64_t walk = phone->world->behaviour->signal_walk_dbm;
    phone->signal_dbm += random_within(&phone->random, (struct range){-walk, walk});
    phone->signal_dbm = MIN(-50, MAX(-120, phone->signal_dbm));
    phone->wants_update = true;
    arm(phone, timer, now_ms + phone->world->behaviour->update_seconds * 1000);
    if (phone->is_assured)
        assured_set_credit(&phone->assured,
                           random_within(&phone->random, phone->world->behaviour->credit));
    phone_want_write(phone);
}

static struct device describe(struct phone *phone, int64_t now_ms)
{
    struct device device = {
        .name = phone->name,
        .battery_percent = battery_percent(phone, now_ms),
        .charging = phone->world->behaviour->charging,
        .sims = phone->world->behaviour->sims,
        .signal_dbm = phone->signal_dbm,
    };
    if (phone->writing == PHONE_WRITES_DEVICE_UPDATE || phone->state == PHONE_GREETING)
        phone->battery_reported = device.battery_percent;
    return device;
}

/* ---- The connection ---- */

void phone_drop(struct phone *phone, const char *reason)
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
        phone_drop(phone, phone->is_assured ? "no welcome came for 30 s"
                                            : "no connection_ack came for 30 s");
        break;
    case PHONE_CONNECTED:
        if (now_ms - phone->heard_at_ms >= PHONE_SILENCE_DROP_MS) {
            phone_drop(phone, "nothing was heard for 80 s");
        } else if (now_ms - phone->heard_at_ms >= PHONE_SILENCE_PING_MS) {
            phone->wants_ping = true;
            arm(phone, timer, phone->heard_at_ms + PHONE_SILENCE_DROP_MS);
            phone_want_write(phone);
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
    phone_drop(CONTAINER_OF(timer, struct phone, disconnect_timer),
               "dropped, as --disconnect-every says");
}

static void on_deafness_timer(struct timer *timer, int64_t now_ms)
{
    struct phone *phone = CONTAINER_OF(timer, struct phone, deafness_timer);
    (void)now_ms;
    phone_complain(phone, "reads nothing more, as --stop-reading says");
    phone->world->stop_reading(phone);
}

static void on_frame_timer(struct timer *timer, int64_t now_ms)
{
    (void)now_ms;
    phone_want_write(CONTAINER_OF(timer, struct phone, frame_timer));
}

void phone_opened(struct phone *phone, int64_t now_ms)
{
    phone->state = PHONE_GREETING;
    phone->heard_at_ms = now_ms;
    if (phone->is_assured)
        assured_on_connected(&phone->assured);
    else
        phone->wants_greeting = true;
    arm(phone, &phone->connection_timer, now_ms + PHONE_ACK_TIMEOUT_MS);
    phone_want_write(phone);
}

void phone_heard(struct phone *phone, int64_t now_ms)
{
    phone->heard_at_ms = now_ms;
}

/* Not at all if the range ends with 0. */
static void arm_within(struct phone *phone, struct timer *timer, struct range seconds,
                       int64_t now_ms)
{
    struct range ms = {seconds.low * 1000, seconds.high * 1000};
    if (ms.high > 0)
        arm(phone, timer, now_ms + random_within(&phone->random, ms));
}

static void acknowledged(struct phone *phone, int64_t now_ms)
{
    const struct behaviour *behaviour = phone->world->behaviour;
    if (phone->state != PHONE_GREETING) {
        phone_complain(phone, "the gateway said again that the phone is connected");
        return;
    }
    phone->state = PHONE_CONNECTED;
    phone->acknowledged_at_ms = now_ms;
    phone->told_failure = false;
    arm(phone, &phone->connection_timer, now_ms + PHONE_SILENCE_PING_MS);
    if (behaviour->update_seconds > 0)
        arm(phone, &phone->update_timer, now_ms + behaviour->update_seconds * 1000);
    arm_within(phone, &phone->disconnect_timer, behaviour->disconnect_seconds, now_ms);
    arm_within(phone, &phone->deafness_timer, behaviour->stop_reading_seconds, now_ms);
    arm_battery(phone, now_ms);
    if (!phone->is_assured)
        radio_report_all_again(&phone->radio);
    phone->world->connected(phone, phone->was_connected);
    phone->was_connected = true;
    phone_want_write(phone);
}

static void switch_off(struct phone *phone)
{
    radio_switch_off(&phone->radio);
    if (phone->is_assured)
        assured_switch_off(&phone->assured, modem_stop(&phone->modem));
}

void phone_ended(struct phone *phone, int close_code, const char *why, int64_t now_ms)
{
    bool was_connected = phone->state == PHONE_CONNECTED;
    bool is_news = phone->state != PHONE_CONNECTING || !phone->told_failure;
    if (phone->drop_reason)
        why = phone->drop_reason;
    bool lasted = was_connected && now_ms - phone->acknowledged_at_ms >= PHONE_SUCCESS_MS;
    if (lasted || close_code == CLOSE_SERVICE_RESTART)
        phone->backoff_ms = PHONE_BACKOFF_FIRST_MS;
    phone->drop_reason = NULL;
    phone->writing = PHONE_WRITES_NOTHING;
    phone->wants_greeting = phone->wants_ping = phone->wants_update = false;
    assured_on_disconnected(&phone->assured);
    inbox_on_disconnected(&phone->inbox);
    delay_queue_clear(&phone->delay_queue);
    disarm(phone, &phone->deafness_timer);
    disarm(phone, &phone->connection_timer);
    disarm(phone, &phone->disconnect_timer);
    disarm(phone, &phone->frame_timer);
    disarm(phone, &phone->update_timer);
    disarm(phone, &phone->battery_timer);
    bool gives_in = close_code == CLOSE_REPLACED && !phone->world->behaviour->fights;
    if (gives_in || phone->radio.off) {
        phone->state = PHONE_STOPPED;
        switch_off(phone);
    } else {
        struct range ms = {phone->backoff_ms / 2, phone->backoff_ms};
        phone->state = PHONE_RESTING;
        arm(phone, &phone->connection_timer, now_ms + random_within(&phone->random, ms));
        phone->backoff_ms = MIN(phone->backoff_ms * 2, PHONE_BACKOFF_LAST_MS);
    }
    phone->told_failure = true;
    if (is_news)
        phone->world->disconnected(phone, why, was_connected);
    if (phone->loses_journal)
        phone_lose_journal(phone, now_ms);
}

/* ---- Frames in ---- */

int64_t phone_clock_ms(const struct phone *phone)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)(now.tv_sec + phone->world->behaviour->clock_offset_seconds) * 1000 +
           now.tv_nsec / 1000000;
}

static int64_t on_clock_read(struct radio *radio)
{
    return phone_clock_ms(CONTAINER_OF(radio, struct phone, radio));
}

static void take_sms(struct phone *phone, const struct received_frame *frame, int64_t now_ms)
{
    const struct sms_request request = {
        .id = frame->message_id,
        .phone_number = frame->phone_number,
        .text = frame->message,
        .expires_at_ms = frame->expires_at_ms,
        .sim = frame->sim,
        .no_delivery_report = frame->no_delivery_report,
    };
    switch (radio_take(&phone->radio, &request, now_ms)) {
    case RADIO_ACCEPTED:
        break;
    case RADIO_DUPLICATE:
        phone->world->sms_refused(phone, frame->message_id);
        break;
    case RADIO_FULL:
        phone_complain(phone, "an SMS is ignored: there are %d in memory", RADIO_CAPACITY);
        break;
    }
    phone_want_write(phone);
}

static bool is_of_the_other_level(const struct phone *phone, enum received_frame_type type)
{
    switch (type) {
    case FRAME_IS_CONNECTION_ACK:
    case FRAME_IS_NEW_SMS:
        return phone->is_assured;
    case FRAME_IS_WELCOME:
    case FRAME_IS_OFFER:
    case FRAME_IS_RELEASE:
    case FRAME_IS_DROP:
    case FRAME_IS_REVOKE:
    case FRAME_IS_REPORT_ACK:
        return !phone->is_assured;
    case FRAME_IS_SMS_RECEIVED_ACK:
    case FRAME_IS_ERROR:
    case FRAME_IS_UNKNOWN:
    case FRAME_IS_BROKEN:
        break;
    }
    return false;
}

void phone_received(struct phone *phone, const char *text, size_t length, int64_t now_ms)
{
    phone_heard(phone, now_ms);
    if (phone->radio.off)
        return;
    struct received_frame frame;
    received_frame_read(&frame, text, length);
    if (is_of_the_other_level(phone, frame.type))
        frame.type = FRAME_IS_UNKNOWN;
    switch (frame.type) {
    case FRAME_IS_CONNECTION_ACK:
        acknowledged(phone, now_ms);
        break;
    case FRAME_IS_NEW_SMS:
        take_sms(phone, &frame, now_ms);
        break;
    case FRAME_IS_WELCOME:
    case FRAME_IS_OFFER:
    case FRAME_IS_RELEASE:
    case FRAME_IS_DROP:
    case FRAME_IS_REVOKE:
    case FRAME_IS_REPORT_ACK:
        phone_take_assured(phone, &frame, now_ms);
        if (phone->state == PHONE_GREETING && phone->assured.is_welcome)
            acknowledged(phone, now_ms);
        break;
    case FRAME_IS_SMS_RECEIVED_ACK:
        phone_inbox_answered(phone, frame.received_id, true);
        break;
    case FRAME_IS_ERROR:
        if (frame.received_id && strcmp(frame.code, "invalid_value") == 0)
            phone_inbox_answered(phone, frame.received_id, false);
        if (frame.message_id && strcmp(frame.code, "message_not_held") == 0)
            radio_disown(&phone->radio, frame.message_id);
        phone_complain(phone, "the gateway refused a frame: %s: %s%s%s", frame.code,
                       frame.detail ? frame.detail : "no detail",
                       frame.message_id ? ", message " : "",
                       frame.message_id ? frame.message_id : "");
        break;
    case FRAME_IS_UNKNOWN:
        phone_complain(phone, "a frame of the unknown type %.60s is ignored", frame.type_name);
        break;
    case FRAME_IS_BROKEN:
        phone_complain(phone, "a frame that makes no sense is ignored: %.*s", (int)MIN(length, 60u),
                       text);
        break;
    }
    received_frame_fini(&frame);
}

/* ---- Frames out ---- */

static enum phone_frame choose_new_frame(const struct phone *phone)
{
    if (!has_new_frame(phone, false))
        return PHONE_WRITES_NOTHING;
    if (phone->wants_greeting)
        return PHONE_WRITES_DEVICE_INFO;
    if (phone->wants_ping)
        return PHONE_WRITES_PING;
    if (phone->wants_update)
        return PHONE_WRITES_DEVICE_UPDATE;
    if (assured_has_frame(&phone->assured))
        return PHONE_WRITES_ASSURED;
    return TAILQ_EMPTY(&phone->radio.to_report) ? PHONE_WRITES_SMS_RECEIVED
                                                : PHONE_WRITES_STATUS_UPDATE;
}

/* Writes what phone->writing says into `space`, and returns its length. */
static size_t write_frame(struct phone *phone, char *space, int64_t now_ms)
{
    const struct delayed_frame *delayed = TAILQ_FIRST(&phone->delay_queue);
    struct device device = describe(phone, now_ms);
    enum sms_status status;
    const struct sms *sms;
    switch (phone->writing) {
    case PHONE_WRITES_NOTHING:
    case PHONE_WRITES_PING:
        break;
    case PHONE_WRITES_DEVICE_INFO:
        return frame_write_device_info(space, &device);
    case PHONE_WRITES_DEVICE_UPDATE:
        return frame_write_device_update(space, &device);
    case PHONE_WRITES_STATUS_UPDATE:
        sms = radio_next_report(&phone->radio, &status);
        return frame_write_status_update(space, sms, status);
    case PHONE_WRITES_ASSURED:
        return assured_next_frame(&phone->assured, &device, space);
    case PHONE_WRITES_SMS_RECEIVED:
        return phone_inbox_write(phone, space);
    case PHONE_WRITES_DELAYED:
        memcpy(space, delayed->text, delayed->length);
        return delayed->length;
    }
    return 0;
}

static struct sms_news news_of_sms(const struct sms *sms)
{
    return (struct sms_news){
        .message_id = sms->id,
        .phone_number = sms->phone_number,
        .text = sms->text ? sms->text : "",
        .error_code = sms->error_code,
        .status = sms->status,
    };
}

/* The frame that phone->writing names was written, or put into the delay queue. */
static void frame_is_through(struct phone *phone, int64_t now_ms)
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
    case PHONE_WRITES_ASSURED:
        assured_frame_written(&phone->assured);
        break;
    case PHONE_WRITES_SMS_RECEIVED:
        phone_inbox_written(phone, now_ms);
        break;
    case PHONE_WRITES_DELAYED:
        delay_queue_remove_first(&phone->delay_queue);
        break;
    }
    phone->writing = PHONE_WRITES_NOTHING;
    if (finished) {
        struct sms_news news = news_of_sms(finished);
        phone->world->sms_finished(phone, &news);
    }
}

/* Moves all frames into the delay queue, and from there the due ones to the connection. */
static void use_delay_queue(struct phone *phone, char *space, int64_t now_ms)
{
    const struct behaviour *behaviour = phone->world->behaviour;
    if (phone->state != PHONE_CONNECTED || behaviour->delay_ms.high == 0)
        return;
    for (;;) {
        phone->writing = choose_new_frame(phone);
        if (phone->writing == PHONE_WRITES_NOTHING || phone->writing == PHONE_WRITES_PING)
            break;
        size_t length = write_frame(phone, space, now_ms);
        int64_t due_ms = now_ms + random_within(&phone->random, behaviour->delay_ms);
        delay_queue_put(&phone->delay_queue, space, length, due_ms, !behaviour->reorder);
        frame_is_through(phone, now_ms);
    }
    const struct delayed_frame *first = TAILQ_FIRST(&phone->delay_queue);
    if (!first || phone->writing == PHONE_WRITES_PING)
        return;
    if (first->due_ms <= now_ms)
        phone->writing = PHONE_WRITES_DELAYED;
    else
        arm(phone, &phone->frame_timer, first->due_ms);
}

enum phone_frame phone_next_frame(struct phone *phone, char *space, size_t *length, int64_t now_ms)
{
    *length = 0;
    phone->writing = PHONE_WRITES_NOTHING;
    if (!has_frame(phone, false))
        return PHONE_WRITES_NOTHING;
    int64_t not_before_ms = phone->paced_until_ms - PHONE_FRAME_BURST_MS;
    if (now_ms < not_before_ms) {
        arm(phone, &phone->frame_timer, not_before_ms);
        return PHONE_WRITES_NOTHING;
    }
    phone->writing = choose_new_frame(phone);
    use_delay_queue(phone, space, now_ms);
    *length = write_frame(phone, space, now_ms);
    return phone->writing;
}

void phone_frame_written(struct phone *phone, int64_t now_ms)
{
    phone->paced_until_ms = MAX(phone->paced_until_ms, now_ms) + PHONE_FRAME_INTERVAL_MS;
    frame_is_through(phone, now_ms);
    phone_want_write(phone);
}

/* ---- From the beginning to the end ---- */

static void on_sms_changed(struct radio *radio, const struct sms *sms)
{
    struct phone *phone = CONTAINER_OF(radio, struct phone, radio);
    struct sms_news news = news_of_sms(sms);
    phone->world->sms_changed(phone, &news);
    phone_want_write(phone);
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
        .deafness_timer.fire = on_deafness_timer,
        .frame_timer.fire = on_frame_timer,
        .update_timer.fire = on_update_timer,
        .battery_timer.fire = on_battery_timer,
        .switched_on_ms = now_ms,
        .battery_at_start = identity->battery_percent,
        .signal_dbm = world->behaviour->signal_dbm,
    };
    snprintf(phone->id, sizeof(phone->id), "%s", identity->id);
    snprintf(phone->name, sizeof(phone->name), "Simulated phone %zu", identity->number);
    radio_init(&phone->radio, &(struct radio_settings){
                                  .timers = world->timers,
                                  .random = &phone->random,
                                  .behaviour = world->behaviour,
                                  .clock_ms = on_clock_read,
                                  .changed = on_sms_changed,
                              });
    TAILQ_INIT(&phone->delay_queue);
    phone_init_assured(phone, now_ms);
    phone_init_inbox(phone, connect_at_ms);
    arm(phone, &phone->connection_timer, connect_at_ms);
}

void phone_fini(struct phone *phone)
{
    delay_queue_clear(&phone->delay_queue);
    radio_fini(&phone->radio);
    modem_fini(&phone->modem);
    assured_fini(&phone->assured);
    inbox_fini(&phone->inbox);
}

void phone_retire(struct phone *phone)
{
    switch_off(phone);
    phone_retire_inbox(phone);
    disarm(phone, &phone->loss_timer);
    disarm(phone, &phone->deafness_timer);
    disarm(phone, &phone->connection_timer);
    disarm(phone, &phone->disconnect_timer);
    disarm(phone, &phone->update_timer);
    disarm(phone, &phone->battery_timer);
    phone->wants_ping = false;
}
