/* Frames: SMS that a phone received. */
#include "common/base/json.h"
#include "common/model/protocol.h"
#include "tests/unit/unit.h"
#include "ws-broker/protocol/frame_write.h"
#include "ws-broker/protocol/frames.h"

static const struct device_info nothing_known = DEVICE_INFO_UNKNOWN;

static bool read_members(const char *members, enum frame_stage stage, struct frame *frame,
                         struct frame_problem *problem)
{
    char text[2048];
    snprintf(text, sizeof(text), "{\"type\":\"sms_received\",%s}", members);
    return frame_read(text, strlen(text), stage, &nothing_known, frame, problem);
}

#define GOOD "\"received_id\":\"a-1\",\"from\":\"+4915112345678\",\"message\":\"Hello\""

static void it_is_read_on_both_levels(void **state)
{
    static const enum frame_stage stages[] = {STAGE_BASIC, STAGE_ASSURED};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(stages); i++) {
        struct frame frame;
        struct frame_problem problem;
        assert_true(read_members(GOOD ",\"received_at\":\"2026-03-01T12:00:00.5+01:00\",\"sim\":2,"
                                      "\"to\":\"0151 23\",\"x\":1",
                                 stages[i], &frame, &problem));
        assert_int_equal(frame.type, FRAME_IS_SMS_RECEIVED);
        assert_string_equal(frame.incoming.received_id, "a-1");
        assert_string_equal(frame.incoming.sender, "+4915112345678");
        assert_string_equal(frame.incoming.text, "Hello");
        assert_string_equal(frame.incoming.recipient, "0151 23");
        assert_int_equal(frame.incoming.received_at_ms, INT64_C(1772362800500));
        assert_int_equal(frame.sim, 2);
        assert_int_equal(frame.warning.error, ERROR_NONE);
        frame_fini(&frame);
    }
}

