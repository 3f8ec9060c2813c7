#include "ws-broker/net/handshake_auth.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/process/listen_fds.h"
#include "ws-broker/net/ws_refusal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FULL_PAUSE_MS = 200,
    HEAD_TIMEOUT_MS = 10000,
    MAX_HEAD_BYTES = DOORMAN_HEAD_BYTES,
    EVENTS_AT_ONCE = 64,
};

#define KEPT_NAME "visitor" /* by which the next image finds a connection */

/* A connection whose handshake is still to come. */
struct visitor {
    int fd;
    int64_t until_ms; /* monotonic; it is closed then */
    struct visitor *previous, *next;
};

struct doorman {
    struct doorman_options options;
    struct store_reader *reader;
    int wake_fd; /* each write has it look around */
    atomic_bool turned, stopping;
    int epoll_fd;
    struct visitor visitors; /* a ring, by their times; this one is none */
    int64_t accept_at_ms;    /* not before: there were no files */
    pthread_t thread;

    pthread_mutex_t lock;
    struct doorman_admission *admitted; /* under lock, with the next two: a queue */
    size_t admitted_first, admitted_count, admitted_capacity;
};

/* ---- Judging it ---- */

static enum error check_token(struct doorman *doorman, const struct ws_handshake *request,
                              char id[SECRET_ID_SIZE], const char **detail)
{
    struct device_token token = {0};
    bool found = false;
    *detail = "Send the header Authorization: Bearer and the token that pairing gave this phone.";
    if (!*request->token)
        return ERROR_DEVICE_TOKEN_REQUIRED;
    *detail =
        "A token begins with sgd_ and has 66 letters and digits; this is none, or not all of one.";
    if (!secret_parse(SECRET_DEVICE_TOKEN, request->token, id))
        return ERROR_DEVICE_TOKEN_INVALID;
    enum error error = store_find_token(doorman->reader, id, &token, &found);
    *detail = "Try again in a few seconds.";
    if (error != ERROR_NONE)
        return error;
    bool fits = secret_fits(token.hash, request->token); /* also for an id that nobody has */
    *detail = "This gateway has no such token; pair the phone.";
    if (!found || !fits)
        return ERROR_DEVICE_TOKEN_INVALID;
    *detail = "The token is for another device id than the address names.";
    if (strcmp(token.device_id, request->device_id) != 0)
        error = ERROR_DEVICE_TOKEN_WRONG_DEVICE;
    else if (token.end != DEVICE_TOKEN_STANDS)
        error = ERROR_DEVICE_TOKEN_INVALID;
    if (error == ERROR_DEVICE_TOKEN_INVALID)
        *detail = "The token was ended; pair the phone anew.";
    if (error != ERROR_NONE)
        log_warning("a phone was refused", LOG_TEXT("device_id", request->device_id),
                    LOG_TEXT("token", token.id), LOG_TEXT("reason", error_code(error)),
                    LOG_TEXT("state", device_token_end_name(token.end)));
    return error;
}

