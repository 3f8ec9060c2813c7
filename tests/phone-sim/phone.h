/*
 * One phone: how it lives with its connection, what it reads and what it writes, as PROTOCOL.md
 * says; on the basic level with radio.h, on the assured one with assured.h and modem.h. Pure: events
 * and the time come in; frames, timers and wishes go out. No sockets, no clock, no files. Times are
 * monotonic milliseconds.
 */
#ifndef TESTS_PHONE_SIM_PHONE_H
#define TESTS_PHONE_SIM_PHONE_H

#include "tests/phone-sim/assured.h"
#include "tests/phone-sim/base.h"
#include "tests/phone-sim/behaviour.h"
#include "tests/phone-sim/delay_queue.h"
#include "tests/phone-sim/frame.h"
#include "tests/phone-sim/modem.h"
#include "tests/phone-sim/radio.h"
#include "tests/phone-sim/timers.h"

enum {
    PHONE_ID_SIZE = 65,
    PHONE_BACKOFF_FIRST_MS = 1000,
    PHONE_BACKOFF_LAST_MS = 60000,
    PHONE_SUCCESS_MS = 10000,      /* a connection that has lasted so long was a success */
    PHONE_ACK_TIMEOUT_MS = 30000,  /* between the open connection and connection_ack or welcome */
    PHONE_SILENCE_PING_MS = 60000, /* nothing heard for that long: ask */
    PHONE_SILENCE_DROP_MS = 80000, /* nor an answer: the connection is dead */
    /* The gateway takes 500 frames in a second; this makes 383 in the worst one. */
    PHONE_FRAME_INTERVAL_MS = 3,
    PHONE_FRAME_BURST_MS = 150,
};

enum phone_state {
    PHONE_RESTING,    /* until the time to connect comes */
    PHONE_CONNECTING, /* from the wish to the open WebSocket */
    PHONE_GREETING,   /* until connection_ack or welcome */
    PHONE_CONNECTED,
    PHONE_STOPPED, /* replaced: never connects again */
};

enum phone_frame {
    PHONE_WRITES_NOTHING,
    PHONE_WRITES_DEVICE_INFO,
    PHONE_WRITES_PING, /* a control frame, without a text */
    PHONE_WRITES_DEVICE_UPDATE,
    PHONE_WRITES_STATUS_UPDATE,
    PHONE_WRITES_ASSURED, /* any of the assured level */
    PHONE_WRITES_DELAYED, /* one that was held back */
};

/* What happened to an SMS, to be shown and counted. */
struct sms_news {
    const char *message_id;
    const char *phone_number;
    const char *text;       /* "" if it is not there any more */
    const char *error_code; /* with SMS_FAILED */
    enum sms_status status;
};

struct phone;

/* The world around the phones: one for all of them. */
struct phone_world {
    struct timers *timers;
    const struct behaviour *behaviour;

    /* What a phone wishes for its connection. phone_ended() follows each drop, perhaps before it
     * returns, and each connect that is not followed by phone_opened(). */
    void (*connect)(struct phone *phone);
    void (*drop)(struct phone *phone);       /* at once, without a close frame */
    void (*want_write)(struct phone *phone); /* ask phone_next_frame() when it can be written */

    /* The assured level: to be made durable, and phone_journal_durable() called then. */
    void (*journal_write)(struct phone *phone, const struct journal_write *write);
    /* Likewise: this SMS leaves now; to be put on record, and phone_sms_recorded() called then. */
    void (*sms_left)(struct phone *phone, const struct journal_entry *entry);

    /* The phone has lost its journal: an epoch that never was, of JOURNAL_EPOCH_SIZE. */
    void (*new_epoch)(struct phone *phone, char *epoch);
    void (*stop_reading)(struct phone *phone); /* for the rest of this connection */

    /* What happened to a phone, to be shown and counted. */
    void (*connected)(struct phone *phone, bool again);
    void (*disconnected)(struct phone *phone, const char *why, bool was_connected);
    void (*complained)(struct phone *phone, const char *what);
    void (*sms_refused)(struct phone *phone, const char *id);
    void (*sms_changed)(struct phone *phone, const struct sms_news *news);
    void (*sms_finished)(struct phone *phone, const struct sms_news *news);
};

struct phone {
    const struct phone_world *world;
    struct connection *connection; /* of link.c; a phone does not look into it */
    struct unsaved *unsaved;       /* of durable_writer.c; likewise */
    struct random random;
    bool is_assured;
    struct radio radio;     /* of the basic level */
    struct assured assured; /* this and the next of the assured one */
    struct modem modem;
    struct timer loss_timer;
    bool loses_journal; /* as soon as the connection has ended */
    int64_t now_ms;     /* of the event that the assured level is told of */
    char id[PHONE_ID_SIZE];
    char name[32];

    enum phone_state state;
    enum phone_frame writing; /* what phone_next_frame() said last */
    struct timer connection_timer;
    struct timer disconnect_timer;
    struct timer deafness_timer;
    struct timer frame_timer;
    struct delay_queue delay_queue;
    int64_t backoff_ms;
    int64_t acknowledged_at_ms; /* of this connection */
    int64_t heard_at_ms;
    int64_t paced_until_ms; /* when the frames written so far would all be due */
    const char *drop_reason;
    bool was_connected;
    bool told_failure;   /* no need to say it again until it is connected */
    bool wants_greeting; /* the device information is to be written */
    bool wants_ping;
    bool wants_update;

    struct timer update_timer;
    struct timer battery_timer;
    int64_t switched_on_ms;
    int64_t battery_at_start;
    int64_t battery_reported;
    int64_t signal_dbm;
};

/* What makes a phone different from the others. */
struct phone_identity {
    char id[PHONE_ID_SIZE];
    size_t number; /* from 1 */
    uint64_t seed;
    int64_t battery_percent;
};

/* It connects for the first time at `connect_at_ms`. `phone` must stay where it is. An assured one
 * is then given its journal, by assured_on_first_start() or assured_on_restart(). */
void phone_init(struct phone *phone, const struct phone_world *world,
                const struct phone_identity *identity, int64_t now_ms, int64_t connect_at_ms);
void phone_fini(struct phone *phone);

void phone_opened(struct phone *phone, int64_t now_ms);
void phone_received(struct phone *phone, const char *text, size_t length, int64_t now_ms);
void phone_heard(struct phone *phone, int64_t now_ms); /* anything, such as a pong */

/* The connection ended, or did not come about; `close_code` 0: without a close frame. */
void phone_ended(struct phone *phone, int close_code, const char *why, int64_t now_ms);

/* The next frame, for `space` of FRAME_SIZE bytes. It counts once it is said to be written; until
 * then the same comes again. Nothing may also mean: not yet, want_write() will be called. */
enum phone_frame phone_next_frame(struct phone *phone, char *space, size_t *length, int64_t now_ms);
void phone_frame_written(struct phone *phone, int64_t now_ms);

/* Is there anything to write, now or later? */
bool phone_has_to_write(const struct phone *phone);

/* The assured level: changes up to this number are on disk; the SMS that left is on record. */
void phone_journal_durable(struct phone *phone, uint64_t number, int64_t now_ms);
void phone_sms_recorded(struct phone *phone, int64_t now_ms);

/* The end of the program is near: no more SMS and no new connection; what is to be reported still
 * can be. */
void phone_retire(struct phone *phone);

#endif
