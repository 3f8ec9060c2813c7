/* The store's requests about devices and brokers. */
#ifndef COMMON_STORE_DEVICES_H
#define COMMON_STORE_DEVICES_H

#include "common/access/device_token.h"
#include "common/model/device.h"
#include "common/model/send_budget.h"
#include "common/store/messages.h"

enum {
    BROKER_NAME_SIZE = 65,
    STORE_CHARGED_ABOVE_PERCENT =
        5, /* above low_battery_percent: the battery may be told to be low again */
    STORE_READING_EVERY_MS = 5 * 60 * 1000, /* a device has at most one reading in each of them */
    STORE_READINGS_KEPT_MS = 25 * 3600 * 1000, /* at least: STORE_PURGE removes what is older */
    STORE_MAX_READINGS = STORE_READINGS_KEPT_MS / STORE_READING_EVERY_MS + 1,
};

enum polled_fetched {
    POLLED_FETCHED_WEBHOOKS = 1,
    POLLED_FETCHED_SETTINGS = 2,
};

/* What is known of a polled device, as long as its token is active. */
struct polled_device {
    char device_id[DEVICE_ID_SIZE];
    char token_id[SECRET_ID_SIZE];
    unsigned char hook_hash[SECRET_HASH_BYTES]; /* of the secret in the path of its webhooks */
    unsigned app_version;                       /* polled_app.h */
    unsigned fetched; /* bits of enum polled_fetched: since it registered */
};

/* ---- Writes: the payloads of struct store_write ---- */

/* A message in flight on a device, and for how long nothing has been heard of it. */
struct store_in_flight {
    struct message_ref ref;
    int64_t silent_ms;
    bool cancel_requested;
    enum message_status status; /* `dispatched` only of a polled device */
    bool is_reported;           /* a report has come about this attempt */
};

/* A message in a device's journal that has no final status there, and what follows from it. */
struct store_journal_entry {
    struct message_ref ref;
    bool offered;               /* it waits for the release; otherwise it was released */
    enum store_verdict verdict; /* out */
};

/* A device has connected to this broker. Its messages in flight go into `in_flight`, the last changed first.

   For an assured device, an offer becomes `accepted` where the journal has it and returns to the queue
   where it does not; messages of another journal of this device become `unknown`.
   A polled device (polled.h), whose journal is that of its token, keeps its offers: it fetches them. What it has said of itself
   stays as it is.
   ERROR_DEVICE_TOKEN_INVALID: its token is no longer active, or another device's, or of another kind. */
struct store_connect_device {
    struct store_holder holder;
    char token_id[SECRET_ID_SIZE]; /* "": none is needed */
    struct device_info info;       /* owned by the submitter */
    struct message_id broker;
    struct store_journal_entry *entries; /* the submitter's */
    size_t entry_count;
    int64_t connection_epoch;          /* out: the epoch of this connection */
    struct device_traits traits;       /* out */
    struct store_in_flight *in_flight; /* out, room for in_flight_capacity; the submitter's */
    size_t in_flight_capacity;
    size_t in_flight_count;         /* out */
    struct send_budget send_budget; /* out: of the device, by the wall clock */
    /* Out: two phones use the token, which is revoked now; the device is not connected, and nothing else is filled in. */
    bool quarantined;
    bool superseded_another; /* out: its last connection, on another broker, which is to end it */
    bool polled;             /* holder.assured too; `info` and `entries` are not used */
    struct polled_device polled_device; /* out, if so */
};

/* What a device says of itself. */
struct store_update_device {
    char device_id[DEVICE_ID_SIZE];
    struct device_info info; /* owned by the submitter */
    int64_t connection_epoch;
    bool superseded; /* out: it is no longer the device's connection, and nothing was changed */
};

/* A connection has ended. */
struct store_disconnect_device {
    char device_id[DEVICE_ID_SIZE];
    int64_t connection_epoch; /* 0: whichever it has to `broker` */
    struct message_id broker;
    bool superseded; /* out: it was no longer the device's connection, and nothing was changed */
};

/* What a device said of its battery and signal, first in some five minutes. */
struct store_reading {
    int64_t at_ms;        /* wall */
    double battery_level; /* these as in struct device_info */
    int charging;
    bool has_signal_strength;
    int signal_strength;
};

struct store_device_wait {
    char device_id[DEVICE_ID_SIZE];
    int64_t connection_epoch;
    /* One of the devices' own; MESSAGE_WAIT_NONE: it is given messages. */
    enum message_wait_reason reason;
    int64_t for_ms; /* from now on; 0: that depends on other things than time */
};