/* Whatever a phone writes of an SMS; NULL: refused. */
static void what_is_essential_is_read_as_phones_write_it(void **state)
{
    static const struct {
        const char *id, *from, *message;
        const char *read_id, *read_from, *read_text;
        const char *warned; /* "": of no member */
    } cases[] = {
        {"\"a\"", "\"VODAFONE\"", "\"\"", "a", "VODAFONE", "", NULL},
        {"41", "12345", "123456", "41", "12345", "123456", NULL}, /* made numbers of by a library */
        {"41.0", "\" 333 \"", "1.5", "41", " 333 ", "1.5", NULL},
        /* More digits than a double holds: the id names one SMS, and the acknowledgement must have it as it came. */
        {"1772366400123456701", "12345678901234567890", "-98765432109876543210",
         "1772366400123456701", "12345678901234567890", "-98765432109876543210", NULL},
        {"9007199254740993", "9007199254740992", "[1,9007199254740993]", "9007199254740993", NULL,
         NULL, NULL},
        {"1772366400123.4568", "9007199254740991", "1234567890123456e3", "1772366400123.4568",
         "9007199254740991", "1.234567890123456e+18", NULL},
        {"\"~!\"", "\"B\xc3\xa4nk\"", "\"a\\u0000b\\ud83d\"", "~!", "B\xc3\xa4nk",
         "a\xef\xbf\xbd"
         "b\xef\xbf\xbd",
         ""},
        {"\"a\"", "\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
         "\"x\"", "a", "0123456789012345678901234567890123456789012345678901234567890123", "x",
         "from"},
        {"\"0123456789012345678901234567890123456789012345678901234567890123\"", "\"1\"", "\"x\"",
         "0123456789012345678901234567890123456789012345678901234567890123", "1", "x", NULL},
        {"\"01234567890123456789012345678901234567890123456789012345678901234\"", "\"1\"", "\"x\"",
         NULL, NULL, NULL, NULL},
        {"\"\"", "\"1\"", "\"x\"", NULL, NULL, NULL, NULL},
        {"\"a\\u0000\"", "\"1\"", "\"x\"", "a", "1", "x", ""}, /* of a C string */
        {"\"\\u0000\"", "\"1\"", "\"x\"", NULL, NULL, NULL, NULL},
        {"\"a\\u0000b\"", "\"1\"", "\"x\"", NULL, NULL, NULL, NULL},
        {"null", "\"1\"", "\"x\"", NULL, NULL, NULL, NULL},
        {"\"a b\"", "\"1\"", "\"x\"", NULL, NULL, NULL, NULL},
        {"\"\xc3\xa4\"", "\"1\"", "\"x\"", NULL, NULL, NULL, NULL},
        {"true", "\"1\"", "\"x\"", NULL, NULL, NULL, NULL},
        {"\"a\"", "\"\"", "\"x\"", "a", "", "x", NULL}, /* hidden */
        {"\"a\"", "null", "\"x\"", "a", "", "x", NULL}, /* as Android gives it */
        {"\"a\"", "[\"1\"]", "\"x\"", "a", NULL, NULL, NULL},
        {"\"a\"", "\"1\"", "null", "a", "1", "", NULL},
        {"\"a\"", "\"1\"", "null,\"message\":\"x\"", "a", NULL, NULL, NULL},
        {"\"a\"", "null,\"from\":null", "\"x\"", "a", "", "x", NULL},
        {"\"a\"", "\"1\"", "{}", "a", NULL, NULL, NULL},
        {"\"a\"", "\"1\"", "false", "a", NULL, NULL, NULL},
        {"\"a\"", "\"1\"", "\"x\",\"message\":\"y\"", "a", NULL, NULL, NULL},
        {"\"a\",\"received_id\":\"a\"", "\"1\"", "\"x\",\"message\":\"x\"", "a", "1", "x", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char members[512];
        struct frame frame;
        struct frame_problem problem;
        snprintf(members, sizeof(members), "\"message\":%s,\"from\":%s,\"received_id\":%s",
                 cases[i].message, cases[i].from, cases[i].id);
        bool good = read_members(members, STAGE_BASIC, &frame, &problem);
        if (good != (cases[i].read_text != NULL))
            fail_msg("%s: %s", members, good ? "is accepted" : problem.detail);
        if (!good) {
            assert_int_equal(problem.error, ERROR_INVALID_VALUE);
            assert_string_equal(problem.received_id, cases[i].read_id ? cases[i].read_id : "");
            assert_null(frame.incoming.text);
            continue;
        }
        assert_string_equal(frame.incoming.received_id, cases[i].read_id);
        assert_string_equal(frame.incoming.sender, cases[i].read_from);
        assert_string_equal(frame.incoming.text, cases[i].read_text);
        if ((frame.warning.error == ERROR_MEMBER_IGNORED) != (cases[i].warned != NULL))
            fail_msg("%s: %s", members, frame.warning.detail);
        if (cases[i].warned)
            assert_string_equal(frame.warning.member ? frame.warning.member : "", cases[i].warned);
        frame_fini(&frame);
    }
}

/* The clock, the SIM and the number of a phone are no reason to lose an SMS. */
static void what_is_not_essential_never_refuses_it(void **state)
{
    static const struct {
        const char *members;
        int64_t received_at_ms;
        unsigned sim;
        const char *to, *warned;
    } cases[] = {
        {"\"received_at\":\"2026-03-01T12:00:00Z\"", 1772366400000, 0, "", NULL},
        {"\"received_at\":\" 2026-03-01 12:00:00.123z \"", 1772366400123, 0, "", NULL},
        {"\"received_at\":1772366400", 1772366400000, 0, "", NULL},
        {"\"received_at\":1772366400.25", 1772366400250, 0, "", NULL},
        {"\"received_at\":1772366400123", 1772366400123, 0, "", NULL},
        {"\"received_at\":\"1772366400123\"", 1772366400123, 0, "", NULL},
        {"\"received_at\":100000000000", 100000000000000, 0, "", NULL}, /* years off: as told */
        {"\"received_at\":100000000001", 100000000001, 0, "", NULL},
        {"\"received_at\":\"1980-01-01T00:00:00Z\"", 315532800000, 0, "", NULL},
        {"\"received_at\":\"9999-12-31T23:59:59.999Z\"", 253402300799999, 0, "", NULL},
        {"\"received_at\":-1", -1000, 0, "", NULL},
        {"\"received_at\":0", 0, 0, "", NULL},
        {"\"received_at\":null", 0, 0, "", NULL},
        {"\"received_at\":\"9999-12-31T23:59:59-10:00\"", 0, 0, "", "received_at"},
        {"\"received_at\":\"2026-03-01T12:00:00\"", 0, 0, "", "received_at"}, /* of which zone? */
        {"\"received_at\":\"2026-02-30T12:00:00Z\"", 0, 0, "", "received_at"},
        {"\"received_at\":\"yesterday\"", 0, 0, "", "received_at"},
        {"\"received_at\":\"\"", 0, 0, "", "received_at"},
        {"\"received_at\":1772366400123456", 0, 0, "", "received_at"}, /* microseconds */
        {"\"received_at\":-1e300", 0, 0, "", "received_at"},
        {"\"received_at\":[1]", 0, 0, "", "received_at"},
        {"\"received_at\":true", 0, 0, "", "received_at"},
        {"\"sim\":\"2\"", 0, 2, "", NULL},
        {"\"sim\":0", 0, 0, "", "sim"},
        {"\"sim\":5", 0, 0, "", "sim"},
        {"\"sim\":\"SIM 1\"", 0, 0, "", "sim"},
        {"\"to\":12345", 0, 0, "12345", NULL},
        {"\"to\":\"\"", 0, 0, "", NULL},
        {"\"to\":{}", 0, 0, "", "to"},
        {"\"to\":\"01234567890123456789012345678901234567890123456789012345678901234567\"", 0, 0,
         "0123456789012345678901234567890123456789012345678901234567890123", "to"},
        {"\"to\":\"a\",\"to\":\"b\"", 0, 0, "b", "to"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char members[512];
        struct frame frame;
        struct frame_problem problem;
        snprintf(members, sizeof(members), GOOD ",%s", cases[i].members);
        if (!read_members(members, STAGE_ASSURED, &frame, &problem))
            fail_msg("%s: %s", members, problem.detail);
        if (frame.incoming.received_at_ms != cases[i].received_at_ms || frame.sim != cases[i].sim ||
            strcmp(frame.incoming.recipient, cases[i].to) != 0)
            fail_msg("%s: %lld, %u, %s", members, (long long)frame.incoming.received_at_ms,
                     frame.sim, frame.incoming.recipient);
        if ((frame.warning.error == ERROR_MEMBER_IGNORED) != (cases[i].warned != NULL))
            fail_msg("%s: %s", members, frame.warning.detail);
        if (cases[i].warned) {
            assert_string_equal(frame.warning.member, cases[i].warned);
            assert_string_equal(frame.warning.received_id, "a-1");
        }
        frame_fini(&frame);
    }
}

static void it_is_no_greeting(void **state)
{
    static const enum frame_stage stages[] = {STAGE_BASIC_INFO, STAGE_HELLO, STAGE_JOURNAL};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(stages); i++) {
        struct frame frame;
        struct frame_problem problem;
        assert_false(read_members(GOOD, stages[i], &frame, &problem));
        assert_int_equal(problem.error, ERROR_NO_DEVICE_INFO);
    }
}

static void answers_name_the_sms(void **state)
{
    static const char *const expected[] = {
        "{\"type\":\"sms_received_ack\",\"received_id\":\"a\\\"1\"}",
        "{\"type\":\"error\",\"code\":\"invalid_value\",\"detail\":\"d\",\"received_id\":"
        "\"a\\\"1\"}"};
    struct frame_problem problem = {
        .error = ERROR_INVALID_VALUE, .detail = "d", .received_id = "a\"1"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct buffer out;
        buffer_init(&out, FRAME_MAX_BYTES);
        if (i == 0)
            frame_write_sms_received_ack(&out, "a\"1");
        else
            frame_write_error(&out, &problem);
        assert_int_equal(out.length, strlen(expected[i]));
        assert_memory_equal(out.data, expected[i], out.length);
        buffer_fini(&out);
    }
}

UNIT_TESTS(cmocka_unit_test(it_is_read_on_both_levels),
           cmocka_unit_test(what_is_essential_is_read_as_phones_write_it),
           cmocka_unit_test(what_is_not_essential_never_refuses_it),
           cmocka_unit_test(it_is_no_greeting), cmocka_unit_test(answers_name_the_sms))
