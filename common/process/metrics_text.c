/* The metrics in Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats). */
#include "common/process/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "sms_gateway_"

enum { API = 1, BROKER = 2, WEBHOOKS = 4, ALL = API | BROKER | WEBHOOKS, LABELS_SIZE = 128 };
enum { BOTH = API | BROKER };
enum unit { PLAIN, MICROSECONDS };

static const struct metric {
    const char *name, *type, *help;
    int who; /* 0: not in struct metrics */
    size_t offset;
    enum metrics_labels labels;
    enum unit unit;
    bool is_histogram;
    enum metrics_bounds bounds;
} metrics_table[METRICS_COUNT] = {
#define NUMBER(id, kind, by, set, in, text)                                                        \
    [METRIC_##id] = {                                                                              \
        .name = #id,                                                                               \
        .type = kind,                                                                              \
        .help = text,                                                                              \
        .who = by,                                                                                 \
        .offset = offsetof(struct metrics, id),                                                    \
        .labels = METRICS_##set,                                                                   \
        .unit = in,                                                                                \
    },
#define COUNTER(id, who, labels, unit, help) NUMBER(id, "counter", who, labels, unit, help)
#define GAUGE(id, who, labels, unit, help)   NUMBER(id, "gauge", who, labels, unit, help)
#define HISTOGRAM(id, by, division, text)                                                          \
    [METRIC_##id] = {                                                                              \
        .name = #id,                                                                               \
        .type = "histogram",                                                                       \
        .help = text,                                                                              \
        .who = by,                                                                                 \
        .offset = offsetof(struct metrics, id),                                                    \
        .is_histogram = true,                                                                      \
        .bounds = METRICS_##division,                                                              \
    },
#define READ(id, kind, text) [METRIC_##id] = {.name = #id, .type = #kind, .help = text},
#include "common/process/metrics.def"
};

uint64_t metrics_layout(void)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    for (size_t i = 0; i < METRICS_COUNT; i++) {
        const struct metric *metric = &metrics_table[i];
        const size_t numbers[] = {metric->offset, metric->labels, metric->bounds};
        for (const char *c = metric->name; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
        for (size_t j = 0; j < ARRAY_LENGTH(numbers); j++)
            hash = (hash ^ numbers[j]) * 0x100000001b3;
    }
    return hash ^ sizeof(struct metrics);
}

/* ---- Series ---- */

void metrics_put_head(struct buffer *out, enum metrics_id id)
{
    const struct metric *metric = &metrics_table[id];
    buffer_append_format(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", metric->name,
                         metric->help, metric->name, metric->type);
}

/* The part before the number: the name and its labels, and one more label if given. */
static void put_name(struct buffer *out, const char *name, const char *suffix, const char *labels,
                     const char *more)
{
    buffer_append_text(out, PREFIX);
    buffer_append_text(out, name);
    buffer_append_text(out, suffix);
    if (*labels || *more) {
        buffer_append_char(out, '{');
        buffer_append_text(out, labels);
        if (*labels && *more)
            buffer_append_char(out, ',');
        buffer_append_text(out, more);
        buffer_append_char(out, '}');
    }
    buffer_append_char(out, ' ');
}

/* Seconds without trailing zeros: 2500 is 0.0025. */
static void format_seconds(uint64_t us, char text[32])
{
    int length = snprintf(text, 32, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
    while (text[length - 1] == '0')
        length--;
    length -= text[length - 1] == '.';
    text[length] = '\0';
}

static void put_number(struct buffer *out, uint64_t number, enum unit unit)
{
    char text[32];
    if (unit == MICROSECONDS) {
        format_seconds(number, text);
        buffer_append_text(out, text);
    } else {
        buffer_append_integer(out, (int64_t)number);
    }
    buffer_append_char(out, '\n');
}

void metrics_put_integer(struct buffer *out, enum metrics_id id, const char *labels, int64_t number)
{
    put_name(out, metrics_table[id].name, "", labels, "");
    buffer_append_integer(out, number);
    buffer_append_char(out, '\n');
}

void metrics_put_histogram(struct buffer *out, enum metrics_id id, const char *labels,
                           enum metrics_bounds bounds, const struct metrics_histogram *histogram)
{
    const char *name = metrics_table[id].name;
    const uint64_t *bound = metrics_bounds_of(bounds);
    enum unit unit = bounds == METRICS_SIZES ? PLAIN : MICROSECONDS;
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_MOST_BOUNDS; i++) {
        bool last = i == METRICS_MOST_BOUNDS;
        count += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        if (!last && bound[i] == METRICS_NO_BOUND)
            continue;
        char limit[32] = "+Inf", label[48];
        if (!last && unit == MICROSECONDS)
            format_seconds(bound[i], limit);
        else if (!last)
            snprintf(limit, sizeof(limit), "%" PRIu64, bound[i]);
        snprintf(label, sizeof(label), "le=\"%s\"", limit);
        put_name(out, name, "_bucket", labels, label);
        put_number(out, count, PLAIN);
    }
    put_name(out, name, "_sum", labels, "");
    put_number(out, atomic_load_explicit(&histogram->sum, memory_order_relaxed), unit);
    put_name(out, name, "_count", labels, "");
    put_number(out, count, PLAIN);
}

/* ---- Counters ---- */

