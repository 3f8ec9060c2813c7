/* The HTTP client of the webhook sender against a server on this machine that answers what each test says. */
#include "api-fcgi/webhook/http_client.h"
#include "common/base/clock.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MOST_ANSWER = 65536 };

/* ---- The server: one connection at a time, one answer for each request ---- */

struct server {
    int fd, port;
    const char *answer; /* NULL: none, until the client leaves */
    bool keeps, endless;
    pthread_t thread;
    char request[4096];
    atomic_int connections, requests;
};

static bool read_request(struct server *server, int fd)
{
    size_t length = 0;
    const char *end;
    while (length < sizeof(server->request) - 1) {
        ssize_t more = read(fd, server->request + length, sizeof(server->request) - 1 - length);
        if (more <= 0)
            return false;
        length += (size_t)more;
        server->request[length] = '\0';
        end = strstr(server->request, "\r\n\r\n");
        if (end && strlen(end + 4) >= 2) /* the body is {} */
            return true;
    }
    return false;
}

static void answer(struct server *server, int fd)
{
    static char much[8192];
    char byte;
    size_t length = server->answer ? strlen(server->answer) : 0;
    atomic_fetch_add(&server->requests, 1);
    if (length > 0 && send(fd, server->answer, length, MSG_NOSIGNAL) < 0)
        return;
    while (server->endless && send(fd, much, sizeof(much), MSG_NOSIGNAL) > 0)
        ;
    while (!server->answer && read(fd, &byte, 1) > 0)
        ;
}

static void *serve(void *context)
{
    struct server *server = context;
    int fd;
    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        atomic_fetch_add(&server->connections, 1);
        while (read_request(server, fd)) {
            answer(server, fd);
            if (!server->keeps)
                break;
        }
        shutdown(fd, SHUT_WR);
        close(fd);
    }
    return NULL;
}

static void start_server(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->fd, 16), 0);
    getsockname(server->fd, (struct sockaddr *)&address, &length);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop_server(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
}

/* ---- The client ---- */

struct fixture {
    struct http_client *client;
    struct http_answer answer;
    unsigned ended, judged;
    bool refuses;
};

static bool judge(void *context, const struct sockaddr *address,
                  char problem[HTTP_CLIENT_PROBLEM_SIZE])
{
    struct fixture *fixture = context;
    assert_int_equal(address->sa_family, AF_INET);
    fixture->judged++;
    snprintf(problem, HTTP_CLIENT_PROBLEM_SIZE, "%s", fixture->refuses ? "it is refused" : "");
    return !fixture->refuses;
}

static void ended(void *context, void *owner, const struct http_answer *answer)
{
    struct fixture *fixture = context;
    assert_ptr_equal(owner, fixture);
    fixture->answer = *answer;
    fixture->ended++;
}

static void open_client(struct fixture *fixture, int64_t timeout_ms)
{
    *fixture = (struct fixture){0};
    fixture->client = http_client_new(&(struct http_client_options){
        .most_posts = 2,
        .connect_timeout_ms = timeout_ms,
        .timeout_ms = timeout_ms,
        .max_answer_bytes = MOST_ANSWER,
        .ca_file = "",
        .user_agent = "sms-gateway-test",
        .may_connect = judge,
        .ended = ended,
        .context = fixture,
    });
    assert_non_null(fixture->client);
}

static struct http_post post_to(struct fixture *fixture, const char *url)
{
    return (struct http_post){.url = url,
                              .headers = {"webhook-id: evt_1", NULL},
                              .body = "{}",
                              .body_length = 2,
                              .owner = fixture};
}

/* Posts, and waits for the answer. */
static const struct http_answer *post(struct fixture *fixture, int port)
{
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/hook?a=b", port);
    struct http_post values = post_to(fixture, url);
    unsigned before = fixture->ended;
    assert_true(http_client_post(fixture->client, &values));
    memset(url, 'x', sizeof(url)); /* it was copied */
    while (fixture->ended == before)
        http_client_run(fixture->client, -1, 60000);
    return &fixture->answer;
}

#define BLANK "\r\n\r\n"

