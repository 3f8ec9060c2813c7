#include "ws-broker/net/stream_clients.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "ws-broker/net/stream_access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TAIL_PAGE_EVENTS = 256,
    TAIL_BYTES = 1 << 20,
    MOST_PIECES = 16,
    SEND_BUFFER_BYTES = 32 << 10, /* the kernel's, for each stream; it counts it double */
    CAUGHT_UP_AT_ONCE = 16,       /* clients, before new events and others have their turn */
    PARTS = 20, /* of the clients: what came meanwhile is read before the next part gets it */
    SMALLEST_PART = 50,
    MOST_READS = 16, /* of bytes that no client has reason to send, before it is closed */
    CHECKED_KEYS = 64,
    FAILED_PAUSE_MS = 1000,
};

void stream_clients_init(struct stream_clients *clients, unsigned most, int epoll_fd,
                         struct store_reader *reader, struct metrics *metrics)
{
    *clients = (struct stream_clients){
        .most = most,
        .epoll_fd = epoll_fd,
        .reader = reader,
        .metrics = metrics,
    };
    clients->ring.previous = clients->ring.next = clients->turn = &clients->ring;
}

void stream_clients_fini(struct stream_clients *clients)
{
    stream_tail_restart(&clients->tail, 0);
}

/* ---- Who needs a page of its own ---- */

static void set_behind(struct stream_clients *clients, struct stream_client *client, bool is_behind)
{
    if (client->is_behind == is_behind)
        return;
    client->is_behind = is_behind;
    if (is_behind) {
        client->previous_behind = clients->last_behind;
        client->next_behind = NULL;
    }
    struct stream_client *previous = client->previous_behind, *next = client->next_behind;
    *(previous ? &previous->next_behind : &clients->first_behind) = is_behind ? client : next;
    *(next ? &next->previous_behind : &clients->last_behind) = is_behind ? client : previous;
}

/* ---- The end of a stream ---- */

/* Without a reason the client has gone. */
static void end_client(struct stream_clients *clients, struct stream_client *client,
                       enum error reason)
{
    struct stream_follower *follower = &client->follower;
    log_info("event stream closed", LOG_TEXT_IF_ANY("key", follower->key_id),
             LOG_NUMBER("seconds", (clock_monotonic_ms() - follower->opened_at_ms) / 1000),
             LOG_NUMBER("events", follower->events),
             LOG_TEXT("reason", reason == ERROR_NONE ? "client" : error_code(reason)),
             LOG_TEXT_IF_ANY("request_id", follower->request_id));
    set_behind(clients, client, false);
    if (clients->turn == client)
        clients->turn = client->next;
    client->previous->next = client->next;
    client->next->previous = client->previous;
    METRICS_SET(clients->metrics, event_streams, --clients->count);
    clients->waiting = MIN(clients->waiting, clients->count);
    close(client->fd);
    stream_follower_fini(follower);
    free(client);
    if (clients->count == 0) /* nobody follows: nothing is kept */
        stream_tail_restart(&clients->tail, clients->tail.last);
}

/* ---- Sending ---- */

/* With EPOLLOUT only for a socket that takes no more: otherwise each read of its peer would wake this thread. If it takes
   more meanwhile, EPOLL_CTL_MOD says so. */
static bool watch(const struct stream_clients *clients, struct stream_client *client, int operation)
{
    uint32_t room = client->awaits_room ? EPOLLOUT : 0;
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLRDHUP | EPOLLET | room,
        .data.ptr = client,
    };
    return epoll_ctl(clients->epoll_fd, operation, client->fd, &event) == 0;
}

static void await_room(const struct stream_clients *clients, struct stream_client *client,
                       bool awaits)
{
    if (client->awaits_room == awaits)
        return;
    client->awaits_room = awaits;
    (void)watch(clients, client,
                EPOLL_CTL_MOD); /* of a socket that is watched: it has the memory */
}

enum sending { SENDING_ALL, SENDING_BLOCKED, SENDING_BROKEN };

/* Sends what there is, until the socket takes no more. */
static enum sending send_pieces(struct stream_clients *clients, struct stream_client *client)
{
    struct iovec pieces[MOST_PIECES];
    struct stream_follower *follower = &client->follower;
    size_t count;
    while ((count = stream_follower_pieces(follower, &clients->tail, pieces, MOST_PIECES)) > 0) {
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
        int64_t events = follower->events;
        ssize_t sent = sendmsg(client->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return errno == EAGAIN ? SENDING_BLOCKED : SENDING_BROKEN;
        stream_follower_sent(follower, &clients->tail, (size_t)sent, clock_monotonic_ms());
        METRICS_ADD(clients->metrics, events_streamed_total, 0, follower->events - events);
    }
    return SENDING_ALL;
}

/* The client may be gone afterwards. */
static void send_on(struct stream_clients *clients, struct stream_client *client)
{
    struct stream_follower *follower = &client->follower;
    if (follower->is_blocked)
        return;
    switch (send_pieces(clients, client)) {
    case SENDING_ALL:
        set_behind(clients, client, stream_follower_is_behind(follower, &clients->tail));
        await_room(clients, client, false);
        break;
    case SENDING_BLOCKED:
        set_behind(clients, client, false);
        stream_follower_blocked(follower, clock_monotonic_ms());
        await_room(clients, client, true);
        break;
    case SENDING_BROKEN:
        end_client(clients, client, ERROR_NONE);
        break;
    }
}

/* Whether the client is still there; what it sends is dropped. */
static bool read_off(const struct stream_client *client)
{
    char bytes[1024];
    for (int i = 0; i < MOST_READS; i++) {
        ssize_t length = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (length <= 0)
            return length < 0 && errno == EAGAIN;
    }
    return false;
}

void stream_clients_on_event(struct stream_clients *clients, struct stream_client *client,
                             uint32_t events)
{
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) && !read_off(client)) {
        end_client(clients, client, ERROR_NONE);
    } else if (events & EPOLLOUT) {
        client->follower.is_blocked = false;
        send_on(clients, client);
    }
}

