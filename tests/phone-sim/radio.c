#include "tests/phone-sim/radio.h"

#include <string.h>

void radio_init(struct radio *radio, const struct radio_settings *settings)
{
    *radio = (struct radio){.settings = *settings};
    TAILQ_INIT(&radio->all);
    TAILQ_INIT(&radio->to_send);
    TAILQ_INIT(&radio->to_report);
}

static void forget(struct sms *sms)
{
    struct radio *radio = sms->radio;
    timers_disarm(radio->settings.timers, &sms->timer);
    TAILQ_REMOVE(&radio->all, sms, in_all);
    radio->count--;
    free(sms->text);
    free(sms);
}

void radio_fini(struct radio *radio)
{
    for (struct sms *sms = TAILQ_FIRST(&radio->all), *next; sms; sms = next) {
        next = TAILQ_NEXT(sms, in_all);
        forget(sms);
    }
    id_set_fini(&radio->seen);
}

static void arm(struct sms *sms, int64_t due_ms)
{
    timers_arm(sms->radio->settings.timers, &sms->timer, due_ms);
}

static void add_report(struct sms *sms, enum sms_status status)
{
    if (sms->disowned)
        return;
    if (sms->to_report == 0)
        TAILQ_INSERT_TAIL(&sms->radio->to_report, sms, in_to_report);
    sms->to_report |= 1u << status;
}

static void set_status(struct sms *sms, enum sms_status status)
{
    sms->status = status;
    if (status != SMS_QUEUED)
        add_report(sms, status);
    sms->radio->settings.changed(sms->radio, sms);
}

static void drop_text(struct sms *sms)
{
    free(sms->text);
    sms->text = NULL;
}

static void end(struct sms *sms, enum sms_status status, int64_t now_ms)
{
    arm(sms, now_ms + RADIO_FORGET_AFTER_MS);
    set_status(sms, status);
    drop_text(sms);
}

static void fail(struct sms *sms, const char *error_code, int64_t now_ms)
{
    sms->error_code = error_code;
    end(sms, SMS_FAILED, now_ms);
}

static bool has_expired(const struct sms *sms)
{
    struct radio *radio = sms->radio;
    return sms->expires_at_ms != 0 && sms->expires_at_ms <= radio->settings.clock_ms(radio);
}

static void send_next(struct radio *radio, int64_t now_ms)
{
    struct sms *sms;
    while (!radio->on_air && !radio->off && (sms = TAILQ_FIRST(&radio->to_send))) {
        TAILQ_REMOVE(&radio->to_send, sms, in_to_send);
        if (has_expired(sms)) {
            end(sms, SMS_EXPIRED, now_ms);
            continue;
        }
        radio->on_air = sms;
        arm(sms,
            now_ms + random_within(radio->settings.random, radio->settings.behaviour->send_ms));
        set_status(sms, SMS_SENDING);
    }
}

static void leave_radio(struct sms *sms, int64_t now_ms)
{
    struct radio *radio = sms->radio;
    struct random *random = radio->settings.random;
    const struct behaviour *behaviour = radio->settings.behaviour;
    radio->on_air = NULL;
    if (random_share(random) < behaviour->failure_rate) {
        fail(sms, word_list_choose(&behaviour->failure_codes, random), now_ms);
    } else {
        sms->awaits_report = random_share(random) >= behaviour->no_report_rate &&
                             !sms->no_delivery_report;
        arm(sms, now_ms + (sms->awaits_report ? random_within(random, behaviour->report_ms)
                                              : RADIO_FORGET_AFTER_MS));
        set_status(sms, SMS_SENT);
        drop_text(sms);
    }
    send_next(radio, now_ms);
}

