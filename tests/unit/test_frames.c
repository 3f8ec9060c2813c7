/* Frames: reports, what is refused and as what, and the frames to a phone. Device information is in
   test_frames_info.c. */
#include "common/base/json.h"
#include "common/model/protocol.h"
#include "common/model/sms_segments.h"
#include "tests/unit/unit.h"
#include "ws-broker/protocol/frame_write.h"
#include "ws-broker/protocol/frames.h"

#include <stdlib.h>

#define ID "019d0000-0000-7000-8000-000000000001"

static const struct device_info nothing_known = DEVICE_INFO_UNKNOWN;

static struct frame read_good(const char *text)
{
    struct frame frame;
    struct frame_problem problem;
    if (!frame_read(text, strlen(text), STAGE_BASIC, &nothing_known, &frame, &problem))
        fail_msg("%s: %s", text, problem.detail);
    return frame;
}

static struct frame_problem refusal(const char *text, size_t length, bool first)
{
    struct frame frame;
    struct frame_problem problem;
    memset(&problem, 0xa5, sizeof(problem));
    bool good = frame_read(text, length, first ? STAGE_BASIC_INFO : STAGE_BASIC, &nothing_known,
                           &frame, &problem);
    if (good) {
        frame_fini(&frame);
        fail_msg("%.300s is accepted", text);
    }
    assert_in_range(strlen(problem.detail), 10, FRAME_DETAIL_SIZE - 1);
    return problem;
}

/* ---- Reports ---- */

static void every_status_a_phone_reports_is_read(void **state)
{
    static const enum message_status reports[] = {MESSAGE_SENDING, MESSAGE_SENT, MESSAGE_DELIVERED,
                                                  MESSAGE_FAILED, MESSAGE_EXPIRED};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(reports); i++) {
        char text[256], id[MESSAGE_ID_TEXT_SIZE];
        snprintf(text, sizeof(text),
                 "{\"type\":\"status_update\",\"message_id\":\"" ID "\",\"status\":\"%s\"}",
                 message_status_name(reports[i]));
        struct frame frame = read_good(text);
        assert_int_equal(frame.type, FRAME_IS_STATUS_UPDATE);
        assert_int_equal(frame.status, reports[i]);
        message_id_format(&frame.ref.id, id);
        assert_string_equal(id, ID);
        assert_string_equal(frame.error_code, "");
        assert_string_equal(frame.error_message, "");
        frame_fini(&frame);
    }
}

static void errors_of_a_report_are_read(void **state)
{
    static const struct {
        const char *members, *code, *message;
    } cases[] = {
        {",\"error_code\":\"no_service\"", "no_service", ""},
        {",\"error_code\":\"RESULT_ERROR_NO_SERVICE\"", "no_service", ""}, /* Android's own names */
        {",\"error_code\":\"RESULT_RADIO_NOT_AVAILABLE\"", "radio_not_available", ""},
        {",\"error_code\":\"ERROR_RADIO_OFF\"", "radio_off", ""},
        {",\"error_code\":\" No_Service\\n\"", "no_service", ""},
        {",\"error_code\":\"Result_No_Network\"", "Result_No_Network", ""},
        {",\"error_code\":\"no_service!\"", "no_service!", ""},
        {",\"error_message\":\"No network.\"", "", "No network."},
        {",\"error_code\":\"a\",\"error_message\":\"b\"", "a", "b"},
        {",\"error_code\":null,\"error_message\":null", "", ""},
        {",\"error_code\":\"\",\"error_message\":\"\"", "", ""},
        {",\"error_message\":\"\\u00e9\\n\xf0\x9f\x98\x80\"", "", "\xc3\xa9\n\xf0\x9f\x98\x80"},
    };
    static const char *const statuses[] = {"failed", "sent"}; /* allowed with any */
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases) * ARRAY_LENGTH(statuses); i++) {
        size_t row = i / ARRAY_LENGTH(statuses);
        char text[256];
        snprintf(text, sizeof(text),
                 "{\"message_id\":\"" ID "\",\"status\":\"%s\"%s,\"type\":\"status_update\"}",
                 statuses[i % ARRAY_LENGTH(statuses)], cases[row].members);
        struct frame frame = read_good(text);
        assert_string_equal(frame.error_code, cases[row].code);
        assert_string_equal(frame.error_message, cases[row].message);
        frame_fini(&frame);
    }
}

