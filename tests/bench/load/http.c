#include "tests/bench/load/http.h"

#include "tests/bench/load/loop.h"
#include "tests/bench/load/messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    HEAD_BYTES = 4096,
    BODY_BYTES = 65536,
    REQUEST_BYTES = 1024, /* without the messages of a batch */
    MESSAGE_BYTES = 160,  /* of a batch, at most */
};

struct client {
    struct peer peer;
    bool busy;
    uint32_t message; /* which it posts; the first of a batch */
    char *request;
    size_t request_size, request_length, sent; /* of it */
    int64_t due_ns;
    size_t body_left; /* of the answer, once its head is read */
    int status;
    size_t head_length; /* of what was read of the head */
    char head[HEAD_BYTES];
    struct client *next_free;
};

struct http_results http_results;
static struct http_load load;
static char authorization[128]; /* the header, or "" */
static struct client *clients;
static struct client *first_free;
static int64_t started_ns;
static bool finishing;
static int busy_count;

/* ---- Requests ---- */

/* xorshift: which of the paths, or a key. */
static uint64_t random_state = 88172645463325252ull;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* The header with a version 4 UUID, as most clients send it; or "". */
static void write_key(char *header, size_t size)
{
    *header = '\0';
    if (!load.idempotency_keys)
        return;
    uint64_t high = next_random(), low = next_random();
    snprintf(header, size, "Idempotency-Key: %08x-%04x-4%03x-a%03x-%012llx\r\n",
             (uint32_t)(high >> 32), (uint32_t)(high >> 16) & 0xffffu, (uint32_t)high & 0xfffu,
             (uint32_t)(low >> 52), (unsigned long long)low & 0xffffffffffffull);
}

/* Another recipient each time, in no order. */
static int write_message(char *out, size_t size, uint32_t message)
{
    char text[MESSAGE_TEXT_LENGTH + 1];
    message_write(message, text);
    return snprintf(out, size, "{\"phone_number\": \"+49151%08u\", \"message\": \"%s\"}",
                    (uint32_t)(message * 2654435761u) % 100000000u, text);
}

static size_t write_body(struct client *client, char *body, size_t size)
{
    client->message = message_new(client->due_ns);
    if (load.batch == 0)
        return (size_t)write_message(body, size, client->message);
    size_t length = (size_t)snprintf(body, size, "{\"messages\": [");
    for (int i = 0; i < load.batch; i++) {
        uint32_t message = i == 0 ? client->message : message_new(client->due_ns);
        if (i > 0)
            body[length++] = ',';
        length += (size_t)write_message(body + length, size - length, message);
    }
    return length + (size_t)snprintf(body + length, size - length, "]}");
}

static size_t write_post(struct client *client)
{
    char key[64];
    char *body = client->request +
                 REQUEST_BYTES; /* the head is put before it, once its length is known */
    write_key(key, sizeof(key));
    size_t body_length = write_body(client, body, client->request_size - REQUEST_BYTES);
    size_t length = (size_t)snprintf(
        client->request, REQUEST_BYTES,
        "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s%s"
        "Content-Length: %zu\r\n\r\n",
        load.post_path, authorization, key, body_length);
    memmove(client->request + length, body, body_length);
    return length + body_length;
}

static size_t write_get(struct client *client)
{
    return (size_t)snprintf(client->request, REQUEST_BYTES,
                            "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
                            load.gets[next_random() % load.get_count], authorization);
}

/* A kilobyte always fits into the empty buffer of a socket, a batch does not. */
static void send_rest(struct client *client)
{
    bool was_whole = client->sent == 0;
    ssize_t length = send(client->peer.fd, client->request + client->sent,
                          client->request_length - client->sent, MSG_NOSIGNAL);
    if (length < 0 && errno != EAGAIN)
        fail("a request was not sent: %s", strerror(errno));
    client->sent += length > 0 ? (size_t)length : 0;
    bool whole = client->sent == client->request_length;
    if (!was_whole || !whole)
        loop_want_output(&client->peer, !whole);
}

static void send_request(struct client *client, int64_t due_ns)
{
    client->busy = true;
    client->due_ns = due_ns;
    busy_count++;
    http_results.sent++;
    client->sent = 0;
    client->request_length = load.post_path ? write_post(client) : write_get(client);
    send_rest(client);
}

