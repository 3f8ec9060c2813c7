/*
 * The store of a world, for the simulation and for the fuzz target of the broker: the memory backend, whose messages and
 * phones have numbers here, and whose transaction stays open as long as the world wants. What an open transaction did is
 * lost unless it is committed.
 */
#ifndef TESTS_SIMULATION_WORLD_STORE_H
#define TESTS_SIMULATION_WORLD_STORE_H

#include "common/store/memory/memory.h"
#include "tests/simulation/mutations.h"

enum { MOST_MESSAGES = 16, MOST_PHONES = 4, MOST_CHANGES = 256, NOBODY = -1 };

/* What a transaction did, for those who check it once it is on disk. */
struct change {
    bool is_report; /* a report was looked at; otherwise a message moved */
    unsigned message;
    enum message_status from, to; /* to: also of the report */
    unsigned attempt;
    int device;
    struct message_id journal; /* that the attempt was offered to */
    bool by_silence;           /* nothing had been heard of it */
    int64_t moved_at_ms;       /* when it moved before; monotonic */
};

/* What the rows do not have: kept for each message. */
struct tracked {
    struct message_id journal;
    int64_t moved_at_ms;
};

struct world_store {
    struct memory_tables tables;
    struct store_database database;
    bool open;
    struct change changes[MOST_CHANGES];
    size_t change_count;
    struct tracked tracked[MOST_MESSAGES], tracked_on_disk[MOST_MESSAGES];
    int64_t now_ms, wall_ms; /* of the transaction */
    enum mutation broken;    /* MUTATION_NONE */
    /* Limits; 0: never. They decide who gets a message and when, and nothing that a phone may rely on, so they are
       kept simple: one slot of so many is at its limit, one claim of so many is paused. */
    unsigned cap_every, pause_every;
    unsigned slots, claims;
    unsigned endless; /* messages up to the one that fits into no frame; 0: there is none */
};

/* Zeroed, but for what may be set before. */
void world_store_init(struct world_store *store);
void world_store_fini(struct world_store *store);

/* Opens a transaction, of that time: monotonic and wall. */
void world_store_begin(struct world_store *store, int64_t now_ms, int64_t wall_ms);

/* In an open transaction. Any verb; the result is the write's. A new message needs its id alone. */
enum error world_store_execute(struct world_store *store, struct store_write *write);

/* What the transaction did stays in `changes` until the next one. */
void world_store_commit(struct world_store *store);
void world_store_roll_back(struct world_store *store);

/* A message, as the open transaction sees it, or as it is without. */
struct stored_message {
    bool there;
    enum message_status status;
    unsigned attempt, event_count;
    int device; /* of the last phone; NOBODY */
    struct message_id journal;
    bool cancel_requested;
    int64_t retry_at_ms;
};
struct stored_message world_store_message(const struct world_store *store, unsigned message);
struct stored_message world_store_on_disk(const struct world_store *store, unsigned message);

bool world_store_is_connected(const struct world_store *store, unsigned phone);

/* The id of a message, and back: MOST_MESSAGES for an id that is none of ours. */
struct message_id message_id_of(unsigned message);
unsigned message_of_id(const struct message_id *id);

/* "phone-0" */
unsigned phone_of_device(const char *device_id);
void device_id_of(unsigned phone, char device_id[DEVICE_ID_SIZE]);

#endif
