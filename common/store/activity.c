#include "common/store/activity.h"

#include "common/store/store_backend.h"

#include <stdlib.h>

enum {
    MINUTE_MS = 60000,
    MOST_ROWS = 30000, /* of a kind, about: they are counted one by one */
    LEAST_ROWS_OF_A_MINUTE = 100,
    MOST_SAMPLES = 1000,
    SEQ_TIME_SHIFT = 20, /* message_id_seq */
};

int64_t store_seq_time_ms(int64_t seq)
{
    return seq >> SEQ_TIME_SHIFT;
}

int64_t store_seq_first_at(int64_t wall_ms)
{
    return wall_ms << SEQ_TIME_SHIFT;
}

/* ---- A sample of all, each with the same probability (algorithm R) ---- */

struct sample {
    size_t seen, count;
    uint64_t random;
    struct store_happening entries[MOST_SAMPLES];
};

static void sample_add(struct sample *sample, const struct store_happening *entry)
{
    size_t place = sample->seen++;
    if (place >= MOST_SAMPLES) {
        sample->random = sample->random * 6364136223846793005u + 1442695040888963407u;
        place = (size_t)((sample->random >> 33) % sample->seen);
    } else {
        sample->count++;
    }
    if (place < MOST_SAMPLES)
        sample->entries[place] = *entry;
}

/* ---- Counting ---- */

struct counting {
    struct store_reader *reader;
    struct store_activity *activity;
    int64_t from_ms, now_ms;
    size_t most; /* rows that are read at once */
    struct store_happening *rows;
    struct sample sent, delivered;
};

/* The member that counts it; NULL: none does. */
static int64_t *counter_of(struct store_minute *minute, enum store_activity_kind kind, int status)
{
    if (kind != STORE_ACTIVITY_TRANSITIONS)
        return kind == STORE_ACTIVITY_ACCEPTED ? &minute->accepted : &minute->received;
    if (status == MESSAGE_SENT)
        return &minute->sent;
    if (status == MESSAGE_DELIVERED)
        return &minute->delivered;
    return status == MESSAGE_FAILED || status == MESSAGE_UNKNOWN ? &minute->failed : NULL;
}

static void count_one(struct counting *counting, enum store_activity_kind kind,
                      struct store_minute *minute, const struct store_happening *row)
{
    int64_t *counter = counter_of(minute, kind, row->status);
    if (counter)
        ++*counter;
    if (counter == &minute->sent)
        sample_add(&counting->sent, row);
    else if (counter == &minute->delivered)
        sample_add(&counting->delivered, row);
}

/* The minute has more rows than were counted, which go from its beginning to `until_ms`. */
static void extrapolate(struct counting *counting, enum store_activity_kind kind,
                        struct store_minute *minute, int64_t until_ms)
{
    int64_t end_ms = MIN(minute->at_ms + MINUTE_MS, counting->now_ms);
    double seen = (double)MAX(until_ms - minute->at_ms, 1);
    double factor = MAX((double)(end_ms - minute->at_ms) / seen, 1);
    for (int status = 0; status < MESSAGE_STATUS_COUNT; status++) {
        int64_t *counter = counter_of(minute, kind, status);
        if (!counter || (status > 0 && kind != STORE_ACTIVITY_TRANSITIONS) ||
            status == MESSAGE_UNKNOWN) /* counted with those that failed */
            continue;
        *counter = (int64_t)((double)*counter * factor + 0.5);
    }
    minute->estimated = true;
}

/* Counts from the beginning of the minute at *index on, and sets it to the next one that is to be counted. */
static enum error count_from(struct counting *counting, enum store_activity_kind kind,
                             size_t *index)
{
    struct store_activity *activity = counting->activity;
    struct store_minute *first = &activity->minutes[*index];
    struct store_reader *reader = counting->reader;
    size_t count;
    enum error error = reader->backend->list_happenings(reader->reader, kind, first->at_ms,
                                                        counting->most, counting->rows, &count);
    if (error != ERROR_NONE)
        return error;
    size_t end = activity->count; /* the first minute that was not read to its end */
    int64_t last_ms = count > 0 ? counting->rows[count - 1].at_ms : 0;
    if (count == counting->most)
        end = last_ms < first->at_ms
                  ? *index
                  : MIN((size_t)((last_ms - counting->from_ms) / MINUTE_MS), end);
    size_t counted = MAX(end, *index + 1);
    for (size_t i = 0; i < count; i++) {
        const struct store_happening *row = &counting->rows[i];
        if (row->at_ms < first->at_ms) /* the clock was set back */
            continue;
        size_t minute = (size_t)((row->at_ms - counting->from_ms) / MINUTE_MS);
        if (minute < MIN(counted, activity->count))
            count_one(counting, kind, &activity->minutes[minute], row);
    }
    if (end == *index)
        extrapolate(counting, kind, first, last_ms);
    *index = counted;
    return ERROR_NONE;
}

