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

static void a_doorman_who_stands_still_is_noticed(void **state)
{
    char folder[] = "/tmp/test_doorman.XXXXXX", database[64], path[64], problem[STORE_PROBLEM_SIZE];
    struct host host = {.busy = PTHREAD_MUTEX_INITIALIZER};
    struct store *store;
    struct sockaddr_un address;
    (void)state;
    alarm(60);
    assert_non_null(mkdtemp(folder));
    snprintf(database, sizeof(database), "%s/store.db", folder);
    snprintf(path, sizeof(path), "%s/socket", folder);
    assert_int_equal(
        store_open(&(struct store_options){.path = database, .timeout_ms = 1000}, &store, problem),
        ERROR_NONE);
    int listen_fd = unix_socket_listen(path, 8);
    struct doorman *doorman = doorman_start(&(struct doorman_options){
        .listen_fd = listen_fd, .store = store, .wake = tell, .context = &host});
    assert_non_null(doorman);
    for (int i = 0; i < 3; i++)
        wait_alive(doorman);

    pthread_mutex_lock(&host.busy);
    int phone = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(unix_socket_address(path, &address));
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
    store_close(store);
    close(listen_fd);
    close(phone);
    char command[80];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

UNIT_TESTS(cmocka_unit_test(a_handshake_has_a_device_and_a_token),
           cmocka_unit_test(without_a_token_it_has_none),
           cmocka_unit_test(a_longer_token_is_one_that_is_wrong),
           cmocka_unit_test(anything_else_is_no_handshake),
           cmocka_unit_test(a_doorman_who_stands_still_is_noticed))
