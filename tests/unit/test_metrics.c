/* Counting, the text of it, and the file in which another process finds it. */
#include "common/process/metrics.h"

#include "common/base/clock.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t count_of(const struct metrics_histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_MOST_BOUNDS; i++)
        count += histogram->buckets[i];
    return count;
}

/* ---- Histograms ---- */

static void bounds_rise(void **state)
{
    (void)state;
    for (enum metrics_bounds bounds = METRICS_SHORT_TIMES; bounds <= METRICS_SIZES; bounds++) {
        const uint64_t *bound = metrics_bounds_of(bounds);
        assert_true(bound[0] > 0);
        for (size_t i = 1; i < METRICS_MOST_BOUNDS; i++)
            assert_true(bound[i] > bound[i - 1] || bound[i] == METRICS_NO_BOUND);
    }
}

static void a_value_is_in_the_bucket_of_the_first_bound_that_is_not_below_it(void **state)
{
    (void)state;
    for (enum metrics_bounds bounds = METRICS_SHORT_TIMES; bounds <= METRICS_SIZES; bounds++) {
        const uint64_t *bound = metrics_bounds_of(bounds);
        for (size_t i = 0; i < METRICS_MOST_BOUNDS && bound[i] != METRICS_NO_BOUND; i++) {
            struct metrics_histogram histogram = {0};
            metrics_observe(&histogram, bounds, bound[i]);
            assert_int_equal(histogram.buckets[i], 1);
            metrics_observe(&histogram, bounds, bound[i] + 1);
            assert_int_equal(histogram.buckets[i], 1);
            assert_int_equal(count_of(&histogram), 2);
            assert_int_equal(histogram.sum, 2 * bound[i] + 1);
        }
    }
    struct metrics_histogram histogram = {0};
    metrics_observe(&histogram, METRICS_SHORT_TIMES, 0);
    metrics_observe(&histogram, METRICS_SHORT_TIMES, INT64_MAX);
    assert_int_equal(histogram.buckets[0], 1);
    assert_int_equal(histogram.buckets[METRICS_MOST_BOUNDS], 1);
}

static void moving_adds_and_empties(void **state)
{
    (void)state;
    struct metrics_histogram from = {0}, to = {0};
    metrics_observe(&to, METRICS_SIZES, 1);
    metrics_observe(&from, METRICS_SIZES, 1);
    metrics_observe(&from, METRICS_SIZES, 1000);
    metrics_move(&to, &from);
    metrics_move(&to, &from);
    assert_int_equal(to.buckets[0], 2);
    assert_int_equal(to.buckets[METRICS_MOST_BOUNDS - 6], 1); /* the first that is not used */
    assert_int_equal(to.sum, 1002);
    assert_int_equal(count_of(&from) + from.sum, 0);
}

static void nobody_need_count(void **state)
{
    (void)state;
    struct metrics *nobody = NULL;
    METRICS_ADD(nobody, db_commits_total, 0, 1);
    METRICS_SET(nobody, ws_connections, 1);
    METRICS_OBSERVE(nobody, db_commit_batch_size, 1);
}

/* ---- Text ---- */

static char *text_of(struct buffer *out)
{
    assert_false(out->failed);
    return out->data;
}

