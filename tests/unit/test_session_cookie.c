/* The cookie of the dashboard's session: read, told from those that other pages send, set; and its session. */
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/session_cookie.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/unit/unit.h"

#define TEXT "sgs_0123456789ab_the-rest"

static struct settings settings;
static struct api api = {.settings = &settings};

static int set_up(void **state)
{
    static struct http_exchange exchange;
    http_exchange_init(&exchange, &api);
    strcpy(settings.public_url, "http://localhost:8000");
    exchange.request.cookie = exchange.request.fetch_site = exchange.request.origin =
        exchange.request.https = "";
    exchange.request.from_dashboard = "dashboard";
    exchange.request.host = "localhost:8000";
    *state = &exchange;
    return 0;
}

static int tear_down(void **state)
{
    http_exchange_fini(*state);
    return 0;
}

static void one_cookie_of_the_name_is_read(void **state)
{
    static const struct {
        const char *cookie;
        bool found;
    } cases[] = {
        {"", false},
        {" ; ;;", false},
        {"sms_gateway_session=" TEXT, true},
        {"sms_gateway_session=" TEXT ";", true},
        {"a=b; sms_gateway_session=" TEXT "; c=d", true},
        {"a=b;sms_gateway_session=" TEXT ";c=d", true},
        {"a; sms_gateway_session=" TEXT, true},
        {"sms_gateway_session=" TEXT "; sms_gateway_session=" TEXT, false},
        {"sms_gateway_session=; sms_gateway_session=" TEXT, false},
        {"sms_gateway_session", false},
        {"xsms_gateway_session=" TEXT, false},
        {"sms_gateway_session2=" TEXT, false},
        {"SMS_GATEWAY_SESSION=" TEXT, false},
        {"a=sms_gateway_session=" TEXT, false},
        {"__Host-sms_gateway_session=" TEXT, false}, /* by plain HTTP anybody may have set it */
    };
    struct http_exchange *exchange = *state;
    char text[SECRET_TEXT_SIZE];
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        exchange->request.cookie = cases[i].cookie;
        if (session_cookie_read(exchange, text) != cases[i].found)
            fail_msg("%s", cases[i].cookie);
        if (cases[i].found)
            assert_string_equal(text, TEXT);
    }
}

static void by_tls_only_the_hosts_own_cookie_counts(void **state)
{
    struct http_exchange *exchange = *state;
    char text[SECRET_TEXT_SIZE];
    exchange->request.https = "on";
    exchange->request.cookie = "sms_gateway_session=" TEXT;
    assert_false(session_cookie_read(exchange, text));
    exchange->request.cookie = "sms_gateway_session=x; __Host-sms_gateway_session=" TEXT;
    assert_true(session_cookie_read(exchange, text));
    assert_string_equal(text, TEXT);
    exchange->request.https = ""; /* a proxy has ended it */
    strcpy(settings.public_url, "https://sms.example.org");
    assert_true(session_cookie_read(exchange, text));
}

static void a_value_that_is_too_long_is_cut_or_none(void **state)
{
    struct http_exchange *exchange = *state;
    char cookie[sizeof("sms_gateway_session=") + 2 * SECRET_TEXT_SIZE];
    for (size_t length = SECRET_TEXT_SIZE - 2; length < SECRET_TEXT_SIZE + 2; length++) {
        char text[SECRET_TEXT_SIZE + 4];
        memset(text, '#', sizeof(text));
        strcpy(cookie, "sms_gateway_session=");
        memset(cookie + strlen(cookie), 'x', length);
        cookie[strlen("sms_gateway_session=") + length] = '\0';
        exchange->request.cookie = cookie;
        assert_int_equal(session_cookie_read(exchange, text), length < SECRET_TEXT_SIZE);
        assert_memory_equal(text + SECRET_TEXT_SIZE, "####", 4);
    }
}

static void only_the_gateways_own_page_may_use_it(void **state)
{
    static const struct {
        const char *header, *fetch_site, *origin;
        bool own;
    } cases[] = {
        {"dashboard", "", "", true},
        {"", "", "", false},
        {"Dashboard", "", "", false},
        {"dashboard", "same-origin", "", true},
        {"", "same-origin", "", false},
        {"dashboard", "same-site", "", false},
        {"dashboard", "cross-site", "", false},
        {"dashboard", "none", "", false},
        {"dashboard", "", "http://localhost:8000", true},
        {"dashboard", "", "HTTP://LOCALHOST:8000", true},
        {"dashboard", "", "http://localhost:8001", false},
        {"dashboard", "", "http://evil.example", false},
        {"dashboard", "", "null", false},
        {"dashboard", "", "https://sms.example.org", true}, /* PUBLIC_URL, behind a proxy */
        {"dashboard", "", "https://sms.example.org.evil.example", false},
        {"dashboard", "cross-site", "http://localhost:8000", false},
    };
    struct http_exchange *exchange = *state;
    strcpy(settings.public_url, "https://sms.example.org");
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        exchange->request.from_dashboard = cases[i].header;
        exchange->request.fetch_site = cases[i].fetch_site;
        exchange->request.origin = cases[i].origin;
        if (session_cookie_is_own_page(exchange) != cases[i].own)
            fail_msg("%s, %s, %s", cases[i].header, cases[i].fetch_site, cases[i].origin);
    }
}

