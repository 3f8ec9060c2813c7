/*
 * Sockets that outlive the program: they come from whoever starts it, the service manager
 * (systemd.socket(5)) or its own image from before (reload.h), so that those who connect meanwhile wait.
 *
 * By the protocol of sd_listen_fds(3): descriptors from 3 on, LISTEN_FDS says how many, LISTEN_FDNAMES
 * their names, LISTEN_PID for whom. Main thread only.
 */
#ifndef COMMON_PROCESS_LISTEN_FDS_H
#define COMMON_PROCESS_LISTEN_FDS_H

#include "common/base/base.h"

/* The next one of that name: closed on exec from now on, and the caller's. -1 when none is left. */
int listen_fds_take(const char *name);

/* Has the next image be given `fd`, which stays open until then. False, and not given, without memory. */
bool listen_fds_give(const char *name, int fd);

/* Puts what was given where the next image looks for it, in place of whatever has those numbers: the
   last thing before an exec. False with errno. */
MUST_CHECK bool listen_fds_place(void);

/* A listening socket, given or made. */
struct listen_socket {
    int fd;
    bool own; /* made by the program, or an image of it: its path ends with the program */
};

/* The non-blocking stream socket that was given by that name, or else one made at `path`. False after
   logging why not. */
MUST_CHECK bool listen_socket_open(struct listen_socket *listening, const char *name,
                                   const char *path, int backlog);
bool listen_socket_give(const struct listen_socket *listening, const char *name);

/* Where it is the program's own, nobody finds it at `path` any more. */
void listen_socket_close(const struct listen_socket *listening, const char *path);

#endif
