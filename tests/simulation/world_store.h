/*
 * The store of a world, for the simulation and for the fuzz target of the broker: the memory backend with numbers for
 * messages and phones. A transaction stays open as long as the world wants, and is lost unless it is committed.
 */
#ifndef TESTS_SIMULATION_WORLD_STORE_H
#define TESTS_SIMULATION_WORLD_STORE_H

#include "common/store/memory/memory.h"
#include "tests/simulation/mutations.h"

enum { MOST_MESSAGES = 16, MOST_PHONES = 4, MOST_CHANGES = 256, RECIPIENTS = 2, NOBODY = -1 };
enum { MOST_DOUBTS = 256 };

/* A transition of a message, a report, or an opt-out, in a transaction: the invariants are checked after its commit. */
struct change {
    bool is_report;     /* a report; otherwise a transition, */
    enum store_opt opt; /* unless a recipient opts out or in: */
    unsigned recipient;
    unsigned message;
    enum message_status from, to; /* of a report: `to` alone */
    unsigned attempt;
    int device;
    struct message_id journal; /* that the attempt was offered to */
    bool by_silence;           /* no report came in time */
    unsigned sims;             /* that the store knows of the device then: bit N for slot N */
    int64_t moved_at_ms;       /* of the transition before; monotonic */
    bool clock_is_trusted;     /* as below */
    int host;                  /* the broker that claims it; NOBODY */
    /* Or a broker has renewed its lease, or was ended by another one, that many milliseconds before its time. */
    enum { LEASE_UNTOUCHED, LEASE_RENEWED, LEASE_ENDED } lease;
    struct message_id instance;
    int64_t left_ms;
};

/* What the rows of a message do not have. */
struct tracked {
    struct message_id journal;
    int64_t moved_at_ms;
};

struct world_store {
    struct memory_tables tables;
    struct store_database database;
    struct store_rows rows; /* those of the memory, but for: */
    struct admin_rows admin;
    int64_t doubts; /* transactions of which a broker was told that the outcome is not known */
    bool committed[MOST_DOUBTS]; /* by its number, from 1 on, modulo that: what became of it */
    bool open;
    int host; /* the broker whose transaction it is; NOBODY */
    struct change changes[MOST_CHANGES];
    size_t change_count;
    struct tracked tracked[MOST_MESSAGES], tracked_on_disk[MOST_MESSAGES];
    int64_t now_ms, wall_ms; /* of the transaction */
    bool
        clock_is_trusted; /* by the write that runs: its submitter may set it after the transaction's begin */
    bool api_trusts_clock; /* the API: what it asks for now */
    enum mutation broken;  /* MUTATION_NONE */
    unsigned long_every;   /* every nth message has two segments; 0: none */
    /* Limits: every nth slot is at its limit, every nth claim is paused; 0: never. Simple, because limits only decide
       who gets a message and when. */
    unsigned cap_every, pause_every;
    unsigned slots, claims;
    unsigned endless; /* the number, plus 1, of the message that fits into no frame; 0: none */
    struct message_options options[MOST_MESSAGES]; /* what the client asks for, of each message */
    /* A message that was claimed, though another one comes before it; plus 1, 0: none. Stays. */
    unsigned overtaking, overtaken;
    /* The same of one that was claimed for a connection that is not its phone's newest, or was ended. */
    unsigned to_old, to_ended;
    unsigned
        released; /* a message whose send_at came by a clock that is not trusted; plus 1, 0: none */
};

/* The struct is zeroed, but for `broken` and the limits. `limits` are those of the store itself. */
void world_store_init(struct world_store *store, const struct store_limits *limits);
void world_store_fini(struct world_store *store);

/* Opens a transaction at that time, monotonic and wall. */
void world_store_begin(struct world_store *store, int64_t now_ms, int64_t wall_ms);

/* A phone that was paired, and has not connected yet. */
void world_store_add_device(struct world_store *store, unsigned phone);

/* Runs a write of any verb in the open transaction; returns its result. A new message, alone or in a batch, needs only its
   id: the rest follows from the number and from `options`. */
enum error world_store_execute(struct world_store *store, struct store_write *write);

/* store_poll_work, of what is committed. */
void world_store_poll(const struct world_store *store, int64_t wall_ms, struct store_work *work);

/* `changes` has those of the transaction until the next one begins. */
void world_store_commit(struct world_store *store);
void world_store_roll_back(struct world_store *store);

/* A message as the open transaction sees it; and as it is on disk, without that transaction. */
struct stored_message {
    bool there;
    enum message_status status;
    unsigned attempt, event_count;
    int device; /* of the last phone; NOBODY */
    struct message_id journal;
    bool cancel_requested;
    unsigned recipient, segments;
    int64_t retry_at_ms, send_at_ms;
};
struct stored_message world_store_message(const struct world_store *store, unsigned message);
struct stored_message world_store_on_disk(const struct world_store *store, unsigned message);

/* How many incoming SMS of a phone have that text on disk, and were received that many seconds after 1970. */
unsigned world_store_count_incoming(const struct world_store *store, unsigned phone,
                                    unsigned received_at, const char *text);

bool world_store_is_connected(const struct world_store *store, unsigned phone);

/* The same of that connection. */
bool world_store_has_connection(const struct world_store *store, unsigned phone, int64_t epoch);

/* The id of a message, and back: MOST_MESSAGES for any other id. */
struct message_id message_id_of(unsigned message);
unsigned message_of_id(const struct message_id *id);

/* Who gets a new message of that number; and a recipient's phone number. */
unsigned recipient_of(unsigned message);
const char *recipient_number(unsigned recipient);

/* "phone-0" */
unsigned phone_of_device(const char *device_id);
void device_id_of(unsigned phone, char device_id[DEVICE_ID_SIZE]);

#endif
