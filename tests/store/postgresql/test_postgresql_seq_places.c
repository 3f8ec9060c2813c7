/* Where the row of a message is, by its key. */
#include "common/store/postgresql/seq_places.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { KEYS = 300, STEPS = 20000 };

static const int64_t step = INT64_C(1) << 20; /* keys of neighbouring milliseconds */

static ptrdiff_t expected[KEYS];

static void assert_same(const struct seq_places *places)
{
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(seq_places_find(places, i * step), expected[i]);
}

static void forget_all(struct seq_places *places)
{
    seq_places_clear(places);
    for (int i = 0; i < KEYS; i++)
        expected[i] = SEQ_NOWHERE;
    assert_same(places);
}

static void it_finds_what_was_put_last_and_not_what_is_gone(void **state)
{
    (void)state;
    struct seq_places places = {0};
    forget_all(&places);
    for (int i = 0; i < STEPS; i++) {
        int key = rand() % KEYS;
        if (rand() % 3 == 0) {
            seq_places_remove(&places, key * step);
            expected[key] = SEQ_NOWHERE;
        } else {
            assert_true(seq_places_put(&places, key * step, (size_t)i));
            expected[key] = i;
        }
        if (i % 97 == 0)
            assert_same(&places);
        if (i % 3000 == 2999)
            forget_all(&places);
    }
    assert_same(&places);
    assert_true(places.capacity <= 4096); /* what is gone takes no room for ever */
    seq_places_fini(&places);
}

static void a_table_that_was_cleared_for_the_last_time_begins_anew(void **state)
{
    (void)state;
    struct seq_places places = {0};
    assert_true(seq_places_put(&places, 7, 1));
    places.turn = UINT32_MAX;
    assert_true(seq_places_put(&places, 8, 2));
    seq_places_clear(&places);
    assert_int_equal(seq_places_find(&places, 7), SEQ_NOWHERE);
    assert_int_equal(seq_places_find(&places, 8), SEQ_NOWHERE);
    assert_true(seq_places_put(&places, 8, 3));
    assert_int_equal(seq_places_find(&places, 8), 3);
    seq_places_fini(&places);
}

UNIT_TESTS(cmocka_unit_test(it_finds_what_was_put_last_and_not_what_is_gone),
           cmocka_unit_test(a_table_that_was_cleared_for_the_last_time_begins_anew))