static enum error count_all(struct counting *counting, enum store_activity_kind kind)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < counting->activity->count && error == ERROR_NONE;)
        error = count_from(counting, kind, &i);
    return error;
}

/* ---- Durations ---- */

static int compare(const void *a, const void *b)
{
    const int64_t *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

/* How long that took, from the time that `begin` finds; negative: not known. */
static int64_t since_queued(const struct store_happening *entry,
                            const struct store_message_times *times)
{
    return entry->at_ms - MAX(store_seq_time_ms(entry->message_seq), times->send_at_ms);
}

static int64_t since_sent(const struct store_happening *entry,
                          const struct store_message_times *times)
{
    return times->sent_at_ms ? entry->at_ms - times->sent_at_ms : -1;
}

static enum error measure(struct store_reader *reader, const struct sample *sample,
                          int64_t (*duration)(const struct store_happening *entry,
                                              const struct store_message_times *times),
                          struct store_quantiles *quantiles)
{
    int64_t durations[MOST_SAMPLES];
    size_t count = 0;
    for (size_t i = 0; i < sample->count; i++) {
        struct store_message_times times;
        bool found;
        const struct store_happening *entry = &sample->entries[i];
        enum error error = reader->backend->find_times(reader->reader, entry->message_seq, &times,
                                                       &found);
        if (error != ERROR_NONE)
            return error;
        int64_t ms = found ? duration(entry, &times) : -1;
        if (ms >= 0)
            durations[count++] = ms;
    }
    qsort(durations, count, sizeof(*durations), compare);
    *quantiles = (struct store_quantiles){.count = count};
    if (count > 0) {
        quantiles->p50_ms = durations[(count - 1) * 50 / 100];
        quantiles->p90_ms = durations[(count - 1) * 90 / 100];
        quantiles->p99_ms = durations[(count - 1) * 99 / 100];
    }
    return ERROR_NONE;
}

/* ---- */

static enum error read_activity(struct counting *counting)
{
    struct store_activity *activity = counting->activity;
    enum error error = ERROR_NONE;
    for (enum store_activity_kind kind = STORE_ACTIVITY_ACCEPTED;
         kind <= STORE_ACTIVITY_RECEIVED && error == ERROR_NONE; kind++)
        error = count_all(counting, kind);
    if (error == ERROR_NONE)
        error = measure(counting->reader, &counting->sent, since_queued, &activity->queued_to_sent);
    return error == ERROR_NONE ? measure(counting->reader, &counting->delivered, since_sent,
                                         &activity->sent_to_delivered)
                               : error;
}

enum error store_read_activity(struct store_reader *reader, int64_t now_ms, size_t minutes,
                               struct store_activity *activity)
{
    struct counting *counting = calloc(1, sizeof(*counting));
    size_t most = MAX((size_t)MOST_ROWS / minutes, (size_t)LEAST_ROWS_OF_A_MINUTE);
    struct store_happening *rows = calloc(most, sizeof(*rows));
    enum error error = ERROR_INTERNAL;
    *activity = (struct store_activity){.count = minutes};
    if (counting && rows) {
        int64_t last_ms = now_ms / MINUTE_MS * MINUTE_MS;
        *counting = (struct counting){
            .reader = reader,
            .activity = activity,
            .from_ms = last_ms - (int64_t)(minutes - 1) * MINUTE_MS,
            .now_ms = now_ms,
            .most = most,
            .rows = rows,
        };
        for (size_t i = 0; i < minutes; i++)
            activity->minutes[i].at_ms = counting->from_ms + (int64_t)i * MINUTE_MS;
        error = read_activity(counting);
    }
    free(rows);
    free(counting);
    return error;
}