static bool may_send(void)
{
    return !finishing && (load.most == 0 || http_results.sent < load.most);
}

/* ---- Answers ---- */

static void connect_client(struct client *client);

static void answered(struct client *client)
{
    int64_t now = now_ns();
    client->busy = false;
    client->head_length = 0;
    busy_count--;
    if (client->status >= 200 && client->status < 300) {
        http_results.answered++;
        if (http_results.measuring)
            histogram_add(&http_results.latency, now - client->due_ns);
        for (int i = 0; load.post_path && i < MAX(load.batch, 1); i++)
            message_answered(client->message + (uint32_t)i, now);
    } else {
        http_results.refused[client->status % 600]++;
    }
    if (load.rate == 0 && may_send()) {
        send_request(client, now);
    } else {
        client->next_free = first_free;
        first_free = client;
    }
}

/* Reads the head when it is whole: the status, and how much of the body is still to come. */
static bool read_head(struct client *client)
{
    client->head[client->head_length] = '\0';
    const char *end = strstr(client->head, "\r\n\r\n");
    if (!end)
        return false;
    const char *length = strcasestr(client->head, "\r\nContent-Length:");
    if (!length || length > end || strncmp(client->head, "HTTP/1.1 ", 9) != 0)
        fail("not an answer with a length: %.200s", client->head);
    client->status = atoi(client->head + 9);
    size_t body = strtoul(length + 17, NULL, 10);
    size_t there = client->head_length - (size_t)(end + 4 - client->head);
    client->body_left = body - MIN(body, there);
    return true;
}

static void broken(struct client *client)
{
    http_results.broken += client->busy;
    busy_count -= client->busy;
    loop_forget(&client->peer);
    connect_client(client);
    if (client->busy && load.rate == 0 && may_send()) {
        send_request(client, now_ns());
    } else if (client->busy) {
        client->busy = false;
        client->next_free = first_free;
        first_free = client;
    }
}

static void client_ready(struct peer *peer, uint32_t events)
{
    static char body[BODY_BYTES];
    struct client *client = CONTAINER_OF(peer, struct client, peer);
    if (events & EPOLLOUT && client->sent < client->request_length)
        send_rest(client);
    if (!(events & ~(uint32_t)EPOLLOUT))
        return;
    bool in_body = client->head_length > 0 && client->body_left > 0;
    ssize_t length = in_body ? recv(peer->fd, body, MIN(client->body_left, sizeof(body)), 0)
                             : recv(peer->fd, client->head + client->head_length,
                                    HEAD_BYTES - 1 - client->head_length, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) {
        broken(client);
        return;
    }
    if (in_body) {
        client->body_left -= (size_t)length;
    } else {
        client->head_length += (size_t)length;
        if (!read_head(client))
            return;
    }
    if (client->body_left == 0)
        answered(client);
}

/* ---- */

static void connect_client(struct client *client)
{
    client->head_length = 0;
    client->peer = (struct peer){.fd = loop_connect(load.port, true), .ready = client_ready};
    loop_watch(&client->peer);
}

void http_start(const struct http_load *wanted)
{
    load = *wanted;
    if (load.key)
        snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s\r\n", load.key);
    clients = calloc((size_t)load.connections, sizeof(*clients));
    if (!clients)
        fail("no memory");
    for (int i = 0; i < load.connections; i++) {
        clients[i].request_size = 2 * REQUEST_BYTES + (size_t)load.batch * MESSAGE_BYTES;
        clients[i].request = malloc(clients[i].request_size);
        if (!clients[i].request)
            fail("no memory");
        connect_client(&clients[i]);
        clients[i].next_free = first_free;
        first_free = &clients[i];
    }
    started_ns = now_ns();
    if (load.idempotency_keys)
        random_state += (uint64_t)started_ns; /* no keys of another run */
}

int64_t http_due(int64_t now)
{
    static uint64_t scheduled;
    int64_t due_ns = now;
    while (first_free && load.connections > 0 && may_send()) {
        if (load.rate > 0) {
            due_ns = started_ns + (int64_t)((double)scheduled * 1e9 / load.rate);
            if (due_ns > now)
                return due_ns;
            scheduled++;
        }
        struct client *client = first_free;
        first_free = client->next_free;
        send_request(client, due_ns);
    }
    return INT64_MAX;
}

bool http_finish(void)
{
    finishing = true;
    return busy_count == 0;
}
