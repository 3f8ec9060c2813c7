/*
 * Message ids: UUIDv7 in an order that nothing breaks.
 *
 * The clock is this file's, so that it can stand still and go back.
 */
#include "common/base/clock.h"
#include "common/model/message_id.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_int_fast64_t stopped_at_ms; /* 0: the clock runs */

int64_t clock_wall_ms(void)
{
    int64_t stopped = atomic_load(&stopped_at_ms);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return stopped ? stopped : (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Stops the clock later than any id there is, and says when. */
static int64_t stop_clock(void)
{
    struct message_id newest = message_id_new();
    int64_t now_ms = message_id_time_ms(&newest) + 1000;
    atomic_store(&stopped_at_ms, now_ms);
    return now_ms;
}

static int start_clock(void **state)
{
    (void)state;
    atomic_store(&stopped_at_ms, 0);
    return 0;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, MESSAGE_ID_BYTES);
}

static void assert_increasing(const struct message_id *ids, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (compare(&ids[i - 1], &ids[i]) >= 0)
            fail_msg("id %zu is not greater than the one before", i);
    }
}

static struct message_id *make_ids(size_t count)
{
    struct message_id *ids = malloc(count * sizeof(*ids));
    assert_non_null(ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = message_id_new();
    return ids;
}

/* ---- New ids ---- */

static void ids_are_of_version_7_and_the_rfc_variant(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct message_id id = message_id_new();
        char text[MESSAGE_ID_TEXT_SIZE];
        assert_int_equal(id.bytes[6] >> 4, 7);
        assert_int_equal(id.bytes[8] >> 6, 2);
        message_id_format(&id, text);
        assert_int_equal(text[14], '7');
        assert_non_null(strchr("89ab", text[19]));
    }
}

static void an_id_has_the_time_it_was_made_at(void **state)
{
    (void)state;
    int64_t now_ms = stop_clock();
    for (int i = 0; i < 1000; i++) {
        atomic_store(&stopped_at_ms, now_ms + i);
        struct message_id id = message_id_new();
        assert_int_equal(message_id_time_ms(&id), now_ms + i);
    }
}

static void a_hundred_thousand_ids_increase(void **state)
{
    enum { COUNT = 100000 };
    (void)state;
    struct message_id *ids = make_ids(COUNT);
    assert_increasing(ids, COUNT);
    free(ids);
}

static void ids_increase_while_the_clock_stands_still(void **state)
{
    enum { COUNT = 100000, LEAST_IN_A_MS = 2048 };
    (void)state;
    int64_t now_ms = stop_clock();
    struct message_id *ids = make_ids(COUNT);
    assert_increasing(ids, COUNT);
    assert_int_equal(message_id_time_ms(&ids[0]), now_ms);
    assert_int_equal(message_id_time_ms(&ids[LEAST_IN_A_MS - 1]), now_ms);
    assert_in_range(message_id_time_ms(&ids[COUNT - 1]), now_ms, now_ms + COUNT / LEAST_IN_A_MS);
    free(ids);
}

static void ids_increase_when_the_clock_goes_back(void **state)
{
    enum { COUNT = 10000 };
    struct message_id ids[COUNT];
    (void)state;
    int64_t now_ms = stop_clock();
    for (int i = 0; i < COUNT; i++) {
        atomic_store(&stopped_at_ms, now_ms - i * 3600000LL);
        ids[i] = message_id_new();
    }
    assert_increasing(ids, COUNT);
    atomic_store(&stopped_at_ms, now_ms + 60000);
    struct message_id later = message_id_new();
    assert_int_equal(message_id_time_ms(&later), now_ms + 60000);
}

static void ids_of_one_millisecond_are_not_to_be_guessed(void **state)
{
    enum { COUNT = 1000 };
    struct message_id ids[COUNT];
    (void)state;
    stop_clock();
    for (int i = 0; i < COUNT; i++) {
        ids[i] = message_id_new();
        memset(ids[i].bytes, 0, 9); /* leaves the random part */
    }
    qsort(ids, COUNT, sizeof(ids[0]), compare);
    assert_increasing(ids, COUNT);
}

enum { THREADS = 8, IDS_EACH = 20000 };

static pthread_barrier_t start; /* so that they run at once */

