/* Problems (RFC 9457): always JSON, for any request. */
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/http.h"
#include "common/base/json.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static struct settings settings = {.max_body_bytes = 65536};
static struct api api = {.settings = &settings};

static int set_up(void **state)
{
    struct http_exchange *exchange = calloc(1, sizeof(*exchange));
    if (!exchange)
        return -1;
    http_exchange_init(exchange, &api);
    exchange->request.request_id = "request-1";
    *state = exchange;
    return 0;
}

static int tear_down(void **state)
{
    http_exchange_fini(*state);
    free(*state);
    return 0;
}

static struct json *parse_body(const struct http_exchange *exchange)
{
    const struct buffer *body = &exchange->response.body;
    struct json_problem problem = {0};
    assert_false(body->failed);
    struct json *document = json_parse(body->data, body->length, &problem);
    if (!document)
        fail_msg("%.100s...: %s (byte %zu)", body->data, problem.reason, problem.offset);
    return document;
}

static void expect_text(const struct json *object, const char *name, const char *expected)
{
    const char *text = json_text(json_member(object, name));
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static size_t count_errors(const struct json *problem)
{
    size_t count = 0;
    const struct json *errors = json_member(problem, "errors");
    for (const struct json *one = errors ? json_first(errors) : NULL; one; one = json_next(one)) {
        assert_true(json_is_object(one));
        count++;
    }
    return count;
}

static void every_error_has_its_problem(void **state)
{
    struct http_exchange *exchange = *state;
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        enum error error = (enum error)i;
        char type[128];
        int64_t status = 0;
        if (error_http_status(error) == 0)
            continue;
        http_exchange_reset(exchange);
        assert_int_equal(http_problem(exchange, error, "number %d of \"%s\"", 7, "x"),
                         HTTP_ANSWERED);
        assert_int_equal(exchange->response.status, error_http_status(error));
        assert_string_equal(exchange->response.content_type, "application/problem+json");
        struct json *problem = parse_body(exchange);
        snprintf(type, sizeof(type), "/docs/errors.html#%s", error_code(error));
        expect_text(problem, "type", type);
        expect_text(problem, "title", error_title(error));
        expect_text(problem, "detail", "number 7 of \"x\"");
        expect_text(problem, "code", error_code(error));
        expect_text(problem, "request_id", "request-1");
        assert_true(json_integer(json_member(problem, "status"), &status));
        assert_int_equal(status, error_http_status(error));
        assert_null(json_member(problem, "errors"));
        json_free(problem);
    }
}

static void retryable_errors_have_retry_after(void **state)
{
    static const struct {
        enum error error;
        bool again;
    } cases[] = {
        {ERROR_STORE_BUSY, true},         {ERROR_STORE_UNAVAILABLE, true},
        {ERROR_DISK_FULL, true},          {ERROR_SHUTTING_DOWN, true},
        {ERROR_WAL_FULL, true},           {ERROR_NOT_FOUND, false},
        {ERROR_VALIDATION_FAILED, false}, {ERROR_MESSAGE_NOT_FOUND, false},
    };
    struct http_exchange *exchange = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        http_exchange_reset(exchange);
        http_problem(exchange, cases[i].error, "detail");
        const char *headers = exchange->response.headers.data;
        assert_int_equal(headers && strstr(headers, "Retry-After: "), cases[i].again);
    }
}

static void a_store_error_says_that_nothing_was_changed(void **state)
{
    struct http_exchange *exchange = *state;
    assert_int_equal(http_store_problem(exchange, ERROR_STORE_BUSY), HTTP_ANSWERED);
    struct json *problem = parse_body(exchange);
    assert_int_equal(exchange->response.status, 503);
    expect_text(problem, "code", "store_busy");
    assert_non_null(strstr(json_text(json_member(problem, "detail")), "Nothing was changed"));
    json_free(problem);
}

static void a_problem_replaces_a_half_written_answer(void **state)
{
    struct http_exchange *exchange = *state;
    http_begin_json(exchange, 200);
    assert_string_equal(exchange->response.content_type, "application/json");
    assert_int_equal(exchange->response.status, 200);
    buffer_append_text(&exchange->response.body, "{\"half\":");
    http_problem(exchange, ERROR_INTERNAL, "detail");
    assert_int_equal(exchange->response.status, 500);
    json_free(parse_body(exchange));
}

/* ---- Field errors ---- */

static void field_errors_name_a_member_or_a_parameter(void **state)
{
    static const struct {
        const char *kind, *place;
        enum error error;
    } cases[] = {
        {"pointer", "/phone_number", ERROR_REQUIRED},
        {"pointer", "", ERROR_WRONG_TYPE},
        {"pointer", "/a~1b~0\"c\n", ERROR_UNKNOWN_FIELD},
        {"parameter", "limit", ERROR_OUT_OF_RANGE},
        {"parameter", "", ERROR_UNKNOWN_FIELD},
        {"parameter", "/\xc3\xa9", ERROR_UNKNOWN_FIELD},
    };
    struct http_exchange *exchange = *state;
    assert_false(http_has_field_errors(exchange));
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        if (strcmp(cases[i].kind, "pointer") == 0)
            http_add_field_error(exchange, cases[i].place, cases[i].error, "detail %zu", i);
        else
            http_add_parameter_error(exchange, cases[i].place, cases[i].error, "detail %zu", i);
        assert_true(http_has_field_errors(exchange));
    }
    http_problem(exchange, ERROR_VALIDATION_FAILED, "Change the fields.");
    assert_int_equal(exchange->response.status, 422);
    struct json *problem = parse_body(exchange);
    assert_int_equal(count_errors(problem), ARRAY_LENGTH(cases));
    const struct json *one = json_first(json_member(problem, "errors"));
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++, one = json_next(one)) {
        char detail[32];
        snprintf(detail, sizeof(detail), "detail %zu", i);
        expect_text(one, cases[i].kind, cases[i].place);
        expect_text(one, "code", error_code(cases[i].error));
        expect_text(one, "detail", detail);
    }
    json_free(problem);
}

