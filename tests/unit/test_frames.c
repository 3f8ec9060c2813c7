/* Frames: reports, what is refused and as what, and the frames to a phone. Device information is in
   test_frames_info.c. */
#include "../../common/json.h"
#include "../../ws-broker/frames.h"
#include "unit.h"

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
                                                  MESSAGE_FAILED};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(reports); i++) {
        char text[256], id[MESSAGE_ID_TEXT_SIZE];
        snprintf(text, sizeof(text),
                 "{\"type\":\"status_update\",\"message_id\":\"" ID "\",\"status\":\"%s\"}",
                 message_status_name(reports[i]));
        struct frame frame = read_good(text);
        assert_int_equal(frame.type, FRAME_IS_STATUS_UPDATE);
        assert_int_equal(frame.status, reports[i]);
        message_id_format(&frame.message_id, id);
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

static void errors_of_a_report_have_their_most_bytes(void **state)
{
    static const struct {
        const char *name;
        int most;
    } texts[] = {{"error_code", 64}, {"error_message", 256}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        for (int length = texts[i].most; length <= texts[i].most + 1; length++) {
            char text[512];
            snprintf(text, sizeof(text),
                     "{\"type\":\"status_update\",\"message_id\":\"" ID "\",\"status\":\"failed\","
                     "\"%s\":\"%0*d\"}",
                     texts[i].name, length, 0);
            if (length > texts[i].most) {
                assert_int_equal(refusal(text, strlen(text), false).error, ERROR_INVALID_VALUE);
                continue;
            }
            struct frame frame = read_good(text);
            assert_int_equal(strlen(frame.error_code) + strlen(frame.error_message), length);
            frame_fini(&frame);
        }
    }
}

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
        {",\"message_id\":\"{" ID "}\",\"status\":\"sent\"", ERROR_INVALID_VALUE, false},
        {",\"message_id\":\"" ID "0\",\"status\":\"sent\"", ERROR_INVALID_VALUE, false},
        {",\"message_id\":\"019d0000-0000-7000-8000-00000000000g\",\"status\":\"sent\"",
         ERROR_INVALID_VALUE, false},
        {",\"message_id\":\"" ID "\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":null", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":1", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":[\"sent\"]", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"SENT\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"read\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"sent \"", ERROR_UNKNOWN_STATUS, true},
        /* statuses, but not a phone's to report */
        {",\"message_id\":\"" ID "\",\"status\":\"queued\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"dispatched\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"accepted\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"expired\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"cancelled\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"unknown\"", ERROR_UNKNOWN_STATUS, true},
        {",\"message_id\":\"" ID "\",\"status\":\"failed\",\"error_code\":1", ERROR_INVALID_VALUE,
         true},
        {",\"message_id\":\"" ID "\",\"status\":\"failed\",\"error_code\":[]", ERROR_INVALID_VALUE,
         true},
        {",\"message_id\":\"" ID "\",\"status\":\"failed\",\"error_message\":{}",
         ERROR_INVALID_VALUE, true},
        {",\"message_id\":\"" ID "\",\"status\":\"failed\",\"error_message\":true",
         ERROR_INVALID_VALUE, true},
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
        {"{}\0", 3},
        {"\xef\xbb\xbf{}", 5},
        {"{\"a\":\"\xff\"}", 9},
        {"{\"a\":1,\"a\":2}", 13},
        {"{\"a\":\"\\u0000\"}", 14},
        {"{\"a\":\"\n\"}", 9},
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
        "{\"type\":\"STATUS_UPDATE\"}",
        "{\"type\":\"status_update \"}",
        "{\"type\":\"status\"}",
        "{\"type\":\"ping\"}",
        "{\"type\":\"connection_ack\"}", /* the gateway's own */
        "{\"type\":\"new_sms\"}",
        "{\"type\":\"error\"}",
        "{\"Type\":\"status_update\"}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(frames); i++)
        assert_int_equal(refusal(frames[i], strlen(frames[i]), false).error,
                         ERROR_UNKNOWN_FRAME_TYPE);
}

static void the_first_frame_has_no_type(void **state)
{
    static const char *const frames[] = {
        "{\"type\":\"status_update\",\"message_id\":\"" ID "\",\"status\":\"sent\"}",
        "{\"type\":\"device_update\",\"info\":{}}",
        "{\"type\":\"device_info\",\"battery_level\":5}",
        "{\"battery_level\":5,\"type\":\"\"}",
        "{\"type\":null}",
        "{\"type\":1}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(frames); i++)
        assert_int_equal(refusal(frames[i], strlen(frames[i]), true).error, ERROR_NO_DEVICE_INFO);
}

static void an_update_needs_its_info(void **state)
{
    static const char *const frames[] = {
        "{\"type\":\"device_update\"}",
        "{\"type\":\"device_update\",\"info\":null}",
        "{\"type\":\"device_update\",\"info\":[]}",
        "{\"type\":\"device_update\",\"info\":\"{}\"}",
        "{\"type\":\"device_update\",\"info\":1}",
        "{\"type\":\"device_update\",\"Info\":{}}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(frames); i++)
        assert_int_equal(refusal(frames[i], strlen(frames[i]), false).error, ERROR_INVALID_VALUE);
}

/* ---- Frames to a phone ---- */

/* Reads a written frame back: its members must be these, in this order. */
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
           cmocka_unit_test(errors_of_a_report_have_their_most_bytes),
           cmocka_unit_test(bad_reports_are_refused),
           cmocka_unit_test(members_the_protocol_does_not_mention_are_ignored),
           cmocka_unit_test(frames_are_json_objects),
           cmocka_unit_test(types_the_protocol_does_not_have_are_refused),
           cmocka_unit_test(the_first_frame_has_no_type),
           cmocka_unit_test(an_update_needs_its_info),
           cmocka_unit_test(the_acknowledgement_names_the_phone),
           cmocka_unit_test(a_message_is_written_whole),
           cmocka_unit_test(a_message_has_the_id_of_its_request),
           cmocka_unit_test(an_error_has_its_code_and_perhaps_a_message))
