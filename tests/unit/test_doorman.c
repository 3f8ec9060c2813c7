/* What the doorman reads from a handshake, and what he takes for none. */
#include "../../ws-broker/doorman.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define TOKEN "sgd_0123456789ab_0123456789012345678901234567890123456789012345678"

static bool reads(const char *head, struct doorman_request *request)
{
    return doorman_read(head, strlen(head), request);
}

static void a_handshake_has_a_device_and_a_token(void **state)
{
    struct doorman_request request;
    (void)state;
    assert_true(reads("GET /ws/device/pixel-7 HTTP/1.1\r\nHost: gateway\r\n"
                      "authorization: Bearer " TOKEN "\r\nX-Request-Id: 5b7e\r\n\r\n",
                      &request));
    assert_string_equal(request.device_id, "pixel-7");
    assert_string_equal(request.token, TOKEN);
    assert_string_equal(request.request_id, "5b7e");
}

static void without_a_token_it_has_none(void **state)
{
    struct doorman_request request;
    (void)state;
    assert_true(reads("GET /ws/device/a HTTP/1.1\r\n\r\n", &request));
    assert_string_equal(request.token, "");
    assert_true(reads("GET /ws/device/a HTTP/1.1\r\nAuthorization: Basic abc\r\n\r\n", &request));
    assert_string_equal(request.token, "");
}

static void a_longer_token_is_one_that_is_wrong(void **state)
{
    struct doorman_request request;
    (void)state;
    assert_true(
        reads("GET /ws/device/a HTTP/1.1\r\nAuthorization: Bearer " TOKEN "0\r\n\r\n", &request));
    assert_string_equal(request.token, "?");
}

static void anything_else_is_no_handshake(void **state)
{
    static const char *const wrong[] = {
        "",
        "\r\n",
        "\r\n\r\n",
        "GET /ws/device/a HTTP/1.1\r\n",
        "GET /ws/device/a HTTP/1.1\r\nHost: x\r\n",
        "GET /ws/device/a HTTP/1.1\n\n",
        "GET /ws/device/a HTTP/1.1\r\nHost: x\nUpgrade: y\r\n\r\n",
        "GET /ws/device/a HTTP/1.1\r\n\r\nmore",
        "GET /ws/device/a HTTP/1.0\r\n\r\n",
        "POST /ws/device/a HTTP/1.1\r\n\r\n",
        "GET  /ws/device/a HTTP/1.1\r\n\r\n",
        "GET /ws/device/ HTTP/1.1\r\n\r\n",
        "GET /ws/device/a/b HTTP/1.1\r\n\r\n",
        "GET /ws/device/a?b HTTP/1.1\r\n\r\n",
        "GET /ws/device/%61 HTTP/1.1\r\n\r\n",
        "GET http://x/ws/device/a HTTP/1.1\r\n\r\n",
        "GET /ws/device/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        " HTTP/1.1\r\n\r\n",
        "GET /ws/device/a HTTP/1.1\r\nAuthorization: Bearer x\r\nAuthorization: Bearer y\r\n\r\n",
    };
    struct doorman_request request;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_false(reads(wrong[i], &request));
    assert_false(doorman_read("GET /ws/device/a HTTP/1.1\r\nA: \0\r\n\r\n", 35, &request));
}

UNIT_TESTS(cmocka_unit_test(a_handshake_has_a_device_and_a_token),
           cmocka_unit_test(without_a_token_it_has_none),
           cmocka_unit_test(a_longer_token_is_one_that_is_wrong),
           cmocka_unit_test(anything_else_is_no_handshake))
