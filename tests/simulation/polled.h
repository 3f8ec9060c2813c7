/*
 * Polled phones: SMSGate's app, as its published sources say it behaves, and the gateway's API, which it asks.
 *
 *   phone_polled.c   the app: its list of messages, its radio, and what it says of them
 *   polled_link.c    when it registers, connects and fetches; and what goes wrong with it alone
 *   polled_api.c     the requests: each a transaction of the API, which is killed at times; and the invariants over what is
 *                    listed
 */
#ifndef TESTS_SIMULATION_POLLED_H
#define TESTS_SIMULATION_POLLED_H

#include "common/access/device_token.h"
#include "common/model/message_ref.h"
#include "common/store/clock_trust.h"
#include "tests/simulation/random.h"
#include "tests/simulation/schedule.h"
#include "tests/simulation/seen_clock.h"
#include "tests/simulation/world_store.h"

struct world;
struct phone;

enum {
    MOST_HELD = 176,       /* messages on an app's list, with their attempts */
    POLLED_RACE_MS = 3000, /* from its last look at a message to the radio, at most */
};

/* A message on the app's list, under the name that it has on the wire: it stays there. */
struct held {
    unsigned message, attempt;
    enum app_state {
        APP_PENDING,
        APP_PROCESSED,
        APP_SENT,
        APP_DELIVERED,
        APP_FAILED,
        APP_CANCELLED
    } state;
    enum app_failure {
        FAILURE_NO_SERVICE,
        FAILURE_PERMANENT,
        FAILURE_AMBIGUOUS,
        FAILURE_BEFORE_RADIO,
        FAILURE_EXPIRED,
        FAILURE_UNDELIVERED
    } failure;
    bool was_sent; /* by one of its tries */
    int64_t valid_until_ms;
    unsigned sim; /* 0: any */
    bool works;   /* it was looked at, and is handed to the radio next */
    bool is_old;  /* from a backup: it is sent whatever has become of it since */
    struct message_id registration;
};

struct registration {
    char token_id[SECRET_ID_SIZE]; /* "": none */
    struct message_id journal;
};

struct listed {
    unsigned message, attempt;
    bool cancel;
    int64_t valid_until_ms;
    unsigned sim;
};

struct app {
    unsigned version;
    unsigned installed; /* how often: what was on its way then is not any more */
    bool has_stream;    /* otherwise it only asks now and then */
    bool pings;
    bool keeps_stream_token; /* until it is started again */
    struct registration registration, of_stream;
    int64_t offline_until_ms; /* it has no Internet, though its streams stay open */
    int64_t wait_ms;          /* before the next try to register, or to fetch */
    unsigned asked;           /* its requests about itself, each of which replaces the one before */
    unsigned pulls;           /* the same of those for its messages */
    struct listed listed[MOST_MESSAGES];
    unsigned listed_count; /* of the last answer */
    struct held held[MOST_HELD];
    unsigned held_count;
    int64_t restored_at_ms; /* 0: never */

    /* A backup of the phone, which may be restored. */
    bool has_backup;
    struct registration kept_registration;
    struct held kept[MOST_HELD];
    unsigned kept_count;

    /* The gateway's half: the token of the code that it was given last. */
    struct registration of_code;
    int64_t code_until_ms;
    unsigned codes;
};

/* What happens only in worlds with polled phones. */
struct polled_world {
    struct random random; /* of its own: a world without them is as it was before there were any */
    bool happen;
    bool long_texts; /* every third message has two segments */
    unsigned registers, revokes, updates, backups, offlines; /* weights */
    unsigned received;                                       /* SMS that came by the API */
    struct clock_trust clock_trust;                          /* the API's */
    struct seen_clock clock;                                 /* that it sees */
};

enum app_step {
    APP_ASKS,      /* to register, or says what it is */
    APP_IS_ASKING, /* the same at the API */
    APP_PULLS,
    APP_IS_PULLING,
    APP_TAKES, /* the next of what is listed */
    APP_LOOKS, /* whether it may still send a message */
    APP_HANDS, /* it to the radio */
    APP_JOB,   /* to report what has become of it */
    APP_REPORTS,
    APP_CANCELLED_UNKNOWN, /* a report at once, which is not repeated */
    APP_POSTS,             /* an SMS that it received */
    APP_TICKS,
    APP_SUFFERS, /* a fault */
};

/* ---- phone_polled.c ---- */

/* Whether the phone is to be a polled one, by chances of its own. */
bool polled_draw(struct world *world);
void polled_init(struct world *world);
void polled_install(struct world *world, struct phone *phone);
void polled_starts(struct world *world, struct phone *phone);
void polled_killed(struct world *world, struct phone *phone);
void polled_receives(struct world *world, struct phone *phone, const char *text);
void polled_radio(struct world *world, struct phone *phone, unsigned message, unsigned attempt,
                  unsigned result);
void polled_event(struct world *world, const struct event *event);
struct held *polled_find(struct app *app, unsigned message, unsigned attempt);
/* `listed` is one of the elements of an answer. */
void polled_takes(struct world *world, struct phone *phone, const struct listed *listed);
/* Tells the gateway of the SMS. */
void polled_posts(struct world *world, struct phone *phone, unsigned number);

/* ---- polled_link.c ---- */

void polled_link_event(struct world *world, struct phone *phone, const struct event *event);
void polled_connected(struct world *world, struct phone *phone);
/* It fetches, now and at each tick that follows. */
void polled_fetches_now(struct world *world, struct phone *phone);
void polled_pull_soon(struct world *world, struct phone *phone);
void polled_begin_faults(struct world *world, struct phone *phone);
void polled_recovers(struct world *world, struct phone *phone);

/* ---- polled_api.c ---- */

enum answer { ANSWER_OK, ANSWER_UNAUTHORIZED, ANSWER_FAILED, ANSWER_NONE };

/* Whether the API's transactions have to wait: the store is at work. */
bool polled_api_waits(const struct world *world);
/* Whether a journal is that of a token. */
bool polled_api_gave(const struct message_id *journal);
bool polled_api_knows(const struct world *world, const struct registration *registration);
/* Where the answer arrives, the phone's registration is the new one. */
enum answer polled_api_register(struct world *world, struct phone *phone);
enum answer polled_api_describe(struct world *world, struct phone *phone);
/* Into app->listed. */
enum answer polled_api_pull(struct world *world, struct phone *phone);
enum answer polled_api_report(struct world *world, struct phone *phone, unsigned message,
                              unsigned attempt, enum app_state state, enum app_failure failure,
                              bool was_sent);
enum answer polled_api_receive(struct world *world, struct phone *phone, unsigned number);
/* By an operator; false while the store cannot. */
bool polled_api_revoke(struct world *world, struct phone *phone);

#endif