static void a_histogram_adds_up_and_has_no_zeros_at_the_end_of_seconds(void **state)
{
    (void)state;
    static struct metrics_histogram histogram;
    struct buffer out;
    buffer_init(&out, 65536);
    metrics_observe(&histogram, METRICS_SHORT_TIMES, 100);
    metrics_observe(&histogram, METRICS_SHORT_TIMES, 2400);
    metrics_observe(&histogram, METRICS_SHORT_TIMES, 20000000);
    metrics_put_histogram(&out, METRIC_http_request_duration_seconds, "route=\"/\"",
                          METRICS_SHORT_TIMES, &histogram);
    const char *text = text_of(&out);
#define NAME "sms_gateway_http_request_duration_seconds"
    assert_ptr_equal(strstr(text, NAME "_bucket{route=\"/\",le=\"0.0001\"} 1\n"), text);
    assert_non_null(strstr(text, NAME "_bucket{route=\"/\",le=\"0.001\"} 1\n"));
    assert_non_null(strstr(text, NAME "_bucket{route=\"/\",le=\"0.0025\"} 2\n"));
    assert_non_null(strstr(text, NAME "_bucket{route=\"/\",le=\"10\"} 2\n"));
    assert_non_null(strstr(text,
                           NAME "_bucket{route=\"/\",le=\"+Inf\"} 3\n" NAME
                                "_sum{route=\"/\"} 20.0025\n" NAME "_count{route=\"/\"} 3\n"));
    buffer_clear(&out);
    metrics_put_histogram(&out, METRIC_db_commit_batch_size, "", METRICS_SIZES, &histogram);
    assert_non_null(strstr(text_of(&out), "_size_bucket{le=\"512\"} 2\nsms_gateway_db_commit_batch"
                                          "_size_bucket{le=\"+Inf\"} 3\n"));
    buffer_fini(&out);
}

static void the_figures_of_both_processes_stand_together(void **state)
{
    (void)state;
    static struct metrics processes[2];
    struct metrics *api = &processes[0], *broker = &processes[1];
    struct buffer out;
    buffer_init(&out, 1 << 20);
    METRICS_ADD(api, db_refused_writes_total, ERROR_WAL_FULL, 3);
    METRICS_ADD(broker, messages_finished_total, MESSAGE_UNKNOWN, 4);
    METRICS_ADD(broker, ws_frames_total, METRICS_IN_ACK, 5);
    METRICS_ADD(broker, ws_closes_total, ERROR_NONE, 6);
    METRICS_SET(broker, process_cpu_seconds_total, 1500000);
    metrics_put_counted(&out, api, broker, NULL);
    const char *text = text_of(&out);
    assert_non_null(strstr(text, "\nsms_gateway_process_cpu_seconds_total{process=\"api-fcgi\"} 0\n"
                                 "sms_gateway_process_cpu_seconds_total{process=\"ws-broker\"}"
                                 " 1.5\n"));
    assert_non_null(strstr(text, "{process=\"api-fcgi\",reason=\"wal_full\"} 3\n"));
    assert_non_null(strstr(text, "{process=\"ws-broker\",status=\"unknown\"} 4\n"));
    assert_non_null(strstr(text, "_total{direction=\"in\",type=\"ack\"} 5\n"));
    assert_non_null(strstr(text, "\nsms_gateway_ws_closes_total{reason=\"silent\"} 6\n"));
    assert_non_null(strstr(text, "\nsms_gateway_messages_accepted_total 0\n"));

    buffer_clear(&out);
    metrics_put_counted(&out, api, NULL, NULL);
    text = text_of(&out);
    assert_null(strstr(text, "ws-broker"));
    assert_null(strstr(text, "\nsms_gateway_ws_"));
    assert_non_null(strstr(text, "# TYPE sms_gateway_ws_frames_total counter\n"));
    buffer_fini(&out);
}

/* ---- The file ---- */

