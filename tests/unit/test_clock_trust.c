/* A wall clock that is set, and one that is not. */
#include "common/store/clock_trust.h"
#include "tests/unit/unit.h"

#define WALL INT64_C(1790000000000)

static void a_clock_that_was_never_set_is_trusted(void **state)
{
    struct clock_trust trust = {0};
    (void)state;
    assert_false(clock_trust_watch(&trust, 1000, WALL));
    assert_int_equal(clock_trust_wall_ms(&trust, 1000), WALL);
    assert_false(clock_trust_watch(&trust, 86400000, WALL + 86399000 + 60000)); /* it drifts */
    assert_int_equal(clock_trust_wall_ms(&trust, 86400000), WALL + 86399000 + 60000);
}

static void a_clock_that_was_set_is_trusted_after_five_minutes(void **state)
{
    (void)state;
    for (int64_t step_ms = -60001; step_ms <= 60001; step_ms += 120002) {
        struct clock_trust trust = {0};
        assert_false(clock_trust_watch(&trust, 1000, WALL));
        assert_true(clock_trust_watch(&trust, 2000, WALL + 1000 + step_ms));
        assert_int_equal(clock_trust_wall_ms(&trust, 2000), 0);
        assert_false(clock_trust_watch(&trust, 301999, WALL + 300999 + step_ms));
        assert_int_equal(clock_trust_wall_ms(&trust, 301999), 0);
        assert_int_equal(clock_trust_wall_ms(&trust, 302000), WALL + 301000 + step_ms);
    }
}

UNIT_TESTS(cmocka_unit_test(a_clock_that_was_never_set_is_trusted),
           cmocka_unit_test(a_clock_that_was_set_is_trusted_after_five_minutes))
