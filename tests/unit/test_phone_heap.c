/* The phone heap: the order of the criteria, and the heap compared with a simple model. */
#include "tests/unit/unit.h"
#include "ws-broker/core/phone_heap.h"

#include <stdlib.h>

/* ---- Which of two is preferred ---- */

#define ENTRY(hand, most, signal, use, at)                                                         \
    {                                                                                              \
        .in_flight = hand, .window = most, .signal_level = signal, .last_use = use, .position = at \
    }

static void each_criterion_decides_before_the_next(void **state)
{
    static const struct {
        const char *what;
        struct phone_heap_entry better, worse;
    } cases[] = {
        {"less in hand", ENTRY(0, 8, 0, 9, 0), ENTRY(1, 8, 4, 1, 0)},
        {"less of its window", ENTRY(3, 8, 0, 9, 0), ENTRY(1, 2, 4, 1, 0)},
        {"less of its window, though more in hand", ENTRY(50, 256, 0, 9, 0), ENTRY(2, 8, 4, 1, 0)},
        {"nothing of a small window", ENTRY(0, 1, 0, 9, 0), ENTRY(1, 256, 4, 1, 0)},
        {"7 of 8 before 8 of 8", ENTRY(7, 8, 0, 9, 0), ENTRY(8, 8, 4, 1, 0)},
        {"1/3 before 34/100", ENTRY(1, 3, 0, 9, 0), ENTRY(34, 100, 4, 1, 0)},
        {"better signal", ENTRY(2, 8, 4, 9, 0), ENTRY(2, 8, 3, 1, 0)},
        {"better signal at 1/2", ENTRY(1, 2, 1, 9, 0), ENTRY(4, 8, 0, 1, 0)},
        {"some signal before none", ENTRY(0, 8, 1, 9, 0), ENTRY(0, 4, 0, 1, 0)},
        {"longest without a message", ENTRY(2, 8, 3, 5, 0), ENTRY(2, 8, 3, 6, 0)},
        {"never had a message", ENTRY(0, 8, 4, 0, 0), ENTRY(0, 8, 4, 1, 0)},
        {"longest wait over 32 bits", ENTRY(0, 8, 4, 5, 0), ENTRY(0, 8, 4, 1ull << 32, 0)},
        {"longest wait over 63 bits", ENTRY(0, 8, 4, 5, 0), ENTRY(0, 8, 4, UINT64_MAX, 0)},
        {"products beyond 32 bits", ENTRY(1, 3000000000u, 0, 9, 0), ENTRY(2, 3000000000u, 4, 1, 0)},
        {"equal of unequal windows waits", ENTRY(3, 6, 2, 4, 0), ENTRY(4, 8, 2, 5, 0)},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        if (!phone_heap_prefers(&cases[i].better, &cases[i].worse))
            fail_msg("%s does not count", cases[i].what);
        if (phone_heap_prefers(&cases[i].worse, &cases[i].better))
            fail_msg("%s counts for both", cases[i].what);
    }
}

static void nobody_is_preferred_among_equals(void **state)
{
    static const struct phone_heap_entry pairs[][2] = {
        {ENTRY(0, 8, 4, 1, 0), ENTRY(0, 8, 4, 1, 7)},
        {ENTRY(4, 8, 4, 1, 0), ENTRY(1, 2, 4, 1, 0)},
        {ENTRY(0, 1, 0, 0, 0), ENTRY(0, 256, 0, 0, 0)},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        assert_false(phone_heap_prefers(&pairs[i][0], &pairs[i][1]));
        assert_false(phone_heap_prefers(&pairs[i][1], &pairs[i][0]));
        assert_false(phone_heap_prefers(&pairs[i][0], &pairs[i][0]));
    }
}

/* ---- The heap ---- */

/* A seeded generator (xorshift64), so that a failure can be repeated. */
static uint64_t random_state;

static unsigned pick(unsigned count)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % count);
}

enum { CANDIDATES = 300 };

