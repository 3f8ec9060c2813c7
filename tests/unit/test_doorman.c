/* What the doorman reads from a handshake, and what he takes for none; and whether he is awake. */
#include "../../common/unix_socket.h"
#include "../../ws-broker/doorman.h"
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* ---- The thread ---- */

/* Whom the doorman tells of a connection; it returns when it is let go. */
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

static void wait_alive(struct doorman *doorman)
{
    while (!doorman_is_alive(doorman))
        usleep(1000);
}

/* A store and a listening socket in a folder of their own. */
struct place {
    char folder[64], path[96], database[96]; /* the store borrows its path */
    struct store *store;
    int listen_fd;
};

static void open_place(struct place *place)
{
    char problem[STORE_PROBLEM_SIZE];
    alarm(60);
    strcpy(place->folder, "/tmp/test_doorman.XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->database, sizeof(place->database), "%s/store.db", place->folder);
    snprintf(place->path, sizeof(place->path), "%s/socket", place->folder);
    struct store_options options = {.path = place->database, .timeout_ms = 5000};
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

static void a_doorman_who_stands_still_is_noticed(void **state)
{
    struct host host = {.busy = PTHREAD_MUTEX_INITIALIZER};
    struct place place;
    struct sockaddr_un address;
    (void)state;
    open_place(&place);
    struct doorman *doorman = doorman_start(&(struct doorman_options){
        .listen_fd = place.listen_fd, .store = place.store, .wake = tell, .context = &host});
    assert_non_null(doorman);
    for (int i = 0; i < 3; i++)
        wait_alive(doorman);

    pthread_mutex_lock(&host.busy);
    int phone = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(unix_socket_address(place.path, &address));
    assert_int_equal(connect(phone, (struct sockaddr *)&address, sizeof(address)), 0);
    while (atomic_load(&host.told) == 0)
        usleep(1000);
    (void)!doorman_is_alive(doorman); /* of before */
    usleep(20000);
    assert_false(doorman_is_alive(doorman));
    pthread_mutex_unlock(&host.busy);
    wait_alive(doorman);

    assert_true(doorman_is_alive(NULL));
    int admitted = doorman_take(doorman);
    assert_true(admitted >= 0);
    close(admitted);
    doorman_stop(doorman, false);
    close(phone);
    close_place(&place);
}

/* ---- Tokens ---- */

static void do_nothing(void *context)
{
    (void)context;
}

/* Whether the doorman lets a phone in with that token; otherwise the answer must begin with `refusal`. */
static bool is_admitted(struct doorman *doorman, const char *path, const char *device_id,
                        const char *token, const char *refusal)
{
    struct sockaddr_un address;
    char head[512], answer[16] = "";
    int admitted = -1, phone = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(unix_socket_address(path, &address));
    assert_int_equal(connect(phone, (struct sockaddr *)&address, sizeof(address)), 0);
    int length = snprintf(head, sizeof(head),
                          "GET /ws/device/%s HTTP/1.1\r\nAuthorization: Bearer %s\r\n\r\n",
                          device_id, token);
    assert_int_equal(send(phone, head, (size_t)length, 0), length);
    while ((admitted = doorman_take(doorman)) < 0 &&
           recv(phone, answer, strlen(refusal), MSG_DONTWAIT) <= 0)
        usleep(1000);
    close(phone);
    if (admitted >= 0)
        close(admitted);
    else
        assert_string_equal(answer, refusal);
    return admitted >= 0;
}

/* `wrong`: what is kept is wrong in that byte; -1: it is right. */
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
    struct place place;
    char text[SECRET_TEXT_SIZE], another[SECRET_TEXT_SIZE];
    (void)state;
    open_place(&place);
    struct doorman *doorman = doorman_start(&(struct doorman_options){.listen_fd = place.listen_fd,
                                                                      .tokens_required = true,
                                                                      .store = place.store,
                                                                      .wake = do_nothing});
    assert_non_null(doorman);
    for (int wrong = 0; wrong < SECRET_HASH_BYTES; wrong++) {
        make_token(place.store, "phone", wrong, text);
        assert_false(is_admitted(doorman, place.path, "phone", text, "HTTP/1.1 401"));
    }
    make_token(place.store, "phone", -1, text);
    for (int i = 0; i < 3; i++)
        assert_true(is_admitted(doorman, place.path, "phone", text, ""));
    assert_false(is_admitted(doorman, place.path, "other", text, "HTTP/1.1 403"));
    assert_false(is_admitted(doorman, place.path, "PHONE", text, "HTTP/1.1 403"));
    make_token(place.store, "phone", -1, another); /* the first one ends with that, at once */
    assert_false(is_admitted(doorman, place.path, "phone", text, "HTTP/1.1 401"));
    assert_true(is_admitted(doorman, place.path, "phone", another, ""));
    doorman_stop(doorman, false);
    close_place(&place);
}

UNIT_TESTS(cmocka_unit_test(a_handshake_has_a_device_and_a_token),
           cmocka_unit_test(without_a_token_it_has_none),
           cmocka_unit_test(a_longer_token_is_one_that_is_wrong),
           cmocka_unit_test(anything_else_is_no_handshake),
           cmocka_unit_test(a_doorman_who_stands_still_is_noticed),
           cmocka_unit_test(a_token_opens_only_with_all_of_its_hash_and_while_it_stands))
