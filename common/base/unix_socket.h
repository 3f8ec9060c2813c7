/* Unix socket addresses and listening sockets. */
#ifndef COMMON_BASE_UNIX_SOCKET_H
#define COMMON_BASE_UNIX_SOCKET_H

#include "common/base/base.h"

#include <sys/un.h>

/* False with ENAMETOOLONG. */
MUST_CHECK bool unix_socket_address(const char *path, struct sockaddr_un *address);

/*
 * A non-blocking listening stream socket at `path`, mode 0660, or -1 with errno. Replaces the socket of a dead process;
 * EADDRINUSE if a process listens there.
 */
MUST_CHECK int unix_socket_listen(const char *path, int backlog);

#endif