struct place {
    char folder[64];
    char path[96];
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    strcpy(place->folder, "/tmp/metrics-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof(place->path), "%s/metrics", place->folder);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    unlink(place->path);
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

static void a_process_is_seen_from_when_it_is_published_until_it_ends(void **state)
{
    struct place *place = *state;
    struct metrics *own = metrics_create();
    METRICS_ADD(own, db_commits_total, 0, 7);
    assert_null(metrics_open(place->path));
    metrics_publish(own, place->path);

    const struct metrics *seen = metrics_open(place->path);
    assert_non_null(seen);
    assert_int_equal(seen->db_commits_total[0], 7);
    METRICS_ADD(own, db_commits_total, 0, 1);
    assert_int_equal(seen->db_commits_total[0], 8); /* it is the same memory */
    assert_in_range(seen->process_start_time_seconds[0], (clock_wall_ms() - 60000) * 1000,
                    clock_wall_ms() * 1000);
    assert_true(seen->process_resident_memory_bytes[0] > 100000);
    assert_in_range(seen->process_open_fds[0], 3, seen->process_max_fds[0]);
    assert_string_equal(seen->version, GATEWAY_VERSION);
    metrics_close(seen);

    /* It hangs; it turns again; the clock of a machine that was started anew; it ends. */
    atomic_store(&own->turned_at_ms, clock_monotonic_ms() - 60000);
    assert_null(metrics_open(place->path));
    metrics_turn(own);
    metrics_close(seen = metrics_open(place->path));
    assert_non_null(seen);
    atomic_store(&own->turned_at_ms, clock_monotonic_ms() + 60000);
    assert_null(metrics_open(place->path));
    metrics_turn(own);
    metrics_end(own);
    assert_null(metrics_open(place->path));
}

static void a_new_process_leaves_those_alone_that_read_the_old_ones_numbers(void **state)
{
    struct place *place = *state;
    struct metrics *old = metrics_create();
    metrics_publish(old, place->path);
    METRICS_ADD(old, db_commits_total, 0, 7);
    const struct metrics *seen = metrics_open(place->path);

    struct metrics *young = metrics_create();
    assert_true(old != young);
    metrics_publish(young, place->path);
    assert_int_equal(seen->db_commits_total[0], 7);
    metrics_close(seen);
    seen = metrics_open(place->path);
    assert_int_equal(seen->db_commits_total[0], 0);
    metrics_end(old);
    metrics_close(seen);
    assert_non_null(seen = metrics_open(place->path));
    metrics_close(seen);
}

/* Between the two calls it is not known yet whether another process uses the path. */
static void nothing_is_in_the_folder_before_it_is_published(void **state)
{
    struct place *place = *state;
    struct metrics *first = metrics_create(), *second = metrics_create();
    METRICS_ADD(first, db_commits_total, 0, 1);
    METRICS_ADD(second, db_commits_total, 0, 2);
    assert_int_equal(rmdir(place->folder), 0);
    assert_int_equal(mkdir(place->folder, 0700), 0);
    metrics_publish(second, place->path);
    const struct metrics *seen = metrics_open(place->path);
    assert_non_null(seen);
    assert_int_equal(seen->db_commits_total[0], 2);
    metrics_close(seen);
}

static void numbers_of_another_build_are_not_read(void **state)
{
    struct place *place = *state;
    struct metrics *own = metrics_create();
    metrics_publish(own, place->path);
    own->layout ^= 1;
    assert_null(metrics_open(place->path));
    own->layout ^= 1;
    memset(own->version, 'x', sizeof(own->version));
    assert_null(metrics_open(place->path));
    assert_int_equal(truncate(place->path, sizeof(struct metrics) / 2), 0);
    assert_null(metrics_open(place->path));
    assert_int_equal(truncate(place->path, 0), 0);
    assert_null(metrics_open(place->path));
}

static void without_a_file_is_counted_all_the_same(void **state)
{
    struct place *place = *state;
    char nowhere[160];
    snprintf(nowhere, sizeof(nowhere), "%s/there is none/metrics", place->folder);
    struct metrics *own = metrics_create();
    METRICS_ADD(own, db_commits_total, 0, 1);
    metrics_turn(own);
    assert_int_equal(own->db_commits_total[0], 1);
    metrics_publish(own, nowhere);
    assert_null(metrics_open(nowhere));
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

UNIT_TESTS(cmocka_unit_test(bounds_rise),
           cmocka_unit_test(a_value_is_in_the_bucket_of_the_first_bound_that_is_not_below_it),
           cmocka_unit_test(moving_adds_and_empties), cmocka_unit_test(nobody_need_count),
           cmocka_unit_test(a_histogram_adds_up_and_has_no_zeros_at_the_end_of_seconds),
           cmocka_unit_test(the_figures_of_both_processes_stand_together),
           IN_A_PLACE(a_process_is_seen_from_when_it_is_published_until_it_ends),
           IN_A_PLACE(a_new_process_leaves_those_alone_that_read_the_old_ones_numbers),
           IN_A_PLACE(nothing_is_in_the_folder_before_it_is_published),
           IN_A_PLACE(numbers_of_another_build_are_not_read),
           IN_A_PLACE(without_a_file_is_counted_all_the_same))
