/* Phones as operators and clients see them: groups, SIMs, enabled or not, limits of their own; and who may have a message. */
#include "tests/simulation/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 86400000, ALL_GROUPS = (1 << MOST_GROUPS) - 1 };

void devices_group_name(unsigned group, char name[DEVICE_GROUP_SIZE])
{
    snprintf(name, DEVICE_GROUP_SIZE, "group-%u", group);
}

static unsigned group_of(const char *name)
{
    return (unsigned)(name[6] - '0');
}

/* ---- What operators decide ---- */

static struct decision draw_decision(struct world *world)
{
    struct random *random = &world->random;
    struct decision decision = {.groups = random_below(random, ALL_GROUPS + 1),
                                .disabled = random_chance(random, world->recovering ? 100 : 300)};
    if (!world->recovering && random_chance(random, 250))
        decision.daily_segments = 1 + random_below(random, 3);
    if (!world->recovering && random_chance(random, 150))
        decision.window_segments = 1 + random_below(random, 3);
    return decision;
}

static struct device_limit own_limit(unsigned most)
{
    return (struct device_limit){.is_own = most > 0, .most = most};
}

static struct device_configuration configuration_of(const struct decision *decision)
{
    struct device_configuration configuration = {
        .disabled = decision->disabled,
        .daily_segments = own_limit(decision->daily_segments),
        .window_segments = own_limit(decision->window_segments),
    };
    for (unsigned i = 0; i < MOST_GROUPS; i++) {
        char name[DEVICE_GROUP_SIZE];
        devices_group_name(i, name);
        if (decision->groups & 1u << i && !device_groups_add(&configuration.groups, name))
            abort();
    }
    return configuration;
}

static bool has_limit(const struct decision *decision)
{
    return decision->daily_segments > 0 || decision->window_segments > 0;
}

/* On disk at once: where the disk has trouble, the operator is told, and nothing has changed. */
void devices_decide(struct world *world, unsigned index)
{
    struct phone *phone = &world->phones[index];
    struct decision decision = draw_decision(world);
    struct store_write write = {.verb = STORE_CONFIGURE_DEVICE};
    device_id_of(index, write.configure.device_id);
    write.configure.configuration = configuration_of(&decision);
    write.configure.set = STORE_SET_GROUPS | STORE_SET_DISABLED | STORE_SET_DAILY_SEGMENTS |
                          STORE_SET_WINDOW_SEGMENTS;
    world_begin_transaction(world, NULL);
    enum error error = world_store_execute(&world->store, &write);
    world_commit_transaction(world);
    if (error != ERROR_NONE) {
        violate(world, "O1: nothing can be decided about phone-%u: %s", index, error_code(error));
        return;
    }
    if (!has_limit(&phone->decided))
        phone->use = 0;
    phone->decided = decision;
    world->counts->decisions++;
    TRACE(world, "an operator decides about phone-%u: %s, groups %x, a day %u, a window %u", index,
          decision.disabled ? "disabled" : "enabled", decision.groups, decision.daily_segments,
          decision.window_segments);
}

void devices_init(struct world *world)
{
    if (world->conditions.decisions == 0)
        return;
    world_begin_transaction(world, NULL);
    for (unsigned i = 0; i < world->phone_count; i++)
        world_store_add_device(&world->store, i);
    world_commit_transaction(world);
    for (unsigned i = 0; i < world->phone_count; i++)
        devices_decide(world, i);
}

/* ---- SIMs ---- */

const char *devices_sims_text(struct phone *phone, char text[DEVICES_SIMS_SIZE])
{
    static const char *const lists[] = {"", "{\"slot\":1}", "{\"slot\":2}",
                                        "{\"slot\":1},{\"slot\":2}"};
    text[0] = '\0';
    if (!phone->tells_sims)
        return text;
    phone->told_sims = phone->sims;
    phone->ever_told |= 1u << phone->sims;
    snprintf(text, DEVICES_SIMS_SIZE, ",\"sims\":[%s]", lists[phone->sims >> 1]);
    return text;
}

void devices_tell_sims(struct world *world, struct phone *phone)
{
    char sims[DEVICES_SIMS_SIZE], text[DEVICES_SIMS_SIZE + 80];
    if (phone->polled || !phone->tells_sims || phone->told_sims == phone->sims ||
        phone->current == NOBODY || !world->connections[phone->current].greeted)
        return;
    snprintf(text, sizeof(text), "{\"type\":\"device_update\",\"info\":{\"battery_level\":80%s}}",
             devices_sims_text(phone, sims));
    link_send_up(world, (unsigned)phone->current, FLYING_TEXT, strdup(text));
}

void devices_change_sims(struct world *world, unsigned index)
{
    struct phone *phone = &world->phones[index];
    phone->sims = random_below(&world->random, 1 << MOST_SIMS) << 1;
    TRACE(world, "phone-%u has the SIMs %x", index, phone->sims);
    if (phone->polled) /* it tells when it starts */
        phone_kill(world, index);
    devices_tell_sims(world, phone);
}

/* ---- Who may have a message ---- */

/* But for the SIM. */
static bool is_target(const struct message_target *target, const struct phone *phone)
{
    bool is_device = !*target->device_id || phone_of_device(target->device_id) == phone->index;
    bool is_in_group = !*target->device_group ||
                       phone->decided.groups & 1u << group_of(target->device_group);
    return is_device && is_in_group;
}

bool devices_can_send(const struct world *world, unsigned message)
{
    const struct message_target *target = &world->store.options[message].target;
    for (unsigned i = 0; i < world->phone_count; i++) {
        const struct phone *phone = &world->phones[i];
        bool has_sim = target->sim == 0 || (phone->tells_sims && phone->sims & 1u << target->sim);
        if (!phone->decided.disabled && has_sim && is_target(target, phone))
            return true;
    }
    return false;
}

static void count_use(struct world *world, struct phone *phone, unsigned message)
{
    int64_t day = world->store.wall_ms / DAY_MS;
    unsigned most = phone->decided.daily_segments;
    if (!has_limit(&phone->decided))
        return;
    if (day != phone->use_day)
        phone->use = 0;
    phone->use_day = day;
    if (++phone->use > most && most > 0)
        violate(world, "O1: message %u is number %u of the day for phone-%u, whose limit is %u",
                message, phone->use, phone->index, most);
}

/* The operator's decisions are those of the claim: a transaction is alone. */
void devices_check_given(struct world *world, const struct change *change)
{
    const struct message_target *target = &world->store.options[change->message].target;
    struct phone *phone = &world->phones[change->device];
    if (!is_target(target, phone))
        violate(world, "T1: message %u goes to phone-%u, and is meant for another", change->message,
                phone->index);
    if (target->sim != 0 &&
        !(change->sims & 1u << target->sim && phone->ever_told & 1u << change->sims))
        violate(world, "T1: message %u goes to phone-%u, which has not told SIM %u",
                change->message, phone->index, target->sim);
    if (phone->decided.disabled)
        violate(world, "O1: message %u goes to phone-%u, which is disabled", change->message,
                phone->index);
    count_use(world, phone, change->message);
}

/* Where nothing was sent, it no longer counts. */
void devices_check_returned(struct world *world, const struct change *change)
{
    if (change->from == MESSAGE_QUEUED || change->device == NOBODY)
        return;
    struct phone *phone = &world->phones[change->device];
    phone->use -= phone->use > 0;
}
