/*
 * The store's requests about polled devices: those that fetch their messages, and report on them, by requests of their own.
 *
 * What an assured device's journal is, is a polled one's registration: its journal is that of its token
 * (device_token_journal), so that a new registration does not know what an earlier one was given. An offer
 * (`dispatched`) becomes `accepted` when the device fetches it, in the transaction before the answer. `accepted_at_ms` is then
 * when it was first listed, and report_seq says whether the device has confirmed it.
 */
#ifndef COMMON_STORE_POLLED_H
#define COMMON_STORE_POLLED_H

#include "common/store/devices.h"

enum {
    STORE_MAX_LISTED = 100,
    STORE_LISTED_FOR_MS = 24 * 60 * 60 * 1000, /* a message without any report is listed again */
    STORE_PAIRED_AGAIN_MS = 60 * 1000,         /* a code is good for the same phone once more */
};

/* ---- Writes: the payloads of struct store_write ---- */

struct store_listing {
    struct message message; /* `accepted`; with its text */
    bool cancel;            /* a client no longer wants it */
};

/*
 * A polled device asks for its messages: what is offered to it becomes `accepted`, and is listed with every message that it
 * was given within STORE_LISTED_FOR_MS and has not reported on. A message with a cancel request is listed as such to an app that
 * understands it, and else not at all. Without a connection to a broker the device first claims messages for itself (as by
 * STORE_CLAIM), within its limits.
 *
 * Nothing is accepted beyond the window (polled_app_window), or while sending is paused. ERROR_DEVICE_TOKEN_INVALID: the token
 * is no longer active.
 */
struct store_poll_messages {
    struct store_holder holder; /* device_id, journal */
    char token_id[SECRET_ID_SIZE];
    unsigned app_version;    /* of the request; 0: unknown */
    int64_t trusted_wall_ms; /* as of a claim */
    /* Out; after the write store_poll_messages_fini. */
    struct store_listing *listings;
    size_t count;
    size_t accepted;  /* how many of them became it now */
    bool quarantined; /* two phones use the token, which is revoked now; nothing is listed */
};
void store_poll_messages_fini(struct store_poll_messages *poll);

/* Reports of a polled device, each as by STORE_REPORT; those about messages that it does not have change nothing. */
struct store_report_polled {
    struct store_report *reports; /* the submitter's, until done */
    size_t count;
    char token_id[SECRET_ID_SIZE];
    size_t changed;   /* out: how many messages */
    bool quarantined; /* out: as of store_poll_messages; the reports count all the same */
};

enum polled_member {
    POLLED_NAME = 1,
    POLLED_SIMS = 2, /* sims and sim_slots */
    POLLED_APP_VERSION = 4,
    POLLED_BATTERY = 8, /* level and charging */
};

/* What a polled device says of itself: the members of `set` change. It was there just now. */
struct store_note_polled {
    char device_id[DEVICE_ID_SIZE];
    char token_id[SECRET_ID_SIZE]; /* nothing changes where it is no longer active */
    unsigned set;                  /* bits of enum polled_member */
    struct device_info info;       /* the submitter's */
    unsigned app_version;          /* with POLLED_APP_VERSION */
    unsigned fetched;              /* bits to add */
    bool changed;                  /* out: what its broker gives it messages by is another now */
    bool quarantined;              /* out: as of store_poll_messages; nothing else has changed */
};

/* ---- Reads: see store.h ---- */

/* The polled device whose webhooks have that secret. */
MUST_CHECK enum error store_find_hook(struct store_reader *reader,
                                      const unsigned char hook_hash[SECRET_HASH_BYTES],
                                      struct polled_device *device, bool *found);

#endif
