/*
 * Requests to the API as nginx passes them on: FastCGI parameters, one NAME=value a line, an empty
 * line, and the body. They go through the real server, router, handlers and store, over a socket.
 *
 * Whatever comes, the answer is well-formed HTTP with JSON that parses, never a 500, and what was
 * answered 202 is found again.
 */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/readiness.h"
#include "api-fcgi/routes.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/fcgi_server.h"
#include "api-fcgi/server/slow_reads.h"
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/unix_socket.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_ID "0123456789abcdef0123456789abcdef" /* nginx makes it, not the client */

enum { BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

static struct settings settings;
static struct api api;
static struct fcgi_server *server;
static pthread_t server_thread;
static int connection = -1;
static char folder[200], socket_path[220], database_path[220];

/* ---- The gateway's API, in a folder of its own ---- */

static void *serve(void *unused)
{
    fcgi_server_run(server);
    return unused;
}

/* As in main.c; the phone is there before the server. */
static void completed(void *unused)
{
    (void)unused;
    if (server)
        fcgi_server_wake(server);
}

/* One phone, so that lists have something in them. */
static void add_phone(void)
{
    struct message_id broker = message_id_new();
    struct store_write lease = {.verb = STORE_BROKER_LEASE};
    strcpy(lease.lease.name, "broker");
    lease.lease.instance = broker;
    lease.lease.lease_ms = 24 * 3600 * 1000;
    CHECK(store_run(api.store, &lease) == ERROR_NONE);

    struct store_write connect = {.verb = STORE_DEVICE_CONNECT};
    strcpy(connect.connect.holder.device_id, "phone");
    connect.connect.info = DEVICE_INFO_UNKNOWN;
    connect.connect.info.extra = (char *)"{\"sim\":[1,null]}";
    connect.connect.broker = broker;
    CHECK(store_run(api.store, &connect) == ERROR_NONE);
}

static void stop(void)
{
    char command[256];
    close(connection);
    raise(SIGTERM);
    pthread_join(server_thread, NULL);
    slow_reads_stop(api.slow_reads);
    readiness_stop(api.readiness);
    store_close(api.store);
    readiness_free(api.readiness);
    fcgi_server_free(server);
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    CHECK(system(command) == 0);
}

static void connect_to_server(void)
{
    struct sockaddr_un address;
    CHECK(unix_socket_address(socket_path, &address));
    connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(connection, (const struct sockaddr *)&address, sizeof(address)) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    char problem[STORE_ERROR_SIZE];
    const char *temporary = getenv("TMPDIR");
    log_nothing();
    snprintf(folder, sizeof(folder), "%.150s/fcgi-XXXXXX", temporary ? temporary : "/tmp");
    CHECK(mkdtemp(folder));
    snprintf(socket_path, sizeof(socket_path), "%s/api.sock", folder);
    snprintf(database_path, sizeof(database_path), "%s/store.db", folder);
    CHECK(settings_load(&settings, "", false, problem));
    /* The threads of the server shall not see libFuzzer's timer: libfcgi takes an interruption for
       the end of a connection. */
    sigset_t timer;
    sigemptyset(&timer);
    sigaddset(&timer, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &timer, NULL);
    struct store_options options = {.dsn = database_path,
                                    .timeout_ms = settings.store_timeout_ms,
                                    .completed = completed,
                                    .metrics = &api.metrics};
    CHECK(store_open(&options, &api.store, problem) == ERROR_NONE);
    add_phone();
    api.settings = &settings;
    api.routes = &routes_table;
    metrics_start(&api.metrics);
    server = fcgi_server_start(&(struct fcgi_server_options){
        .socket_path = socket_path,
        .workers = 1,
        .io_timeout_s = settings.api_io_timeout_s,
        .drain_timeout_s = settings.drain_timeout_s,
        .api = &api,
        .state_size = sizeof(union handler_state),
    });
    api.readiness = readiness_start(api.store, settings.store_timeout_ms, completed, NULL);
    CHECK(api.readiness);
    api.slow_reads = slow_reads_start(&api, completed, NULL);
    CHECK(api.slow_reads);
    CHECK(server && pthread_create(&server_thread, NULL, serve, NULL) == 0);
    pthread_sigmask(SIG_UNBLOCK, &timer, NULL);
    connect_to_server();
    atexit(stop);
    return 0;
}

/* ---- A FastCGI client ---- */

static void add_record(struct buffer *out, int type, const void *content, size_t length)
{
    const unsigned char head[8] = {
        1, (unsigned char)type, 0, 1, (unsigned char)(length >> 8), (unsigned char)length, 0, 0};
    CHECK(length <= 0xffff);
    buffer_append(out, head, sizeof(head));
    buffer_append(out, content, length);
}

static void add_length(struct buffer *out, size_t length)
{
    for (int shift = 24; shift > 0 && length > 127; shift -= 8)
        buffer_append_char(out, (char)((shift == 24 ? 0x80 : 0) | length >> shift));
    buffer_append_char(out, (char)length);
}

static void add_parameter(struct buffer *out, const char *name, size_t name_length,
                          const char *value, size_t value_length)
{
    add_length(out, name_length);
    add_length(out, value_length);
    buffer_append(out, name, name_length);
    buffer_append(out, value, value_length);
}

/* The lines up to an empty one; returns what follows it. */
static const char *add_parameters(struct buffer *out, const char *text, const char *end)
{
    while (text < end && *text != '\n') {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((line_end ? line_end : end) - text);
        const char *equals = memchr(text, '=', length);
        if (equals)
            add_parameter(out, text, (size_t)(equals - text), equals + 1,
                          length - (size_t)(equals + 1 - text));
        text += MIN(length + 1, (size_t)(end - text));
    }
    return text < end ? text + 1 : end;
}

static void send_request(const char *text, size_t size)
{
    static const unsigned char responder_keeps_connection[8] = {0, 1, 1};
    char length[24];
    struct buffer request, parameters;
    buffer_init(&request, 1 << 20);
    buffer_init(&parameters, 0xffff);
    add_parameter(&parameters, "REQUEST_ID", 10, REQUEST_ID, strlen(REQUEST_ID));
    const char *body = add_parameters(&parameters, text, text + size);
    size_t body_length = (size_t)(text + size - body);
    /* The first one counts: an input may bring another length. */
    int digits = snprintf(length, sizeof(length), "%zu", body_length);
    add_parameter(&parameters, "CONTENT_LENGTH", 14, length, (size_t)digits);
    CHECK(!parameters.failed);

    add_record(&request, BEGIN_REQUEST, responder_keeps_connection, 8);
    add_record(&request, PARAMS, parameters.data, parameters.length);
    add_record(&request, PARAMS, "", 0);
    if (body_length > 0)
        add_record(&request, STDIN, body, body_length);
    add_record(&request, STDIN, "", 0);
    CHECK(send(connection, request.data, request.length, MSG_NOSIGNAL) == (ssize_t)request.length);
    buffer_fini(&parameters);
    buffer_fini(&request);
}

/* libFuzzer's timer interrupts. */
static void read_bytes(unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t got = recv(connection, bytes, length, 0);
        CHECK(got > 0 || (got < 0 && errno == EINTR));
        bytes += MAX(got, 0);
        length -= (size_t)MAX(got, 0);
    }
}

