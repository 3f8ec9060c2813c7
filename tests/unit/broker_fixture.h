/* The broker core with a store and phones of a few lines each: each event is made by the test. */
#ifndef TESTS_UNIT_BROKER_FIXTURE_H
#define TESTS_UNIT_BROKER_FIXTURE_H

#include "tests/unit/unit.h"
#include "ws-broker/core/broker.h"

#define WORLD_WALL_MS INT64_C(1700000000000)

enum { MAX_PENDING = 256, ENDLESS_SIZE = 30000 };

/* The core, its pending writes, and the messages that are queued. */
struct world {
    struct broker *broker;
    int64_t now_ms;
    struct store_write *pending[MAX_PENDING]; /* submitted, not completed */
    size_t pending_count;
    struct store_work *poll; /* under way; NULL: none */
    int queued;              /* messages in the store's queue */
    bool has_other;          /* another broker keeps house */
    bool endless;            /* the next queued message fits into no frame */
    int64_t session;         /* the last connection epoch */
    session_id dropped[16], paused[16];
    size_t dropped_count, paused_count, resumed_count;
    struct buffer frame;
};

extern const struct broker_options default_options;

/* Carries out the actions of the core; writes wait until a test completes them. */
void world_pump(struct world *world);

/* Freed with world_free, which does world_answer_all first. */
struct world *world_new(const struct broker_options *options);

/* Takes the oldest pending write of that verb; NULL when there is none. */
struct store_write *world_take_pending(struct world *world, enum store_verb verb);

/* Takes the poll that is under way; NULL when there is none. */
struct store_work *world_take_poll(struct world *world);

/* Ends the poll that was taken, with what the test has put into it. */
void world_answer_poll(struct world *world, enum error result);

/* Completes one write with that result. */
void world_answer(struct world *world, struct store_write *write, enum error result);

/* Fills a claim, as the store does, with as many messages as are queued. */
void world_fill_claim(struct world *world, struct store_write *write);

/* Gives a claim a message for each slot of the device. */
void world_fill_slots_of(struct store_write *write, const char *device_id);

/* Completes all pending writes with success, until none is left, and a poll that finds nothing. */
void world_answer_all(struct world *world);

void world_free(struct world *world);

/* Lets time pass, and ticks; the wall clock stands still. */
void world_advance(struct world *world, int64_t ms);

/* Opens a session of a basic phone, without its greeting. */
session_id world_open_session(struct world *world, const char *device_id);

/* A frame from the phone. */
void world_receive(struct world *world, session_id id, const char *text);

/* The connection is gone. */
void world_close_session(struct world *world, session_id id);

/* The next output to the phone; a frame is in world->frame. */
enum session_output world_next_output(struct world *world, session_id id, enum error *error);

/* The type of the next frame, "" when there is none; the frame is in world->frame. */
const char *world_next_frame(struct world *world, session_id id);

/* Reads all frames; the next output must be a close frame with that error, and the last one. */
void world_assert_closes(struct world *world, session_id id, enum error expected);

/* A connected phone that has read its connection_ack. */
session_id world_connect_phone(struct world *world, const char *device_id, const char *info);

/* Queues messages and rings the doorbell. */
void world_queue(struct world *world, int count);

/* Reads a new_sms from the phone's connection; copies its id. False when there is none. */
bool world_read_message(struct world *world, session_id id, char message_id[MESSAGE_ID_TEXT_SIZE]);

/* Reads messages until there is no other; how many they were. */
int world_count_messages(struct world *world, session_id id);

/* A status_update from the phone. */
void world_report(struct world *world, session_id id, const char *message_id, const char *status);

/* An assured phone with an empty journal that has read its welcome. */
session_id world_connect_assured_phone(struct world *world, const char *device_id);

#endif
