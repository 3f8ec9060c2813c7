/* Handshakes: which are read, which are refused; the token check; and the liveness of the thread. */
#include "common/base/unix_socket.h"
#include "tests/unit/unit.h"
#include "ws-broker/net/handshake_auth.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOKEN "sgd_0123456789ab_0123456789012345678901234567890123456789012345678"

static bool reads(const char *head, struct ws_handshake *request)
{
    return ws_handshake_read(head, strlen(head), request);
}

static void a_handshake_has_a_device_and_a_token(void **state)
{
    struct ws_handshake request;
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
    struct ws_handshake request;
    (void)state;
    assert_true(reads("GET /ws/device/a HTTP/1.1\r\n\r\n", &request));
    assert_string_equal(request.token, "");
    assert_true(reads("GET /ws/device/a HTTP/1.1\r\nAuthorization: Basic abc\r\n\r\n", &request));
    assert_string_equal(request.token, "");
}

static void a_longer_token_is_one_that_is_wrong(void **state)
{
    struct ws_handshake request;
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
    struct ws_handshake request;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_false(reads(wrong[i], &request));
    assert_false(ws_handshake_read("GET /ws/device/a HTTP/1.1\r\nA: \0\r\n\r\n", 35, &request));
}

static void what_cannot_be_answered_is_told_why(void **state)
{
#define UPGRADE "Upgrade: WebSocket\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    static const struct {
        const char *headers;
        enum error error;
    } cases[] = {
        {UPGRADE VERSION KEY, ERROR_NONE},
        {UPGRADE VERSION KEY "Sec-WebSocket-Protocol: sms-gateway.v1\r\n", ERROR_NONE},
        {VERSION KEY, ERROR_UPGRADE_REQUIRED},
        {"Upgrade: h2c\r\n" VERSION KEY, ERROR_UPGRADE_REQUIRED},
        {"Upgrade: websocket, h2c\r\n" VERSION KEY, ERROR_UPGRADE_REQUIRED},
        {UPGRADE KEY, ERROR_UPGRADE_REQUIRED},
        {UPGRADE "Sec-WebSocket-Version: 8\r\n" KEY, ERROR_UPGRADE_REQUIRED},
        {UPGRADE "Sec-WebSocket-Version: 13, 8\r\n" KEY, ERROR_UPGRADE_REQUIRED},
        {UPGRADE VERSION, ERROR_MALFORMED_REQUEST},
        {UPGRADE VERSION "Sec-WebSocket-Key: short\r\n", ERROR_MALFORMED_REQUEST},
        {UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ===\r\n",
         ERROR_MALFORMED_REQUEST},
        {UPGRADE VERSION KEY "Sec-WebSocket-Protocol: another\r\n", ERROR_MALFORMED_REQUEST},
        {UPGRADE VERSION KEY "Sec-WebSocket-Protocol: sms-gateway.v1, another\r\n",
         ERROR_MALFORMED_REQUEST},
    };
    struct ws_handshake request;
    const char *detail;
    char head[512];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        snprintf(head, sizeof(head), "GET /ws/device/a HTTP/1.1\r\n%s\r\n", cases[i].headers);
        assert_true(reads(head, &request));
        assert_int_equal(ws_handshake_check(&request, &detail), cases[i].error);
        assert_int_equal(ws_handshake_protocol(&request) == &device_protocol_assured, i == 1);
    }
}

/* RFC 6455, 1.3: the example's key and its answer. */
static void a_handshake_is_answered_as_the_rfc_says(void **state)
{
    struct ws_handshake request;
    struct buffer out;
    (void)state;
    buffer_init(&out, 1024);
    assert_true(reads("GET /ws/device/a HTTP/1.1\r\n" UPGRADE VERSION KEY
                      "Sec-WebSocket-Protocol: sms-gateway.v1\r\n\r\n",
                      &request));
    ws_handshake_accept(&out, &request);
    assert_string_equal(out.data, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                                  "Sec-WebSocket-Protocol: sms-gateway.v1\r\n\r\n");
    buffer_fini(&out);
}

/* ---- The thread ---- */

/* The `wake` callback; it returns when the test lets it. */
struct host {
    pthread_mutex_t busy;
    atomic_int told;
};

