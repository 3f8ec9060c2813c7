#include "common/process/listen_fds.h"

#include "common/base/log.h"
#include "common/base/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_FD = 3, MOST_FDS = 1 << 20, NAME_SIZE = 32 };

struct named_fd {
    int fd; /* -1: taken */
    char name[NAME_SIZE];
};

struct fd_list {
    struct named_fd *entries;
    size_t count, capacity;
};

static struct fd_list given;  /* to us */
static struct fd_list giving; /* to the next image */

static bool append(struct fd_list *list, const char *name, size_t length, int fd)
{
    if (list->count == list->capacity) {
        size_t capacity = MAX(16, 2 * list->capacity);
        struct named_fd *more = reallocarray(list->entries, capacity, sizeof(*more));
        if (!more)
            return false;
        list->entries = more;
        list->capacity = capacity;
    }
    struct named_fd *entry = &list->entries[list->count++];
    entry->fd = fd;
    snprintf(entry->name, sizeof(entry->name), "%.*s", (int)length, name);
    return true;
}

/* ---- Taking ---- */

/* The environment is for us alone: no child shall find it. */
static void read_environment(void)
{
    const char *pid = getenv("LISTEN_PID"), *count_text = getenv("LISTEN_FDS");
    const char *name = getenv("LISTEN_FDNAMES");
    long count = pid && count_text && strtol(pid, NULL, 10) == getpid()
                     ? MIN(strtol(count_text, NULL, 10), MOST_FDS)
                     : 0;
    for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++) {
        size_t length = name ? strcspn(name, ":") : 0;
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
            append(&given, name ? name : "", length, fd);
        if (name)
            name = name[length] == ':' ? name + length + 1 : NULL;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

int listen_fds_take(const char *name)
{
    static bool was_read;
    static size_t first; /* those before it are taken */
    if (!was_read)
        read_environment();
    was_read = true;
    while (first < given.count && given.entries[first].fd < 0)
        first++;
    for (size_t i = first; i < given.count; i++) {
        struct named_fd *entry = &given.entries[i];
        if (entry->fd >= 0 && strcmp(entry->name, name) == 0) {
            int fd = entry->fd;
            entry->fd = -1;
            return fd;
        }
    }
    return -1;
}

/* ---- Giving ---- */

bool listen_fds_give(const char *name, int fd)
{
    return append(&giving, name, strlen(name), fd);
}

static bool set_number(const char *name, long number)
{
    char text[24];
    snprintf(text, sizeof(text), "%ld", number);
    return setenv(name, text, 1) == 0;
}

static bool set_names(void)
{
    char *names = calloc(giving.count + 1, NAME_SIZE), *end = names;
    if (!names)
        return false;
    for (size_t i = 0; i < giving.count; i++)
        end += sprintf(end, "%s%s", i > 0 ? ":" : "", giving.entries[i].name);
    bool good = setenv("LISTEN_FDNAMES", names, 1) == 0;
    free(names);
    return good;
}

bool listen_fds_place(void)
{
    int end = FIRST_FD + (int)giving.count;
    for (size_t i = 0; i < giving.count; i++) { /* none may be in another's place */
        struct named_fd *entry = &giving.entries[i];
        if (entry->fd < end && (entry->fd = fcntl(entry->fd, F_DUPFD_CLOEXEC, end)) < 0)
            return false;
    }
    for (size_t i = 0; i < giving.count; i++) { /* a copy stays open on exec */
        if (dup2(giving.entries[i].fd, FIRST_FD + (int)i) < 0)
            return false;
    }
    return set_number("LISTEN_PID", getpid()) && set_number("LISTEN_FDS", (long)giving.count) &&
           set_names();
}

/* ---- Listening sockets ---- */

/* The name by which an image gives the socket that it has made itself. */
static void own_name(char own[NAME_SIZE], const char *name)
{
    snprintf(own, NAME_SIZE, "own-%s", name);
}

static bool listens(int fd)
{
    int kind = 0, listening = 0;
    socklen_t length = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &length) == 0 && kind == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening;
}

bool listen_socket_open(struct listen_socket *listening, const char *name, const char *path,
                        int backlog)
{
    char own[NAME_SIZE];
    own_name(own, name);
    *listening = (struct listen_socket){.fd = listen_fds_take(name)};
    if (listening->fd < 0) {
        listening->own = true;
        listening->fd = listen_fds_take(own);
    }
    if (listening->fd >= 0) {
        if (listens(listening->fd) && fcntl(listening->fd, F_SETFL, O_NONBLOCK) == 0)
            return true;
        log_error("the socket that was given is no listening stream socket",
                  LOG_TEXT("name", name));
        return false;
    }
    listening->fd = unix_socket_listen(path, backlog);
    if (listening->fd < 0)
        log_error(errno == EADDRINUSE ? "another process serves this socket"
                                      : "the socket cannot be made",
                  LOG_TEXT("path", path), LOG_ERRNO);
    return listening->fd >= 0;
}

bool listen_socket_give(const struct listen_socket *listening, const char *name)
{
    char own[NAME_SIZE];
    own_name(own, name);
    return listen_fds_give(listening->own ? own : name, listening->fd);
}

void listen_socket_close(const struct listen_socket *listening, const char *path)
{
    if (listening->own)
        unlink(path);
    close(listening->fd);
}
