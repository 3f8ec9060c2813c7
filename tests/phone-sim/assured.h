/*
 * The assured level of PROTOCOL.md as a phone lives it, with its journal. Pure: frames, results of
 * the radio and the news that writes are durable come in; changes of the journal, texts for the
 * radio and frames go out. No sockets, no files, no clock, no timers; the same input and seed make
 * the same output.
 *
 * The rule that holds it together: **nothing goes out before all that was written to the journal
 * until then is durable.** Each change has a number; assured_on_journal_durable() says up to which
 * one they are on disk; a frame or a text for the radio waits for all changes that were made before
 * it. So whoever runs the phone may collect as many changes as he likes into one commit, and a
 * phone that is killed leaves a journal that is ahead of what anybody else has seen of it.
 *
 * A killed phone is assured_fini(), assured_init() and assured_on_restart() with what was durable.
 */
#ifndef TESTS_PHONE_SIM_ASSURED_H
#define TESTS_PHONE_SIM_ASSURED_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/behaviour.h"
#include "tests/phone-sim/frame.h"
#include "tests/phone-sim/journal.h"

#include <sys/queue.h>

enum {
    ASSURED_LIST_MAX = 1000, /* entries in the journal that a phone sends after hello */
    ASSURED_ENTRIES_A_PAGE = 100,
};

struct assured;

/* Called from within the functions below; none of them may call back into `assured`. */
struct assured_world {
    /* To be made durable, some time. */
    void (*journal_write)(struct assured *assured, const struct journal_write *write);
    /* Hand this text to the radio; assured_on_radio_result() follows. One at a time. */
    void (*submit)(struct assured *assured, const struct journal_entry *entry);
    /* The entry has a new state or status, which is not yet durable. */
    void (*changed)(struct assured *assured, const struct journal_entry *entry);
    /* It is done, and each report on it so far is acknowledged. */
    void (*reported)(struct assured *assured, const struct journal_entry *entry);
    /* An offer was answered with nack, or not at all since the phone has had the message. */
    void (*refused)(struct assured *assured, const char *message_id, const char *code);
};

struct assured_behaviour {
    int64_t credit;
    double nack_rate;
    struct word_list nack_codes;
};

/* What the radio says of the text that it was given last, or earlier. */
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
    uint64_t durable; /* up to which they are on disk */

    TAILQ_HEAD(, outgoing) outbox; /* of this connection */
    struct journal_frame_entry
        *listed; /* the journal as it was at hello; NULL: no hello is under way */
    size_t listed_count;
    size_t listed_written;
    bool is_welcome;
    int64_t session;        /* as welcome said */
    int64_t gateway_credit; /* likewise */

    TAILQ_HEAD(, entry) to_submit; /* released, in their order */
    struct entry *on_air;          /* in `submitting` */
    uint64_t on_air_after;         /* the change that must be durable before it is handed over */
    bool is_handed_over;
    bool is_off;
    size_t open; /* entries in offered, released and submitting */
};

/* One that was never started before, or has lost its journal: `epoch` must be new. */
void assured_init(struct assured *assured, const struct assured_world *world,
                  const struct assured_behaviour *behaviour, uint64_t seed);
void assured_fini(struct assured *assured);

/* After assured_init(), one of these two. The image's content counts as durable. `was_sent` asks the
 * phone's own store of sent messages about an entry in `submitting`; NULL: there is no such store. */
void assured_on_first_start(struct assured *assured, const char *epoch);
void assured_on_restart(struct assured *assured, const struct journal_image *image,
                        bool (*was_sent)(void *store, const struct journal_entry *entry),
                        void *store);

/* The journal is lost, at any time while there is no connection: all entries are gone, whatever the
 * radio was given is forgotten, and a new epoch begins. */
void assured_on_journal_lost(struct assured *assured, const char *epoch);

/* All changes up to this number are on disk. */
void assured_on_journal_durable(struct assured *assured, uint64_t number);

/* The WebSocket is open: hello and the journal are to be written. */
void assured_on_connected(struct assured *assured);
void assured_on_disconnected(struct assured *assured);

/* A frame of the assured level; others are ignored. NULL, or what is wrong with it. */
const char *assured_on_frame(struct assured *assured, const struct received_frame *frame);

/* Also of an SMS whose delivery report comes late. What the journal does not expect is ignored. */
void assured_on_radio_result(struct assured *assured, const char *message_id, int64_t attempt,
                             const struct radio_result *result);

/* The phone is switched off in good order: nothing more is handed to the radio, and the text that
 * was handed over last, if it certainly did not leave (`is_untouched`), has failed: radio_off. */
void assured_switch_off(struct assured *assured, bool is_untouched);

/* From now on it takes so many at once. */
void assured_set_credit(struct assured *assured, int64_t credit);

/* Is there a frame that may be written now; is there one now or later? */
bool assured_has_frame(const struct assured *assured);
bool assured_has_frame_later(const struct assured *assured);

/* The next frame, into `space` of FRAME_SIZE bytes; returns its length, 0 if there is none now. The
 * same comes again until assured_frame_written(). `device` is for hello. */
size_t assured_next_frame(const struct assured *assured, const struct device *device, char *space);
void assured_frame_written(struct assured *assured);

#endif