/* ---- The beginning of a stream ---- */

static enum error check_room(const struct stream_clients *clients, const char *key_id,
                             const char **detail)
{
    unsigned of_key = 0;
    *detail = "Close other streams, or raise STREAMS_AT_ONCE.";
    if (clients->count >= clients->most)
        return ERROR_TOO_MANY_STREAMS;
    for (struct stream_client *client = clients->ring.next; client != &clients->ring;
         client = client->next)
        of_key += *key_id && strcmp(client->follower.key_id, key_id) == 0;
    *detail = "One key may have a quarter of STREAMS_AT_ONCE; close other streams of this key.";
    return of_key >= (clients->most + 3) / 4 ? ERROR_TOO_MANY_STREAMS : ERROR_NONE;
}

static struct stream_client *add_client(struct stream_clients *clients, int fd)
{
    struct stream_client *client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    client->fd = fd;
    if (!watch(clients, client, EPOLL_CTL_ADD)) {
        free(client);
        return NULL;
    }
    int bytes = SEND_BUFFER_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    client->previous = clients->ring.previous;
    client->next = &clients->ring;
    client->previous->next = client->next->previous = client;
    METRICS_SET(clients->metrics, event_streams, ++clients->count);
    clients->waiting += clients->waiting > 0; /* it stands before one of them, or behind the last */
    return client;
}

enum error stream_clients_open(struct stream_clients *clients, int fd,
                               const struct stream_request *request, const char *key_id,
                               const char **detail)
{
    int64_t oldest, newest;
    enum error error = check_room(clients, key_id, detail);
    if (error != ERROR_NONE)
        return error;
    *detail = "Try again in a few seconds.";
    error = store_read_event_range(clients->reader, &oldest, &newest);
    if (error != ERROR_NONE)
        return error;
    if (clients->count == 0)
        stream_tail_restart(&clients->tail, newest);
    struct stream_client *client = add_client(clients, fd);
    if (!client)
        return ERROR_INTERNAL;
    struct stream_follower *follower = &client->follower;
    follower->filter = request->filter;
    follower->with_queue = request->with_queue;
    strcpy(follower->key_id, key_id);
    strcpy(follower->request_id, request->request_id);
    enum stream_begin begin = stream_follower_choose(request->has_last_id, request->last_id, oldest,
                                                     newest);
    log_info("event stream opened", LOG_TEXT_IF_ANY("key", key_id),
             LOG_TEXT("begin", stream_begin_name(begin)),
             LOG_NUMBER("after", begin == STREAM_RESUMED ? request->last_id : newest),
             LOG_TEXT_IF_ANY("request_id", request->request_id));
    stream_follower_begin(follower, begin, request->last_id, oldest, newest, clock_monotonic_ms());
    send_on(clients, client);
    return ERROR_NONE;
}

/* ---- Reading ---- */

/* Whether a read succeeded; logs the first failure of a row. */
static bool note_read(struct stream_clients *clients, enum error error)
{
    if (error != ERROR_NONE && clients->failed_ms == 0)
        log_warning("events cannot be read", LOG_TEXT("error", error_code(error)));
    clients->failed_ms = error == ERROR_NONE ? 0 : clock_monotonic_ms();
    return error == ERROR_NONE;
}

static bool must_pause(const struct stream_clients *clients)
{
    return clients->failed_ms && clock_monotonic_ms() - clients->failed_ms < FAILED_PAUSE_MS;
}

/* Renders the next page; NULL where it could not be read, or has nothing. *last: up to where it looked. */
static struct stream_page *read_page(struct stream_clients *clients,
                                     const struct store_event_query *query, int64_t *last,
                                     bool *more)
{
    struct store_event_page events = {0};
    struct stream_page *page = NULL;
    enum error error = store_list_events(clients->reader, query, &events);
    if (note_read(clients, error)) {
        *last = events.last;
        *more = events.more;
        page = stream_page_new(query->after, &events);
    }
    store_event_page_fini(&events);
    return page;
}

