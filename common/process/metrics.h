/*
 * The counters of all processes for GET /metrics. metrics.def lists the metrics.
 *
 * Counting is one relaxed addition in memory: no lock, no system call, any thread. The others' counters are in files in
 * RUNTIME_DIR that are mapped into memory, so that api-fcgi answers for all processes and never waits for one. The
 * file also has the build that wrote it and the time of the last turn of the loop: the counters of another build, or of a
 * dead or hung process, are not shown. Counters start at 0 with their process.
 */
#ifndef COMMON_PROCESS_METRICS_H
#define COMMON_PROCESS_METRICS_H

#include "common/base/base.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/model/message.h"

#include <stdatomic.h>

/* Frames between the broker and phones, by direction and type. */
enum metrics_frame {
#define FRAME_IN(name, type, level, phase, reader, handler) METRICS_IN_##name,
#define FRAME_OUT(name, type, level)                        METRICS_OUT_##name,
#include "common/model/frames.def"
    METRICS_IN_OTHER, /* unknown, or not allowed at that time */
    METRICS_OUT_PING,
    METRICS_OUT_CLOSE,
    METRICS_FRAME_COUNT
};

/* What became of an incoming SMS that a device passed on. */
enum metrics_received { METRICS_RECEIVED_STORED, METRICS_RECEIVED_KNOWN, METRICS_RECEIVED_COUNT };

/* Sets of series and their index: none, enum message_status, enum error, enum error (ERROR_NONE: a silent device), enum
   metrics_frame, enum metrics_received. */
enum metrics_labels {
    METRICS_ONE,
    METRICS_FINAL_STATUS,
    METRICS_REFUSAL,
    METRICS_CLOSE,
    METRICS_FRAME,
    METRICS_RECEIVED
};
enum {
    METRICS_ONE_SIZE = 1,
    METRICS_FINAL_STATUS_SIZE = MESSAGE_STATUS_COUNT,
    METRICS_REFUSAL_SIZE = ERROR_COUNT,
    METRICS_CLOSE_SIZE = ERROR_COUNT,
    METRICS_FRAME_SIZE = METRICS_FRAME_COUNT,
    METRICS_RECEIVED_SIZE = METRICS_RECEIVED_COUNT,
};

/* The buckets of a histogram. Times are microseconds. */
enum metrics_bounds {
    METRICS_SHORT_TIMES, /* 0.1 ms to 10 s */
    METRICS_LONG_TIMES,  /* 10 ms to a day */
    METRICS_SIZES,       /* 1 to 512 */
};

enum { METRICS_MOST_BOUNDS = 16, METRICS_VERSION_SIZE = 32 };

/* The inclusive upper bounds, ascending; METRICS_NO_BOUND for unused places. */
#define METRICS_NO_BOUND UINT64_MAX
const uint64_t *metrics_bounds_of(enum metrics_bounds bounds);

typedef atomic_uint_fast64_t metrics_number;

struct metrics_histogram {
    metrics_number
        buckets[METRICS_MOST_BOUNDS + 1]; /* not cumulative; the last is above all bounds */
    metrics_number sum;
};

/* The counters of one process. All zero is valid, except for the start time. */
struct metrics {
    uint64_t layout; /* of the build that wrote it */
    char version[METRICS_VERSION_SIZE];
    atomic_int_fast64_t
        turned_at_ms; /* monotonic, of the last turn of its loop; 0: it has exited */
#define COUNTER(name, who, labels, unit, help) metrics_number name[METRICS_##labels##_SIZE];
#define GAUGE(name, who, labels, unit, help)   COUNTER(name, who, labels, unit, help)
#define HISTOGRAM(name, who, bounds, help)     struct metrics_histogram name;
#include "common/process/metrics.def"
};

/* ---- Counting; a NULL `metrics` is ignored ---- */

#define METRICS_ADD(metrics, name, index, number)                                                  \
    ((metrics) ? (void)atomic_fetch_add_explicit(&(metrics)->name[index], (uint64_t)(number),      \
                                                 memory_order_relaxed)                             \
               : (void)0)
#define METRICS_SET(metrics, name, number)                                                         \
    ((metrics)                                                                                     \
         ? atomic_store_explicit(&(metrics)->name[0], (uint64_t)(number), memory_order_relaxed)    \
         : (void)0)

/* Counts a value in the unit of the bounds. A histogram must always be used with the same bounds. */
void metrics_observe(struct metrics_histogram *histogram, enum metrics_bounds bounds,
                     uint64_t value);
#define METRICS_OBSERVE(metrics, name, value)                                                      \
    ((metrics)                                                                                     \
         ? metrics_observe(&(metrics)->name, (enum metrics_bounds)METRICS_BOUNDS_OF_##name, value) \
         : (void)0)

/* Adds the counters of one thread, and resets them. */
void metrics_move(struct metrics_histogram *to, struct metrics_histogram *from);

enum metrics_bounds_of_name {
#define HISTOGRAM(name, who, bounds, help) METRICS_BOUNDS_OF_##name = METRICS_##bounds,
#include "common/process/metrics.def"
};

/* ---- The counters of a process ---- */

/* In RUNTIME_DIR. */
#define METRICS_OF_BROKER   "metrics-ws-broker"
#define METRICS_OF_WEBHOOKS "metrics-webhook-sender"

/* Sets the start time to now. */
void metrics_start(struct metrics *metrics);

/* Notes that the loop has turned, and updates the metrics of the process itself. Call once a second, or before they are
   shown. */
void metrics_turn(struct metrics *metrics);

/* Counters in memory of this process alone; not freed. NULL without memory. */
struct metrics *metrics_create(void);

/* Moves the counters to the file `path`, replacing that of an earlier process; where that fails, which is logged, they stay
   in memory. Call once it is certain that no other process uses `path`, and before other threads count. */
void metrics_publish(struct metrics *metrics, const char *path);

/* The process exits: marks its counters as those of a dead process. */
void metrics_end(struct metrics *metrics);

/* The counters of another process; NULL unless it is of this build and its loop turns. */
const struct metrics *metrics_open(const char *path);
void metrics_close(const struct metrics *metrics);

/* ---- Prometheus' text format 0.0.4: metrics_text.c ---- */

enum metrics_id {
#define COUNTER(name, who, labels, unit, help) METRIC_##name,
#define GAUGE(name, who, labels, unit, help)   METRIC_##name,
#define HISTOGRAM(name, who, bounds, help)     METRIC_##name,
#define READ(name, type, help)                 METRIC_##name,
#include "common/process/metrics.def"
    METRICS_COUNT
};

/* A hash of the table of metrics: two builds with the same hash have the same struct metrics. */
uint64_t metrics_layout(void);

/* The HELP and TYPE lines of a metric. */
void metrics_put_head(struct buffer *out, enum metrics_id id);

/* One series: `labels` as in name{labels}, or "". */
void metrics_put_integer(struct buffer *out, enum metrics_id id, const char *labels,
                         int64_t number);
void metrics_put_histogram(struct buffer *out, enum metrics_id id, const char *labels,
                           enum metrics_bounds bounds, const struct metrics_histogram *histogram);

/* All metrics of struct metrics. `broker` and `webhooks` may be NULL. */
void metrics_put_counted(struct buffer *out, const struct metrics *api,
                         const struct metrics *broker, const struct metrics *webhooks);

#endif
