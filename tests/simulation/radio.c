/* What becomes of a text that a phone hands to its radio, and what the phone is told of it. */
#include "tests/simulation/world.h"

#include <stdlib.h>

struct submit *radio_find(struct world *world, unsigned message, unsigned phone, unsigned attempt)
{
    struct record *record = &world->records[message];
    for (unsigned i = record->submit_count; i-- > 0;) {
        struct submit *submit = &record->submits[i];
        if (submit->phone == phone && submit->attempt == attempt)
            return submit;
    }
    return NULL;
}

static int64_t answer(struct world *world, const struct phone *phone, unsigned message,
                      unsigned attempt, int64_t after_ms, enum radio_result result)
{
    int64_t most_ms = random_chance(&world->random, 100) ? 20000 : 500;
    int64_t at_ms = after_ms + random_between(&world->random, 1, most_ms);
    world_schedule(world, at_ms,
                   (struct event){.type = EVENT_RADIO,
                                  .subject = phone->index,
                                  .generation = phone->incarnation,
                                  .a = message | attempt << 8,
                                  .b = result});
    return at_ms;
}

void radio_submit(struct world *world, struct phone *phone, unsigned message, unsigned attempt)
{
    struct conditions *conditions = &world->conditions;
    struct record *record = &world->records[message];
    invariants_check_submit(world, phone->index, message, attempt);
    options_check_submit(world, phone, message);
    if (record->submit_count == MOST_SUBMITS)
        abort();
    struct submit *submit = &record->submits[record->submit_count++];
    *submit = (struct submit){.phone = phone->index, .attempt = attempt, .taken = true};
    world->counts->submits++;
    TRACE(world, "phone-%u hands message %u to its radio, attempt %u", phone->index, message,
          attempt);

    unsigned fate = world->recovering ? 999 : random_below(&world->random, 1000);
    if (fate < conditions->definite) {
        submit->taken = false;
        answer(world, phone, message, attempt, 0, RADIO_DEFINITE);
    } else if ((fate -= conditions->definite) < conditions->permanent) {
        submit->taken = false;
        answer(world, phone, message, attempt, 0, RADIO_PERMANENT);
    } else if ((fate -= conditions->permanent) < conditions->ambiguous) {
        submit->taken = random_chance(&world->random, 500);
        answer(world, phone, message, attempt, 0, RADIO_AMBIGUOUS);
    } else if ((fate -= conditions->ambiguous) < conditions->partial) {
        answer(world, phone, message, attempt, 0, RADIO_PARTIAL);
    } else if (fate - conditions->partial < conditions->no_result) {
        submit->taken = random_chance(&world->random, 700);
        answer(world, phone, message, attempt, 10000, RADIO_TIMEOUT);
        if (submit->taken && random_chance(&world->random, 500)) /* Android loses broadcasts */
            answer(world, phone, message, attempt, 5000, RADIO_DELIVERED);
    } else {
        int64_t sent_ms = answer(world, phone, message, attempt, 0, RADIO_SENT);
        unsigned end = random_below(&world->random, 10);
        if (world->store.options[message].no_delivery_report && !phone->ignores_options)
            return;
        if (end < 6)
            answer(world, phone, message, attempt, sent_ms, RADIO_DELIVERED);
        else if (end < 7)
            answer(world, phone, message, attempt, sent_ms, RADIO_UNDELIVERED);
    }
}
