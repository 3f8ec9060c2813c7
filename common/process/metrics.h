/*
 * What the processes count for GET /metrics. metrics.def names the figures.
 *
 * Counting is one relaxed addition to a number in memory: no lock, no system call, any thread. The
 * broker keeps its numbers in a file of RUNTIME_DIR that is mapped into memory, so that api-fcgi
 * shows both processes' in one answer, and never waits for the broker. The file says which build wrote
 * it and when its loop last turned: figures of another build, of a dead or of a hung process are not
 * shown. Numbers start at 0 with their process.
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
    METRICS_IN_OTHER, /* not of the protocol, or not at that time */
    METRICS_OUT_PING,
    METRICS_OUT_CLOSE,
    METRICS_OUT_OTHER,
    METRICS_FRAME_COUNT
};

/* Sets of series, and what counts them: nothing, enum message_status, enum error, enum error (a phone
   that has fallen silent: ERROR_NONE), enum metrics_frame. */
enum metrics_labels {
    METRICS_ONE,
    METRICS_FINAL_STATUS,
    METRICS_REFUSAL,
    METRICS_CLOSE,
    METRICS_FRAME
};
enum {
    METRICS_ONE_SIZE = 1,
    METRICS_FINAL_STATUS_SIZE = MESSAGE_STATUS_COUNT,
    METRICS_REFUSAL_SIZE = ERROR_COUNT,
    METRICS_CLOSE_SIZE = ERROR_COUNT,
    METRICS_FRAME_SIZE = METRICS_FRAME_COUNT,
};

/* How a histogram is divided. Times are microseconds. */
enum metrics_bounds {
    METRICS_SHORT_TIMES, /* 0.1 ms to 10 s */
    METRICS_LONG_TIMES,  /* 10 ms to a day */
    METRICS_SIZES,       /* 1 to 512 */
};

enum { METRICS_MOST_BOUNDS = 16, METRICS_VERSION_SIZE = 32 };

/* The upper bounds, inclusive and rising; METRICS_NO_BOUND in places that are not used. */
#define METRICS_NO_BOUND UINT64_MAX
const uint64_t *metrics_bounds_of(enum metrics_bounds bounds);

typedef atomic_uint_fast64_t metrics_number;

struct metrics_histogram {
    metrics_number
        buckets[METRICS_MOST_BOUNDS + 1]; /* each by itself; the last: above all bounds */
    metrics_number sum;
};

/* One process' numbers. All zero is a good start, but for the time of it. */
struct metrics {
    uint64_t layout; /* of the build that wrote it */
    char version[METRICS_VERSION_SIZE];
    atomic_int_fast64_t turned_at_ms; /* monotonic: when its loop last did; 0: it has ended */
#define COUNTER(name, who, labels, unit, help) metrics_number name[METRICS_##labels##_SIZE];
#define GAUGE(name, who, labels, unit, help)   COUNTER(name, who, labels, unit, help)
#define HISTOGRAM(name, who, bounds, help)     struct metrics_histogram name;
#include "common/process/metrics.def"
};

/* ---- Counting: `metrics` may be NULL, where nobody wants to know ---- */

#define METRICS_ADD(metrics, name, index, number)                                                  \
    ((metrics) ? (void)atomic_fetch_add_explicit(&(metrics)->name[index], (uint64_t)(number),      \
                                                 memory_order_relaxed)                             \
               : (void)0)
#define METRICS_SET(metrics, name, number)                                                         \
    ((metrics)                                                                                     \
         ? atomic_store_explicit(&(metrics)->name[0], (uint64_t)(number), memory_order_relaxed)    \
         : (void)0)

/* Counts a value, in the unit of the bounds, by which the histogram must always be divided. */
void metrics_observe(struct metrics_histogram *histogram, enum metrics_bounds bounds,
                     uint64_t value);
#define METRICS_OBSERVE(metrics, name, value)                                                      \
    ((metrics)                                                                                     \
         ? metrics_observe(&(metrics)->name, (enum metrics_bounds)METRICS_BOUNDS_OF_##name, value) \
         : (void)0)

/* Adds what one thread has counted by itself, and empties that. */
void metrics_move(struct metrics_histogram *to, struct metrics_histogram *from);

enum metrics_bounds_of_name {
#define HISTOGRAM(name, who, bounds, help) METRICS_BOUNDS_OF_##name = METRICS_##bounds,
#include "common/process/metrics.def"
};

/* ---- A process' numbers ---- */

#define METRICS_OF_BROKER "metrics-ws-broker" /* in RUNTIME_DIR */

/* Says that the process has started now. */
void metrics_start(struct metrics *metrics);

/* The loop turns: notes that, and the figures of the process itself. Once a second, or before they are
   shown. */
void metrics_turn(struct metrics *metrics);

/* Started numbers in a new file beside `path`. Where there is room for none they are in memory alone,
   which is logged. Never NULL; not freed. */
struct metrics *metrics_create(const char *path);

/* Puts the file at `path`, in place of one that an earlier process left. Not before it is certain that no
   other process is at work there. */
void metrics_publish(const char *path);

/* The process ends: nobody is to take its numbers for those of one that runs. */
void metrics_end(struct metrics *metrics);

/* Another process' numbers; NULL where there are none of a process of this build whose loop turns. */
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

/* A mark of the table of figures: two builds with the same have the same struct metrics. */
uint64_t metrics_layout(void);

/* The two lines before a figure's series. */
void metrics_put_head(struct buffer *out, enum metrics_id id);

/* One series: `labels` as in name{labels}, or "". */
void metrics_put_integer(struct buffer *out, enum metrics_id id, const char *labels,
                         int64_t number);
void metrics_put_histogram(struct buffer *out, enum metrics_id id, const char *labels,
                           enum metrics_bounds bounds, const struct metrics_histogram *histogram);

/* All that is counted in struct metrics. `broker` may be NULL. */
void metrics_put_counted(struct buffer *out, const struct metrics *api,
                         const struct metrics *broker);

#endif