static void *make_ids_in_thread(void *place)
{
    struct message_id *ids = place;
    pthread_barrier_wait(&start);
    for (int i = 0; i < IDS_EACH; i++)
        ids[i] = message_id_new();
    return NULL;
}

static void eight_threads_make_no_id_twice(void **state)
{
    struct message_id *ids = malloc(THREADS * IDS_EACH * sizeof(*ids));
    pthread_t threads[THREADS];
    (void)state;
    assert_non_null(ids);
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_ids_in_thread, ids + i * IDS_EACH),
                         0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&start);
    for (int i = 0; i < THREADS; i++)
        assert_increasing(ids + i * IDS_EACH, IDS_EACH);
    qsort(ids, THREADS * IDS_EACH, sizeof(*ids), compare);
    assert_increasing(ids, THREADS * IDS_EACH);
    for (int i = 1; i < THREADS * IDS_EACH; i++)
        assert_true(message_id_seq(&ids[i - 1]) < message_id_seq(&ids[i]));
    free(ids);
}

static void a_forked_process_makes_ids_of_its_own(void **state)
{
    int ends[2], status;
    struct message_id theirs, before;
    (void)state;
    stop_clock();
    before = message_id_new();
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct message_id id = message_id_new();
        _exit(write(ends[1], &id, sizeof(id)) != sizeof(id));
    }
    struct message_id ours = message_id_new();
    assert_int_equal(read(ends[0], &theirs, sizeof(theirs)), sizeof(theirs));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(ends[0]);
    close(ends[1]);
    assert_false(message_id_equal(&ours, &theirs));
    assert_true(compare(&before, &ours) < 0 && compare(&before, &theirs) < 0);
}

/* ---- The first id of a time ---- */

static void the_first_id_at_a_time_bounds_the_ids_made_then(void **state)
{
    (void)state;
    int64_t now_ms = stop_clock();
    struct message_id id = message_id_new();
    struct message_id first = message_id_first_at(now_ms);
    struct message_id next = message_id_first_at(now_ms + 1);
    assert_true(compare(&first, &id) <= 0);
    assert_true(compare(&id, &next) < 0);
}

static void first_ids_have_their_time_and_its_order(void **state)
{
    static const int64_t times_ms[] = {0,
                                       1,
                                       255,
                                       256,
                                       65535,
                                       65536,
                                       4294967295,
                                       4294967296,
                                       1795427100000,
                                       281474976710654,
                                       281474976710655};
    struct message_id greatest_before = {{0}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(times_ms); i++) {
        struct message_id first = message_id_first_at(times_ms[i]);
        assert_int_equal(message_id_time_ms(&first), times_ms[i]);
        assert_true(compare(&greatest_before, &first) <= 0);
        greatest_before = first;
        memset(greatest_before.bytes + 6, 0xff, MESSAGE_ID_BYTES - 6);
    }
}

static void times_that_ids_cannot_have_become_the_nearest(void **state)
{
    static const struct {
        int64_t wall_ms, expected_ms;
    } cases[] = {
        {-1, 0},
        {INT64_MIN, 0},
        {281474976710656, 281474976710655},
        {INT64_MAX, 281474976710655},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct message_id first = message_id_first_at(cases[i].wall_ms);
        assert_int_equal(message_id_time_ms(&first), cases[i].expected_ms);
    }
}

/* ---- Numbers ---- */

static void times_have_numbers_in_their_order(void **state)
{
    enum { LAST_MS_BITS = 43 };
    int64_t end_ms = (int64_t)1 << LAST_MS_BITS, before = -1;
    const int64_t times_ms[] = {0, 1, 255, 256, 4294967296, 1795427100000, end_ms - 1, end_ms};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(times_ms); i++) {
        struct message_id first = message_id_first_at(times_ms[i]);
        int64_t seq = message_id_seq(&first);
        assert_true(seq > before);
        before = seq;
    }
    assert_true(before == INT64_MAX);
    struct message_id last = message_id_first_at(INT64_MAX);
    assert_true(message_id_seq(&last) == INT64_MAX);
}

/* ---- Text ---- */