/* Odd values in a report, and how they are read: none of them makes it refused. */
static void the_decoration_of_a_report_never_refuses_it(void **state)
{
    static const char x300[] =
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    static const struct {
        const char *members, *code;
        const char *message; /* NULL: a part of x300 */
        const char *warned;  /* NULL: not at all; "": of no member */
    } cases[] = {
        {"\"error_code\":1", "1", "", NULL},
        {"\"error_code\":-1.0", "-1", "", NULL},
        {"\"error_code\":1.5", "1.5", "", NULL},
        {"\"error_code\":0", "0", "", NULL},
        {"\"error_code\":1e300", "1e+300", "", NULL},
        {"\"error_code\":true", "", "", "error_code"},
        {"\"error_code\":[\"a\"]", "", "", "error_code"},
        {"\"error_code\":{\"a\":{\"b\":[1]}}", "", "", "error_code"},
        {"\"error_code\":\"a\",\"error_code\":\"b\"", "b", "", "error_code"},
        {"\"error_message\":404", "", "404", NULL},
        {"\"error_message\":{}", "", "", "error_message"},
        {"\"error_message\":false", "", "", "error_message"},
        {"\"error_message\":\"a\\u0000b\"", "",
         "a\xef\xbf\xbd"
         "b",
         ""},
        {"\"error_message\":\"a\\ud83d\"", "", "a\xef\xbf\xbd", ""},
        {"\"error_message\":\"\\udcf1\\ud83d\\ud83d\\udcf1\"", "",
         "\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x93\xb1", ""},
        {"\"error_message\":\"a\nb\x01\"", "", "a b ", ""},
        {"\"error_message\":\"C:\\x\\u12\"", "", "C:?x?u12", ""},
        {"\"x\":[[[[[[[[[[[[[[[[[[[[\"]\",{]]]]]]]]]]]]]]]]]]]]],\"error_code\":\"a\"", "a", "",
         ""},
        {"\"x\":NaN,\"y\":[-Infinity,Infinity]", "", "", ""},
        {"\"x\":1,\"x\":2,\"y\":{\"z\":1,\"z\":2}", "", "", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text),
                 "{%s,\"message_id\":\"" ID "\",\"status\":\"failed\",\"type\":\"status_update\"}",
                 cases[i].members);
        struct frame frame = read_good(text);
        if (strcmp(frame.error_code, cases[i].code) != 0 ||
            strcmp(frame.error_message, cases[i].message) != 0)
            fail_msg("%s: %s, %s", text, frame.error_code, frame.error_message);
        assert_int_equal(frame.status, MESSAGE_FAILED);
        if ((frame.warning.error == ERROR_MEMBER_IGNORED) != (cases[i].warned != NULL))
            fail_msg("%s: %s", text, frame.warning.detail);
        if (cases[i].warned) {
            assert_string_equal(frame.warning.member ? frame.warning.member : "", cases[i].warned);
            assert_true(frame.warning.has_message_id && *frame.warning.detail);
        }
        frame_fini(&frame);
    }
    for (int name = 0; name < 2; name++) {
        char text[1024];
        snprintf(text, sizeof(text),
                 "{\"type\":\"status_update\",\"message_id\":\"" ID "\",\"status\":\"sent\","
                 "\"%s\":\"%s\"}",
                 name ? "error_code" : "error_message", x300);
        struct frame frame = read_good(text);
        assert_int_equal(strlen(frame.error_code) + strlen(frame.error_message), name ? 64 : 256);
        assert_int_equal(frame.warning.error, ERROR_MEMBER_IGNORED);
        frame_fini(&frame);
    }
}

static void no_error_is_none(void **state)
{
    static const char *const codes[] = {"0", "0.0", "\"0\"", "null", "\"\""};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "{\"type\":\"status_update\",\"message_id\":\"" ID "\",\"status\":\"sent\","
                 "\"error_code\":%s}",
                 codes[i]);
        struct frame frame = read_good(text);
        assert_string_equal(frame.error_code, "");
        assert_int_equal(frame.warning.error, ERROR_NONE);
        frame_fini(&frame);
    }
}

/* Values with only one possible meaning are taken. */
static void what_is_essential_is_understood_as_others_write_it(void **state)
{
    static const char *const ids[] = {ID,
                                      "019D0000-0000-7000-8000-000000000001",
                                      "{" ID "}",
                                      "urn:uuid:" ID,
                                      " " ID "\\n",
                                      "019d0000000070008000000000000001",
                                      "{019D0000000070008000000000000001}"};
    static const char *const statuses[] = {"sent", "SENT", "Sent", "sent ", "\\tsent\\r\\n"};
    static const char *const types[] = {"status_update", "STATUS_UPDATE", " status_update"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(statuses) * ARRAY_LENGTH(types); j++) {
            char text[256], id[MESSAGE_ID_TEXT_SIZE];
            const char *status = statuses[j / ARRAY_LENGTH(types)];
            snprintf(text, sizeof(text),
                     "{\"type\":\"%s\",\"message_id\":\"%s\",\"status\":\"%s\",\"status\":\"%s\"}",
                     types[j % ARRAY_LENGTH(types)], ids[i], status, status);
            struct frame frame = read_good(text);
            message_id_format(&frame.ref.id, id);
            assert_string_equal(id, ID);
            assert_int_equal(frame.status, MESSAGE_SENT);
            assert_int_equal(frame.warning.error, ERROR_NONE);
            frame_fini(&frame);
        }
    }
}

/* ---- The assured level ---- */

static bool read_assured(const char *members, enum frame_stage stage, struct frame *frame,
                         struct frame_problem *problem)
{
    char text[1024];
    snprintf(text, sizeof(text), "{\"message_id\":\"" ID "\",%s}", members);
    return frame_read(text, strlen(text), stage, &nothing_known, frame, problem);
}

