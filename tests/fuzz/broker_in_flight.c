/* The messages in flight to each phone and the frames it is owed, as they follow from the events. */
#include "tests/fuzz/broker_world.h"

/* ---- Messages in flight ---- */

struct in_flight *in_flight_find(struct phone *phone, unsigned message, unsigned attempt)
{
    for (unsigned i = 0; i < phone->in_flight_count; i++) {
        struct in_flight *held = &phone->in_flight[i];
        if (held->message == message && (attempt == 0 || held->attempt == attempt))
            return held;
    }
    return NULL;
}

void in_flight_put(struct phone *phone, struct in_flight held)
{
    CHECK(phone->in_flight_count < MAX_IN_FLIGHT);
    phone->in_flight[phone->in_flight_count++] = held;
}

struct in_flight *in_flight_find_unwritten(struct phone *phone, unsigned message)
{
    for (unsigned i = 0; i < phone->in_flight_count; i++) {
        if (phone->in_flight[i].message == message && !phone->in_flight[i].written)
            return &phone->in_flight[i];
    }
    return NULL;
}

void in_flight_take(struct phone *phone, struct in_flight *held)
{
    phone->in_flight_count--;
    memmove(held, held + 1,
            (size_t)(phone->in_flight + phone->in_flight_count - held) * sizeof(*held));
}

bool in_flight_is_returnable(const struct in_flight *held)
{
    return held->offered || !held->written;
}

bool in_flight_is_silent(const struct in_flight *held)
{
    return held->written && !held->offered && held->due_at_ms <= world.now_ms;
}

unsigned in_flight_limit(const struct phone *phone)
{
    return MIN((unsigned)WINDOW, phone->credit);
}

unsigned in_flight_count(const struct phone *phone)
{
    unsigned count = 0;
    for (unsigned i = 0; i < phone->in_flight_count; i++)
        count += !in_flight_is_silent(&phone->in_flight[i]);
    return count;
}

unsigned in_flight_count_returnable(const struct phone *phone)
{
    unsigned count = 0;
    for (unsigned i = 0; i < phone->in_flight_count; i++)
        count += in_flight_is_returnable(&phone->in_flight[i]);
    return count;
}

/* ---- What is owed to a phone ---- */

void phone_owe(struct phone *phone, struct owed owed)
{
    phone->owed = realloc(phone->owed, (phone->owed_count + 1) * sizeof(owed));
    CHECK(phone->owed);
    phone->owed[phone->owed_count++] = owed;
}

bool phone_pay(struct phone *phone, const struct owed *paid)
{
    for (size_t i = 0; i < phone->owed_count; i++) {
        struct owed *owed = &phone->owed[i];
        if (strcmp(owed->type, paid->type) != 0 ||
            !message_id_equal(&owed->ref.id, &paid->ref.id) ||
            owed->ref.attempt != paid->ref.attempt || owed->number != paid->number ||
            owed->credit != paid->credit || strcmp(owed->received_id, paid->received_id) != 0)
            continue;
        phone->owed_count--;
        memmove(owed, owed + 1, (size_t)(phone->owed + phone->owed_count - owed) * sizeof(*owed));
        return true;
    }
    return false;
}
