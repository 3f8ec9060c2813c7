/*
 * The phone's side of the assured level (PROTOCOL.md), with its journal. Pure: frames, results of the radio and notices
 * of durable writes come in; changes of the journal, texts for the radio and frames go out. No sockets, files, clock or
 * timers; the same input and seed give the same output.
 *
 * The central rule: **nothing goes out before all earlier changes of the journal are durable.** Each change has a number,
 * and assured_on_journal_durable() tells up to which number they are on disk; a frame or a text for the radio waits for
 * all changes before it. So the caller may commit many changes at once, and the journal of a killed phone is never behind
 * what others have seen of it.
 *
 * To kill a phone, call assured_fini(), assured_init() and assured_on_restart() with what was durable.
 */
#ifndef TESTS_PHONE_SIM_ASSURED_H
#define TESTS_PHONE_SIM_ASSURED_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/behaviour.h"
#include "tests/phone-sim/frame.h"
#include "tests/phone-sim/journal.h"

#include <sys/queue.h>

enum {
    ASSURED_LIST_MAX = 1000, /* entries in the frame `journal` after hello */
    ASSURED_ENTRIES_A_PAGE = 100,
};

struct assured;

/* Called from within the functions below; none of them may call back into `assured`. */
struct assured_world {
    /* Make this durable, at any later time. */
    void (*journal_write)(struct assured *assured, const struct journal_write *write);
    /* What the phone's clock says, wall. */
    int64_t (*clock_ms)(struct assured *assured);
    /* Hand this text to the radio; assured_on_radio_result() follows. One at a time. */
    void (*submit)(struct assured *assured, const struct journal_entry *entry);
    /* The entry has a new state or status, which is not yet durable. */
    void (*changed)(struct assured *assured, const struct journal_entry *entry);
    /* The message is done, and all reports on it so far are acknowledged. */
    void (*reported)(struct assured *assured, const struct journal_entry *entry);
    /* An offer was answered with nack, or ignored because the phone has already had the message. */
    void (*refused)(struct assured *assured, const char *message_id, const char *code);
};

struct assured_behaviour {
    int64_t credit;
    double nack_rate;
    struct word_list nack_codes;
    const struct sim *sims; /* SIM_SLOTS */
};

/* What the radio reports about a text that it was given. */
struct radio_result {
    enum sms_status status; /* SMS_SENT, SMS_FAILED or SMS_DELIVERED */
    const char *error_code; /* with SMS_FAILED */
    int64_t parts_sent;     /* with SMS_FAILED */
};

struct outgoing;

struct assured {
    const struct assured_world *world;
    struct assured_behaviour behaviour;
    struct random random;
    struct journal journal;
    uint64_t written; /* number of the last change */
    uint64_t durable; /* number of the last change on disk */

    TAILQ_HEAD(, outgoing) outbox; /* of this connection */
    struct journal_frame_entry
        *listed; /* the journal at the time of hello; NULL: no hello in progress */
    size_t listed_count;
    size_t listed_written;
    bool is_welcome;
    int64_t session;        /* from welcome */
    int64_t gateway_credit; /* from welcome */

    TAILQ_HEAD(, entry) to_submit; /* released, in their order */
    struct entry *on_air;          /* in `submitting` */
    uint64_t on_air_after;         /* the change that must be durable before the radio gets it */
    bool is_handed_over;
    bool is_off;
    size_t open; /* entries in offered, released and submitting */
};

/* Without a journal yet. */
void assured_init(struct assured *assured, const struct assured_world *world,
                  const struct assured_behaviour *behaviour, uint64_t seed);
void assured_fini(struct assured *assured);

/* Call one of these two after assured_init(). A first start, or one after the loss of the journal, needs a new `epoch`.
 * The content of `image` counts as durable. `was_sent` asks the phone's store of sent messages about an entry in
 * `submitting`; NULL: there is no such store. */
void assured_on_first_start(struct assured *assured, const char *epoch);
void assured_on_restart(struct assured *assured, const struct journal_image *image,
                        bool (*was_sent)(void *store, const struct journal_entry *entry),
                        void *store);

/* The journal is lost, while there is no connection: all entries and all texts given to the radio are forgotten, and a
 * new epoch begins. */
void assured_on_journal_lost(struct assured *assured, const char *epoch);

/* All changes up to this number are on disk. */
void assured_on_journal_durable(struct assured *assured, uint64_t number);

/* The WebSocket is open: hello and the journal come next. */
void assured_on_connected(struct assured *assured);
void assured_on_disconnected(struct assured *assured);

/* Handles a frame of the assured level; ignores others. Returns what is wrong with it, or NULL. */
const char *assured_on_frame(struct assured *assured, const struct received_frame *frame);

/* An incoming SMS, and the gateway's answer about one, for the journal. Returns the number of the change, which must be
 * durable before the gateway hears of the SMS. */
uint64_t assured_journal_incoming(struct assured *assured, const struct incoming *incoming);
void assured_journal_answered(struct assured *assured, const char *received_id);

/* Also for a late delivery report. Ignores what the journal does not expect. */
void assured_on_radio_result(struct assured *assured, const char *message_id, int64_t attempt,
                             const struct radio_result *result);

/* An orderly switch-off: the radio gets nothing more. If the last text has certainly not left (`is_untouched`), it has
 * failed with radio_off. */
void assured_switch_off(struct assured *assured, bool is_untouched);

/* From now on it accepts this many messages at once. */
void assured_set_credit(struct assured *assured, int64_t credit);

/* Whether a frame may be written now; whether one may be written now or later. */
bool assured_has_frame(const struct assured *assured);
bool assured_has_frame_later(const struct assured *assured);

/* Writes the next frame into `space` of FRAME_SIZE bytes, the same one until assured_frame_written(). Returns its
 * length, or 0 if there is none now. `device` is for hello. */
size_t assured_next_frame(const struct assured *assured, const struct device *device, char *space);
void assured_frame_written(struct assured *assured);

#endif