static void what_a_receiver_may_answer(void **state)
{
    static const struct {
        const char *answer;
        bool endless;
        int status;
        int64_t retry_after_ms;
        const char *problem; /* a part of it */
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 0" BLANK, false, 200, 0, ""},
        {"HTTP/1.1 204 No Content" BLANK, false, 204, 0, ""},
        {"HTTP/1.1 103 Early Hints" BLANK "HTTP/1.1 202 A\r\nContent-Length: 0" BLANK, false, 202,
         0, ""},
        {"HTTP/1.1 500 No\r\nContent-Length: 2" BLANK "no", false, 500, 0, ""},
        {"HTTP/1.1 429 No\r\nRetry-After: 120\r\nContent-Length: 0" BLANK, false, 429, 120000, ""},
        {"HTTP/1.1 503 No\r\nRetry-After: 9999999999999\r\nContent-Length: 0" BLANK, false, 503,
         (int64_t)INT32_MAX * 1000, ""},
        {"HTTP/1.1 503 No\r\nRetry-After: soon\r\nContent-Length: 0" BLANK, false, 503, 0, ""},
        /* A redirect is an answer, and is not followed: no other connection is made. */
        {"HTTP/1.1 302 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0" BLANK, false,
         302, 0, ""},
        /* The headers count, however the body ends. */
        {"HTTP/1.1 200 OK" BLANK, true, 200, 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10" BLANK "short", false, 200, 0, ""},
        {"HTTP/1.1 500 No" BLANK, true, 500, 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-", false, 0, 0, ""},
        {"HTTP/1.1 100 Continue" BLANK, false, 0, 0, ""},
        {"SSH-2.0-OpenSSH_9.2\r\n", false, 0, 0, ""},
        {"", false, 0, 0, "Empty reply from server"},
        {"HTTP/1.1 200 OK\r\nX: ", true, 0, 0, ""}, /* an endless header */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct server server = {.answer = cases[i].answer, .endless = cases[i].endless};
        struct fixture fixture;
        start_server(&server);
        open_client(&fixture, 30000);
        const struct http_answer *answer = post(&fixture, server.port);
        if (answer->status != cases[i].status || !strstr(answer->problem, cases[i].problem) ||
            answer->retry_after_ms != cases[i].retry_after_ms ||
            (cases[i].status == 0 && !*answer->problem) || fixture.judged != 1)
            fail_msg("case %zu: status %d, %s", i, answer->status, answer->problem);
        http_client_free(fixture.client);
        stop_server(&server);
    }
}

static void a_request_is_what_the_receiver_expects(void **state)
{
    struct server server = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0" BLANK};
    struct fixture fixture;
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    start_server(&server);
    open_client(&fixture, 30000);
    assert_int_equal(post(&fixture, server.port)->status, 200);
    static const char *const lines[] = {"POST /hook?a=b HTTP/1.1\r\n", "webhook-id: evt_1\r\n",
                                        "Content-Type: application/json\r\n",
                                        "Content-Length: 2\r\n",
                                        "User-Agent: sms-gateway-test\r\n"};
    for (size_t i = 0; i < ARRAY_LENGTH(lines); i++)
        assert_non_null(strstr(server.request, lines[i]));
    assert_null(strstr(server.request, "Expect"));
    http_client_free(fixture.client);
    stop_server(&server);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void a_receiver_that_says_nothing_is_left(void **state)
{
    struct server server = {0};
    struct fixture fixture;
    (void)state;
    start_server(&server);
    open_client(&fixture, 50);
    const struct http_answer *answer = post(&fixture, server.port);
    assert_int_equal(answer->status, 0);
    assert_non_null(strstr(answer->problem, "timed out"));
    http_client_free(fixture.client);
    stop_server(&server);
}

/* A name may lead to another address each time. What counts is the address of each connection; a kept one was judged. */
static void every_new_connection_is_judged(void **state)
{
    struct server server = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0" BLANK, .keeps = true};
    struct fixture fixture;
    (void)state;
    start_server(&server);
    open_client(&fixture, 30000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(post(&fixture, server.port)->status, 200);
    assert_int_equal(fixture.judged, 1);
    assert_int_equal(server.connections, 1);
    server.keeps = false;
    assert_int_equal(post(&fixture, server.port)->status, 200);

    fixture.refuses = true;
    const struct http_answer *answer = post(&fixture, server.port);
    assert_int_equal(answer->status, 0);
    assert_string_equal(answer->problem, "it is refused");
    assert_int_equal(server.requests, 4);
    fixture.refuses = false;
    assert_int_equal(post(&fixture, server.port)->status, 200);
    http_client_free(fixture.client);
    stop_server(&server);
}

static void other_urls_lead_nowhere(void **state)
{
    static const char *const urls[] = {"file:///etc/passwd", "gopher://127.0.0.1/", "http://",
                                       "http://user@127.0.0.1/", "http://[::1"};
    struct fixture fixture;
    (void)state;
    open_client(&fixture, 30000);
    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        struct http_post values = post_to(&fixture, urls[i]);
        assert_true(http_client_post(fixture.client, &values));
        while (fixture.ended == i)
            http_client_run(fixture.client, -1, 60000);
        assert_int_equal(fixture.answer.status, 0);
    }
    assert_int_equal(fixture.judged, 0);
    http_client_free(fixture.client);
}

static void there_are_bounds_and_a_bell(void **state)
{
    struct server server = {0};
    struct fixture fixture;
    char url[64];
    (void)state;
    start_server(&server);
    open_client(&fixture, 60000);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server.port);
    struct http_post values = post_to(&fixture, url);
    assert_true(http_client_post(fixture.client, &values));
    assert_true(http_client_post(fixture.client, &values));
    assert_false(http_client_post(fixture.client, &values));
    http_client_wake(fixture.client);
    http_client_run(fixture.client, -1, 60000); /* returns */
    assert_int_equal(fixture.ended, 0);
    http_client_free(fixture.client); /* with posts that run */
    stop_server(&server);
}

UNIT_TESTS(cmocka_unit_test(what_a_receiver_may_answer),
           cmocka_unit_test(a_request_is_what_the_receiver_expects),
           cmocka_unit_test(a_receiver_that_says_nothing_is_left),
           cmocka_unit_test(every_new_connection_is_judged),
           cmocka_unit_test(other_urls_lead_nowhere), cmocka_unit_test(there_are_bounds_and_a_bell))
