/*
 * A world of its own, for priorities: two days in which three messages of normal priority come for every two that
 * can be sent, and now and then one of high or low priority. It has a store and a phone that takes two at a time, and
 * nothing goes wrong in it.
 */
#include "tests/simulation/store_mutations.h"
#include "tests/simulation/world.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEP_MS = 600000,
    STEPS = 48 * 6,
    A_STEP = 3,  /* messages that come in a step, at least */
    A_CLAIM = 2, /* that can be sent in a step */
    MOST = STEPS * (A_STEP + 2),
    WORTH_MS = 24 * 3600000, /* of a priority */
};

struct load {
    struct store_database database;
    struct memory_tables tables;
    int64_t start_ms;
    size_t count;
    struct loaded {
        enum message_priority priority;
        int64_t came_ms;
        bool given;
    } messages[MOST];
};

/* The last bytes have the number of the message. */
static struct message_id id_of(size_t number, int64_t time_ms)
{
    struct message_id id = {0};
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (unsigned char)(time_ms >> 8 * (5 - i));
    id.bytes[MESSAGE_ID_BYTES - 2] = (unsigned char)(number >> 8);
    id.bytes[MESSAGE_ID_BYTES - 1] = (unsigned char)number;
    return id;
}

static size_t number_of(const struct message_id *id)
{
    return (size_t)id->bytes[MESSAGE_ID_BYTES - 2] << 8 | id->bytes[MESSAGE_ID_BYTES - 1];
}

static void execute(struct load *load, struct store_write *write, int64_t now_ms)
{
    memory_begin(&load->database, now_ms);
    memory_run(&load->database, write);
    if (write->result != ERROR_NONE || memory_commit(&load->database) != ERROR_NONE)
        abort();
}

static void queue(struct world *world, struct load *load, enum message_priority priority,
                  int64_t now_ms)
{
    size_t number = load->count++;
    struct message message = {.id = id_of(number, now_ms + (int64_t)(number % 100)),
                              .phone_number = "+1234567890",
                              .text = (char[]){"text"},
                              .segments = 1,
                              .options.priority = priority};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    execute(load, &write, now_ms);
    load->messages[number] = (struct loaded){priority, message_id_time_ms(&message.id), false};
    world->counts->messages++;
    TRACE(world, "message %zu is queued: %s", number, message_priority_name(priority));
}

static int64_t turn_ms(const struct loaded *message)
{
    static const int64_t moved_ms[] = {[MESSAGE_PRIORITY_NORMAL] = 0,
                                       [MESSAGE_PRIORITY_HIGH] = -WORTH_MS,
                                       [MESSAGE_PRIORITY_LOW] = WORTH_MS};
    return message->came_ms + moved_ms[message->priority];
}

static void check_given(struct world *world, struct load *load, size_t number)
{
    load->messages[number].given = true;
    TRACE(world, "message %zu goes to a phone: %s", number,
          message_priority_name(load->messages[number].priority));
    for (size_t i = 0; i < load->count; i++) {
        const struct loaded *other = &load->messages[i];
        if (!other->given && turn_ms(other) < turn_ms(&load->messages[number]))
            violate(world, "P1: message %zu, %s, goes to a phone before message %zu, %s", number,
                    message_priority_name(load->messages[number].priority), i,
                    message_priority_name(other->priority));
    }
}

static void claim(struct world *world, struct load *load, int64_t now_ms)
{
    struct store_holder slots[A_CLAIM] = {{.device_id = "phone-0"}, {.device_id = "phone-1"}};
    struct message messages[A_CLAIM] = {0};
    struct store_write write = {.verb = STORE_CLAIM};
    write.claim = (struct store_claim){
        .slot_count = A_CLAIM, .slots = slots, .messages = messages, .trusted_wall_ms = now_ms};
    memory_begin(&load->database, now_ms);
    store_mutations_break_queue(&load->database, world->broken);
    if (memory_commit(&load->database) != ERROR_NONE)
        abort();
    execute(load, &write, now_ms);
    /* Both are given at the same time: in either order. */
    for (size_t i = 0; i < A_CLAIM; i++) {
        if (messages[i].text)
            load->messages[number_of(&messages[i].id)].given = true;
    }
    for (size_t i = 0; i < A_CLAIM; i++) {
        if (messages[i].text)
            check_given(world, load, number_of(&messages[i].id));
        message_fini(&messages[i]);
    }
}

/* Some came so long ago that nothing that came since may have passed them. */
static void check_end(struct world *world, const struct load *load)
{
    unsigned given[MESSAGE_PRIORITY_COUNT] = {0};
    for (size_t i = 0; i < load->count; i++)
        given[load->messages[i].priority] += load->messages[i].given;
    for (int i = 0; i < MESSAGE_PRIORITY_COUNT; i++) {
        if (given[i] == 0)
            violate(world, "P1: no message of priority %s was sent in two days",
                    message_priority_name((enum message_priority)i));
    }
}

static void run_step(struct world *world, struct load *load, int64_t now_ms)
{
    struct random *random = &world->random;
    for (int i = 0; i < A_STEP; i++)
        queue(world, load, MESSAGE_PRIORITY_NORMAL, now_ms);
    if (random_chance(random, 200))
        queue(world, load, MESSAGE_PRIORITY_HIGH, now_ms);
    if (load->start_ms == now_ms || random_chance(random, 100))
        queue(world, load, MESSAGE_PRIORITY_LOW, now_ms);
    claim(world, load, now_ms);
    world->counts->steps++;
}

void load_run(struct world *world)
{
    struct load *load = calloc(1, sizeof(*load));
    if (!load)
        abort();
    memory_tables_init(&load->tables);
    memory_database_init(&load->database, &load->tables, &(struct store_options){0});
    load->start_ms = 1700000000000;
    for (int i = 0; i < STEPS && !world->violation[0]; i++)
        run_step(world, load, load->start_ms + (int64_t)i * STEP_MS);
    if (!world->violation[0])
        check_end(world, load);
    memory_database_fini(&load->database);
    memory_tables_fini(&load->tables);
    free(load);
}