static void without_tls_it_stays_on_this_machine(void **state)
{
    static const struct {
        const char *host;
        bool is_private;
    } cases[] = {{"localhost", true},         {"localhost:8000", true},
                 {"LOCALHOST:8000", true},    {"127.0.0.1:8000", true},
                 {"[::1]:8000", true},        {"", false},
                 {"gateway.lan:8000", false}, {"localhost.evil.example", false},
                 {"127.0.0.10:8000", false}};
    struct http_exchange *exchange = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        exchange->request.host = cases[i].host;
        if (session_cookie_is_private(exchange) != cases[i].is_private)
            fail_msg("%s", cases[i].host);
    }
    exchange->request.https = "on";
    assert_true(session_cookie_is_private(exchange));
}

static void assert_header(struct http_exchange *exchange, const char *expected)
{
    struct buffer *headers = &exchange->response.headers;
    assert_int_equal(headers->length, strlen(expected));
    assert_memory_equal(headers->data, expected, headers->length);
    headers->length = 0;
}

static void it_is_set_for_the_host_alone_and_cleared(void **state)
{
    struct http_exchange *exchange = *state;
    session_cookie_set(exchange, "text", 7200999);
    assert_header(exchange, "Set-Cookie: sms_gateway_session=text; Path=/; Max-Age=7200; HttpOnly;"
                            " SameSite=Strict\r\n");
    session_cookie_clear(exchange);
    assert_header(exchange, "Set-Cookie: sms_gateway_session=; Path=/; Max-Age=0; HttpOnly;"
                            " SameSite=Strict\r\n");
    exchange->request.https = "on";
    session_cookie_set(exchange, "text", 1000);
    assert_header(exchange, "Set-Cookie: __Host-sms_gateway_session=text; Path=/; Max-Age=1;"
                            " HttpOnly; SameSite=Strict; Secure\r\n");
}

/* ---- The session ---- */

enum { HOUR_MS = 3600000 };

static int64_t two_hours_ago(void)
{
    return clock_wall_ms() - 2 * HOUR_MS;
}

static void make_session(struct store *store, enum api_key_kind kind, int64_t hours,
                         char text[SECRET_TEXT_SIZE])
{
    struct store_write write = {.verb = STORE_CREATE_KEY,
                                .create_key.valid_for_ms = hours * HOUR_MS};
    struct api_key *key = &write.create_key.key;
    assert_true(secret_make(SECRET_SESSION, text, key->id, key->hash));
    key->kind = kind;
    assert_int_equal(store_run(store, &write), ERROR_NONE);
}

static void only_an_active_session_is_found(void **state)
{
    struct store_options options = {.dsn = "memory:", .timeout_ms = 5000, .wall_ms = two_hours_ago};
    struct http_exchange *exchange = *state;
    struct store_write revoke = {.verb = STORE_REVOKE_KEY};
    char problem[STORE_ERROR_SIZE], text[SECRET_TEXT_SIZE];
    struct api_key session;
    const char *detail = NULL;
    log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    assert_int_equal(store_open(&options, &api.store, problem), ERROR_NONE);
    assert_int_equal(store_reader_open(api.store, &exchange->reader), ERROR_NONE);

    make_session(api.store, API_KEY_SESSION, 1, text);
    assert_int_equal(session_find(exchange, text, &session, &detail), ERROR_SESSION_INVALID);
    assert_non_null(strstr(detail, "sms-gateway dashboard"));
    make_session(api.store, API_KEY_LINK, 3, text);
    assert_int_equal(session_find(exchange, text, &session, &detail), ERROR_SESSION_INVALID);
    make_session(api.store, API_KEY_CLIENT, 3, text);
    assert_int_equal(session_find(exchange, text, &session, &detail), ERROR_SESSION_INVALID);
    make_session(api.store, API_KEY_SESSION, 3, text);
    assert_int_equal(session_find(exchange, text, &session, &detail), ERROR_NONE);
    char *last = &text[strlen(text) - 1], right = *last;
    *last = right == 'A' ? 'B' : 'A';
    assert_int_equal(session_find(exchange, text, &session, &detail), ERROR_SESSION_INVALID);
    *last = right;
    strcpy(revoke.revoke_key.id, session.id);
    assert_int_equal(store_run(api.store, &revoke), ERROR_NONE);
    assert_int_equal(session_find(exchange, text, &session, &detail), ERROR_SESSION_INVALID);

    store_reader_close(exchange->reader);
    store_close(api.store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

UNIT_TESTS(TEST(one_cookie_of_the_name_is_read), TEST(by_tls_only_the_hosts_own_cookie_counts),
           TEST(a_value_that_is_too_long_is_cut_or_none),
           TEST(only_the_gateways_own_page_may_use_it), TEST(without_tls_it_stays_on_this_machine),
           TEST(it_is_set_for_the_host_alone_and_cleared), TEST(only_an_active_session_is_found))
