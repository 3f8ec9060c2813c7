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

static struct fd_list inherited;

static void append(struct fd_list *list, const char *name, size_t length, int fd)
{
    if (list->count == list->capacity) {
        size_t capacity = MAX(16, 2 * list->capacity);
        struct named_fd *more = reallocarray(list->entries, capacity, sizeof(*more));
        if (!more)
            return;
        list->entries = more;
        list->capacity = capacity;
    }
    struct named_fd *entry = &list->entries[list->count++];
    entry->fd = fd;
    snprintf(entry->name, sizeof(entry->name), "%.*s", (int)length, name);
}

/* Removes the variables too: they are not for child processes. */
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
            append(&inherited, name ? name : "", length, fd);
        if (name)
            name = name[length] == ':' ? name + length + 1 : NULL;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

int listen_fds_inherit(const char *name)
{
    static bool was_read;
    static size_t first; /* the entries before it are taken */
    if (!was_read)
        read_environment();
    was_read = true;
    while (first < inherited.count && inherited.entries[first].fd < 0)
        first++;
    for (size_t i = first; i < inherited.count; i++) {
        struct named_fd *entry = &inherited.entries[i];
        if (entry->fd >= 0 && strcmp(entry->name, name) == 0) {
            int fd = entry->fd;
            entry->fd = -1;
            return fd;
        }
    }
    return -1;
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
    *listening = (struct listen_socket){.fd = listen_fds_inherit(name)};
    if (listening->fd >= 0) {
        if (listens(listening->fd) && fcntl(listening->fd, F_SETFL, O_NONBLOCK) == 0)
            return true;
        log_error("inherited descriptor is not a listening stream socket", LOG_TEXT("name", name));
        return false;
    }
    listening->own = true;
    listening->fd = unix_socket_listen(path, backlog);
    if (listening->fd < 0)
        log_error(errno == EADDRINUSE ? "socket is in use by another process"
                                      : "cannot create socket",
                  LOG_TEXT("path", path), LOG_ERRNO);
    return listening->fd >= 0;
}

void listen_socket_close(const struct listen_socket *listening, const char *path)
{
    if (listening->own)
        unlink(path);
    close(listening->fd);
}
