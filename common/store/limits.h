/* The limits, and the store's requests about pausing. */
#ifndef COMMON_STORE_LIMITS_H
#define COMMON_STORE_LIMITS_H

#include "common/base/base.h"
#include "common/base/error.h"
#include "common/model/device.h"
#include "common/model/send_budget.h"
#include "common/process/settings.h"

struct store_reader;

enum {
    STORE_REASON_SIZE = 201,
    STORE_BURST_MINUTES = 10,
    /* Of a device with a limit of its own where device_window_ms is 0. */
    STORE_OWN_WINDOW_MS = 30 * 60 * 1000,
};

/* Counted in the transaction that accepts a message or gives it to a device, so a limit holds whatever
   process is killed. 0: no limit, and then nothing is counted. Days are those of UTC. */
struct store_limits {
    int64_t recipient_daily_messages; /* accepted, for one phone number */
    int64_t daily_messages;           /* accepted */
    int64_t pause_after_messages; /* accepted within STORE_BURST_MINUTES; one more pauses sending */
    int64_t max_queue_age_ms;     /* of the oldest message that is due */
    int64_t device_daily_segments; /* given to one device */
    /* A device is given at most device_window_segments in it: common/model/send_budget.h. The broker decides, because it
       counts what is about to be claimed too. */
    int64_t device_window_ms;
    int64_t device_window_segments;
    int64_t
        low_battery_percent; /* below it, and not charging, a device's battery is low; 0: never */
    /* Recipients that have opted out get no messages (opt_outs.h): whether that is so, and by which SMS they opt out and
       in; lists of opt_out_keywords.h, borrowed. */
    bool keeps_opt_outs;
    const char *opt_out_keywords, *opt_in_keywords;
    /* For that long a recipient's messages are best sent by the same device. */
    int64_t same_device_ms;
};

struct store_limits store_limits_of(const struct settings *settings);

/* The window in which a device that may be sent `segments_per_minute` is sent at most `burst`; 0: no limit. */
int64_t store_window_ms(int64_t burst, int64_t segments_per_minute);

enum { STORE_NO_BURST = INT32_MAX };

/* A send budget gets the limits that hold for its device: its own, or those of the settings. Without a limit nothing is
   counted; where only this device has none its burst is STORE_NO_BURST, and what it spends counts for later. */
void store_limit_budget(struct send_budget *budget, const struct device_limit *own, int64_t burst,
                        int64_t window_ms, int64_t now_ms);

/* ---- Writes: the payloads of struct store_write ---- */

/* Pauses sending, or resumes it; what was accepted before a resumption no longer counts as a burst. */
struct store_set_sending {
    bool pause;
    char reason[STORE_REASON_SIZE]; /* for people */
    bool changed;                   /* out: it was not so already */
};

/* ---- Reads: see store.h ---- */

/* What is counted of accepted messages, in periods of a day or a minute since 1970. The numbers are the database's. */
enum accepted_kind { ACCEPTED_DAILY, ACCEPTED_BY_KEY, ACCEPTED_BY_RECIPIENT, ACCEPTED_IN_MINUTE };

/* Messages accepted, as far as a limit has them counted. */
struct store_accepted {
    int64_t today;        /* the day of UTC */
    int64_t by_key_today; /* with that API key */
    int64_t in_burst;     /* within STORE_BURST_MINUTES, since the last resumption */
};
/* key_id "": none. */
MUST_CHECK enum error store_read_accepted(struct store_reader *reader, int64_t now_ms,
                                          const char *key_id, struct store_accepted *accepted);

struct store_sending {
    int64_t paused_since_ms; /* wall; 0: it is not paused */
    char reason[STORE_REASON_SIZE];
};
MUST_CHECK enum error store_read_sending(struct store_reader *reader,
                                         struct store_sending *sending);

#endif
