#include "doorbell.h"

#include "log.h"
#include "unix_socket.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct doorbell {
    int fd;
    struct sockaddr_un address;
    atomic_bool failing; /* so that a broken doorbell is logged once, not once a message */
};

struct doorbell *doorbell_open(const char *path)
{
    struct doorbell *doorbell = calloc(1, sizeof(*doorbell));
    if (!doorbell)
        return NULL;
    doorbell->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (doorbell->fd >= 0 && unix_socket_address(path, &doorbell->address))
        return doorbell;
    int saved_errno = errno;
    doorbell_close(doorbell);
    errno = saved_errno;
    return NULL;
}

void doorbell_close(struct doorbell *doorbell)
{
    if (!doorbell)
        return;
    if (doorbell->fd >= 0)
        close(doorbell->fd);
    free(doorbell);
}

void doorbell_ring(struct doorbell *doorbell)
{
    /* By address each time: a connected socket would stay deaf after the broker restarts. */
    ssize_t sent = sendto(doorbell->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL,
                          (const struct sockaddr *)&doorbell->address, sizeof(doorbell->address));
    bool failing = sent < 0 && errno != EAGAIN;
    if (atomic_exchange(&doorbell->failing, failing) == failing)
        return;
    if (failing)
        log_warning("the broker does not hear the doorbell; messages wait for it",
                    LOG_TEXT("path", doorbell->address.sun_path), LOG_ERRNO);
    else
        log_info("the broker hears the doorbell again");
}

int doorbell_listen(const char *path)
{
    struct sockaddr_un address;
    if (!unix_socket_address(path, &address))
        return -1;
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0660) < 0) {
        int saved_errno = errno;
        close(fd);
        errno = saved_errno;
        return -1;
    }
    return fd;
}

bool doorbell_drain(int fd)
{
    char hint[64]; /* whatever it says, it means the same */
    bool rang = false;
    while (recv(fd, hint, sizeof(hint), MSG_DONTWAIT) >= 0)
        rang = true;
    return rang;
}