/* Few values, so that many are equal. */
static void change(struct phone_heap_entry *entry)
{
    entry->window = 1 + pick(4);
    entry->in_flight = pick(entry->window + 1);
    entry->signal_level = (int)pick(5);
    entry->last_use = pick(20);
}

/* The invariants of a heap that has those of `all` with `offered`. */
static void check(const struct phone_heap *heap, const struct phone_heap_entry *all,
                  const bool *offered)
{
    const struct phone_heap_entry *best = phone_heap_best(heap);
    size_t count = 0;
    for (size_t i = 0; i < CANDIDATES; i++) {
        assert_int_equal(all[i].position != 0, offered[i]);
        if (!offered[i])
            continue;
        count++;
        assert_ptr_equal(heap->entries[all[i].position - 1], &all[i]);
        assert_non_null(best);
        if (phone_heap_prefers(&all[i], best))
            fail_msg("entry %zu is better than the best", i);
    }
    assert_int_equal(heap->count, count);
    assert_int_equal(best == NULL, count == 0);
    assert_true(!best || offered[best - all]);
}

static void ten_thousand_random_operations_agree_with_a_naive_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct phone_heap_entry all[CANDIDATES] = {{0}};
        bool offered[CANDIDATES] = {false};
        struct phone_heap heap;
        phone_heap_init(&heap);
        random_state = seed * 0x9e3779b97f4a7c15;
        for (size_t i = 0; i < CANDIDATES; i++)
            change(&all[i]);
        for (int operation = 0; operation < 10000; operation++) {
            /* In waves, so that the heap fills up and empties. */
            unsigned offers = operation / 1000 % 2 ? 2 : 7;
            struct phone_heap_entry *best = phone_heap_best(&heap);
            size_t i = pick(4) == 0 && best ? (size_t)(best - all) : pick(CANDIDATES);
            if (pick(10) < offers) {
                change(&all[i]);
                assert_true(phone_heap_put(&heap, &all[i]));
                offered[i] = true;
            } else {
                phone_heap_remove(&heap, &all[i]);
                offered[i] = false;
            }
            check(&heap, all, offered);
        }
        phone_heap_fini(&heap);
    }
}

static void taking_the_best_again_and_again_gives_them_in_order(void **state)
{
    struct phone_heap_entry all[CANDIDATES] = {{0}};
    struct phone_heap heap;
    struct phone_heap_entry *before = NULL;
    (void)state;
    random_state = 42;
    phone_heap_init(&heap);
    for (size_t i = 0; i < CANDIDATES; i++) {
        change(&all[i]);
        assert_true(phone_heap_put(&heap, &all[i]));
    }
    for (size_t i = 0; i < CANDIDATES; i++) {
        struct phone_heap_entry *best = phone_heap_best(&heap);
        assert_non_null(best);
        if (before)
            assert_false(phone_heap_prefers(best, before));
        before = best;
        phone_heap_remove(&heap, best);
    }
    assert_null(phone_heap_best(&heap));
    phone_heap_fini(&heap);
}

static void an_empty_heap_has_no_best(void **state)
{
    struct phone_heap heap;
    struct phone_heap_entry entry = {.window = 1};
    (void)state;
    phone_heap_init(&heap);
    assert_null(phone_heap_best(&heap));
    phone_heap_remove(&heap, &entry); /* was never put in */
    assert_null(phone_heap_best(&heap));
    assert_true(phone_heap_put(&heap, &entry));
    assert_ptr_equal(phone_heap_best(&heap), &entry);
    assert_ptr_equal(phone_heap_best(&heap), &entry); /* still in the heap */
    assert_true(phone_heap_put(&heap, &entry));
    assert_int_equal(heap.count, 1); /* put twice, there once */
    phone_heap_remove(&heap, &entry);
    phone_heap_remove(&heap, &entry);
    assert_null(phone_heap_best(&heap));
    phone_heap_fini(&heap);
    phone_heap_fini(&heap);
}

/* ---- Taking turns ---- */