static void read_answer(struct buffer *answer)
{
    unsigned char head[8] = {0}, content[0xffff + 0xff];
    while (head[1] != END_REQUEST) {
        read_bytes(head, sizeof(head));
        size_t length = (size_t)head[4] << 8 | head[5];
        read_bytes(content, length + head[6]);
        CHECK(head[0] == 1 && (head[1] == STDOUT || head[1] == END_REQUEST));
        if (head[1] == STDOUT)
            buffer_append(answer, content, length);
    }
    CHECK(!answer->failed);
}

/* ---- What an answer must be ---- */

/* Copies a header's value; false when it is not there. */
static bool find_header(const char *answer, const char *name, char *value, size_t size)
{
    const char *line = strstr(answer, name);
    if (!line)
        return false;
    line += strlen(name);
    CHECK(strcspn(line, "\r") < size);
    snprintf(value, size, "%.*s", (int)strcspn(line, "\r"), line);
    return true;
}

/* Only headers of ours, each on a line of its own. */
static void check_headers(const char *head, const char *end)
{
    static const char *const names[] = {
        "Status: ",       "Content-Type: ",      "Content-Length: ",
        "X-Request-Id: ", "Cache-Control: ",     "Retry-After: ",
        "Allow: ",        "Location: /api/sms/", "Link: </api/sms",
    };
    while (head < end) {
        size_t i = 0, length = strcspn(head, "\r\n");
        while (i < ARRAY_LENGTH(names) && strncmp(head, names[i], strlen(names[i])) != 0)
            i++;
        CHECK(i < ARRAY_LENGTH(names) && head[length] == '\r' && head[length + 1] == '\n');
        head += length + 2;
    }
}

static void check_problem(const struct json *body, int status)
{
    int64_t number;
    CHECK(json_integer(json_member(body, "status"), &number) && number == status);
    CHECK(status >= 400 && json_text(json_member(body, "code")));
    CHECK(json_text(json_member(body, "detail")));
    CHECK(strcmp(json_text(json_member(body, "request_id")), REQUEST_ID) == 0);
}

/* Returns the status. */
static int check_answer(const struct buffer *answer)
{
    char type[64] = "", value[64] = "";
    struct json_problem problem;
    const char *body = strstr(answer->data, "\r\n\r\n");
    CHECK(body);
    check_headers(answer->data, body + 2);
    body += 4;
    size_t length = answer->length - (size_t)(body - answer->data);
    CHECK(find_header(answer->data, "Content-Length: ", value, sizeof(value)));
    CHECK(strtoul(value, NULL, 10) == length);
    CHECK(find_header(answer->data, "Status: ", value, sizeof(value)));
    int status = atoi(value);
    CHECK(status >= 200 && status != 500 && *http_reason(status));
    CHECK(find_header(answer->data, "Content-Type: ", type, sizeof(type)));
    CHECK((strcmp(type, "application/problem+json") == 0) == (status >= 400));
    if (strstr(type, "json")) {
        struct json *document = json_parse(body, length, &problem);
        CHECK(document && json_is_object(document));
        if (status >= 400)
            check_problem(document, status);
        json_free(document);
    }
    return status;
}

static void check_is_found(const char *path)
{
    char request[200];
    struct buffer answer;
    buffer_init(&answer, HTTP_MAX_RESPONSE_BYTES);
    int length = snprintf(request, sizeof(request), "REQUEST_METHOD=GET\nDOCUMENT_URI=%s\n", path);
    send_request(request, (size_t)length);
    read_answer(&answer);
    CHECK(check_answer(&answer) == 200);
    buffer_fini(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 60000)
        return -1;
    char path[80];
    struct buffer answer;
    buffer_init(&answer, HTTP_MAX_RESPONSE_BYTES);
    send_request((const char *)data, size);
    read_answer(&answer);
    int status = check_answer(&answer);
    if (status == 202) {
        CHECK(find_header(answer.data, "Location: ", path, sizeof(path)));
        check_is_found(path);
    }
    buffer_fini(&answer);
    return 0;
}
