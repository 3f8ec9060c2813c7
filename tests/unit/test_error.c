/* The table of errors. */
#include "common/base/base.h"
#include "common/base/error.h"
#include "common/model/protocol.h"
#include "tests/unit/unit.h"

#include <ctype.h>

static void the_functions_return_the_table(void **state)
{
    static const struct {
        enum error error;
        const char *code;
        int http_status, close_code;
        const char *title;
    } rows[] = {
#define ERROR(id, code, http_status, close_code, title)                                            \
    {ERROR_##id, code, http_status, close_code, title},
#include "common/base/error.def"
#undef ERROR
    };
    (void)state;
    assert_int_equal(ERROR_NONE, 0);
    assert_int_equal(ARRAY_LENGTH(rows), ERROR_COUNT - 1);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        assert_int_equal(rows[i].error, i + 1);
        assert_string_equal(error_code(rows[i].error), rows[i].code);
        assert_string_equal(error_title(rows[i].error), rows[i].title);
        assert_int_equal(error_http_status(rows[i].error), rows[i].http_status);
        assert_int_equal(error_close_code(rows[i].error), rows[i].close_code);
    }
}

static bool is_snake_case(const char *text)
{
    bool word = false; /* inside a word */
    for (; *text; text++) {
        if (*text == '_' ? !word : !islower((unsigned char)*text) && !isdigit((unsigned char)*text))
            return false;
        word = *text != '_';
    }
    return word;
}

static void codes_are_snake_case(void **state)
{
    (void)state;
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        const char *code = error_code((enum error)i);
        if (!is_snake_case(code) || !isalpha((unsigned char)code[0]))
            fail_msg("\"%s\" is not", code);
    }
}

static void codes_are_unique(void **state)
{
    (void)state;
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        for (int j = i + 1; j < ERROR_COUNT; j++) {
            if (strcmp(error_code((enum error)i), error_code((enum error)j)) == 0)
                fail_msg("%s occurs twice", error_code((enum error)i));
        }
    }
}

/* A close reason has 123 bytes at most (RFC 6455, 5.5.1). */
static void codes_fit_into_a_close_frame(void **state)
{
    (void)state;
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++)
        assert_in_range(strlen(error_code((enum error)i)), 1, 123);
}

static void titles_begin_with_a_capital_and_have_no_full_stop(void **state)
{
    (void)state;
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        const char *title = error_title((enum error)i);
        size_t length = strlen(title);
        if (length == 0 || !isupper((unsigned char)title[0]) ||
            ispunct((unsigned char)title[length - 1]))
            fail_msg("%s: \"%s\"", error_code((enum error)i), title);
    }
}

static void numbers_are_http_statuses_and_close_codes(void **state)
{
    (void)state;
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        int status = error_http_status((enum error)i), close = error_close_code((enum error)i);
        if (status != 0 && (status < 400 || status > 599))
            fail_msg("%s: HTTP status %d", error_code((enum error)i), status);
        /* RFC 6455, 7.4: 1004 to 1006 and 1015 never go over the wire. */
        bool own = close >= 4000 && close <= 4999;
        bool registered = close >= 1001 && close <= 1014 && (close < 1004 || close > 1006);
        if (close != 0 && !own && !registered)
            fail_msg("%s: close code %d", error_code((enum error)i), close);
    }
}

static const char *code_of_status(int status)
{
    const char *found = NULL;
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        if (error_http_status((enum error)i) == status)
            found = error_code((enum error)i);
    }
    return found;
}

/* As in PROTOCOL.md. */
static void the_protocol_has_the_same_close_codes(void **state)
{
    static const struct {
        enum error error;
        const char *code;
        int close;
    } rows[] = {
        {ERROR_SHUTTING_DOWN, "shutting_down", CLOSE_GOING_AWAY},
        {ERROR_RESTARTING, "restarting", CLOSE_SERVICE_RESTART},
        {ERROR_BINARY_FRAME, "binary_frame", 1003},
        {ERROR_INVALID_UTF8, "invalid_utf8", 1007},
        {ERROR_NO_DEVICE_INFO, "no_device_info", 1008},
        {ERROR_TOO_MANY_FRAMES, "too_many_frames", 1008},
        {ERROR_NOT_READING, "not_reading", 1008},
        {ERROR_FRAME_TOO_LARGE, "frame_too_large", 1009},
        {ERROR_STORE_BUSY, "store_busy", 1013},
        {ERROR_STORE_UNAVAILABLE, "store_unavailable", 1013},
        {ERROR_DISK_FULL, "disk_full", 1013},
        {ERROR_REPLACED, "replaced", CLOSE_REPLACED},
        {ERROR_MALFORMED_FRAME, "malformed_frame", 0},
        {ERROR_UNKNOWN_FRAME_TYPE, "unknown_frame_type", 0},
        {ERROR_INVALID_VALUE, "invalid_value", 0},
        {ERROR_UNKNOWN_STATUS, "unknown_status", 0},
        {ERROR_MESSAGE_NOT_HELD, "message_not_held", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        assert_string_equal(error_code(rows[i].error), rows[i].code);
        assert_int_equal(error_close_code(rows[i].error), rows[i].close);
    }
}

static void the_usual_statuses_have_an_error(void **state)
{
    static const int statuses[] = {400, 403, 404, 405, 413, 414, 415, 422,
                                   426, 431, 500, 502, 503, 504, 507};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
        if (!code_of_status(statuses[i]))
            fail_msg("no error is answered with %d", statuses[i]);
    }
}

UNIT_TESTS(cmocka_unit_test(the_functions_return_the_table), cmocka_unit_test(codes_are_snake_case),
           cmocka_unit_test(codes_are_unique), cmocka_unit_test(codes_fit_into_a_close_frame),
           cmocka_unit_test(titles_begin_with_a_capital_and_have_no_full_stop),
           cmocka_unit_test(numbers_are_http_statuses_and_close_codes),
           cmocka_unit_test(the_protocol_has_the_same_close_codes),
           cmocka_unit_test(the_usual_statuses_have_an_error))