/* The errors that are shown. A write that found no message was not refused. */
static const enum error refusals[] = {
    ERROR_STORE_BUSY,
    ERROR_STORE_UNAVAILABLE,
    ERROR_OUTCOME_UNKNOWN,
    ERROR_DISK_FULL,
    ERROR_WAL_FULL,
    ERROR_INTERNAL,
    ERROR_SHUTTING_DOWN,
    ERROR_SENDING_PAUSED,
    ERROR_QUEUE_FULL,
    ERROR_DAILY_CAP_REACHED,
    ERROR_KEY_CAP_REACHED,
    ERROR_RECIPIENT_CAP_REACHED,
    ERROR_RECIPIENT_OPTED_OUT,
    ERROR_DATABASE_UNREACHABLE,
    ERROR_DATABASE_REPLACED,
    ERROR_NO_STANDBY,
};
static const enum error closes[] = {
    ERROR_NONE,
    ERROR_REPLACED,
    ERROR_NO_DEVICE_INFO,
    ERROR_TOO_MANY_FRAMES,
    ERROR_FRAME_TOO_LARGE,
    ERROR_BINARY_FRAME,
    ERROR_PROTOCOL_ERROR,
    ERROR_INVALID_UTF8,
    ERROR_NOT_READING,
    ERROR_ACK_TIMEOUT,
    ERROR_DEVICE_TOKEN_INVALID,
    ERROR_DEVICE_REVOKED,
    ERROR_DEVICE_QUARANTINED,
    ERROR_SHUTTING_DOWN,
    ERROR_STORE_BUSY,
    ERROR_STORE_UNAVAILABLE,
    ERROR_DATABASE_UNREACHABLE,
    ERROR_DATABASE_REPLACED,
    ERROR_NO_STANDBY,
    ERROR_DISK_FULL,
    ERROR_INTERNAL,
};
#define IN  "direction=\"in\",type=\""
#define OUT "direction=\"out\",type=\""
static const char *const frames[METRICS_FRAME_COUNT] = {
#define FRAME_IN(name, type, level, phase, reader, handler) [METRICS_IN_##name] = IN type "\"",
#define FRAME_OUT(name, type, level)                        [METRICS_OUT_##name] = OUT type "\"",
#include "common/model/frames.def"
    [METRICS_IN_OTHER] = IN "other\"",
    [METRICS_OUT_PING] = OUT "ping\"",
    [METRICS_OUT_CLOSE] = OUT "close\"",
};

/* The labels of series `i` of a set, and its index in struct metrics. False after the last series. */
static bool series_of(enum metrics_labels set, size_t number, size_t *index,
                      char labels[LABELS_SIZE])
{
    *index = number;
    labels[0] = '\0';
    switch (set) {
    case METRICS_ONE:
        return number == 0;
    case METRICS_FINAL_STATUS:
        *index = MESSAGE_DELIVERED + number;
        if (*index < MESSAGE_STATUS_COUNT)
            snprintf(labels, LABELS_SIZE, "status=\"%s\"",
                     message_status_name((enum message_status) * index));
        break;
    case METRICS_REFUSAL:
        if (number < ARRAY_LENGTH(refusals))
            snprintf(labels, LABELS_SIZE, "reason=\"%s\"", error_code(refusals[number]));
        *index = *labels ? refusals[number] : 0;
        break;
    case METRICS_CLOSE:
        if (number < ARRAY_LENGTH(closes))
            snprintf(labels, LABELS_SIZE, "reason=\"%s\"",
                     closes[number] == ERROR_NONE ? "silent" : error_code(closes[number]));
        *index = *labels ? closes[number] : 0;
        break;
    case METRICS_FRAME:
        if (number < METRICS_FRAME_COUNT)
            snprintf(labels, LABELS_SIZE, "%s", frames[number]);
        break;
    case METRICS_RECEIVED:
        if (number < METRICS_RECEIVED_COUNT)
            snprintf(labels, LABELS_SIZE, "result=\"%s\"",
                     number == METRICS_RECEIVED_STORED ? "stored" : "known");
        break;
    }
    return *labels;
}

static void put_metric(struct buffer *out, enum metrics_id id, const struct metrics *metrics,
                       const char *process)
{
    const struct metric *metric = &metrics_table[id];
    const void *numbers = (const char *)metrics + metric->offset;
    char labels[LABELS_SIZE], all[LABELS_SIZE + 32];
    size_t index;
    if (metric->is_histogram) {
        metrics_put_histogram(out, id, process, metric->bounds, numbers);
        return;
    }
    for (size_t i = 0; series_of(metric->labels, i, &index, labels); i++) {
        snprintf(all, sizeof(all), "%s%s%s", process, *process && *labels ? "," : "", labels);
        put_name(out, metric->name, "", all, "");
        put_number(
            out,
            atomic_load_explicit((const metrics_number *)numbers + index, memory_order_relaxed),
            metric->unit);
    }
}

void metrics_put_counted(struct buffer *out, const struct metrics *api,
                         const struct metrics *broker, const struct metrics *webhooks)
{
    const struct {
        int who;
        const struct metrics *metrics;
        const char *label;
    } processes[] = {{API, api, "process=\"api-fcgi\""},
                     {BROKER, broker, "process=\"ws-broker\""},
                     {WEBHOOKS, webhooks, "process=\"webhook-sender\""}};
    for (enum metrics_id id = 0; id < METRICS_COUNT; id++) {
        int who = metrics_table[id].who;
        if (who == 0)
            continue;
        metrics_put_head(out, id);
        for (size_t i = 0; i < ARRAY_LENGTH(processes); i++)
            if (who & processes[i].who && processes[i].metrics)
                put_metric(out, id, processes[i].metrics,
                           who == processes[i].who ? "" : processes[i].label);
    }
}
