/* Unix sockets: the addresses and the doors of our two processes. */
#ifndef COMMON_BASE_UNIX_SOCKET_H
#define COMMON_BASE_UNIX_SOCKET_H

#include "common/base/base.h"

#include <sys/un.h>

/* Errno is ENAMETOOLONG on false. */
MUST_CHECK bool unix_socket_address(const char *path, struct sockaddr_un *address);

/*
 * A non-blocking listening stream socket at `path`, mode 0660, or -1 with errno. A socket that a
 * dead process left there is replaced; where a living one listens errno is EADDRINUSE.
 */
MUST_CHECK int unix_socket_listen(const char *path, int backlog);

#endif
