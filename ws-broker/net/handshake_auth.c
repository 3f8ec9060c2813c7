#include "ws-broker/net/handshake_auth.h"

#include "common/base/clock.h"
#include "common/base/grow_list.h"
#include "common/base/log.h"
#include "common/model/protocol.h"
#include "ws-broker/net/ws_refusal.h"
#include "ws-broker/stream/stream_request.h"

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
    MAX_HEAD_BYTES = HANDSHAKE_HEAD_BYTES,
    EVENTS_AT_ONCE = 64,
};

/* A connection whose handshake has not arrived. */
struct pending_handshake {
    int fd;
    int64_t until_ms; /* monotonic; then it is closed */
    struct pending_handshake *previous, *next;
};

struct handshake_auth {
    struct handshake_auth_options options;
    struct store_reader *reader;
    int wake_fd; /* a write wakes the thread */
    atomic_bool has_run, stopping;
    int epoll_fd;
    struct pending_handshake pending; /* head of a ring, by until_ms */
    int64_t accept_at_ms;             /* not before; set when no descriptor was left */
    pthread_t thread;

    pthread_mutex_t lock;
    struct handshake_admission *admitted; /* under lock, with the next two: a queue */
    size_t admitted_first, admitted_count, admitted_capacity;
};

/* ---- Checking a handshake ---- */

static enum error refuse(const char **detail, const char *text, enum error error)
{
    *detail = text;
    return error;
}

static enum error check_active(const struct device_token *token, const char **detail)
{
    return token->revocation == DEVICE_TOKEN_ACTIVE
               ? ERROR_NONE
               : refuse(detail, "The token was revoked; pair the phone again.",
                        ERROR_DEVICE_TOKEN_INVALID);
}

/* A token of this gateway: must be active, and of this device. */
static enum error check_known_token(const struct device_token *token, const char *device_id,
                                    const char **detail)
{
    if (strcmp(token->device_id, device_id) != 0)
        return refuse(detail, "The token belongs to another device id than the one in the address.",
                      ERROR_DEVICE_TOKEN_WRONG_DEVICE);
    return check_active(token, detail);
}

static enum error find_token(struct handshake_auth *auth, const struct ws_handshake *request,
                             struct device_token *token, const char **detail)
{
    bool found = false, is_mobile = request->is_stream;
    *token = (struct device_token){0};
    if (!*request->token)
        return refuse(
            detail,
            "Send the header Authorization: Bearer with the token that the phone got when "
            "it was paired.",
            ERROR_DEVICE_TOKEN_REQUIRED);
    if (!secret_parse(is_mobile ? SECRET_MOBILE_TOKEN : SECRET_DEVICE_TOKEN, request->token,
                      token->id))
        return refuse(detail,
                      is_mobile ? "A token of the mobile API begins with sgm_ and has 66 letters "
                                  "and digits; this one is not complete, or of another kind."
                                : "A device token begins with sgd_ and has 66 letters and digits; "
                                  "this one is not complete.",
                      ERROR_DEVICE_TOKEN_INVALID);
    enum error error = store_find_token(auth->reader, token->id, token, &found);
    if (error != ERROR_NONE)
        return refuse(detail, "Try again in a few seconds.", error);
    /* Also for an unknown id, so that both take the same time. */
    bool fits = secret_fits(token->hash, request->token);
    return found && fits ? ERROR_NONE
                         : refuse(detail, "This gateway does not know the token; pair the phone.",
                                  ERROR_DEVICE_TOKEN_INVALID);
}

static enum error check_token(struct handshake_auth *auth, struct handshake_admission *admission,
                              const char **detail)
{
    struct ws_handshake *request = &admission->handshake;
    struct device_token token;
    enum error error = find_token(auth, request, &token, detail);
    if (error != ERROR_NONE)
        return error;
    strcpy(admission->token_id, token.id);
    if (request->is_stream) {
        strcpy(request->device_id, token.device_id);
        device_token_journal(&token, &admission->journal);
    }
    error = check_known_token(&token, request->device_id, detail);
    if (error != ERROR_NONE)
        log_warning("device connection refused", LOG_TEXT("device_id", request->device_id),
                    LOG_TEXT("token", token.id), LOG_TEXT("reason", error_code(error)),
                    LOG_TEXT("state", device_token_state_name(token.revocation)));
    return error;
}

/* Where none is needed: one that was revoked does not open all the same, or its phone would be back at once. */
static enum error check_unneeded_token(struct handshake_auth *auth,
                                       const struct ws_handshake *request, const char **detail)
{
    struct device_token token;
    enum error error = find_token(auth, request, &token, detail);
    if (error == ERROR_NONE)
        return check_active(&token, detail);
    return error_http_status(error) == 401 ? ERROR_NONE : error;
}

