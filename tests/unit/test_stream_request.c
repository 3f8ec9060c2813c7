/* Requests for the event stream: which are read, what is wrong with others, and which types of events a key may see. */
#include "common/access/api_key.h"
#include "tests/unit/unit.h"
#include "ws-broker/net/stream_access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UUID "01890a5d-ac96-774b-bcce-b302099a8057"

/* `query` with its "?", `headers` with their ends of line. `errors` is cut to its size. */
static enum error read_head(const char *query, const char *headers, struct stream_request *request,
                            char *errors, size_t size)
{
    char head[2048];
    struct buffer list;
    buffer_init(&list, 4096);
    snprintf(head, sizeof(head), "GET /api/events%s HTTP/1.1\r\nHost: gateway\r\n%s\r\n", query,
             headers);
    enum error error = stream_request_read(head, strlen(head), request, &list);
    snprintf(errors, size, "%s", list.length > 0 ? list.data : "");
    buffer_fini(&list);
    return error;
}

static void a_request_has_a_filter_and_a_place(void **state)
{
    struct stream_request request;
    char errors[256];
    (void)state;
    assert_int_equal(
        read_head("?types=message.sent,device.*&types=batch%2Efinished&message_id=" UUID
                  "&batch_id=" UUID "&device_id=pixel-7&queue=true&last_event_id=17",
                  "authorization: Bearer sgw_x\r\nX-Request-Id: 5b7e\r\n", &request, errors,
                  sizeof(errors)),
        ERROR_NONE);
    assert_int_equal(request.filter.types, EVENT_BIT(EVENT_MESSAGE_SENT) |
                                               event_types_named("device.*") |
                                               EVENT_BIT(EVENT_BATCH_FINISHED));
    assert_false(request.all_types);
    assert_int_equal(request.filter.message_id.bytes[0], 0x01);
    assert_int_equal(request.filter.batch_id.bytes[1], 0x89);
    assert_string_equal(request.filter.device_id, "pixel-7");
    assert_true(request.with_queue);
    assert_true(request.has_last_id);
    assert_int_equal(request.last_id, 17);
    assert_string_equal(request.token, "sgw_x");
    assert_string_equal(request.request_id, "5b7e");
}

static void without_a_query_it_is_everything_from_now_on(void **state)
{
    struct stream_request request;
    char errors[256];
    (void)state;
    assert_int_equal(read_head("", "Last-Event-ID:\r\n", &request, errors, sizeof(errors)),
                     ERROR_NONE);
    assert_int_equal(request.filter.types, 0);
    assert_false(request.has_last_id);
    assert_int_equal(read_head("?types=*", "", &request, errors, sizeof(errors)), ERROR_NONE);
    assert_true(request.all_types);
}

/* A browser that comes back repeats the address, with the id that its page had. */
static void the_header_counts_more_than_the_query(void **state)
{
    struct stream_request request;
    char errors[256];
    (void)state;
    assert_int_equal(
        read_head("?last_event_id=17", "Last-Event-ID: 40\r\n", &request, errors, sizeof(errors)),
        ERROR_NONE);
    assert_int_equal(request.last_id, 40);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *query, *headers, *parameter, *code;
    } cases[] = {
        {"?type=message.sent", "", "type", "unknown_field"},
        {"?Types=message.sent", "", "Types", "unknown_field"},
        {"?%00=1", "", "?", "unknown_field"},
        {"?types=", "", "types", "invalid_value"},
        {"?types=message", "", "types", "invalid_value"},
        {"?types=message.sent,", "", "types", "invalid_value"},
        {"?types=%zz", "", "types", "invalid_value"},
        {"?types=%ff", "", "types", "invalid_value"},
        {"?message_id=1", "", "message_id", "invalid_value"},
        {"?batch_id", "", "batch_id", "invalid_value"},
        {"?device_id=a/b", "", "device_id", "invalid_value"},
        {"?device_id=a&device_id=b", "", "device_id", "invalid_value"},
        {"?queue=yes", "", "queue", "invalid_value"},
        {"?last_event_id=-1", "", "last_event_id", "invalid_value"},
        {"?last_event_id=", "", "last_event_id", "invalid_value"},
        {"?last_event_id=1x", "", "last_event_id", "invalid_value"},
        {"?last_event_id=99999999999999999999", "", "last_event_id", "invalid_value"},
        {"", "Last-Event-ID: seven\r\n", "Last-Event-ID", "invalid_value"},
        {"?ticket=", "", "ticket", "invalid_value"},
        {"?ticket=sgt_1234567890123456789012345678901234567890123456789012345678901234", "",
         "ticket", "invalid_value"},
    };
    struct stream_request request;
    char errors[1024], expected[128];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        snprintf(expected, sizeof(expected), "{\"parameter\":\"%s\",\"code\":\"%s\",",
                 cases[i].parameter, cases[i].code);
        assert_int_equal(
            read_head(cases[i].query, cases[i].headers, &request, errors, sizeof(errors)),
            ERROR_VALIDATION_FAILED);
        errors[strlen(expected)] = '\0';
        assert_string_equal(errors, expected);
    }
}