static void a_report_of_an_assured_phone_counts_as_far_as_it_can_be_read(void **state)
{
    static const struct {
        const char *members; /* after type and status */
        unsigned attempt, parts_sent;
        int64_t seq;
        const char *warned;
    } cases[] = {
        {"\"attempt\":1,\"seq\":7", 1, 0, 7, NULL},
        {"\"attempt\":\"1\",\"seq\":\"7\"", 1, 0, 7, NULL},
        {"\"attempt\":1.0,\"seq\":7.0", 1, 0, 7, NULL},
        {"\"attempt\":2,\"seq\":9007199254740991", 2, 0, 9007199254740991, NULL},
        {"\"attempt\":2", 2, 0, -1, "seq"},
        {"\"attempt\":2,\"seq\":null", 2, 0, -1, "seq"},
        {"\"attempt\":2,\"seq\":-1", 2, 0, -1, "seq"},
        {"\"attempt\":2,\"seq\":\"x\"", 2, 0, -1, "seq"},
        {"\"attempt\":2,\"seq\":1e17", 2, 0, -1, "seq"},
        {"\"seq\":7", 0, 0, 7, "attempt"},
        {"\"attempt\":0,\"seq\":7", 0, 0, 7, "attempt"},
        {"\"attempt\":1.5,\"seq\":7", 0, 0, 7, "attempt"},
        {"\"attempt\":1,\"seq\":7,\"parts_sent\":\"2\"", 1, 2, 7, NULL},
        {"\"attempt\":1,\"seq\":7,\"parts_sent\":null", 1, 0, 7, NULL},
        {"\"attempt\":1,\"seq\":7,\"parts_sent\":1000", 1, 255, 7, "parts_sent"},
        /* an unreadable value is no proof that nothing was sent */
        {"\"attempt\":1,\"seq\":7,\"parts_sent\":-1", 1, 1, 7, "parts_sent"},
        {"\"attempt\":1,\"seq\":7,\"parts_sent\":[0]", 1, 1, 7, "parts_sent"},
        {"\"attempt\":1,\"seq\":7,\"parts_sent\":\"none\"", 1, 1, 7, "parts_sent"},
        {"\"attempt\":1,\"seq\":7,\"parts_sent\":2,\"parts_sent\":0", 1, 2, 7, "parts_sent"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char members[256];
        struct frame frame;
        struct frame_problem problem;
        snprintf(members, sizeof(members), "\"type\":\"report\",\"status\":\"failed\",%s",
                 cases[i].members);
        if (!read_assured(members, STAGE_ASSURED, &frame, &problem))
            fail_msg("%s: %s", members, problem.detail);
        assert_int_equal(frame.ref.attempt, cases[i].attempt);
        assert_int_equal(frame.parts_sent, cases[i].parts_sent);
        assert_int_equal(frame.seq, cases[i].seq);
        assert_int_equal(frame.warning.error != ERROR_NONE, cases[i].warned != NULL);
        if (cases[i].warned)
            assert_string_equal(frame.warning.member, cases[i].warned);
        frame_fini(&frame);
    }
}

/* Of a SIM as a phone may write it; and what is no slot is ignored. */
static void the_sim_that_sends_is_read(void **state)
{
    static const char *const frames[] = {
        "\"type\":\"ack\",\"attempt\":1",
        "\"type\":\"report\",\"attempt\":1,\"seq\":1,\"status\":\"sent\"",
        "\"type\":\"status_update\",\"status\":\"sent\""};
    static const struct {
        const char *value;
        unsigned sim;
        bool warned;
    } values[] = {{"1", 1, false},        {"4", 4, false},    {"2.0", 2, false},
                  {"\"3\"", 3, false},    {"null", 0, false}, {"0", 0, true},
                  {"5", 0, true},         {"-1", 0, true},    {"1.5", 0, true},
                  {"\"SIM 1\"", 0, true}, {"[1]", 0, true},   {"true", 0, true}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(values) * ARRAY_LENGTH(frames); i++) {
        size_t kind = i % ARRAY_LENGTH(frames), row = i / ARRAY_LENGTH(frames);
        char members[256];
        struct frame frame;
        struct frame_problem problem;
        snprintf(members, sizeof(members), "%s,\"sim\":%s", frames[kind], values[row].value);
        if (!read_assured(members, kind == 2 ? STAGE_BASIC : STAGE_ASSURED, &frame, &problem))
            fail_msg("%s: %s", members, problem.detail);
        if (frame.sim != values[row].sim ||
            (frame.warning.error != ERROR_NONE) != values[row].warned)
            fail_msg("%s: %u, %s", members, frame.sim, frame.warning.detail);
        frame_fini(&frame);
    }
}

/* The other frames of the level: the values read, and the warning; NULL: refused. */
static void the_members_of_every_frame_have_their_weight(void **state)
{
    static const struct {
        enum frame_stage stage;
        const char *members;
        const char *warned; /* "": not at all */
    } cases[] = {
        {STAGE_ASSURED, "\"type\":\"ack\",\"attempt\":1", ""},
        {STAGE_ASSURED, "\"type\":\"ACK\",\"attempt\":\"1\",\"x\":{\"y\":[]}", ""},
        {STAGE_ASSURED, "\"type\":\"ack\",\"attempt\":1,\"x\":\"\\u0000\"", "-"},
        {STAGE_ASSURED, "\"type\":\"ack\"", NULL},
        {STAGE_ASSURED, "\"type\":\"ack\",\"attempt\":0", NULL},
        {STAGE_ASSURED, "\"type\":\"ack\",\"attempt\":1,\"attempt\":2", NULL},
        {STAGE_ASSURED, "\"type\":\"nack\",\"attempt\":1", ""},
        {STAGE_ASSURED, "\"type\":\"nack\",\"attempt\":1,\"code\":4", ""},
        {STAGE_ASSURED, "\"type\":\"nack\",\"attempt\":1,\"code\":[]", "code"},
        {STAGE_ASSURED, "\"type\":\"nack\",\"attempt\":1,\"error_message\":{}", "error_message"},
        {STAGE_ASSURED, "\"type\":\"nack\",\"code\":\"no_sim\"", NULL},
        {STAGE_ASSURED, "\"type\":\"credit\",\"credit\":4", ""},
        {STAGE_ASSURED, "\"type\":\"credit\",\"credit\":\"4\"", ""},
        {STAGE_ASSURED, "\"type\":\"credit\",\"credit\":100000", ""},
        {STAGE_ASSURED, "\"type\":\"credit\",\"credit\":-1", NULL},
        {STAGE_ASSURED, "\"type\":\"credit\"", NULL},
        {STAGE_ASSURED, "\"type\":\"device_update\"", "info"},
        {STAGE_ASSURED, "\"type\":\"device_update\",\"info\":null", "info"},
        {STAGE_ASSURED, "\"type\":\"device_update\",\"info\":[]", "info"},
        {STAGE_HELLO, "\"type\":\"hello\",\"journal\":\"" ID "\"", ""},
        {STAGE_HELLO, "\"type\":\"hello\",\"journal\":\"{" ID "}\",\"credit\":\"3\"", ""},
        {STAGE_HELLO, "\"type\":\"hello\",\"journal\":\"" ID "\",\"credit\":-1", "credit"},
        {STAGE_HELLO, "\"type\":\"hello\",\"journal\":\"" ID "\",\"info\":[]", "info"},
        {STAGE_HELLO, "\"type\":\"hello\",\"journal\":\"" ID "\",\"info\":{\"charging\":[]}",
         "charging"},
        {STAGE_HELLO, "\"type\":\"hello\"", NULL},
        {STAGE_HELLO, "\"type\":\"hello\",\"journal\":\"journal-1\"", NULL},
        {STAGE_HELLO, "\"type\":\"hello\",\"journal\":\"00000000-0000-0000-0000-000000000000\"",
         NULL},
        {STAGE_HELLO, "\"type\":\"hello\",\"journal\":\"00000000000000000000000000000000\"", NULL},
        {STAGE_JOURNAL, "\"type\":\"journal\",\"last\":true,\"entries\":[]", ""},
        {STAGE_JOURNAL, "\"type\":\"journal\",\"last\":1,\"entries\":[]", ""},
        {STAGE_JOURNAL, "\"type\":\"journal\",\"last\":\"False\",\"entries\":[]", ""},
        {STAGE_JOURNAL, "\"type\":\"journal\",\"last\":true,\"entries\":[1]", "entries"},
        {STAGE_JOURNAL, "\"type\":\"journal\",\"entries\":[]", NULL},
        {STAGE_JOURNAL, "\"type\":\"journal\",\"last\":2,\"entries\":[]", NULL},
        {STAGE_JOURNAL, "\"type\":\"journal\",\"last\":true", NULL},
        {STAGE_JOURNAL, "\"type\":\"journal\",\"last\":true,\"entries\":{}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct frame frame;
        struct frame_problem problem;
        bool good = read_assured(cases[i].members, cases[i].stage, &frame, &problem);
        if (good != (cases[i].warned != NULL))
            fail_msg("%s: %s", cases[i].members, good ? "is accepted" : problem.detail);
        if (!good) {
            assert_int_equal(problem.error, ERROR_INVALID_VALUE);
            continue;
        }
        const char *member = frame.warning.member;
        if (frame.warning.error != ERROR_NONE && !member)
            member = "-";
        assert_string_equal(member ? member : "", cases[i].warned);
        frame_fini(&frame);
    }
}

static void entries_that_cannot_be_read_are_as_those_that_are_not_there(void **state)
{
    static const char members[] = "\"type\":\"journal\",\"last\":true,\"entries\":["
                                  "{\"message_id\":\"" ID "\",\"attempt\":1,\"state\":\"offered\"},"
                                  "{\"message_id\":\"17\",\"attempt\":1,\"state\":\"offered\"},"
                                  "{\"message_id\":\"" ID
                                  "\",\"attempt\":\"2\",\"state\":\"Released\"},"
                                  "{\"message_id\":\"" ID
                                  "\",\"attempt\":3,\"state\":\"submitting\"},"
                                  "{\"message_id\":\"" ID
                                  "\",\"attempt\":4,\"state\":\"done\",\"x\":1},"
                                  "{\"message_id\":\"" ID "\",\"attempt\":5,\"state\":\"dropped\"},"
                                  "{\"message_id\":\"" ID "\",\"state\":\"offered\"},null,{}]";
    struct frame frame;
    struct frame_problem problem;
    (void)state;
    assert_true(read_assured(members, STAGE_JOURNAL, &frame, &problem));
    assert_int_equal(frame.entry_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(frame.entries[i].ref.attempt, i + 1);
        assert_int_equal(frame.entries[i].offered, i == 0);
    }
    assert_string_equal(frame.warning.member, "entries");
    assert_int_equal(*frame.warning.detail, '5');
    frame_fini(&frame);
}

static void credit_is_at_most_what_is_given_at_once(void **state)
{
    static const struct {
        const char *members;
        unsigned credit;
    } cases[] = {{"\"credit\":0", 0},
                 {"\"credit\":4", 4},
                 {"\"credit\":257", STORE_MAX_CLAIM},
                 {"\"credit\":null", STORE_MAX_CLAIM},
                 {"\"credit\":\"many\"", STORE_MAX_CLAIM}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char members[256];
        struct frame frame;
        struct frame_problem problem;
        snprintf(members, sizeof(members), "\"type\":\"hello\",\"journal\":\"" ID "\",%s",
                 cases[i].members);
        assert_true(read_assured(members, STAGE_HELLO, &frame, &problem));
        assert_int_equal(frame.credit, cases[i].credit);
        frame_fini(&frame);
    }
}

/* ---- What is refused ---- */

static void bad_reports_are_refused(void **state)
{
    static const struct {
        const char *members; /* after the type */
        enum error error;
        bool has_message_id; /* it was readable, so the error frame names it */
    } cases[] = {
        {"", ERROR_INVALID_VALUE, false},
        {",\"status\":\"sent\"", ERROR_INVALID_VALUE, false},
        {",\"message_id\":null,\"status\":\"sent\"", ERROR_INVALID_VALUE, false},
        {",\"message_id\":1,\"status\":\"sent\"", ERROR_INVALID_VALUE, false},
        {",\"message_id\":\"\",\"status\":\"sent\"", ERROR_INVALID_VALUE, false},
        {",\"message_id\":\"1\",\"status\":\"sent\"", ERROR_INVALID_VALUE, false},
        {",\"message_id\":[\"" ID "\"],\"status\":\"sent\"", ERROR_INVALID_VALUE, false},
        {",\"message_id\":\"{" ID "\",\"status\":\"sent\"", ERROR_INVALID_VALUE, false},
        {",\"message_id\":\"" ID " " ID "\",\"status\":\"sent\"", ERROR_INVALID_VALUE, false},
        {",\"message_id\":\"" ID "\",\"message_id\":\"x\",\"status\":\"sent\"", ERROR_INVALID_VALUE,
         true},
        {",\"message_id\":\"" ID "0\",\"status\":\"sent\"", ERROR_INVALID_VALUE, false},
        {",\"message_id\":\"019d0000-0000-7000-8000-00000000000g\",\"status\":\"sent\"",
         ERROR_INVALID_VALUE, false},
        {",\"message_id\":\"" ID "\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":null", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":1", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":[\"sent\"]", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"SENT OK\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"read\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"sending\",\"status\":\"sent\"",
         ERROR_UNKNOWN_STATUS, true},
        /* statuses that a phone cannot report */
        {",\"message_id\":\"" ID "\",\"status\":\"queued\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"dispatched\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"accepted\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"cancelled\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"unknown\"", ERROR_UNKNOWN_STATUS, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[256], id[MESSAGE_ID_TEXT_SIZE];
        snprintf(text, sizeof(text), "{\"type\":\"status_update\"%s}", cases[i].members);
        struct frame_problem problem = refusal(text, strlen(text), false);
        if (problem.error != cases[i].error || problem.has_message_id != cases[i].has_message_id)
            fail_msg("%s: %s", text, problem.detail);
        if (problem.has_message_id) {
            message_id_format(&problem.message_id, id);
            assert_string_equal(id, ID);
        }
    }
}

static void members_the_protocol_does_not_mention_are_ignored(void **state)
{
    static const char *const frames[] = {
        "{\"type\":\"status_update\",\"message_id\":\"" ID "\",\"status\":\"sent\",\"x\":1}",
        "{\"type\":\"status_update\",\"message_id\":\"" ID
        "\",\"status\":\"failed\",\"errorCode\":\"x\"}",
        "{\"type\":\"device_update\",\"info\":{},\"battery_level\":5}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(frames); i++) {
        struct frame frame;
        struct frame_problem problem;
        assert_true(frame_read(frames[i], strlen(frames[i]), STAGE_BASIC, &DEVICE_INFO_UNKNOWN,
                               &frame, &problem));
        assert_string_equal(frame.error_code, "");
        assert_true(frame.info.battery_level < 0);
        frame_fini(&frame);
    }
}

/* ---- Frames as a whole ---- */

static void frames_are_json_objects(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } bad[] = {
        {"", 0},
        {" ", 1},
        {"[]", 2},
        {"[{}]", 4},
        {"null", 4},
        {"true", 4},
        {"1", 1},
        {"\"text\"", 6},
        {"{", 1},
        {"{}}", 3},
        {"{}{}", 4},
        {"{'a':1}", 7},
        {"hello", 5},
        {"{\"a\":1,}", 8},
        {"{}\0{}", 5},
        {"{\"a\":\"\xff\"}", 9},
        {"{\"a\":\"\\", 7},
        {"{\"a\":[[[[[[[[[[[[[[[[[[[[[[", 28},
        {"{\"type\":\"a\",\"type\":\"b\"}", 23},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad) * 2; i++) {
        const char *bytes = bad[i / 2].bytes;
        struct frame_problem problem = refusal(bytes, bad[i / 2].length, i % 2);
        if (problem.error != ERROR_MALFORMED_FRAME || problem.has_message_id)
            fail_msg("%s: %s", bytes, problem.detail);
    }
}

static void types_the_protocol_does_not_have_are_refused(void **state)
{
    static const char *const frames[] = {
        "{}",
        "{\"battery_level\":5}", /* device information comes without a type only once */
        "{\"type\":null}",
        "{\"type\":1}",
        "{\"type\":\"\"}",
        "{\"type\":[\"status_update\"]}",
        "{\"type\":\"status update\"}",
        "{\"type\":\"status\"}",
        "{\"type\":\"ping\"}",
        "{\"type\":\"connection_ack\"}", /* a frame of the gateway */
        "{\"type\":\"new_sms\"}",
        "{\"type\":\"error\"}",
        "{\"Type\":\"status_update\"}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(frames); i++)
        assert_int_equal(refusal(frames[i], strlen(frames[i]), false).error,
                         ERROR_UNKNOWN_FRAME_TYPE);
}

static void the_first_frame_is_no_other(void **state)
{
    static const char *const frames[] = {
        "{\"type\":\"status_update\",\"message_id\":\"" ID "\",\"status\":\"sent\"}",
        "{\"type\":\"hello\",\"journal\":\"" ID "\",\"credit\":1}",
        "{\"type\":\"ack\",\"battery_level\":5}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(frames); i++)
        assert_int_equal(refusal(frames[i], strlen(frames[i]), true).error, ERROR_NO_DEVICE_INFO);
}

/* A type that an app invented does no harm. */
static void the_first_frame_may_have_a_type(void **state)
{
    static const char *const frames[] = {
        "{\"type\":\"device_update\",\"info\":{\"battery_level\":5}}",
        "{\"type\":\"device_info\",\"battery_level\":5}",
        "{\"battery_level\":5,\"type\":\"\"}",
        "{\"type\":null,\"battery_level\":5}",
        "{\"type\":1,\"battery_level\":5}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(frames); i++) {
        struct frame frame;
        struct frame_problem problem;
        if (!frame_read(frames[i], strlen(frames[i]), STAGE_BASIC_INFO, &nothing_known, &frame,
                        &problem))
            fail_msg("%s: %s", frames[i], problem.detail);
        assert_int_equal(frame.type, FRAME_IS_DEVICE_INFO);
        assert_true(frame.info.battery_level == 5);
        frame_fini(&frame);
    }
}

static void an_update_without_its_info_changes_nothing(void **state)
{
    static const char *const frames[] = {
        "{\"type\":\"device_update\"}",
        "{\"type\":\"device_update\",\"info\":null}",
        "{\"type\":\"device_update\",\"info\":[]}",
        "{\"type\":\"device_update\",\"info\":\"{}\"}",
        "{\"type\":\"device_update\",\"info\":1}",
        "{\"type\":\"device_update\",\"Info\":{}}",
    };
    struct device_info known = {
        .name = "A", .battery_level = 7, .charging = 1, .extra = (char[]){"{\"a\":1}"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(frames); i++) {
        struct frame frame;
        struct frame_problem problem;
        assert_true(
            frame_read(frames[i], strlen(frames[i]), STAGE_BASIC, &known, &frame, &problem));
        assert_string_equal(frame.warning.member, "info");
        assert_string_equal(frame.info.name, "A");
        assert_string_equal(frame.info.extra, "{\"a\":1}");
        assert_true(frame.info.battery_level == 7 && frame.info.charging == 1);
        frame_fini(&frame);
    }
}

/* ---- Frames to a phone ---- */

/* Reads a written frame: it must have these members, in this order. */
static void expect_members(struct buffer *out, const char *const (*members)[2])
{
    struct json_problem problem = {0};
    assert_false(out->failed);
    struct json *frame = json_parse(out->data, out->length, &problem);
    if (!frame)
        fail_msg("%s: %s", out->data, problem.reason);
    json_for_each (member, frame) {
        assert_non_null((*members)[0]);
        assert_string_equal(json_name(member), (*members)[0]);
        assert_string_equal(json_text(member), (*members)[1]);
        members++;
    }
    assert_null((*members)[0]);
    json_free(frame);
    buffer_fini(out);
}

static void the_acknowledgement_names_the_phone(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, 1000);
    frame_write_connection_ack(&out, "pixel-7");
    expect_members(&out, (const char *const[][2]){
                             {"type", "connection_ack"}, {"device_id", "pixel-7"}, {NULL, NULL}});
}

static void a_message_is_written_whole(void **state)
{
    static const char *const texts[] = {"Hello!", "\"quoted\"\\\n\r\t\x01",
                                        "\xf0\x9f\x98\x80\xc3\xa9", " ", "</script>"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct message message = {.phone_number = "+1234567890", .text = strdup(texts[i])};
        struct buffer out;
        assert_true(message_id_parse(ID, &message.id));
        buffer_init(&out, 1000);
        frame_write_new_sms(&out, &message);
        expect_members(&out, (const char *const[][2]){{"type", "new_sms"},
                                                      {"message_id", ID},
                                                      {"phone_number", "+1234567890"},
                                                      {"message", texts[i]},
                                                      {NULL, NULL}});
        message_fini(&message);
    }
}

static void a_message_has_the_id_of_its_request(void **state)
{
    static const char request_id[] = "5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e8";
    struct message message = {.phone_number = "+1234567890", .text = (char[]){"text"}};
    struct buffer out;
    (void)state;
    assert_true(message_id_parse(ID, &message.id));
    message.request_id = request_id_parse(request_id);
    for (int offered = 0; offered < 2; offered++) {
        buffer_init(&out, 1000);
        offered ? frame_write_offer(&out, &message) : frame_write_new_sms(&out, &message);
        struct json_problem problem;
        struct json *frame = json_parse(out.data, out.length, &problem);
        assert_non_null(frame);
        assert_string_equal(json_text(json_member(frame, "request_id")), request_id);
        json_free(frame);
        buffer_fini(&out);
    }
}

/* Each has its member only where the client asked for it. */
static void a_message_has_what_was_asked_for(void **state)
{
    static const struct {
        struct message_options options;
        const char *members;
        unsigned best_sim;
    } cases[] = {
        {.members = ""},
        {{.target.sim = 2}, ",\"sim\":2", 0},
        {.members = ",\"sim\":3", .best_sim = 3},
        {{.target.sim = 2}, ",\"sim\":2", 3}, /* the client's wish counts */
        {{.expires_at_ms = 1767225599123}, ",\"expires_at\":\"2025-12-31T23:59:59.123Z\"", 0},
        {{.no_delivery_report = true}, ",\"delivery_report\":false", 0},
        {{.target = {"pixel-7", "shop", 4}, .expires_at_ms = 1, .no_delivery_report = true},
         ",\"sim\":4,\"expires_at\":\"1970-01-01T00:00:00.001Z\",\"delivery_report\":false",
         0},
        /* the gateway's own affairs */
        {{.target = {"pixel-7", "shop", 0},
          .priority = MESSAGE_PRIORITY_HIGH,
          .send_at_ms = 1767225599123,
          .reference = "order 7"},
         "",
         0},
    };
    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LENGTH(cases); i++) {
        bool offered = i % 2;
        char expected[400];
        struct message message = {.phone_number = "+1234567890",
                                  .text = (char[]){"text"},
                                  .attempt = 7,
                                  .device_sim = cases[i / 2].best_sim,
                                  .options = cases[i / 2].options};
        struct buffer out;
        assert_true(message_id_parse(ID, &message.id));
        snprintf(expected, sizeof(expected),
                 "{\"type\":\"%s\",\"message_id\":\"" ID "\",%s\"phone_number\":\"+1234567890\","
                 "\"message\":\"text\"%s}",
                 offered ? "offer" : "new_sms", offered ? "\"attempt\":7," : "",
                 cases[i / 2].members);
        buffer_init(&out, 1000);
        offered ? frame_write_offer(&out, &message) : frame_write_new_sms(&out, &message);
        assert_int_equal(out.length, strlen(expected));
        assert_memory_equal(out.data, expected, out.length);
        buffer_fini(&out);
    }
}

/* The longest text that MAX_MESSAGE_SEGMENTS allows, of any character, fits into a frame. */
static void every_message_fits_into_a_frame(void **state)
{
    enum { MOST_SEGMENTS = 255, FEW = 0x500, EACH_TO = 0x3000 };
#ifdef __SANITIZE_ADDRESS__
    enum { STEP = 7 };
#else
    enum { STEP = 1 };
#endif
    static char text[MOST_SEGMENTS * 160 * 4 + 1];
    (void)state;
    for (int32_t point = 1; point <= 0x10ffff; point += point < FEW       ? 1
                                                        : point < EACH_TO ? STEP
                                                                          : 0xfff) {
        char one[5] = {0};
        if (point >= 0xd800 && point <= 0xdfff)
            continue;
        if (point < 0x80)
            one[0] = (char)point;
        else if (point < 0x800)
            one[0] = (char)(0xc0 | point >> 6), one[1] = (char)(0x80 | (point & 0x3f));
        else if (point < 0x10000)
            one[0] = (char)(0xe0 | point >> 12), one[1] = (char)(0x80 | (point >> 6 & 0x3f)),
            one[2] = (char)(0x80 | (point & 0x3f));
        else
            one[0] = (char)(0xf0 | point >> 18), one[1] = (char)(0x80 | (point >> 12 & 0x3f)),
            one[2] = (char)(0x80 | (point >> 6 & 0x3f)), one[3] = (char)(0x80 | (point & 0x3f));
        struct sms_segments two = {0};
        struct buffer out;
        size_t length = strlen(one), count = 0;
        for (size_t i = 0; i < 400; i++)
            memcpy(text + i * length, one, length + 1);
        two = sms_segments_count(text); /* how many of it are a unit or two */
        size_t each = two.encoding == SMS_ENCODING_GSM7 ? 153 : 67;
        count = MOST_SEGMENTS * (each / (two.units / 400));
        for (size_t i = 0; i < count; i++)
            memcpy(text + i * length, one, length + 1);
        if (point < 0x100)
            assert_int_equal(sms_segments_count(text).segments, MOST_SEGMENTS);
        struct message message = {.text = text, .attempt = 1000000000};
        message.options = (struct message_options){
            .target.sim = 4, .expires_at_ms = 253402300799999, .no_delivery_report = true};
        memset(message.phone_number, '9', sizeof(message.phone_number) - 1);
        message.request_id = request_id_parse("5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e8");
        buffer_init(&out, FRAME_MAX_BYTES);
        frame_write_offer(&out, &message);
        if (out.failed)
            fail_msg("%d segments of U+%04x do not fit", MOST_SEGMENTS, (unsigned)point);
        buffer_fini(&out);
    }
}

static void a_warning_names_its_member(void **state)
{
    struct frame_problem warning = {
        .error = ERROR_MEMBER_IGNORED, .detail = "it was cut", .member = "error_message"};
    struct buffer out;
    (void)state;
    buffer_init(&out, 1000);
    frame_write_error(&out, &warning);
    expect_members(&out, (const char *const[][2]){{"type", "error"},
                                                  {"code", "member_ignored"},
                                                  {"detail", "it was cut"},
                                                  {"member", "error_message"},
                                                  {NULL, NULL}});
}

static void an_error_has_its_code_and_perhaps_a_message(void **state)
{
    struct frame_problem problem = {.error = ERROR_MESSAGE_NOT_HELD, .detail = "say \"what\""};
    struct buffer out;
    (void)state;
    buffer_init(&out, 1000);
    frame_write_error(&out, &problem);
    expect_members(&out, (const char *const[][2]){{"type", "error"},
                                                  {"code", "message_not_held"},
                                                  {"detail", "say \"what\""},
                                                  {NULL, NULL}});
    problem.has_message_id = true;
    assert_true(message_id_parse(ID, &problem.message_id));
    buffer_init(&out, 1000);
    frame_write_error(&out, &problem);
    expect_members(&out, (const char *const[][2]){{"type", "error"},
                                                  {"code", "message_not_held"},
                                                  {"detail", "say \"what\""},
                                                  {"message_id", ID},
                                                  {NULL, NULL}});
}

UNIT_TESTS(cmocka_unit_test(every_status_a_phone_reports_is_read),
           cmocka_unit_test(errors_of_a_report_are_read),
           cmocka_unit_test(the_decoration_of_a_report_never_refuses_it),
           cmocka_unit_test(no_error_is_none),
           cmocka_unit_test(what_is_essential_is_understood_as_others_write_it),
           cmocka_unit_test(a_report_of_an_assured_phone_counts_as_far_as_it_can_be_read),
           cmocka_unit_test(the_sim_that_sends_is_read),
           cmocka_unit_test(the_members_of_every_frame_have_their_weight),
           cmocka_unit_test(entries_that_cannot_be_read_are_as_those_that_are_not_there),
           cmocka_unit_test(credit_is_at_most_what_is_given_at_once),
           cmocka_unit_test(bad_reports_are_refused),
           cmocka_unit_test(members_the_protocol_does_not_mention_are_ignored),
           cmocka_unit_test(frames_are_json_objects),
           cmocka_unit_test(types_the_protocol_does_not_have_are_refused),
           cmocka_unit_test(the_first_frame_is_no_other),
           cmocka_unit_test(the_first_frame_may_have_a_type),
           cmocka_unit_test(an_update_without_its_info_changes_nothing),
           cmocka_unit_test(every_message_fits_into_a_frame),
           cmocka_unit_test(a_warning_names_its_member),
           cmocka_unit_test(the_acknowledgement_names_the_phone),
           cmocka_unit_test(a_message_is_written_whole),
           cmocka_unit_test(a_message_has_the_id_of_its_request),
           cmocka_unit_test(a_message_has_what_was_asked_for),
           cmocka_unit_test(an_error_has_its_code_and_perhaps_a_message))
