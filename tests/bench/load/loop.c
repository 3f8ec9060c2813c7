#include "tests/bench/load/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MAX_READY = 256 };

static int epoll_fd;
static bool stopping;

_Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bench-load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    exit(1);
}

int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

void loop_init(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        fail("no epoll: %s", strerror(errno));
}

static void control(int operation, struct peer *peer, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};
    if (epoll_ctl(epoll_fd, operation, peer->fd, &event) < 0)
        fail("a socket cannot be watched: %s", strerror(errno));
}

void loop_watch(struct peer *peer)
{
    control(EPOLL_CTL_ADD, peer, EPOLLIN);
}

void loop_want_output(struct peer *peer, bool wanted)
{
    control(EPOLL_CTL_MOD, peer, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void loop_forget(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
}

/* epoll in nanoseconds: a millisecond is long here. */
static int wait_until(struct epoll_event *ready, int64_t due_ns)
{
    int64_t left_ns = MAX(due_ns - now_ns(), 0);
    struct timespec left = {left_ns / 1000000000, left_ns % 1000000000};
    return epoll_pwait2(epoll_fd, ready, MAX_READY, &left, NULL);
}

void loop_run(int64_t (*due)(int64_t now))
{
    struct epoll_event ready[MAX_READY];
    int64_t next_ns = due(now_ns());
    while (!stopping) {
        int count = wait_until(ready, next_ns);
        for (int i = 0; i < count; i++) {
            struct peer *peer = ready[i].data.ptr;
            if (peer->fd >= 0)
                peer->ready(peer, ready[i].events);
        }
        next_ns = due(now_ns());
    }
}

void loop_stop(void)
{
    stopping = true;
}

int loop_connect(int port, bool wait)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0)
        fail("no socket: %s", strerror(errno));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
        fail("no connection to port %d: %s", port, strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}