void handshake_auth_refuse(int fd, enum error error, const char *detail,
                           const struct ws_handshake *handshake)
{
    const struct problem problem = {.error = error,
                                    .detail = detail,
                                    .request_id = handshake->request_id,
                                    .is_message = handshake->is_stream};
    ws_refusal_send(fd, &problem, error_http_status(error) == 401 ? "" : NULL);
}

static void admit(struct handshake_auth *auth, const struct handshake_admission *admission)
{
    pthread_mutex_lock(&auth->lock);
    size_t end = auth->admitted_first + auth->admitted_count;
    if (end == auth->admitted_capacity) {
        void *more = grow_list(auth->admitted, &auth->admitted_capacity, sizeof(*auth->admitted));
        if (more)
            auth->admitted = more;
    }
    bool there = end < auth->admitted_capacity;
    if (there) {
        auth->admitted[end] = *admission;
        auth->admitted_count++;
    }
    pthread_mutex_unlock(&auth->lock);
    if (there)
        auth->options.wake(auth->options.context);
    else
        close(admission->fd);
}

bool handshake_auth_take(struct handshake_auth *auth, struct handshake_admission *admission)
{
    pthread_mutex_lock(&auth->lock);
    bool there = auth->admitted_count > 0;
    if (there) {
        *admission = auth->admitted[auth->admitted_first++];
        if (--auth->admitted_count == 0)
            auth->admitted_first = 0;
    }
    pthread_mutex_unlock(&auth->lock);
    return there;
}

/* Passes a request for the event stream on. */
static void pass_on(struct handshake_auth *auth, int fd, const char *head, size_t length)
{
    char read[MAX_HEAD_BYTES];
    if (recv(fd, read, length, MSG_DONTWAIT) == (ssize_t)length)
        auth->options.take_stream(auth->options.streams, fd, head, length);
    else
        close(fd);
}

/* Admits a connection, passes it on, or refuses it. */
static void check_handshake(struct handshake_auth *auth, int fd, const char *head, size_t length)
{
    if (auth->options.take_stream && stream_request_is_one(head, length)) {
        pass_on(auth, fd, head, length);
        return;
    }
    struct handshake_admission admission = {.fd = fd, .head_length = length};
    struct ws_handshake *handshake = &admission.handshake;
    const char *detail = PROTOCOL_PATH_ERROR;
    enum error error = ws_handshake_read(head, length, handshake)
                           ? ws_handshake_check(handshake, &detail)
                           : ERROR_NOT_FOUND;
    if (error == ERROR_NONE)
        error = auth->options.tokens_required || handshake->is_stream
                    ? check_token(auth, &admission, &detail)
                    : check_unneeded_token(auth, handshake, &detail);
    explicit_bzero(handshake->token, sizeof(handshake->token));
    if (error == ERROR_NONE)
        admit(auth, &admission);
    else
        handshake_auth_refuse(fd, error, detail, handshake);
}

/* ---- Connections without a handshake ---- */

