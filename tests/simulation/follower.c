/* Something that follows the gateway's events with a cursor, a page now and then between the transactions; and the invariants over
   what it sees. */
#include "tests/simulation/world.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_IN_PAGE = 8, READS_PER_MILLE = 100 };

static void check_message(struct world *world, const struct store_event *event)
{
    struct follower *follower = &world->follower;
    unsigned message = message_of_id(&event->message_id);
    if (message == MOST_MESSAGES)
        return; /* nobody was told of it */
    if (event->number != follower->seen[message] + 2)
        violate(world, "V1: of message %u event %lld comes after %u others", message,
                (long long)event->number, follower->seen[message]);
    follower->seen[message]++;
    follower->status[message] = event->status;
}

/* Every message of it is there, and finished. */
static void check_batch(struct world *world, const struct store_event *event)
{
    struct follower *follower = &world->follower;
    struct message_id id;
    bool open = true;
    if (!message_id_parse(event->subject, &id) ||
        memory_batch_rows.find_open(&world->store.database, &id, &open) != ERROR_NONE || open)
        violate(world, "V2: a batch is told to be finished, and is not");
    for (unsigned i = 0; i < follower->batch_count; i++) {
        if (message_id_equal(&follower->batches[i], &id))
            violate(world, "V2: a batch is told to be finished twice");
    }
    if (follower->batch_count < MOST_REQUESTS)
        follower->batches[follower->batch_count++] = id;
}

static void sees(struct world *world, const struct store_event *event)
{
    struct follower *follower = &world->follower;
    if (event->id <= follower->cursor)
        violate(world, "V1: event %lld comes after event %lld", (long long)event->id,
                (long long)follower->cursor);
    world->counts->events++;
    follower->cursor = event->id;
    if (EVENT_BIT(event->type) & EVENT_MESSAGE_BITS)
        check_message(world, event);
    if (event->type == EVENT_BATCH_FINISHED)
        check_batch(world, event);
    if (event->type == EVENT_DEVICE_CONNECTED || event->type == EVENT_DEVICE_DISCONNECTED)
        follower->connected[phone_of_device(event->device_id)] = event->type ==
                                                                 EVENT_DEVICE_CONNECTED;
    if (event->type == EVENT_INBOX_RECEIVED)
        follower->incoming_count++;
}

/* Whether there are more. */
static bool read_page(struct world *world, size_t limit)
{
    struct store_event_page page = {0};
    struct store_event_query query = {.after = world->follower.cursor, .limit = limit};
    if (memory_list_events(&world->store.tables, &query, &page) != ERROR_NONE)
        abort();
    for (size_t i = 0; i < page.count; i++)
        sees(world, &page.events[i]);
    world->follower.cursor = MAX(world->follower.cursor, page.last);
    bool more = page.more;
    store_event_page_fini(&page);
    return more;
}

/* By chances of its own: the other things that happen in a world are the same without it. */
void follower_reads(struct world *world)
{
    struct random *random = &world->follower.random;
    if (random->state == 0)
        random->state = world->seed ^ 0xf0110;
    if (random_chance(random, READS_PER_MILLE))
        read_page(world, 1 + random_below(random, MOST_IN_PAGE));
}

static void check_messages(struct world *world)
{
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message row = world_store_on_disk(&world->store, i);
        const struct follower *follower = &world->follower;
        if (row.there &&
            (follower->seen[i] + 1 != row.event_count || follower->status[i] != row.status))
            violate(world, "V1: of message %u %u events were seen, of %u", i, follower->seen[i] + 1,
                    row.event_count);
    }
}

static void check_batches(struct world *world)
{
    const struct table *batches = &world->store.tables.batches;
    unsigned finished = 0;
    for (size_t i = 0; i < batches->count; i++) {
        const struct memory_batch *batch = batches->rows[i];
        bool open = true;
        if (memory_batch_rows.find_open(&world->store.database, &batch->id, &open) != ERROR_NONE)
            abort();
        finished += !open;
    }
    if (finished != world->follower.batch_count)
        violate(world, "V2: %u batches are finished, and %u are told of", finished,
                world->follower.batch_count);
}

void follower_check_end(struct world *world)
{
    const struct follower *follower = &world->follower;
    if (world->store.open)
        world_store_roll_back(&world->store); /* it is lost with the world */
    while (read_page(world, MOST_IN_PAGE))
        ;
    check_messages(world);
    check_batches(world);
    for (unsigned i = 0; i < world->phone_count; i++) {
        if (follower->connected[i] != world_store_is_connected(&world->store, i))
            violate(world, "V3: what is told last of the connections of phone-%u is not so", i);
    }
    if (follower->incoming_count != world->store.tables.incoming.count)
        violate(world, "V4: %u incoming SMS are told of, of %zu", follower->incoming_count,
                world->store.tables.incoming.count);
}
