/* What each phone has in its hands and is owed, as it follows from what the core was told. */
#include "tests/fuzz/broker_world.h"

/* ---- What a phone has in hand ---- */

struct in_hand *hand_find(struct phone *phone, unsigned message, unsigned attempt)
{
    for (unsigned i = 0; i < phone->hand_count; i++) {
        struct in_hand *held = &phone->hand[i];
        if (held->message == message && (attempt == 0 || held->attempt == attempt))
            return held;
    }
    return NULL;
}

void hand_put(struct phone *phone, struct in_hand held)
{
    CHECK(phone->hand_count < MOST_IN_HAND);
    phone->hand[phone->hand_count++] = held;
}

struct in_hand *hand_find_unwritten(struct phone *phone, unsigned message)
{
    for (unsigned i = 0; i < phone->hand_count; i++) {
        if (phone->hand[i].message == message && !phone->hand[i].written)
            return &phone->hand[i];
    }
    return NULL;
}

void hand_take(struct phone *phone, struct in_hand *held)
{
    phone->hand_count--;
    memmove(held, held + 1, (size_t)(phone->hand + phone->hand_count - held) * sizeof(*held));
}

bool hand_is_returnable(const struct in_hand *held)
{
    return held->offered || !held->written;
}

bool hand_is_silent(const struct in_hand *held)
{
    return held->written && !held->offered && held->due_at_ms <= world.now_ms;
}

unsigned hand_limit(const struct phone *phone)
{
    return MIN((unsigned)WINDOW, phone->credit);
}

unsigned hand_count(const struct phone *phone)
{
    unsigned count = 0;
    for (unsigned i = 0; i < phone->hand_count; i++)
        count += !hand_is_silent(&phone->hand[i]);
    return count;
}

unsigned hand_count_returnable(const struct phone *phone)
{
    unsigned count = 0;
    for (unsigned i = 0; i < phone->hand_count; i++)
        count += hand_is_returnable(&phone->hand[i]);
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
        if (strcmp(owed->type, paid->type) != 0 || !message_id_equal(&owed->id, &paid->id) ||
            owed->attempt != paid->attempt || owed->number != paid->number ||
            owed->credit != paid->credit)
            continue;
        phone->owed_count--;
        memmove(owed, owed + 1, (size_t)(phone->owed + phone->owed_count - owed) * sizeof(*owed));
        return true;
    }
    return false;
}