static void add_pending(struct handshake_auth *auth, int fd)
{
    struct pending_handshake *pending = calloc(1, sizeof(*pending)), *ring = &auth->pending;
    /* Edge-triggered, because the handshake is only peeked at and stays in the socket. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = pending};
    if (!pending || epoll_ctl(auth->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        free(pending);
        close(fd);
        return;
    }
    *pending = (struct pending_handshake){
        .fd = fd,
        .until_ms = clock_monotonic_ms() + HEAD_TIMEOUT_MS,
        .previous = ring->previous,
        .next = ring,
    };
    ring->previous->next = pending;
    ring->previous = pending;
}

/* Returns its socket, which the caller then owns. */
static int remove_pending(struct handshake_auth *auth, struct pending_handshake *pending)
{
    int fd = pending->fd;
    epoll_ctl(auth->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    pending->previous->next = pending->next;
    pending->next->previous = pending->previous;
    free(pending);
    return fd;
}

static void refuse_large_head(int fd, const char *head, size_t length)
{
    const struct ws_handshake handshake = {.is_stream = ws_handshake_is_for_stream(head, length)};
    handshake_auth_refuse(fd, ERROR_HEADERS_TOO_LARGE, "The request head must not exceed 4 KiB.",
                          &handshake);
}

static void on_readable(struct handshake_auth *auth, struct pending_handshake *pending)
{
    char head[MAX_HEAD_BYTES];
    ssize_t length = recv(pending->fd, head, sizeof(head), MSG_PEEK | MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) {
        close(remove_pending(auth, pending));
        return;
    }
    const char *end = memmem(head, (size_t)length, "\r\n\r\n", 4);
    if (end)
        check_handshake(auth, remove_pending(auth, pending), head, (size_t)(end + 4 - head));
    else if (length == sizeof(head))
        refuse_large_head(remove_pending(auth, pending), head, sizeof(head));
}

/* Accepts all waiting connections. Without a free descriptor it tries again later; the phones wait in the backlog. */
static void accept_all(struct handshake_auth *auth)
{
    int fd;
    while ((fd = accept4(auth->options.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        add_pending(auth, fd);
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log_warning("no file descriptor left: new phones wait", LOG_ERRNO);
        auth->accept_at_ms = clock_monotonic_ms() + FULL_PAUSE_MS;
    }
}

/* ---- The thread ---- */

/* Closes connections whose time is over, and accepts again after a pause. Returns the milliseconds to the next of
   these, or -1. */
static int do_what_is_due(struct handshake_auth *auth)
{
    int64_t now_ms = clock_monotonic_ms(), next_ms = INT64_MAX;
    struct pending_handshake *ring = &auth->pending;
    if (auth->accept_at_ms && now_ms >= auth->accept_at_ms) {
        auth->accept_at_ms = 0;
        accept_all(auth);
    }
    struct pending_handshake *pending = ring->next;
    for (struct pending_handshake *next; pending != ring && pending->until_ms <= now_ms;
         pending = next) {
        next = pending->next;
        close(remove_pending(auth, pending));
    }
    if (pending != ring)
        next_ms = pending->until_ms;
    if (auth->accept_at_ms)
        next_ms = MIN(next_ms, auth->accept_at_ms);
    return next_ms == INT64_MAX ? -1 : (int)(next_ms - now_ms) + 1;
}

static void *auth_main(void *argument)
{
    struct handshake_auth *auth = argument;
    struct epoll_event events[EVENTS_AT_ONCE];
    for (;;) {
        int count = epoll_wait(auth->epoll_fd, events, EVENTS_AT_ONCE, do_what_is_due(auth));
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &auth->options.listen_fd)
                accept_all(auth);
            else if (events[i].data.ptr != &auth->wake_fd)
                on_readable(auth, events[i].data.ptr);
        }
        if (atomic_load(&auth->stopping))
            return NULL;
        atomic_store(&auth->has_run, true);
    }
}

static void wake(struct handshake_auth *auth)
{
    uint64_t one = 1;
    ssize_t written = write(auth->wake_fd, &one, sizeof(one));
    (void)written; /* fails only when 2^64 wake-ups are pending */
}

bool handshake_auth_is_alive(struct handshake_auth *auth)
{
    if (!auth)
        return true;
    bool has_run = atomic_exchange(&auth->has_run, false);
    wake(auth);
    return has_run;
}

static void destroy(struct handshake_auth *auth)
{
    struct pending_handshake *ring = &auth->pending;
    for (struct pending_handshake *pending = ring->next, *next; pending != ring; pending = next) {
        next = pending->next;
        close(remove_pending(auth, pending));
    }
    for (struct handshake_admission admission; handshake_auth_take(auth, &admission);)
        close(admission.fd);
    free(auth->admitted);
    pthread_mutex_destroy(&auth->lock);
    store_reader_close(auth->reader);
    if (auth->wake_fd >= 0)
        close(auth->wake_fd);
    if (auth->epoll_fd >= 0)
        close(auth->epoll_fd);
    free(auth);
}

/* For the two descriptors of the thread itself; each is recognised by its address. Edge-triggered. */
static bool watch(struct handshake_auth *auth, int *fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = fd};
    return epoll_ctl(auth->epoll_fd, EPOLL_CTL_ADD, *fd, &event) == 0;
}

struct handshake_auth *handshake_auth_start(const struct handshake_auth_options *options)
{
    struct handshake_auth *auth = calloc(1, sizeof(*auth));
    if (!auth)
        return NULL;
    auth->options = *options;
    pthread_mutex_init(&auth->lock, NULL);
    auth->pending.previous = auth->pending.next = &auth->pending;
    atomic_init(&auth->has_run, true);
    auth->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    auth->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (auth->wake_fd >= 0 && auth->epoll_fd >= 0 && watch(auth, &auth->wake_fd) &&
        watch(auth, &auth->options.listen_fd) &&
        store_reader_open(options->store, &auth->reader) == ERROR_NONE &&
        pthread_create(&auth->thread, NULL, auth_main, auth) == 0)
        return auth;
    log_error("the handshake thread does not start", LOG_ERRNO);
    destroy(auth);
    return NULL;
}

void handshake_auth_stop(struct handshake_auth *auth)
{
    if (!auth)
        return;
    atomic_store(&auth->stopping, true);
    wake(auth);
    pthread_join(auth->thread, NULL);
    destroy(auth);
}
