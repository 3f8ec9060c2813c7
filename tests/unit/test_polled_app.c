/* What is known of SMSGate's app, and how it names a message. */
#include "common/model/polled_app.h"
#include "tests/unit/unit.h"

#include <string.h>

static void a_version_is_read_from_the_user_agent(void **state)
{
    static const struct {
        const char *agent;
        unsigned version;
        size_t window;
    } cases[] = {
        {"me.capcom.smsgateway/1.68.2", 1068002, 1},
        {"me.capcom.smsgateway/1.74", 1074000, 1},
        {"me.capcom.smsgateway/1.74.1", 1074001, 8},
        {"me.capcom.smsgateway/1.60.9-rc", 1060009, 8},
        {"me.capcom.smsgateway/2.0.0", 2000000, 8},
        {"me.capcom.smsgateway/one", 0, 1},
        {"okhttp/4.10.0", 0, 1},
        {"", 0, 1},
        {NULL, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(polled_app_version(cases[i].agent), cases[i].version);
        assert_int_equal(polled_app_window(cases[i].version, 8), cases[i].window);
    }
}

static void a_name_has_the_attempt(void **state)
{
    static const char *const wrong[] = {"",
                                        "019dbb267a137c1ea2a60c2d52c3f9c1",
                                        "019dbb267a137c1ea2a60c2d52c3f9c1-",
                                        "019dbb267a137c1ea2a60c2d52c3f9c1-0",
                                        "019dbb267a137c1ea2a60c2d52c3f9c1-01",
                                        "019dbb267a137c1ea2a60c2d52c3f9c1-1x",
                                        "019DBB267A137C1EA2A60C2D52C3F9C1-1",
                                        "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1-1",
                                        "019dbb267a137c1ea2a60c2d52c3f9c1-1234567890",
                                        "019dbb267a137c1ea2a60c2d52c3f9c12-1"};
    struct message_ref ref = {message_id_new(), 12}, again;
    char text[POLLED_WIRE_ID_SIZE];
    (void)state;
    polled_wire_id_format(&ref, text);
    assert_int_equal(strlen(text), 35);
    assert_true(polled_wire_id_parse(text, &again));
    assert_true(message_ref_matches(&ref, &again));
    assert_int_equal(again.attempt, 12);
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_false(polled_wire_id_parse(wrong[i], &again));
}

static void a_listing_is_valid_until_the_horizon_or_its_expiry(void **state)
{
    (void)state;
    assert_int_equal(polled_valid_until_ms(1000, 0, 500), 1500);
    assert_int_equal(polled_valid_until_ms(1000, 1200, 500), 1200);
    assert_int_equal(polled_valid_until_ms(1000, 9000, 500), 1500);
}

static void notes_of_one_list_agree_and_those_of_two_differ(void **state)
{
    (void)state;
    enum { SECOND = 1000 };
    const int64_t taken = 1764335825123, sent = taken + 90 * SECOND;
    const int64_t pending = polled_notes_make(taken, 0), both = polled_notes_make(taken, sent);
    static const int64_t none = 0;
    assert_int_equal(polled_notes_make(0, sent), none);
    assert_int_equal(polled_notes_make(-5, sent), none);
    assert_int_equal(polled_notes_make(INT64_MAX, sent), none);
    assert_true(pending > 0 && both > 0);
    assert_false(polled_notes_differ(pending, both)); /* in any order */
    assert_false(polled_notes_differ(both, pending));
    assert_false(polled_notes_differ(both, none));
    assert_false(polled_notes_differ(none, both));
    assert_false(
        polled_notes_differ(both, polled_notes_make(taken - 123, sent - 900))); /* whole seconds */
    assert_true(polled_notes_differ(pending, polled_notes_make(taken + 3 * SECOND, 0)));
    assert_true(polled_notes_differ(both, polled_notes_make(taken - 3 * SECOND, 0)));
    assert_true(polled_notes_differ(both, polled_notes_make(taken, sent + 4 * SECOND)));
    assert_int_equal(polled_notes_join(none, both), both);
    assert_int_equal(polled_notes_join(pending, both), both);
    assert_int_equal(polled_notes_join(both, pending), both);
    const int64_t late = polled_notes_make(taken, taken + INT64_C(400) * 86400 * SECOND);
    assert_false(polled_notes_differ(late, polled_notes_make(taken, 2 * taken)));
    assert_false(polled_notes_differ(late, pending));
}

UNIT_TESTS(cmocka_unit_test(notes_of_one_list_agree_and_those_of_two_differ),
           cmocka_unit_test(a_version_is_read_from_the_user_agent),
           cmocka_unit_test(a_name_has_the_attempt),
           cmocka_unit_test(a_listing_is_valid_until_the_horizon_or_its_expiry))
