/*
 * A store in memory, for the simulation and for the fuzz target of the broker: messages and phones
 * that have numbers, and the verbs of common/store/store.h in transactions. What an open transaction
 * did is lost until it is committed.
 */
#ifndef TESTS_SIMULATION_MODEL_STORE_H
#define TESTS_SIMULATION_MODEL_STORE_H

#include "common/store/store.h"
#include "tests/simulation/mutations.h"

enum { MOST_MESSAGES = 16, MOST_PHONES = 4, MOST_CHANGES = 256, NOBODY = -1 };

struct stored_message {
    bool there;
    enum message_status status;
    unsigned attempt;
    unsigned event_count;
    int device; /* of the last phone; NOBODY */
    struct message_id journal;
    unsigned failures;
    int64_t not_before_ms;
    unsigned proved_attempt;
    bool revoke;
    int64_t report_seq;    /* of the last report that counted; -1: none */
    int64_t updated_at_ms; /* wall */
    int64_t moved_at_ms;   /* the same, truly: monotonic. No verb looks at it */
};

struct stored_device {
    bool there;
    int64_t session;
    bool connected;
    struct message_id broker;
};

struct tables {
    struct stored_message messages[MOST_MESSAGES];
    struct stored_device devices[MOST_PHONES];
    bool has_broker;
    struct message_id broker;
};

/* What a transaction did, for those who check it once it is on disk. */
struct change {
    bool is_report; /* a report was looked at; otherwise a message moved */
    unsigned message;
    enum message_status from, to; /* to: also of the report */
    unsigned attempt;
    int device;
    struct message_id journal;
    bool by_silence; /* nothing had been heard of it */
    int64_t moved_at_ms;
};

struct model_store {
    struct tables tables;    /* as the open transaction sees them */
    struct tables committed; /* as on disk, while a transaction is open */
    bool open;
    struct change changes[MOST_CHANGES];
    size_t change_count;
    int64_t now_ms, wall_ms; /* of the transaction */
    enum mutation broken;    /* MUTATION_NONE */
    /* Its limits; 0: never. They decide who gets a message and when, and nothing that a phone may rely
       on, so they are kept simple: one slot of so many is at its cap, one hand-over of so many is
       paused. */
    unsigned cap_every, pause_every;
    unsigned slots, hand_overs;
    unsigned endless; /* messages up to the one that fits into no frame; 0: there is none */
};

/* Opens a transaction, of that time: monotonic and wall. */
void model_store_begin(struct model_store *store, int64_t now_ms, int64_t wall_ms);

/* In an open transaction. Any verb; the result is the write's. */
enum error model_store_execute(struct model_store *store, struct store_write *write);

/* What the transaction did stays in `changes` until the next one. */
void model_store_commit(struct model_store *store);
void model_store_rollback(struct model_store *store);

/* As it is without the open transaction. */
const struct tables *model_store_on_disk(const struct model_store *store);

/* The id of a message, and back: MOST_MESSAGES for an id that is none of ours. */
struct message_id message_id_of(unsigned message);
unsigned message_of_id(const struct message_id *id);

/* "phone-0" */
unsigned phone_of_device(const char *device_id);
void device_id_of(unsigned phone, char device_id[DEVICE_ID_SIZE]);

#endif