/* Keeps the tail within its bound: those who still read its first pages go on with pages of their own. */
static void trim_tail(struct stream_clients *clients)
{
    struct stream_tail *tail = &clients->tail;
    while (tail->size > TAIL_BYTES && tail->first != tail->last_page) {
        for (struct stream_client *client = clients->ring.next; client != &clients->ring;
             client = client->next)
            stream_follower_leave_page(&client->follower, tail->first);
        stream_page_free(stream_tail_take_first(tail));
    }
}

bool stream_clients_read_tail(struct stream_clients *clients)
{
    static const struct stream_filter all = {.types = EVENT_TYPES_ALL};
    bool more = false;
    int64_t last = clients->tail.last;
    if (clients->count == 0 || must_pause(clients))
        return false;
    struct store_event_query query = stream_filter_query(&all, last, TAIL_PAGE_EVENTS);
    struct stream_page *page = read_page(clients, &query, &last, &more);
    if (!page || last == clients->tail.last) {
        stream_page_free(page);
        return false;
    }
    stream_tail_append(&clients->tail, page);
    trim_tail(clients);
    clients->waiting = clients->count;
    return more;
}

/* If all were one part, the last of them would wait for the writes to all others, and then for the next read. */
bool stream_clients_pass_on(struct stream_clients *clients)
{
    unsigned most = MAX(clients->count / PARTS, (unsigned)SMALLEST_PART);
    for (unsigned i = 0; i < most && clients->waiting > 0; i++) {
        struct stream_client *client = clients->turn;
        if (client == &clients->ring)
            client = client->next;
        clients->turn = client->next;
        clients->waiting--;
        send_on(clients, client);
    }
    return clients->waiting > 0;
}

/* Reads what comes next for a client that is behind. False: a read failed. */
static bool catch_up(struct stream_clients *clients, struct stream_client *client)
{
    struct stream_follower *follower = &client->follower;
    int64_t oldest, newest, last;
    bool more;
    struct store_event_query query = stream_filter_query(&follower->filter, follower->passed_id,
                                                         STREAM_OWN_PAGE_EVENTS);
    struct stream_page *page = read_page(clients, &query, &last, &more);
    if (!page)
        return false;
    /* Only now: what was removed before the page was read is missing in it. */
    if (!note_read(clients, store_read_event_range(clients->reader, &oldest, &newest))) {
        stream_page_free(page);
        return false;
    }
    if (follower->passed_id < oldest - 1) {
        stream_page_free(page);
        stream_follower_reset(follower, oldest, newest);
    } else {
        stream_follower_take_page(follower, page);
    }
    send_on(clients, client);
    return true;
}

bool stream_clients_catch_up(struct stream_clients *clients)
{
    if (must_pause(clients))
        return false;
    for (int i = 0; i < CAUGHT_UP_AT_ONCE && clients->first_behind; i++) {
        struct stream_client *client = clients->first_behind;
        set_behind(clients, client, false);
        if (!catch_up(clients, client)) {
            set_behind(clients, client, true);
            return false;
        }
    }
    return clients->first_behind != NULL;
}

/* ---- Time ---- */

/* The keys that were looked up in this second: many streams share one. */
struct checked_keys {
    struct checked_key {
        char id[SECRET_ID_SIZE];
        enum error error;
    } keys[CHECKED_KEYS];
    size_t count;
};

/* ERROR_NONE also where the store does not answer. */
static enum error check_key(struct stream_clients *clients, struct checked_keys *checked,
                            const char *id)
{
    struct api_key key;
    const char *detail;
    for (size_t i = 0; i < checked->count; i++) {
        if (strcmp(checked->keys[i].id, id) == 0)
            return checked->keys[i].error;
    }
    enum error error = stream_access_check_key(clients->reader, id, &key, &detail);
    if (error != ERROR_NONE && error_http_status(error) != 401)
        error = ERROR_NONE;
    if (checked->count < CHECKED_KEYS) {
        struct checked_key *entry = &checked->keys[checked->count++];
        strcpy(entry->id, id);
        entry->error = error;
    }
    return error;
}

static void say_end(struct stream_clients *clients, struct stream_client *client, enum error reason)
{
    stream_follower_say_end(&client->follower, error_title(reason));
    if (!client->follower.is_blocked)
        (void)send_pieces(clients, client);
    end_client(clients, client, reason);
}

void stream_clients_tick(struct stream_clients *clients, bool queue_changed)
{
    struct checked_keys checked = {.count = 0};
    int64_t now_ms = clock_monotonic_ms();
    for (struct stream_client *client = clients->ring.next, *next; client != &clients->ring;
         client = next) {
        next = client->next;
        struct stream_follower *follower = &client->follower;
        if (queue_changed)
            stream_follower_queue_changed(follower);
        enum error error = *follower->key_id ? check_key(clients, &checked, follower->key_id)
                                             : ERROR_NONE;
        if (error != ERROR_NONE)
            say_end(clients, client, error);
        else if (!stream_follower_tick(follower, now_ms))
            end_client(clients, client, ERROR_NOT_READING);
        else if (follower->own.length > 0)
            send_on(clients, client);
    }
}

void stream_clients_end_all(struct stream_clients *clients, enum error reason)
{
    while (clients->ring.next != &clients->ring)
        say_end(clients, clients->ring.next, reason);
}
