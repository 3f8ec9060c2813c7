/* The SMS that a phone receives, as --receive and --receive-rate say, and passes on. */
#include "tests/phone-sim/phone_parts.h"

/* ---- Receiving ---- */

static int64_t choose_sim(const struct phone *phone)
{
    return sim_choose(phone->world->behaviour->sims, 0);
}

static void choose_sender(struct phone *phone, char sender[INCOMING_SENDER_SIZE])
{
    static const char *const senders[] = {"72000", "VODAFONE", "+4915112345678", "+14155550123"};
    const char *asked = phone->world->behaviour->receive_from;
    size_t any = (size_t)(random_next(&phone->random) % ARRAY_LENGTH(senders));
    snprintf(sender, INCOMING_SENDER_SIZE, "%s", *asked ? asked : senders[any]);
}

/* An assured phone has it in its journal before the gateway hears of it. */
static void receive(struct phone *phone)
{
    const struct behaviour *behaviour = phone->world->behaviour;
    char text[sizeof(behaviour->receive_text)];
    struct incoming incoming = {
        .text = text, .received_at_ms = phone_clock_ms(phone), .sim = choose_sim(phone)};
    phone->received++;
    if (*behaviour->receive_text)
        snprintf(text, sizeof(text), "%s", behaviour->receive_text);
    else
        snprintf(text, sizeof(text), "Incoming SMS %llu", (unsigned long long)phone->received);
    choose_sender(phone, incoming.sender);
    phone->world->new_epoch(phone, incoming.received_id);
    uint64_t after = phone->is_assured ? assured_journal_incoming(&phone->assured, &incoming) : 0;
    inbox_put(&phone->inbox, &incoming, after);
    phone->world->sms_received(phone, &incoming);
}

/* What does not fit waits in the network. */
static void on_receive_timer(struct timer *timer, int64_t now_ms)
{
    enum { EVERY_MS = 10 };
    struct phone *phone = CONTAINER_OF(timer, struct phone, receive_timer);
    double rate = phone->world->behaviour->receive_rate;
    double due = rate > 0 ? (double)(now_ms - phone->switched_on_ms) / 1000 * rate : 1;
    while ((double)phone->received + 1 <= due && phone->inbox.count < INBOX_CAPACITY)
        receive(phone);
    if (rate > 0)
        timers_arm(phone->world->timers, timer, now_ms + MAX((int64_t)(1000 / rate), EVERY_MS));
    phone_want_write(phone);
}

/* ---- Passing on ---- */

bool phone_inbox_has_frame(const struct phone *phone, bool also_later)
{
    return inbox_next(&phone->inbox, also_later ? UINT64_MAX : phone->assured.durable);
}

size_t phone_inbox_write(const struct phone *phone, char *space)
{
    return frame_write_sms_received(space, inbox_next(&phone->inbox, phone->assured.durable));
}

static void on_again_timer(struct timer *timer, int64_t now_ms)
{
    struct phone *phone = CONTAINER_OF(timer, struct phone, again_timer);
    int64_t next_ms = inbox_write_again(&phone->inbox, now_ms);
    if (next_ms != INT64_MAX)
        timers_arm(phone->world->timers, timer, next_ms);
    phone_want_write(phone);
}

void phone_inbox_written(struct phone *phone, int64_t now_ms)
{
    inbox_written(&phone->inbox, phone->assured.durable, now_ms);
    if (phone->again_timer.place == 0)
        timers_arm(phone->world->timers, &phone->again_timer, now_ms + INBOX_AGAIN_AFTER_MS);
}

void phone_inbox_answered(struct phone *phone, const char *received_id, bool is_stored)
{
    const struct incoming *incoming = inbox_find(&phone->inbox, received_id);
    if (!incoming)
        return; /* of one that was written twice, or before the journal was lost */
    if (is_stored)
        phone->world->sms_passed_on(phone, incoming);
    inbox_remove(&phone->inbox, received_id);
    if (phone->is_assured)
        assured_journal_answered(&phone->assured, received_id);
    phone_want_write(phone);
}

/* ---- From the beginning to the end ---- */

void phone_init_inbox(struct phone *phone, int64_t connect_at_ms)
{
    const struct behaviour *behaviour = phone->world->behaviour;
    inbox_init(&phone->inbox);
    phone->receive_timer.fire = on_receive_timer;
    phone->again_timer.fire = on_again_timer;
    if (behaviour->receive_rate > 0 || *behaviour->receive_text)
        timers_arm(phone->world->timers, &phone->receive_timer, connect_at_ms);
}

void phone_load_inbox(struct phone *phone, const struct journal_image *image)
{
    for (size_t i = 0; i < image->incoming_count; i++)
        inbox_put(&phone->inbox, &image->incoming[i], 0);
}

void phone_retire_inbox(struct phone *phone)
{
    timers_disarm(phone->world->timers, &phone->receive_timer);
    timers_disarm(phone->world->timers, &phone->again_timer);
}
