/* Choosing a phone: the order of the criteria, and a heap against the plainest of models. */
#include "tests/unit/unit.h"
#include "ws-broker/core/phone_heap.h"

#include <stdlib.h>

/* ---- Which of two is preferred ---- */

#define CANDIDATE(hand, most, signal, use, at)                                                     \
    {                                                                                              \
        .in_hand = hand, .window = most, .signal_level = signal, .last_use = use, .place = at      \
    }

static void each_criterion_decides_before_the_next(void **state)
{
    static const struct {
        const char *what;
        struct candidate better, worse;
    } cases[] = {
        {"less in hand", CANDIDATE(0, 8, 0, 9, 0), CANDIDATE(1, 8, 4, 1, 0)},
        {"less of its window", CANDIDATE(3, 8, 0, 9, 0), CANDIDATE(1, 2, 4, 1, 0)},
        {"less of its window, though more in hand", CANDIDATE(50, 256, 0, 9, 0),
         CANDIDATE(2, 8, 4, 1, 0)},
        {"nothing of a small window", CANDIDATE(0, 1, 0, 9, 0), CANDIDATE(1, 256, 4, 1, 0)},
        {"7 of 8 before 8 of 8", CANDIDATE(7, 8, 0, 9, 0), CANDIDATE(8, 8, 4, 1, 0)},
        {"1/3 before 34/100", CANDIDATE(1, 3, 0, 9, 0), CANDIDATE(34, 100, 4, 1, 0)},
        {"better signal", CANDIDATE(2, 8, 4, 9, 0), CANDIDATE(2, 8, 3, 1, 0)},
        {"better signal at 1/2", CANDIDATE(1, 2, 1, 9, 0), CANDIDATE(4, 8, 0, 1, 0)},
        {"some signal before none", CANDIDATE(0, 8, 1, 9, 0), CANDIDATE(0, 4, 0, 1, 0)},
        {"longest without a message", CANDIDATE(2, 8, 3, 5, 0), CANDIDATE(2, 8, 3, 6, 0)},
        {"never had a message", CANDIDATE(0, 8, 4, 0, 0), CANDIDATE(0, 8, 4, 1, 0)},
        {"longest wait over 32 bits", CANDIDATE(0, 8, 4, 5, 0), CANDIDATE(0, 8, 4, 1ull << 32, 0)},
        {"longest wait over 63 bits", CANDIDATE(0, 8, 4, 5, 0), CANDIDATE(0, 8, 4, UINT64_MAX, 0)},
        {"products beyond 32 bits", CANDIDATE(1, 3000000000u, 0, 9, 0),
         CANDIDATE(2, 3000000000u, 4, 1, 0)},
        {"equal of unequal windows waits", CANDIDATE(3, 6, 2, 4, 0), CANDIDATE(4, 8, 2, 5, 0)},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        if (!dispatcher_prefers(&cases[i].better, &cases[i].worse))
            fail_msg("%s does not count", cases[i].what);
        if (dispatcher_prefers(&cases[i].worse, &cases[i].better))
            fail_msg("%s counts for both", cases[i].what);
    }
}

static void nobody_is_preferred_among_equals(void **state)
{
    static const struct candidate pairs[][2] = {
        {CANDIDATE(0, 8, 4, 1, 0), CANDIDATE(0, 8, 4, 1, 7)},
        {CANDIDATE(4, 8, 4, 1, 0), CANDIDATE(1, 2, 4, 1, 0)},
        {CANDIDATE(0, 1, 0, 0, 0), CANDIDATE(0, 256, 0, 0, 0)},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        assert_false(dispatcher_prefers(&pairs[i][0], &pairs[i][1]));
        assert_false(dispatcher_prefers(&pairs[i][1], &pairs[i][0]));
        assert_false(dispatcher_prefers(&pairs[i][0], &pairs[i][0]));
    }
}

/* ---- The heap ---- */

