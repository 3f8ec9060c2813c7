/*
 * Descriptors inherited from the service manager: listening sockets (systemd.socket(5)), and the descriptors that the
 * process before this one put into the manager's store (program_store_fd). Clients that connect between two processes
 * wait in the listening socket.
 *
 * Protocol: sd_listen_fds(3). Descriptors start at 3; LISTEN_FDS has their number, LISTEN_FDNAMES their names,
 * LISTEN_PID the process they are for. Main thread only.
 */
#ifndef COMMON_PROCESS_LISTEN_FDS_H
#define COMMON_PROCESS_LISTEN_FDS_H

#include "common/base/base.h"

/* The next inherited descriptor of that name. The caller owns it; it is closed on exec. -1 when none is left. */
int listen_fds_inherit(const char *name);

struct listen_socket {
    int fd;
    bool own; /* created by this process, not inherited: listen_socket_close removes its path */
};

/* The inherited stream socket of that name, or else a new one at `path`; non-blocking. False after logging why. */
MUST_CHECK bool listen_socket_open(struct listen_socket *listening, const char *name,
                                   const char *path, int backlog);

void listen_socket_close(const struct listen_socket *listening, const char *path);

#endif