static void tell(void *context)
{
    struct host *host = context;
    atomic_fetch_add(&host->told, 1);
    pthread_mutex_lock(&host->busy);
    pthread_mutex_unlock(&host->busy);
}

static void wait_alive(struct handshake_auth *auth)
{
    while (!handshake_auth_is_alive(auth))
        usleep(1000);
}

/* A store, and a listening socket in a folder of its own. */
struct place {
    char folder[64], path[96];
    struct store *store;
    int listen_fd;
    bool tokens_required;
};

static void open_place(struct place *place)
{
    char problem[STORE_ERROR_SIZE];
    alarm(60);
    strcpy(place->folder, "/tmp/test_handshake_auth.XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof(place->path), "%s/socket", place->folder);
    struct store_options options = {.dsn = "memory:", .timeout_ms = 5000};
    assert_int_equal(store_open(&options, &place->store, problem), ERROR_NONE);
    place->listen_fd = unix_socket_listen(place->path, 8);
    assert_true(place->listen_fd >= 0);
}

static void close_place(struct place *place)
{
    char command[80];
    store_close(place->store);
    close(place->listen_fd);
    snprintf(command, sizeof(command), "rm -r %s", place->folder);
    assert_int_equal(system(command), 0);
}

static void a_thread_that_hangs_is_noticed(void **state)
{
    struct host host = {.busy = PTHREAD_MUTEX_INITIALIZER};
    struct place place;
    struct sockaddr_un address;
    (void)state;
    open_place(&place);
    struct handshake_auth *auth = handshake_auth_start(&(struct handshake_auth_options){
        .listen_fd = place.listen_fd, .store = place.store, .wake = tell, .context = &host});
    assert_non_null(auth);
    for (int i = 0; i < 3; i++)
        wait_alive(auth);

    pthread_mutex_lock(&host.busy);
    int phone = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(unix_socket_address(place.path, &address));
    assert_int_equal(connect(phone, (struct sockaddr *)&address, sizeof(address)), 0);
    static const char head[] = "GET /ws/device/a HTTP/1.1\r\n" UPGRADE VERSION KEY "\r\n";
    assert_int_equal(send(phone, head, sizeof(head) - 1, 0), sizeof(head) - 1);
    while (atomic_load(&host.told) == 0)
        usleep(1000);
    (void)!handshake_auth_is_alive(auth); /* of before */
    usleep(20000);
    assert_false(handshake_auth_is_alive(auth));
    pthread_mutex_unlock(&host.busy);
    wait_alive(auth);

    assert_true(handshake_auth_is_alive(NULL));
    struct handshake_admission admission;
    assert_true(handshake_auth_take(auth, &admission));
    assert_int_equal(admission.head_length, sizeof(head) - 1);
    assert_string_equal(admission.handshake.device_id, "a");
    assert_string_equal(admission.token_id, "");
    close(admission.fd);
    assert_false(handshake_auth_take(auth, &admission));
    handshake_auth_stop(auth);
    close(phone);
    close_place(&place);
}

/* ---- Tokens ---- */

static void do_nothing(void *context)
{
    (void)context;
}

/* Whether a phone with that token is admitted; if not, the answer must begin with `refusal`. */
static bool is_admitted(struct handshake_auth *auth, const struct place *place,
                        const char *device_id, const char *token, const char *refusal)
{
    struct sockaddr_un address;
    char head[512], answer[16] = "";
    struct handshake_admission admission;
    bool admitted = false;
    int phone = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(unix_socket_address(place->path, &address));
    assert_int_equal(connect(phone, (struct sockaddr *)&address, sizeof(address)), 0);
    int length = snprintf(head, sizeof(head),
                          "GET /ws/device/%s HTTP/1.1\r\n" UPGRADE VERSION KEY
                          "Authorization: Bearer %s\r\n\r\n",
                          device_id, token);
    assert_int_equal(send(phone, head, (size_t)length, 0), length);
    while (!(admitted = handshake_auth_take(auth, &admission)) &&
           recv(phone, answer, strlen(refusal), MSG_DONTWAIT) <= 0)
        usleep(1000);
    close(phone);
    if (admitted) {
        if (place->tokens_required)
            assert_memory_equal(admission.token_id, token + 4, SECRET_ID_SIZE - 1);
        else
            assert_string_equal(admission.token_id, "");
        assert_string_equal(admission.handshake.token, ""); /* the token is not passed on */
        close(admission.fd);
    } else {
        assert_string_equal(answer, refusal);
    }
    return admitted;
}

/* `wrong`: the index of a wrong byte in the stored hash; -1: none. */
static void make_token(struct store *store, const char *device_id, int wrong,
                       char text[SECRET_TEXT_SIZE])
{
    struct store_write write = {.verb = STORE_CREATE_TOKEN};
    struct device_token *token = &write.create_token.token;
    strcpy(token->device_id, device_id);
    assert_true(secret_make(SECRET_DEVICE_TOKEN, text, token->id, token->hash));
    if (wrong >= 0)
        token->hash[wrong] ^= 1;
    assert_int_equal(store_run(store, &write), ERROR_NONE);
}

static void a_token_opens_only_with_all_of_its_hash_and_while_it_stands(void **state)
{
    struct place place = {.tokens_required = true};
    char text[SECRET_TEXT_SIZE], another[SECRET_TEXT_SIZE];
    (void)state;
    open_place(&place);
    struct handshake_auth *auth = handshake_auth_start(
        &(struct handshake_auth_options){.listen_fd = place.listen_fd,
                                         .tokens_required = true,
                                         .store = place.store,
                                         .wake = do_nothing});
    assert_non_null(auth);
    for (int wrong = 0; wrong < SECRET_HASH_BYTES; wrong++) {
        make_token(place.store, "phone", wrong, text);
        assert_false(is_admitted(auth, &place, "phone", text, "HTTP/1.1 401"));
    }
    make_token(place.store, "phone", -1, text);
    for (int i = 0; i < 3; i++)
        assert_true(is_admitted(auth, &place, "phone", text, ""));
    assert_false(is_admitted(auth, &place, "other", text, "HTTP/1.1 403"));
    assert_false(is_admitted(auth, &place, "PHONE", text, "HTTP/1.1 403"));
    make_token(place.store, "phone", -1, another); /* which revokes the first one at once */
    assert_false(is_admitted(auth, &place, "phone", text, "HTTP/1.1 401"));
    assert_true(is_admitted(auth, &place, "phone", another, ""));
    handshake_auth_stop(auth);
    close_place(&place);
}

static void where_none_is_needed_only_a_revoked_one_is_refused(void **state)
{
    struct place place = {.tokens_required = false};
    char text[SECRET_TEXT_SIZE], another[SECRET_TEXT_SIZE], unknown[SECRET_TEXT_SIZE];
    (void)state;
    open_place(&place);
    struct handshake_auth *auth = handshake_auth_start(&(struct handshake_auth_options){
        .listen_fd = place.listen_fd, .store = place.store, .wake = do_nothing});
    assert_non_null(auth);
    make_token(place.store, "stranger", 0, unknown);
    make_token(place.store, "phone", -1, text);
    const char *const open[] = {"", "nonsense", unknown, text};
    for (size_t i = 0; i < ARRAY_LENGTH(open); i++)
        assert_true(is_admitted(auth, &place, "phone", open[i], ""));
    assert_true(is_admitted(auth, &place, "other", text, ""));
    make_token(place.store, "phone", -1, another); /* which revokes the first one */
    assert_false(is_admitted(auth, &place, "phone", text, "HTTP/1.1 401"));
    assert_true(is_admitted(auth, &place, "phone", another, ""));
    handshake_auth_stop(auth);
    close_place(&place);
}

UNIT_TESTS(cmocka_unit_test(a_handshake_has_a_device_and_a_token),
           cmocka_unit_test(without_a_token_it_has_none),
           cmocka_unit_test(a_longer_token_is_one_that_is_wrong),
           cmocka_unit_test(anything_else_is_no_handshake),
           cmocka_unit_test(what_cannot_be_answered_is_told_why),
           cmocka_unit_test(a_handshake_is_answered_as_the_rfc_says),
           cmocka_unit_test(a_thread_that_hangs_is_noticed),
           cmocka_unit_test(a_token_opens_only_with_all_of_its_hash_and_while_it_stands),
           cmocka_unit_test(where_none_is_needed_only_a_revoked_one_is_refused))
