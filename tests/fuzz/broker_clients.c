/* What clients and operators do at the store, each in a transaction of its own, and what must hold of each claim then. */
#include "tests/fuzz/broker_world.h"

enum { GROUPS = 2, PAGE = 2, SOON_MS = 5000 };

static void group_name(unsigned group, char name[DEVICE_GROUP_SIZE])
{
    snprintf(name, DEVICE_GROUP_SIZE, "group-%u", group);
}

/* ---- New messages ---- */

static int64_t choose_time(void)
{
    return world_wall_ms() + (1 + choose(&world.choices, 16)) * SOON_MS;
}

/* Mostly none. */
static void choose_options(struct message_options *options)
{
    *options = (struct message_options){0};
    switch (choose(&world.choices, 16)) {
    case 8:
        device_id_of(choose(&world.choices, DEVICES), options->target.device_id);
        break;
    case 9:
        group_name(choose(&world.choices, GROUPS), options->target.device_group);
        break;
    case 10:
        options->target.sim = 1 + choose(&world.choices, 2);
        break;
    case 11:
        options->send_at_ms = choose_time();
        break;
    case 12:
        options->expires_at_ms = choose_time();
        break;
    case 13:
        options->priority = MESSAGE_PRIORITY_LOW;
        break;
    case 14:
        options->priority = MESSAGE_PRIORITY_HIGH;
        options->expires_at_ms = choose_time();
        break;
    case 15:
        options->no_delivery_report = true;
        device_id_of(choose(&world.choices, DEVICES), options->target.device_id);
        options->target.sim = 1;
        break;
    default:
        break;
    }
}

static bool is_there(unsigned number)
{
    return world_store_message(&world.store, number).there;
}

void clients_queue(unsigned number)
{
    struct message message = {.id = message_id_of(number)};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    if (is_there(number))
        return;
    choose_options(&world.store.options[number]);
    CHECK(store_run_now(&write) == ERROR_NONE);
}

static struct message_id batch_id_of(unsigned batch)
{
    return (struct message_id){{0xba, (unsigned char)(1 + batch)}};
}

/* Of the numbers from that one on that are free. */
void clients_queue_batch(unsigned number)
{
    struct message messages[BATCH_MESSAGES] = {0};
    struct store_write write = {.verb = STORE_ENQUEUE_BATCH};
    struct store_enqueue_batch *batch = &write.enqueue_batch;
    *batch = (struct store_enqueue_batch){.id = batch_id_of(world.batches), .messages = messages};
    for (; number < MOST_MESSAGES && batch->count < BATCH_MESSAGES; number++) {
        if (is_there(number))
            continue;
        choose_options(&world.store.options[number]);
        messages[batch->count++].id = message_id_of(number);
    }
    if (batch->count == 0)
        return;
    CHECK(store_run_now(&write) == ERROR_NONE);
    for (size_t i = 0; i < batch->count; i++)
        CHECK(is_there(message_of_id(&messages[i].id)));
    world.batch_counts[world.batches++] = (unsigned)batch->count;
}

void clients_resend(unsigned number)
{
    struct message message = {0};
    unsigned free_number = 0;
    unsigned how = choose(&world.choices, 4);
    while (free_number < MOST_MESSAGES && is_there(free_number))
        free_number++;
    if (free_number == MOST_MESSAGES)
        return;
    struct store_write write = {.verb = STORE_RESEND,
                                .resend = {.id = message_id_of(number),
                                           .new_id = message_id_of(free_number),
                                           .again = how & 1,
                                           .accept_duplicate = how & 2,
                                           .message = &message}};
    enum message_status before = world_store_message(&world.store, number).status;
    enum error error = store_run_now(&write);
    CHECK(is_there(free_number) == (error == ERROR_NONE));
    CHECK(error != ERROR_NONE || (before >= MESSAGE_FAILED && is_there(number)));
    CHECK(error != ERROR_NONE || before != MESSAGE_UNKNOWN || how & 2);
    message_fini(&message);
}

/* ---- Cancelling ---- */

void clients_cancel(unsigned number)
{
    struct store_write write = {.verb = STORE_CANCEL, .cancel.id = message_id_of(number)};
    store_run_now(&write);
}

void clients_cancel_batch(unsigned batch)
{
    struct store_write write = {
        .verb = STORE_CANCEL_BATCH,
        .cancel_batch = {.id = batch_id_of(batch), .limit = PAGE, .more = true}};
    const struct store_cancel_batch *cancel = &write.cancel_batch;
    size_t seen = 0;
    if (batch >= world.batches)
        return;
    while (cancel->more) {
        CHECK(store_run_now(&write) == ERROR_NONE);
        seen += cancel->cancelled + cancel->asked + cancel->too_late;
    }
    CHECK(seen == world.batch_counts[batch]);
}

/* ---- What operators decide ---- */

void operators_decide(unsigned device)
{
    unsigned how = choose(&world.choices, 16); /* a bit for each group, one each for the rest */
    struct store_write write = {.verb = STORE_CONFIGURE_DEVICE};
    struct store_configure_device *configure = &write.configure;
    configure->set = STORE_SET_GROUPS | STORE_SET_DISABLED | STORE_SET_DAILY_SEGMENTS;
    for (unsigned i = 0; i < GROUPS; i++) {
        char name[DEVICE_GROUP_SIZE];
        group_name(i, name);
        CHECK(!(how & 1u << i) || device_groups_add(&configure->configuration.groups, name));
    }
    configure->configuration.disabled = how & 4;
    if (how & 8)
        configure->configuration.daily_segments = (struct device_limit){.is_own = true, .most = 2};
    device_id_of(device, configure->device_id);
    enum error error = store_run_now(&write);
    CHECK(error == ERROR_NONE || error == ERROR_DEVICE_NOT_PAIRED); /* it has never connected */
    if (error == ERROR_NONE)
        world.decided[device] = configure->configuration;
}

/* ---- Who may have a message ---- */

bool clients_may_have(unsigned device, unsigned message, unsigned sims)
{
    const struct message_target *target = &world.store.options[message].target;
    const struct device_configuration *decided = &world.decided[device];
    bool is_device = !*target->device_id || phone_of_device(target->device_id) == device;
    bool is_in_group = !*target->device_group ||
                       device_groups_has(&decided->groups, target->device_group);
    bool has_sim = target->sim == 0 || sims & 1u << target->sim;
    return !decided->disabled && is_device && is_in_group && has_sim;
}

void promise_claimed(const struct change *change)
{
    const struct message_options *options = &world.store.options[change->message];
    CHECK(clients_may_have((unsigned)change->device, change->message, change->sims));
    CHECK(options->send_at_ms <= world.store.wall_ms);
    CHECK(options->expires_at_ms == 0 || options->expires_at_ms > world.store.wall_ms);
}
