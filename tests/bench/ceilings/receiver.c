/*
 * bench-receiver: a receiver of webhooks on a free port of 127.0.0.1, which it prints. It reads each request and answers 200, on
 * connections that are kept. At SIGTERM it prints the requests, and the seconds from the first to the last, as JSON.
 */
#include "common/base/base.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 1024, MOST_REQUEST = 16384 };

static struct connection {
    size_t length;
    char bytes[MOST_REQUEST + 1];
} * connections[MOST_CONNECTIONS];

static volatile sig_atomic_t stopped;
static double first, last;
static unsigned long count;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The length of the first whole request; 0: there is none yet. */
static size_t request_length(struct connection *connection)
{
    connection->bytes[connection->length] = '\0';
    const char *end = strstr(connection->bytes, "\r\n\r\n");
    const char *length = strcasestr(connection->bytes, "\r\nContent-Length:");
    if (!end || !length)
        return 0;
    size_t whole = (size_t)(end - connection->bytes) + 4 + strtoul(length + 17, NULL, 10);
    return whole <= connection->length ? whole : 0;
}

static void take(int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct connection *connection = connections[fd];
    ssize_t more = read(fd, connection->bytes + connection->length,
                        MOST_REQUEST - connection->length);
    if (more <= 0) {
        close(fd);
        free(connection);
        connections[fd] = NULL;
        return;
    }
    connection->length += (size_t)more;
    for (size_t whole; (whole = request_length(connection)) > 0;) {
        last = now();
        if (count++ == 0)
            first = last;
        connection->length -= whole;
        memmove(connection->bytes, connection->bytes + whole, connection->length);
        if (write(fd, answer, sizeof(answer) - 1) < 0)
            return;
    }
}

static void add(int poll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    struct sigaction action = {.sa_handler = stop};
    int listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0), one = 1;
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 512) < 0)
        return 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    sigaction(SIGTERM, &action, NULL);
    add(poll, listener);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while (!stopped) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64,
                               1000); /* the signal may have come before the wait */
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                take(fd);
                continue;
            }
            fd = accept(listener, NULL, NULL);
            if (fd < 0 || fd >= MOST_CONNECTIONS ||
                !(connections[fd] = calloc(1, sizeof(struct connection))))
                return 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            add(poll, fd);
        }
    }
    printf("{\"requests\": %lu, \"seconds\": %.6f}\n", count, last - first);
    return 0;
}