/* RFC 9562, appendix A.6 */
static const char example_text[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
static const struct message_id example = {{0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3, 0x98,
                                           0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f}};

static void the_example_of_the_rfc_is_written_and_read(void **state)
{
    static const char *const spellings[] = {example_text, "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
                                            "017f22E2-79b0-7cC3-98c4-Dc0c0c07398F"};
    char text[MESSAGE_ID_TEXT_SIZE];
    (void)state;
    message_id_format(&example, text);
    assert_string_equal(text, example_text);
    assert_int_equal(message_id_time_ms(&example), 1645557742000);
    assert_true(message_id_seq(&example) == 0x17f22e279b0cc363); /* 17f22e279b0, cc3, 01100011 */
    for (size_t i = 0; i < ARRAY_LENGTH(spellings); i++) {
        struct message_id id = {{0}};
        assert_true(message_id_parse(spellings[i], &id));
        assert_memory_equal(id.bytes, example.bytes, MESSAGE_ID_BYTES);
    }
}

static void ids_read_back_whatever_their_version(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[MESSAGE_ID_TEXT_SIZE];
        struct message_id id, back;
        memset(id.bytes, (int)byte, sizeof(id.bytes));
        id.bytes[byte % MESSAGE_ID_BYTES] ^= 0x5a;
        message_id_format(&id, text);
        assert_int_equal(strlen(text), 36);
        assert_int_equal(strspn(text, "0123456789abcdef-"), 36);
        assert_true(message_id_parse(text, &back));
        assert_true(message_id_equal(&id, &back));
    }
}

static void other_texts_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "-",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f ",
        " 017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398\n",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e279b07cc398c4dc0c0c07398f0000",
        "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c-4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07-98f",
        "017f22e2_79b0_7cc3_98c4_dc0c0c07398f",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "0x7f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "------------------------------------",
    };
    struct message_id id;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        if (message_id_parse(bad[i], &id))
            fail_msg("\"%s\" is taken", bad[i]);
    }
}

static void one_wrong_character_anywhere_is_refused(void **state)
{
    struct message_id id;
    (void)state;
    for (size_t i = 0; i < sizeof(example_text) - 1; i++) {
        for (const char *wrong = "gG/:@`x \x01\xc3"; *wrong; wrong++) {
            char text[MESSAGE_ID_TEXT_SIZE];
            memcpy(text, example_text, sizeof(text));
            text[i] = *wrong;
            assert_false(message_id_parse(text, &id));
            text[i] = example_text[i] == '-' ? '0' : '-';
            assert_false(message_id_parse(text, &id));
        }
    }
}

static void ids_are_equal_when_every_byte_is(void **state)
{
    struct message_id other = example;
    (void)state;
    assert_true(message_id_equal(&example, &other));
    for (int i = 0; i < MESSAGE_ID_BYTES; i++) {
        other = example;
        other.bytes[i] ^= 1;
        assert_false(message_id_equal(&example, &other));
    }
}

/* With the clock running again afterwards. */
#define CLOCK_TEST(test) cmocka_unit_test_teardown(test, start_clock)

UNIT_TESTS(cmocka_unit_test(ids_are_of_version_7_and_the_rfc_variant),
           CLOCK_TEST(an_id_has_the_time_it_was_made_at),
           cmocka_unit_test(a_hundred_thousand_ids_increase),
           CLOCK_TEST(ids_increase_while_the_clock_stands_still),
           CLOCK_TEST(ids_increase_when_the_clock_goes_back),
           CLOCK_TEST(ids_of_one_millisecond_are_not_to_be_guessed),
           cmocka_unit_test(eight_threads_make_no_id_twice),
           CLOCK_TEST(the_first_id_at_a_time_bounds_the_ids_made_then),
           cmocka_unit_test(first_ids_have_their_time_and_its_order),
           cmocka_unit_test(times_that_ids_cannot_have_become_the_nearest),
           cmocka_unit_test(a_forked_process_makes_ids_of_its_own),
           cmocka_unit_test(times_have_numbers_in_their_order),
           cmocka_unit_test(the_example_of_the_rfc_is_written_and_read),
           cmocka_unit_test(ids_read_back_whatever_their_version),
           cmocka_unit_test(other_texts_are_refused),
           cmocka_unit_test(one_wrong_character_anywhere_is_refused),
           cmocka_unit_test(ids_are_equal_when_every_byte_is))
