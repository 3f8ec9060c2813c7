/* The store's requests about itself. */
#ifndef COMMON_STORE_ADMIN_H
#define COMMON_STORE_ADMIN_H

#include "common/base/error.h"
#include "common/model/message.h"

struct store_reader;

/* ---- Writes: the payloads of struct store_write ---- */

/* What a committed message survives. */
enum store_durability {
    STORE_DURABILITY_NONE,    /* a crash of the process that has it, or of a server, may lose it */
    STORE_DURABILITY_SINGLE,  /* any crash, but not the loss of the one disk it is on */
    STORE_DURABILITY_STANDBY, /* a second server has it, too */
};

/* "none", "single", "standby" */
const char *store_durability_name(enum store_durability durability);

/* Whether a new message would be accepted now, limits and a pause apart. Where nothing prevents it a row is
   written, so that the answer includes a commit. */
struct store_probe {
    bool looked;                          /* out: the others are filled in */
    enum error schema, disk, log;         /* out: what prevents it, of each kind */
    enum error standby;                   /* out: ERROR_NO_STANDBY where options.needs_standby */
    enum store_durability durability;     /* out */
    bool fsync_off, full_page_writes_off; /* out: of a server's settings, those that are */
};

/* The database was restored, and no other process has it open: what is open in it may have been sent since the backup. Every
   open message becomes `unknown`, restored, and belongs to no device until one reports on it; no device is connected. Events
   tell so. */
struct store_settle {
    int64_t last_event_id; /* given after the backup, at most: new ids are greater; 0: not known */
    int64_t unknown;       /* out: messages that were open */
};

/* ---- Reads: see store.h ---- */

/* What of a database server slows the queue down, or endangers it. */
struct store_server_health {
    bool is_there;
    int64_t live_rows, dead_rows; /* of all tables, as vacuum counts them */
    /* Of the oldest transaction that vacuum must not overtake; of sessions that this one may see. */
    int64_t oldest_snapshot_ms;
    int64_t standbys;     /* that are connected */
    bool standby_missing; /* commits wait for one, and none that they could wait for is connected */
    int64_t lag_bytes, lag_ms; /* of the standby that is farthest behind */
    /* Of the events of messages; wall, when the first one after those before all begins, and the last, which has no end. */
    int64_t event_partitions, oldest_partition_ms, last_partition_ms;
};

struct store_statistics {
    int64_t messages[MESSAGE_STATUS_COUNT];
    int64_t
        stuck[MESSAGE_STATUS_COUNT]; /* as in work.h: from STORE_MOST_STUCK on there may be more */
    bool any_device;                 /* one is known */
    int64_t devices_connected;
    int64_t
        devices_battery_low; /* of these: below low_battery_percent of the limits, and not charging */
    int64_t devices_offline;           /* have an active token, and are not connected */
    int64_t devices_disabled;          /* of those that messages can be meant for */
    int64_t devices_quarantined;       /* the newest token was revoked because two phones used it */
    int64_t wal_bytes;                 /* of the write-ahead log; 0 where the backend has none */
    int64_t database_bytes;            /* without the log */
    struct store_server_health server; /* of PostgreSQL; else zeros */
    enum store_durability durability;  /* as in struct store_probe */
    enum store_durability durability_asked; /* options.needs_standby */
    /* Wall; since when the oldest message that is due is queued; 0: none is. */
    int64_t oldest_queued_ms;
    int64_t disk_free_bytes, disk_size_bytes; /* 0: not known */
    bool sending_paused;
    int64_t waiting[MESSAGE_WAIT_COUNT]; /* queued messages by what they wait for: waits.h */
};
MUST_CHECK enum error store_read_statistics(struct store_reader *reader, int64_t stuck_for_ms,
                                            struct store_statistics *statistics);

#endif