static void anything_else_is_no_request(void **state)
{
    static const char *const wrong[] = {
        "GET /api/events HTTP/1.1\r\n",
        "GET /api/events HTTP/1.1\r\nHost: x\r\n",
        "GET /api/events HTTP/1.0\r\n\r\n",
        "GET /api/events HTTP/1.1\r\n\r\nmore",
        "GET /api/events HTTP/1.1\r\nno header\r\n\r\n",
        "GET /api/events x HTTP/1.1\r\n\r\n",
        "GET /api/events\nHTTP/1.1\r\n\r\n",
        "GET /api/eventsx HTTP/1.1\r\n\r\n",
        "POST /api/events HTTP/1.1\r\n\r\n",
        "",
    };
    struct stream_request request;
    struct buffer errors;
    (void)state;
    buffer_init(&errors, 4096);
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_int_equal(stream_request_read(wrong[i], strlen(wrong[i]), &request, &errors),
                         ERROR_MALFORMED_REQUEST);
    assert_int_equal(
        stream_request_read("GET /api/events HTTP/1.1\r\nA: \0\r\n\r\n", 34, &request, &errors),
        ERROR_MALFORMED_REQUEST);
    buffer_fini(&errors);
}

/* Types that were not asked for by name are left out; those that were are refused. */
static void a_key_sees_what_its_scopes_allow(void **state)
{
    const uint32_t devices = event_types_named("device.*"), messages = EVENT_MESSAGE_BITS;
    const struct {
        unsigned scopes;
        uint32_t asked;
        bool all;
        enum error error;
        uint32_t seen; /* of devices and messages */
    } cases[] = {
        {~0u, 0, false, ERROR_NONE, devices | messages},
        {API_SCOPE_READ, 0, false, ERROR_NONE, messages},
        {API_SCOPE_READ | API_SCOPE_DEVICES, 0, true, ERROR_NONE, devices | messages},
        {API_SCOPE_READ | API_SCOPE_DEVICES, devices, false, ERROR_NONE, devices},
        {API_SCOPE_DEVICES, devices, false, ERROR_SCOPE_MISSING, 0},
        {API_SCOPE_READ, devices, false, ERROR_SCOPE_MISSING, 0},
        {API_SCOPE_READ, devices | messages, true, ERROR_SCOPE_MISSING, 0},
        {API_SCOPE_SEND, 0, false, ERROR_SCOPE_MISSING, 0},
        {API_SCOPE_SEND | API_SCOPE_METRICS, 0, true, ERROR_SCOPE_MISSING, 0},
    };
    char missing[API_SCOPES_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct stream_request request = {.filter.types = cases[i].asked, .all_types = cases[i].all};
        assert_int_equal(stream_access_limit(&request, cases[i].scopes, missing), cases[i].error);
        if (cases[i].error == ERROR_NONE)
            assert_int_equal(request.filter.types & (devices | messages), cases[i].seen);
        else
            assert_string_equal(missing, cases[i].scopes & API_SCOPE_READ ? "devices" : "read");
    }
}

UNIT_TESTS(cmocka_unit_test(a_request_has_a_filter_and_a_place),
           cmocka_unit_test(without_a_query_it_is_everything_from_now_on),
           cmocka_unit_test(the_header_counts_more_than_the_query),
           cmocka_unit_test(what_is_wrong_is_named), cmocka_unit_test(anything_else_is_no_request),
           cmocka_unit_test(a_key_sees_what_its_scopes_allow))