/* A seeded generator (xorshift64), so that a failure comes again. */
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
static void change(struct candidate *candidate)
{
    candidate->window = 1 + pick(4);
    candidate->in_hand = pick(candidate->window + 1);
    candidate->signal_level = (int)pick(5);
    candidate->last_use = pick(20);
}

/* What must be true of a dispatcher that has the offered ones of `all`. */
static void check(const struct dispatcher *dispatcher, const struct candidate *all,
                  const bool *offered)
{
    const struct candidate *best = dispatcher_best(dispatcher);
    size_t count = 0;
    for (size_t i = 0; i < CANDIDATES; i++) {
        assert_int_equal(all[i].place != 0, offered[i]);
        if (!offered[i])
            continue;
        count++;
        assert_ptr_equal(dispatcher->heap[all[i].place - 1], &all[i]);
        assert_non_null(best);
        if (dispatcher_prefers(&all[i], best))
            fail_msg("candidate %zu is better than the best", i);
    }
    assert_int_equal(dispatcher->count, count);
    assert_int_equal(best == NULL, count == 0);
    assert_true(!best || offered[best - all]);
}

static void ten_thousand_random_operations_agree_with_a_naive_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct candidate all[CANDIDATES] = {{0}};
        bool offered[CANDIDATES] = {false};
        struct dispatcher dispatcher;
        dispatcher_init(&dispatcher);
        random_state = seed * 0x9e3779b97f4a7c15;
        for (size_t i = 0; i < CANDIDATES; i++)
            change(&all[i]);
        for (int operation = 0; operation < 10000; operation++) {
            /* In waves, so that it fills up and runs empty. */
            unsigned offers = operation / 1000 % 2 ? 2 : 7;
            struct candidate *best = dispatcher_best(&dispatcher);
            size_t i = pick(4) == 0 && best ? (size_t)(best - all) : pick(CANDIDATES);
            if (pick(10) < offers) {
                change(&all[i]);
                assert_true(dispatcher_offer(&dispatcher, &all[i]));
                offered[i] = true;
            } else {
                dispatcher_withdraw(&dispatcher, &all[i]);
                offered[i] = false;
            }
            check(&dispatcher, all, offered);
        }
        dispatcher_fini(&dispatcher);
    }
}

static void taking_the_best_again_and_again_gives_them_in_order(void **state)
{
    struct candidate all[CANDIDATES] = {{0}};
    struct dispatcher dispatcher;
    struct candidate *before = NULL;
    (void)state;
    random_state = 42;
    dispatcher_init(&dispatcher);
    for (size_t i = 0; i < CANDIDATES; i++) {
        change(&all[i]);
        assert_true(dispatcher_offer(&dispatcher, &all[i]));
    }
    for (size_t i = 0; i < CANDIDATES; i++) {
        struct candidate *best = dispatcher_best(&dispatcher);
        assert_non_null(best);
        if (before)
            assert_false(dispatcher_prefers(best, before));
        before = best;
        dispatcher_withdraw(&dispatcher, best);
    }
    assert_null(dispatcher_best(&dispatcher));
    dispatcher_fini(&dispatcher);
}

static void an_empty_dispatcher_has_no_best(void **state)
{
    struct dispatcher dispatcher;
    struct candidate candidate = {.window = 1};
    (void)state;
    dispatcher_init(&dispatcher);
    assert_null(dispatcher_best(&dispatcher));
    dispatcher_withdraw(&dispatcher, &candidate); /* was never offered */
    assert_null(dispatcher_best(&dispatcher));
    assert_true(dispatcher_offer(&dispatcher, &candidate));
    assert_ptr_equal(dispatcher_best(&dispatcher), &candidate);
    assert_ptr_equal(dispatcher_best(&dispatcher), &candidate); /* still offered */
    assert_true(dispatcher_offer(&dispatcher, &candidate));
    assert_int_equal(dispatcher.count, 1); /* offered twice, there once */
    dispatcher_withdraw(&dispatcher, &candidate);
    dispatcher_withdraw(&dispatcher, &candidate);
    assert_null(dispatcher_best(&dispatcher));
    dispatcher_fini(&dispatcher);
    dispatcher_fini(&dispatcher);
}

