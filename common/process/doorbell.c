#include "common/process/doorbell.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/unix_socket.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DRAIN_AT_ONCE = 1024, /* endless rings must not keep the broker busy */
    COMPLAIN_AGAIN_MS = 60000,
};

struct doorbell {
    int fd;
    struct sockaddr_un address;
    atomic_bool failing; /* to log a broken doorbell once, not once per message */
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
    /* Not connected: a connected socket would not reach the broker after its restart. */
    ssize_t sent = sendto(doorbell->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL,
                          (const struct sockaddr *)&doorbell->address, sizeof(doorbell->address));
    bool failing = sent < 0 && errno != EAGAIN;
    if (atomic_exchange(&doorbell->failing, failing) == failing)
        return;
    if (failing)
        log_warning("doorbell does not reach the broker; messages wait for its next sweep",
                    LOG_TEXT("path", doorbell->address.sun_path), LOG_ERRNO);
    else
        log_info("doorbell reaches the broker again");
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
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0660) < 0) {
        int saved_errno = errno;
        close(fd);
        errno = saved_errno;
        return -1;
    }
    return fd;
}

/* Receives one ring, and the sender's credentials from the kernel. False if there is none. */
static bool take_ring(int fd, struct ucred *ringer)
{
    char hint[64]; /* the content does not matter */
    /* No room for descriptors that a sender may attach. */
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr header;
    } control;
    struct msghdr message = {
        .msg_iov = &(struct iovec){hint, sizeof(hint)},
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    if (recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
        return false;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *ringer = (struct ucred){.uid = (uid_t)-1, .gid = (gid_t)-1};
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS)
        memcpy(ringer, CMSG_DATA(header), sizeof(*ringer));
    return true;
}

static bool may_ring(const struct ucred *ringer)
{
    return ringer->uid == geteuid() || ringer->uid == 0 || ringer->gid == getegid();
}

static void complain(const struct ucred *ringer, int64_t *complained_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    if (*complained_ms && now_ms - *complained_ms < COMPLAIN_AGAIN_MS)
        return;
    *complained_ms = now_ms;
    log_warning("ignored doorbell from another user's process", LOG_NUMBER("uid", ringer->uid),
                LOG_NUMBER("gid", ringer->gid), LOG_NUMBER("pid", ringer->pid));
}

bool doorbell_drain(int fd, int64_t *complained_ms)
{
    struct ucred ringer;
    bool rang = false;
    for (int i = 0; i < DRAIN_AT_ONCE && take_ring(fd, &ringer); i++) {
        if (may_ring(&ringer))
            rang = true;
        else
            complain(&ringer, complained_ms);
    }
    return rang;
}