/* Why the broker gives devices no message now, for those who ask why a message waits. It is forgotten when the device
   connects or disconnects. */
struct store_note_waits {
    struct store_device_wait *waits; /* the submitter's */
    size_t count;
};

enum store_configuration_member {
    STORE_SET_NAME = 1,
    STORE_SET_GROUPS = 2,
    STORE_SET_DISABLED = 4,
    STORE_SET_DAILY_SEGMENTS = 8,
    STORE_SET_WINDOW_SEGMENTS = 16,
};

/* An operator decides about a device: the members of `set` change. ERROR_DEVICE_NOT_PAIRED: there is no such device. */
struct store_configure_device {
    char device_id[DEVICE_ID_SIZE];
    unsigned set;                              /* bits of enum store_configuration_member */
    struct device_configuration configuration; /* in: the new members; out: all of it */
    bool changed;                              /* out */
};

/* The broker `instance`, of that name, is alive for another lease_ms, and its devices count as connected until then. 0
   ends it: its offers return to the queue, its devices are disconnected; what it has released stays with its devices.

   A new instance ends the one of the same name before it. One of the brokers that are alive keeps house for all, as long
   as its lease lasts. Each ends others whose lease has run out, by the store's clock, one at each renewal: they may never
   start again under their names. One that goes on all the same is told at each renewal,
   until it begins again without `renews`. */
struct store_lease_broker {
    char name[BROKER_NAME_SIZE];
    struct message_id instance;
    int64_t lease_ms;
    bool renews; /* it has had its lease */
    /* What the store's clock should say, as far as the broker knows; others are ended only where it does. 0: it does not
       know, because the clock was set, or because the store has not answered for so long that the leases of others may
       have run out without their fault. */
    int64_t expected_now_ms;
    int64_t now_ms;     /* out: what it says */
    bool keeps_house;   /* out: no other broker is to expire and purge messages meanwhile */
    bool ended_another; /* out: whose lease had run out */
    bool lost; /* out: it was ended itself; it has no lease, and none of its devices is connected */
    bool replaced; /* out: it is lost, and a newer instance has its name */
    bool
        has_others; /* out, of a first lease: there are other brokers, which may have ended this one while it had none */
};

/* ---- Reads: see store.h ---- */

/* A device, and what belongs to it. A device is known from its first token or, where none is needed, its first
   connection on. */
struct store_device {
    struct device device;
    struct device_token token;      /* its newest; id "": it never had one */
    int64_t segments_today;         /* given to it; 0 where no limit needs them counted */
    struct send_budget send_budget; /* as of the last change, without the limits of now */
    int64_t read_at_ms;             /* wall */
};

/* Which devices. A filter that is not set lets everything through. A page ends before the device that would exceed a
   bound, but has at least one; 0: no bound. */
struct store_device_query {
    bool has_connected, connected;
    char group[DEVICE_GROUP_SIZE]; /* "": not set */

    char after[DEVICE_ID_SIZE]; /* "", or the last device of the page before */
    size_t limit;               /* at least 1 */
    size_t max_extra_bytes;     /* of all `extra` of a page */
    size_t max_in_flight;       /* messages of all devices of a page: each is counted */
};

struct store_device_page {
    struct store_device *devices; /* by device id */
    size_t count;
    bool has_more;
};

/* The caller does store_device_page_fini, also after an error. */
MUST_CHECK enum error store_list_devices(struct store_reader *reader,
                                         const struct store_device_query *query,
                                         struct store_device_page *page);
void store_device_page_fini(struct store_device_page *page);

/* The caller does device_info_fini on device->device.info where *found. */
MUST_CHECK enum error store_find_device(struct store_reader *reader, const char *device_id,
                                        struct store_device *device, bool *found);

/* What a device has said from then on, oldest first. */
MUST_CHECK enum error store_list_readings(struct store_reader *reader, const char *device_id,
                                          int64_t from_ms,
                                          struct store_reading readings[STORE_MAX_READINGS],
                                          size_t *count);

/* Whether messages can be meant for that device: it has an active token, or needs none. */
MUST_CHECK enum error store_device_is_known(struct store_reader *reader, const char *device_id,
                                            bool *known);
/* Whether a device has that group. */
MUST_CHECK enum error store_group_is_known(struct store_reader *reader, const char *group,
                                           bool *known);

#endif