/* ---- Taking turns ---- */

/* Gives `messages` to whoever is best; counts who got how many. */
static void give(struct candidate *all, size_t count, unsigned messages, unsigned *got)
{
    struct dispatcher dispatcher;
    dispatcher_init(&dispatcher);
    for (size_t i = 0; i < count; i++)
        assert_true(dispatcher_offer(&dispatcher, &all[i]));
    for (unsigned message = 1; message <= messages; message++) {
        struct candidate *best = dispatcher_best(&dispatcher);
        best->last_use = message;
        got[best - all]++;
        assert_true(dispatcher_offer(&dispatcher, best));
    }
    dispatcher_fini(&dispatcher);
}

static void equal_phones_take_turns(void **state)
{
    enum { PHONES = 50, MESSAGES = 10000 };
    (void)state;
    for (unsigned more = 0; more < 3; more++) {
        struct candidate all[PHONES] = {{0}};
        unsigned got[PHONES] = {0};
        unsigned messages = MESSAGES + more * 17;
        for (size_t i = 0; i < PHONES; i++)
            all[i] = (struct candidate){.window = 8, .signal_level = 3};
        give(all, PHONES, messages, got);
        for (size_t i = 0; i < PHONES; i++)
            assert_in_range(got[i], messages / PHONES, (messages + PHONES - 1) / PHONES);
    }
}

static void equal_phones_with_a_window_take_turns_as_their_messages_end(void **state)
{
    enum { PHONES = 50, WINDOW = 8, MESSAGES = 10000 };
    struct candidate all[PHONES] = {{0}};
    struct candidate *given[MESSAGES];
    unsigned got[PHONES] = {0};
    struct dispatcher dispatcher;
    (void)state;
    dispatcher_init(&dispatcher);
    for (size_t i = 0; i < PHONES; i++) {
        all[i] = (struct candidate){.window = WINDOW, .signal_level = 2};
        assert_true(dispatcher_offer(&dispatcher, &all[i]));
    }
    for (unsigned message = 0; message < MESSAGES; message++) {
        if (message >= PHONES * WINDOW / 2) { /* the oldest ends */
            struct candidate *done = given[message - PHONES * WINDOW / 2];
            done->in_hand--;
            assert_true(dispatcher_offer(&dispatcher, done));
        }
        struct candidate *best = given[message] = dispatcher_best(&dispatcher);
        best->in_hand++;
        best->last_use = message + 1;
        got[best - all]++;
        assert_true(best->in_hand <= WINDOW);
        assert_true(dispatcher_offer(&dispatcher, best));
    }
    for (size_t i = 0; i < PHONES; i++)
        assert_in_range(got[i], MESSAGES / PHONES, MESSAGES / PHONES + 1);
    dispatcher_fini(&dispatcher);
}

static void the_phones_with_the_better_signal_share_what_there_is(void **state)
{
    enum { PHONES = 10 };
    struct candidate all[PHONES] = {{0}};
    unsigned got[PHONES] = {0};
    (void)state;
    for (size_t i = 0; i < PHONES; i++)
        all[i] = (struct candidate){.window = 8, .signal_level = i < 4 ? 4 : 3};
    give(all, PHONES, 1000, got);
    for (size_t i = 0; i < PHONES; i++)
        assert_int_equal(got[i], i < 4 ? 250 : 0);
}

UNIT_TESTS(cmocka_unit_test(each_criterion_decides_before_the_next),
           cmocka_unit_test(nobody_is_preferred_among_equals),
           cmocka_unit_test(ten_thousand_random_operations_agree_with_a_naive_model),
           cmocka_unit_test(taking_the_best_again_and_again_gives_them_in_order),
           cmocka_unit_test(an_empty_dispatcher_has_no_best),
           cmocka_unit_test(equal_phones_take_turns),
           cmocka_unit_test(equal_phones_with_a_window_take_turns_as_their_messages_end),
           cmocka_unit_test(the_phones_with_the_better_signal_share_what_there_is))
