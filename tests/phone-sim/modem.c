#include "tests/phone-sim/modem.h"

struct delivery {
    TAILQ_ENTRY(delivery) in_deliveries;
    struct modem *modem;
    struct timer timer;
    char message_id[SMS_ID_SIZE];
    int64_t attempt;
};

static void forget(struct delivery *delivery)
{
    struct modem *modem = delivery->modem;
    timers_disarm(modem->timers, &delivery->timer);
    TAILQ_REMOVE(&modem->deliveries, delivery, in_deliveries);
    free(delivery);
}

static void on_delivery_timer(struct timer *timer, int64_t now_ms)
{
    struct delivery *delivery = CONTAINER_OF(timer, struct delivery, timer);
    struct delivery copy = *delivery;
    forget(delivery);
    copy.modem->answered(copy.modem, copy.message_id, copy.attempt,
                         &(struct radio_result){.status = SMS_DELIVERED}, now_ms);
}

static void await_delivery(struct modem *modem, int64_t now_ms)
{
    struct delivery *delivery = must_allocate(1, sizeof(*delivery));
    delivery->modem = modem;
    delivery->timer.fire = on_delivery_timer;
    delivery->attempt = modem->attempt;
    memcpy(delivery->message_id, modem->message_id, sizeof(delivery->message_id));
    TAILQ_INSERT_TAIL(&modem->deliveries, delivery, in_deliveries);
    timers_arm(modem->timers, &delivery->timer,
               now_ms + random_within(modem->random, modem->behaviour->report_ms));
}

static void answer(struct modem *modem, int64_t now_ms)
{
    char message_id[SMS_ID_SIZE];
    memcpy(message_id, modem->message_id, sizeof(message_id));
    modem->state = MODEM_IDLE;
    if (modem->result.status == SMS_SENT && modem->asks_for_report &&
        random_share(modem->random) >= modem->behaviour->no_report_rate)
        await_delivery(modem, now_ms);
    /* May bring the next one. */
    modem->answered(modem, message_id, modem->attempt, &modem->result, now_ms);
}

/* Returns whether it has left: with an ambiguous error in half of the cases. */
static bool fail(struct modem *modem, int64_t parts_sent)
{
    const char *code = word_list_choose(&modem->behaviour->failure_codes, modem->random);
    modem->result = (struct radio_result){
        .status = SMS_FAILED,
        .error_code = code,
        .parts_sent = parts_sent,
    };
    bool may_have_left = sms_error_find(code)->error_class == SMS_ERROR_AMBIGUOUS;
    return parts_sent > 0 || (may_have_left && random_share(modem->random) < 0.5);
}

static void lie(struct modem *modem)
{
    if (modem->result.status == SMS_SENT)
        fail(modem, 0);
    else
        modem->result = (struct radio_result){.status = SMS_SENT};
}

static void on_timer(struct timer *timer, int64_t now_ms)
{
    struct modem *modem = CONTAINER_OF(timer, struct modem, timer);
    bool leaves = true;
    modem->result = (struct radio_result){.status = SMS_SENT};
    if (random_share(modem->random) < modem->behaviour->failure_rate)
        leaves = fail(modem, modem->behaviour->failure_parts);
    if (modem->behaviour->lie_rate > 0 && random_share(modem->random) < modem->behaviour->lie_rate)
        lie(modem);
    if (!leaves) {
        answer(modem, now_ms);
        return;
    }
    modem->state = MODEM_LEFT;
    modem->left(modem, modem->message_id, modem->attempt);
}

void modem_init(struct modem *modem)
{
    modem->state = MODEM_IDLE;
    modem->timer.fire = on_timer;
    TAILQ_INIT(&modem->deliveries);
}

void modem_submit(struct modem *modem, const char *message_id, int64_t attempt,
                  bool asks_for_report, int64_t now_ms)
{
    modem->asks_for_report = asks_for_report;
    modem->state = MODEM_SENDING;
    modem->attempt = attempt;
    snprintf(modem->message_id, sizeof(modem->message_id), "%s", message_id);
    timers_arm(modem->timers, &modem->timer,
               now_ms + random_within(modem->random, modem->behaviour->send_ms));
}

void modem_recorded(struct modem *modem, int64_t now_ms)
{
    if (modem->state == MODEM_LEFT)
        answer(modem, now_ms);
}

bool modem_awaits_delivery(const struct modem *modem, const char *message_id)
{
    const struct delivery *delivery = TAILQ_FIRST(&modem->deliveries);
    while (delivery && strcmp(delivery->message_id, message_id) != 0)
        delivery = TAILQ_NEXT(delivery, in_deliveries);
    return delivery;
}

bool modem_stop(struct modem *modem)
{
    bool is_untouched = modem->state == MODEM_SENDING;
    timers_disarm(modem->timers, &modem->timer);
    if (is_untouched)
        modem->state = MODEM_IDLE;
    return is_untouched;
}

void modem_fini(struct modem *modem)
{
    for (struct delivery *delivery = TAILQ_FIRST(&modem->deliveries), *next; delivery;
         delivery = next) {
        next = TAILQ_NEXT(delivery, in_deliveries);
        forget(delivery);
    }
    timers_disarm(modem->timers, &modem->timer);
    modem->state = MODEM_IDLE;
}
