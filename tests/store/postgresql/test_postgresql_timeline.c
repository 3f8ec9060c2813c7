/* Which of two servers that both take writes is the newer one. */
#include "common/store/postgresql/timeline.h"
#include "tests/unit/unit.h"

static void a_promotion_begins_a_newer_one(void **state)
{
    (void)state;
    struct timeline old = timeline_parse("7301234567890123456", "00000009"),
                    promoted = timeline_parse("7301234567890123456", "0000000A"),
                    standby = timeline_parse("7301234567890123456", "0"),
                    other = timeline_parse("7301234567890123457", "00000001");
    assert_true(promoted.system == 7301234567890123456 && promoted.number == 10);
    assert_true(timeline_is_older(old, promoted) && timeline_is_older(standby, old));
    assert_false(timeline_is_older(promoted, old) || timeline_is_older(old, old));
    assert_false(timeline_is_older(other, promoted)); /* not the same database */
}

static void the_newest_is_remembered(void **state)
{
    (void)state;
    struct newest_timeline newest = {0};
    struct timeline first = {.system = 7, .number = 1}, second = {.system = 7, .number = 2},
                    other = {.system = 8, .number = 1};
    assert_false(timeline_is_past(&newest, first));
    timeline_note(&newest, second);
    timeline_note(&newest, first);
    assert_true(timeline_is_past(&newest, first));
    assert_false(timeline_is_past(&newest, second) || timeline_is_past(&newest, other));
    timeline_note(&newest, other);
    assert_false(timeline_is_past(&newest, other) || timeline_is_past(&newest, first));
}

UNIT_TESTS(cmocka_unit_test(a_promotion_begins_a_newer_one),
           cmocka_unit_test(the_newest_is_remembered))