/* A URL may have 4,000 unknown parameters: "?a&b&c...". */
static void the_answer_is_json_for_any_number_of_field_errors(void **state)
{
    static const int counts[] = {1, 20, 100, 150, 200, 1000, 4000};
    struct http_exchange *exchange = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
        http_exchange_reset(exchange);
        for (int j = 0; j < counts[i]; j++)
            http_add_parameter_error(exchange, "a", ERROR_UNKNOWN_FIELD,
                                     "is not a parameter of this list; remove it");
        http_problem(exchange, ERROR_VALIDATION_FAILED, "%d fields.", counts[i]);
        struct json *problem = parse_body(exchange);
        expect_text(problem, "request_id", "request-1");
        assert_int_equal(count_errors(problem), counts[i] < 20 ? counts[i] : 20);
        json_free(problem);
    }
}

static void long_details_are_cut_between_characters(void **state)
{
    struct http_exchange *exchange = *state;
    for (size_t shift = 0; shift < 4; shift++) {
        char detail[1024] = "xxx";
        char *p = detail + shift;
        for (int i = 0; i < 100; i++)
            p = stpcpy(p, "\xf0\x9f\x98\x80");
        http_exchange_reset(exchange);
        http_add_field_error(exchange, "/a", ERROR_INVALID_VALUE, "%s", detail);
        http_problem(exchange, ERROR_VALIDATION_FAILED, "%s", detail);
        struct json *problem = parse_body(exchange);
        assert_in_range(strlen(json_text(json_member(problem, "detail"))), 290, HTTP_DETAIL_SIZE);
        json_free(problem);
    }
}

/* ---- An exchange serves many requests ---- */

static void release(struct http_exchange *exchange)
{
    free(exchange->state);
    exchange->state = NULL;
}

static void reset_clears_the_exchange(void **state)
{
    struct http_exchange *exchange = *state;
    for (int round = 0; round < 2; round++) {
        assert_false(http_has_field_errors(exchange));
        http_add_field_error(exchange, "/a", ERROR_REQUIRED, "is required");
        http_add_header(exchange, "X-Number", "%d", 7);
        buffer_append_text(&exchange->request.body, "{}");
        exchange->state = malloc(1);
        exchange->release = release;
        http_problem(exchange, ERROR_STORE_BUSY, "detail");
        assert_string_equal(exchange->response.headers.data, "X-Number: 7\r\nRetry-After: 5\r\n");
        http_exchange_reset(exchange);
        assert_int_equal(exchange->response.status, 0);
        assert_int_equal(exchange->response.body.length, 0);
        assert_int_equal(exchange->response.headers.length, 0);
        assert_int_equal(exchange->request.body.length, 0);
        assert_null(exchange->state);
        assert_null(exchange->release);
    }
}

static void the_body_limit_is_the_setting(void **state)
{
    struct http_exchange *exchange = *state;
    for (int64_t i = 0; i < settings.max_body_bytes; i++)
        buffer_append_char(&exchange->request.body, 'x');
    assert_false(exchange->request.body.failed);
    buffer_append_char(&exchange->request.body, 'x');
    assert_true(exchange->request.body.failed);
}

static void problems_of_smsgate_say_everything_in_their_message(void **state)
{
    struct http_exchange *exchange = *state;
    exchange->is_smsgate = true;
    http_problem(exchange, ERROR_NOT_FOUND, "There is no \"%s\".", "x");
    assert_int_equal(exchange->response.status, 404);
    assert_string_equal(exchange->response.content_type, "application/json");
    assert_string_equal(exchange->response.body.data,
                        "{\"message\":\"Not found: There is no \\\"x\\\".\"}");
    http_exchange_reset(exchange);
    http_add_field_error(exchange, "/ttl", ERROR_OUT_OF_RANGE, "must be at least %d", 5);
    http_add_field_error(exchange, "", ERROR_WRONG_TYPE, "it is wrong");
    http_problem(exchange, ERROR_VALIDATION_FAILED, "See `errors`.");
    assert_int_equal(exchange->response.status, 400);
    assert_string_equal(exchange->response.body.data,
                        "{\"message\":\"Validation failed: ttl must be at least 5; it is wrong\"}");
}

static void reset_frees_a_very_long_answer(void **state)
{
    struct http_exchange *exchange = *state;
    http_begin_json(exchange, 200);
    for (int i = 0; i < 1 << 20; i++)
        buffer_append_text(&exchange->response.body, "0123456789");
    assert_false(exchange->response.body.failed);
    http_exchange_reset(exchange);
    assert_in_range(exchange->response.body.capacity, 0, 1 << 20);
    http_problem(exchange, ERROR_NOT_FOUND, "detail");
    json_free(parse_body(exchange));
}

#define HTTP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

UNIT_TESTS(HTTP_TEST(every_error_has_its_problem), HTTP_TEST(retryable_errors_have_retry_after),
           HTTP_TEST(a_store_error_says_that_nothing_was_changed),
           HTTP_TEST(a_problem_replaces_a_half_written_answer),
           HTTP_TEST(field_errors_name_a_member_or_a_parameter),
           HTTP_TEST(the_answer_is_json_for_any_number_of_field_errors),
           HTTP_TEST(long_details_are_cut_between_characters), HTTP_TEST(reset_clears_the_exchange),
           HTTP_TEST(problems_of_smsgate_say_everything_in_their_message),
           HTTP_TEST(the_body_limit_is_the_setting), HTTP_TEST(reset_frees_a_very_long_answer))