/* Gives `messages` to the best, one by one; counts how many each got. */
static void give(struct phone_heap_entry *all, size_t count, unsigned messages, unsigned *got)
{
    struct phone_heap heap;
    phone_heap_init(&heap);
    for (size_t i = 0; i < count; i++)
        assert_true(phone_heap_put(&heap, &all[i]));
    for (unsigned message = 1; message <= messages; message++) {
        struct phone_heap_entry *best = phone_heap_best(&heap);
        best->last_use = message;
        got[best - all]++;
        assert_true(phone_heap_put(&heap, best));
    }
    phone_heap_fini(&heap);
}

static void equal_phones_take_turns(void **state)
{
    enum { PHONES = 50, MESSAGES = 10000 };
    (void)state;
    for (unsigned more = 0; more < 3; more++) {
        struct phone_heap_entry all[PHONES] = {{0}};
        unsigned got[PHONES] = {0};
        unsigned messages = MESSAGES + more * 17;
        for (size_t i = 0; i < PHONES; i++)
            all[i] = (struct phone_heap_entry){.window = 8, .signal_level = 3};
        give(all, PHONES, messages, got);
        for (size_t i = 0; i < PHONES; i++)
            assert_in_range(got[i], messages / PHONES, (messages + PHONES - 1) / PHONES);
    }
}

static void equal_phones_with_a_window_take_turns_as_their_messages_end(void **state)
{
    enum { PHONES = 50, WINDOW = 8, MESSAGES = 10000 };
    struct phone_heap_entry all[PHONES] = {{0}};
    struct phone_heap_entry *given[MESSAGES];
    unsigned got[PHONES] = {0};
    struct phone_heap heap;
    (void)state;
    phone_heap_init(&heap);
    for (size_t i = 0; i < PHONES; i++) {
        all[i] = (struct phone_heap_entry){.window = WINDOW, .signal_level = 2};
        assert_true(phone_heap_put(&heap, &all[i]));
    }
    for (unsigned message = 0; message < MESSAGES; message++) {
        if (message >= PHONES * WINDOW / 2) { /* the oldest ends */
            struct phone_heap_entry *done = given[message - PHONES * WINDOW / 2];
            done->in_flight--;
            assert_true(phone_heap_put(&heap, done));
        }
        struct phone_heap_entry *best = given[message] = phone_heap_best(&heap);
        best->in_flight++;
        best->last_use = message + 1;
        got[best - all]++;
        assert_true(best->in_flight <= WINDOW);
        assert_true(phone_heap_put(&heap, best));
    }
    for (size_t i = 0; i < PHONES; i++)
        assert_in_range(got[i], MESSAGES / PHONES, MESSAGES / PHONES + 1);
    phone_heap_fini(&heap);
}

static void the_phones_with_the_better_signal_share_what_there_is(void **state)
{
    enum { PHONES = 10 };
    struct phone_heap_entry all[PHONES] = {{0}};
    unsigned got[PHONES] = {0};
    (void)state;
    for (size_t i = 0; i < PHONES; i++)
        all[i] = (struct phone_heap_entry){.window = 8, .signal_level = i < 4 ? 4 : 3};
    give(all, PHONES, 1000, got);
    for (size_t i = 0; i < PHONES; i++)
        assert_int_equal(got[i], i < 4 ? 250 : 0);
}

UNIT_TESTS(cmocka_unit_test(each_criterion_decides_before_the_next),
           cmocka_unit_test(nobody_is_preferred_among_equals),
           cmocka_unit_test(ten_thousand_random_operations_agree_with_a_naive_model),
           cmocka_unit_test(taking_the_best_again_and_again_gives_them_in_order),
           cmocka_unit_test(an_empty_heap_has_no_best), cmocka_unit_test(equal_phones_take_turns),
           cmocka_unit_test(equal_phones_with_a_window_take_turns_as_their_messages_end),
           cmocka_unit_test(the_phones_with_the_better_signal_share_what_there_is))