static void on_timer(struct timer *timer, int64_t now_ms)
{
    struct sms *sms = CONTAINER_OF(timer, struct sms, timer);
    if (sms->status == SMS_SENDING) {
        leave_radio(sms, now_ms);
    } else if (sms->awaits_report) {
        sms->awaits_report = false;
        arm(sms, now_ms + RADIO_FORGET_AFTER_MS);
        set_status(sms, SMS_DELIVERED);
    } else if (sms->to_report != 0) {
        arm(sms, now_ms + RADIO_FORGET_AFTER_MS); /* the gateway has been away for long */
    } else {
        forget(sms);
    }
}

static struct sms *find(struct radio *radio, const char *id)
{
    struct sms *sms = TAILQ_FIRST(&radio->all);
    while (sms && strcmp(sms->id, id) != 0)
        sms = TAILQ_NEXT(sms, in_all);
    return sms;
}

enum radio_answer radio_take(struct radio *radio, const struct sms_request *request, int64_t now_ms)
{
    if (radio->count >= RADIO_CAPACITY || radio->off)
        return RADIO_FULL;
    if (!id_set_add(&radio->seen, request->id)) {
        struct sms *known = find(radio, request->id);
        if (known && known->status != SMS_QUEUED)
            add_report(known, known->status);
        return RADIO_DUPLICATE;
    }
    struct sms *sms = must_allocate(1, sizeof(*sms));
    sms->radio = radio;
    sms->timer.fire = on_timer;
    sms->expires_at_ms = request->expires_at_ms;
    sms->no_delivery_report = request->no_delivery_report;
    sms->sim = sim_choose(radio->settings.behaviour->sims, request->sim);
    snprintf(sms->id, sizeof(sms->id), "%s", request->id);
    TAILQ_INSERT_TAIL(&radio->all, sms, in_all);
    radio->count++;
    bool can_be_sent = sms_is_phone_number(request->phone_number) && request->text;
    bool has_sim = sim_is_there(radio->settings.behaviour->sims, request->sim);
    if (can_be_sent) {
        snprintf(sms->phone_number, sizeof(sms->phone_number), "%s", request->phone_number);
        sms->text = must_copy(request->text);
    }
    set_status(sms, SMS_QUEUED);
    if (!can_be_sent || !has_sim) {
        fail(sms, can_be_sent ? "sim_missing" : "invalid_arguments", now_ms);
        return RADIO_ACCEPTED;
    }
    TAILQ_INSERT_TAIL(&radio->to_send, sms, in_to_send);
    send_next(radio, now_ms);
    return RADIO_ACCEPTED;
}

void radio_switch_off(struct radio *radio)
{
    radio->off = true;
    if (radio->on_air)
        timers_disarm(radio->settings.timers, &radio->on_air->timer);
}

void radio_report_all_again(struct radio *radio)
{
    TAILQ_INIT(&radio->to_report);
    for (struct sms *sms = TAILQ_FIRST(&radio->all); sms; sms = TAILQ_NEXT(sms, in_all)) {
        sms->to_report = 0;
        if (sms->status != SMS_QUEUED)
            add_report(sms, sms->status);
    }
}

void radio_disown(struct radio *radio, const char *id)
{
    struct sms *sms = find(radio, id);
    if (!sms)
        return;
    sms->disowned = true;
    if (sms->to_report != 0)
        TAILQ_REMOVE(&radio->to_report, sms, in_to_report);
    sms->to_report = 0;
}

const struct sms *radio_next_report(const struct radio *radio, enum sms_status *status)
{
    const struct sms *sms = TAILQ_FIRST(&radio->to_report);
    if (sms)
        *status = (enum sms_status)__builtin_ctz(sms->to_report);
    return sms;
}

const struct sms *radio_report_written(struct radio *radio)
{
    struct sms *sms = TAILQ_FIRST(&radio->to_report);
    sms->to_report &= sms->to_report - 1; /* the lowest bit is the one that was next */
    if (sms->to_report != 0)
        return NULL;
    TAILQ_REMOVE(&radio->to_report, sms, in_to_report);
    bool nothing_to_come = sms->status >= SMS_SENT && !sms->awaits_report;
    if (sms->finished || !nothing_to_come)
        return NULL;
    sms->finished = true;
    return sms;
}