void doorman_refuse(int fd, enum error error, const char *detail, const char *request_id)
{
    char rest[MAX_HEAD_BYTES];
    struct buffer answer;
    buffer_init(&answer, 4096);
    ws_refusal_write(&answer, error, detail, request_id);
    /* What is not read when a socket is closed takes the answer with it. */
    while (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
        ;
    if (!answer.failed && send(fd, answer.data, answer.length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug("a refused phone does not hear why", LOG_ERRNO);
    buffer_fini(&answer);
    close(fd);
}

static void admit(struct doorman *doorman, const struct doorman_admission *admission)
{
    pthread_mutex_lock(&doorman->lock);
    size_t end = doorman->admitted_first + doorman->admitted_count;
    if (end == doorman->admitted_capacity) {
        size_t capacity = MAX(64, 2 * doorman->admitted_capacity);
        struct doorman_admission *more = reallocarray(doorman->admitted, capacity, sizeof(*more));
        if (more) {
            doorman->admitted = more;
            doorman->admitted_capacity = capacity;
        }
    }
    bool there = end < doorman->admitted_capacity;
    if (there) {
        doorman->admitted[end] = *admission;
        doorman->admitted_count++;
    }
    pthread_mutex_unlock(&doorman->lock);
    if (there)
        doorman->options.wake(doorman->options.context);
    else
        close(admission->fd);
}

bool doorman_take(struct doorman *doorman, struct doorman_admission *admission)
{
    pthread_mutex_lock(&doorman->lock);
    bool there = doorman->admitted_count > 0;
    if (there) {
        *admission = doorman->admitted[doorman->admitted_first++];
        if (--doorman->admitted_count == 0)
            doorman->admitted_first = 0;
    }
    pthread_mutex_unlock(&doorman->lock);
    return there;
}

/* Admits a connection or refuses it. */
static void judge(struct doorman *doorman, int fd, const char *head, size_t length)
{
    struct doorman_admission admission = {.fd = fd, .head_length = length};
    struct ws_handshake *handshake = &admission.handshake;
    const char *detail = "A phone connects to /ws/device/ and its device id: 1 to 64 letters, "
                         "digits, _ and -.";
    enum error error = ws_handshake_read(head, length, handshake)
                           ? ws_handshake_check(handshake, &detail)
                           : ERROR_NOT_FOUND;
    if (error == ERROR_NONE && doorman->options.tokens_required)
        error = check_token(doorman, handshake, admission.token_id, &detail);
    explicit_bzero(handshake->token, sizeof(handshake->token));
    if (error == ERROR_NONE)
        admit(doorman, &admission);
    else
        doorman_refuse(fd, error, detail, handshake->request_id);
}

/* ---- Visitors ---- */

static void add_visitor(struct doorman *doorman, int fd)
{
    struct visitor *visitor = calloc(1, sizeof(*visitor)), *ring = &doorman->visitors;
    /* On edges alone: what is looked at stays in the socket. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = visitor};
    if (!visitor || epoll_ctl(doorman->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        free(visitor);
        close(fd);
        return;
    }
    *visitor = (struct visitor){
        .fd = fd,
        .until_ms = clock_monotonic_ms() + HEAD_TIMEOUT_MS,
        .previous = ring->previous,
        .next = ring,
    };
    ring->previous->next = visitor;
    ring->previous = visitor;
}

/* Its socket is the caller's. */
static int take_visitor(struct doorman *doorman, struct visitor *visitor)
{
    int fd = visitor->fd;
    epoll_ctl(doorman->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    visitor->previous->next = visitor->next;
    visitor->next->previous = visitor->previous;
    free(visitor);
    return fd;
}

static void on_visitor(struct doorman *doorman, struct visitor *visitor)
{
    char head[MAX_HEAD_BYTES];
    ssize_t length = recv(visitor->fd, head, sizeof(head), MSG_PEEK | MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) {
        close(take_visitor(doorman, visitor));
        return;
    }
    const char *end = memmem(head, (size_t)length, "\r\n\r\n", 4);
    if (end)
        judge(doorman, take_visitor(doorman, visitor), head, (size_t)(end + 4 - head));
    else if (length == sizeof(head))
        doorman_refuse(take_visitor(doorman, visitor), ERROR_HEADERS_TOO_LARGE,
                       "A handshake may have 4 KiB.", "");
}

/* Accepts what there is. When there are no files left it waits for some, and so do the phones. */
static void accept_all(struct doorman *doorman)
{
    int fd;
    while ((fd = accept4(doorman->options.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >=
           0)
        add_visitor(doorman, fd);
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log_warning("no files are left for phones; they wait", LOG_ERRNO);
        doorman->accept_at_ms = clock_monotonic_ms() + FULL_PAUSE_MS;
    }
}

/* ---- The thread ---- */

/* Closes visitors whose time is over, and accepts again after a pause; when the next of that is due. */
static int do_what_is_due(struct doorman *doorman)
{
    int64_t now_ms = clock_monotonic_ms(), next_ms = INT64_MAX;
    struct visitor *ring = &doorman->visitors;
    if (doorman->accept_at_ms && now_ms >= doorman->accept_at_ms) {
        doorman->accept_at_ms = 0;
        accept_all(doorman);
    }
    struct visitor *visitor = ring->next;
    for (struct visitor *next; visitor != ring && visitor->until_ms <= now_ms; visitor = next) {
        next = visitor->next;
        close(take_visitor(doorman, visitor));
    }
    if (visitor != ring)
        next_ms = visitor->until_ms;
    if (doorman->accept_at_ms)
        next_ms = MIN(next_ms, doorman->accept_at_ms);
    return next_ms == INT64_MAX ? -1 : (int)(next_ms - now_ms) + 1;
}

static void *doorman_main(void *argument)
{
    struct doorman *doorman = argument;
    struct epoll_event events[EVENTS_AT_ONCE];
    for (;;) {
        int count = epoll_wait(doorman->epoll_fd, events, EVENTS_AT_ONCE, do_what_is_due(doorman));
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &doorman->options.listen_fd)
                accept_all(doorman);
            else if (events[i].data.ptr != &doorman->wake_fd)
                on_visitor(doorman, events[i].data.ptr);
        }
        if (atomic_load(&doorman->stopping))
            return NULL;
        atomic_store(&doorman->turned, true);
    }
}

static void wake(struct doorman *doorman)
{
    uint64_t one = 1;
    ssize_t written = write(doorman->wake_fd, &one, sizeof(one));
    (void)written; /* fails only when 2^64 wake-ups are pending */
}

bool doorman_is_alive(struct doorman *doorman)
{
    if (!doorman)
        return true;
    bool turned = atomic_exchange(&doorman->turned, false);
    wake(doorman);
    return turned;
}

static void part_with(int fd, bool keep)
{
    if (!keep || !listen_fds_give(KEPT_NAME, fd))
        close(fd);
}

static void destroy(struct doorman *doorman, bool keep)
{
    struct visitor *ring = &doorman->visitors;
    for (struct visitor *visitor = ring->next, *next; visitor != ring; visitor = next) {
        next = visitor->next;
        part_with(take_visitor(doorman, visitor), keep);
    }
    for (struct doorman_admission admission; doorman_take(doorman, &admission);)
        part_with(admission.fd, keep);
    free(doorman->admitted);
    pthread_mutex_destroy(&doorman->lock);
    store_reader_close(doorman->reader);
    if (doorman->wake_fd >= 0)
        close(doorman->wake_fd);
    if (doorman->epoll_fd >= 0)
        close(doorman->epoll_fd);
    free(doorman);
}

/* The two that are always there, each known by its own address; on edges, as the visitors. */
static bool watch(struct doorman *doorman, int *fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = fd};
    return epoll_ctl(doorman->epoll_fd, EPOLL_CTL_ADD, *fd, &event) == 0;
}

struct doorman *doorman_start(const struct doorman_options *options)
{
    struct doorman *doorman = calloc(1, sizeof(*doorman));
    if (!doorman)
        return NULL;
    doorman->options = *options;
    pthread_mutex_init(&doorman->lock, NULL);
    doorman->visitors.previous = doorman->visitors.next = &doorman->visitors;
    atomic_init(&doorman->turned, true);
    doorman->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    doorman->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (doorman->wake_fd >= 0 && doorman->epoll_fd >= 0 && watch(doorman, &doorman->wake_fd) &&
        watch(doorman, &doorman->options.listen_fd) &&
        store_reader_open(options->store, &doorman->reader) == ERROR_NONE) {
        for (int fd; (fd = listen_fds_take(KEPT_NAME)) >= 0;)
            add_visitor(doorman, fd);
        if (pthread_create(&doorman->thread, NULL, doorman_main, doorman) == 0)
            return doorman;
    }
    log_error("the doorman does not start", LOG_ERRNO);
    destroy(doorman, false);
    return NULL;
}

void doorman_stop(struct doorman *doorman, bool keep)
{
    if (!doorman)
        return;
    atomic_store(&doorman->stopping, true);
    wake(doorman);
    pthread_join(doorman->thread, NULL);
    destroy(doorman, keep);
}
