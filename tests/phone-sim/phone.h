/*
 * One phone: its connection, and the frames that it reads and writes (PROTOCOL.md). The basic level is in radio.h, the
 * assured level in assured.h and modem.h. Pure: events and the time come in; frames, timers and requests go out. No
 * sockets, clock or files. Times are monotonic milliseconds.
 */
#ifndef TESTS_PHONE_SIM_PHONE_H
#define TESTS_PHONE_SIM_PHONE_H

#include "tests/phone-sim/assured.h"
#include "tests/phone-sim/base.h"
#include "tests/phone-sim/behaviour.h"
#include "tests/phone-sim/delay_queue.h"
#include "tests/phone-sim/frame.h"
#include "tests/phone-sim/inbox.h"
#include "tests/phone-sim/modem.h"
#include "tests/phone-sim/radio.h"
#include "tests/phone-sim/timers.h"

enum {
    PHONE_ID_SIZE = 65,
    PHONE_BACKOFF_FIRST_MS = 1000,
    PHONE_BACKOFF_LAST_MS = 60000,
    PHONE_SUCCESS_MS = 10000,      /* a connection that lasts this long resets the backoff */
    PHONE_ACK_TIMEOUT_MS = 30000,  /* between the open connection and connection_ack or welcome */
    PHONE_SILENCE_PING_MS = 60000, /* after this silence it sends a ping */
    PHONE_SILENCE_DROP_MS = 80000, /* after this silence the connection is dead */
    /* The gateway takes 500 frames in a second; this makes 383 in the worst one. */
    PHONE_FRAME_INTERVAL_MS = 3,
    PHONE_FRAME_BURST_MS = 150,
};

enum phone_state {
    PHONE_RESTING,    /* until it is time to connect */
    PHONE_CONNECTING, /* until the WebSocket is open */
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
    PHONE_WRITES_SMS_RECEIVED,
    PHONE_WRITES_DELAYED, /* one from the delay queue */
};

/* A change of an SMS, for output and counts. */
struct sms_news {
    const char *message_id;
    const char *phone_number;
    const char *text;       /* "" if it has been freed */
    const char *error_code; /* with SMS_FAILED */
    enum sms_status status;
};

struct phone;

/* What the phones need from outside: one for all phones. */
struct phone_world {
    struct timers *timers;
    const struct behaviour *behaviour;

    /* Requests of a phone about its connection. phone_ended() follows each drop, perhaps before it returns, and each
     * connect that phone_opened() does not follow. */
    void (*connect)(struct phone *phone);
    void (*drop)(struct phone *phone); /* at once, without a close frame */
    void (*want_write)(
        struct phone *phone); /* call phone_next_frame() when the connection can be written */

    /* The assured level: make this durable, then call phone_journal_durable(). */
    void (*journal_write)(struct phone *phone, const struct journal_write *write);
    /* The assured level: this SMS leaves now; record it, then call phone_sms_recorded(). */
    void (*sms_left)(struct phone *phone, const struct journal_entry *entry);

    /* Write an unused epoch of JOURNAL_EPOCH_SIZE, or as such a UUID the id of an incoming SMS. */
    void (*new_epoch)(struct phone *phone, char *epoch);
    void (*stop_reading)(struct phone *phone); /* for the rest of this connection */

    /* Changes of a phone, for output and counts. */
    void (*connected)(struct phone *phone, bool again);
    void (*disconnected)(struct phone *phone, const char *why, bool was_connected);
    void (*complained)(struct phone *phone, const char *what);
    void (*sms_refused)(struct phone *phone, const char *id);
    void (*sms_changed)(struct phone *phone, const struct sms_news *news);
    void (*sms_finished)(struct phone *phone, const struct sms_news *news);
    void (*sms_received)(struct phone *phone, const struct incoming *incoming);
    void (*sms_passed_on)(struct phone *phone, const struct incoming *incoming); /* it is stored */
};

struct phone {
    const struct phone_world *world;
    struct connection *connection; /* of link.c; opaque here */
    struct unsaved *unsaved;       /* of durable_writer.c; opaque here */
    struct random random;
    bool is_assured;
    struct radio radio;     /* of the basic level */
    struct assured assured; /* of the assured level, with modem */
    struct modem modem;
    struct inbox inbox;
    struct timer receive_timer, again_timer;
    uint64_t received; /* incoming SMS, since the start */
    struct timer loss_timer;
    bool loses_journal; /* when the connection has ended */
    int64_t now_ms;     /* the time of the event that the assured level handles */
    char id[PHONE_ID_SIZE];
    char name[32];

    enum phone_state state;
    enum phone_frame writing; /* the last result of phone_next_frame() */
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
    bool told_failure;   /* already reported since the last connection */
    bool wants_greeting; /* the device information must be written */
    bool wants_ping;
    bool wants_update;

    struct timer update_timer;
    struct timer battery_timer;
    int64_t switched_on_ms;
    int64_t battery_at_start;
    int64_t battery_reported;
    int64_t signal_dbm;
};

/* What differs between phones. */
struct phone_identity {
    char id[PHONE_ID_SIZE];
    size_t number; /* from 1 */
    uint64_t seed;
    int64_t battery_percent;
};

/* It connects first at `connect_at_ms`. `phone` must not move in memory. The caller then gives an assured phone its
 * journal, by assured_on_first_start() or assured_on_restart(). */
void phone_init(struct phone *phone, const struct phone_world *world,
                const struct phone_identity *identity, int64_t now_ms, int64_t connect_at_ms);
void phone_fini(struct phone *phone);

/* After a start with a journal: what the gateway has not answered. */
void phone_load_inbox(struct phone *phone, const struct journal_image *image);

void phone_opened(struct phone *phone, int64_t now_ms);
void phone_received(struct phone *phone, const char *text, size_t length, int64_t now_ms);
void phone_heard(struct phone *phone, int64_t now_ms); /* anything, such as a pong */

/* The connection ended or could not be opened. `close_code` 0: no close frame. */
void phone_ended(struct phone *phone, int close_code, const char *why, int64_t now_ms);

/* Writes the next frame into `space` of FRAME_SIZE bytes; the same one again until phone_frame_written().
 * PHONE_WRITES_NOTHING may also mean: not yet; want_write() follows. */
enum phone_frame phone_next_frame(struct phone *phone, char *space, size_t *length, int64_t now_ms);
void phone_frame_written(struct phone *phone, int64_t now_ms);

/* Whether there is anything to write, now or later. */
bool phone_has_to_write(const struct phone *phone);

/* The assured level: changes up to this number are on disk; the SMS that left is recorded. */
void phone_journal_durable(struct phone *phone, uint64_t number, int64_t now_ms);
void phone_sms_recorded(struct phone *phone, int64_t now_ms);

/* The program is about to end: no more SMS and no new connection; pending reports can still be written. */
void phone_retire(struct phone *phone);

#endif
