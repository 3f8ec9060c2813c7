#include "api-fcgi/server/fcgi_refusal.h"

#include "api-fcgi/server/api.h"
#include "api-fcgi/server/fcgi_request.h"
#include "api-fcgi/server/http.h"
#include "common/base/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { AT_ONCE = 64 };

/* The time limit is short: nothing else is accepted meanwhile. */
static void refuse(int fd, int listen_fd, struct api *api)
{
    const struct timeval limit = {.tv_usec = 100000};
    FCGX_Request fcgi;
    struct http_exchange *exchange = calloc(1, sizeof(*exchange));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    FCGX_InitRequest(&fcgi, listen_fd, 0);
    fcgi.ipcFd = fd;
    fcgi.keepConnection = 1; /* else FCGX_Accept_r would close it before it reads */
    if (exchange && FCGX_Accept_r(&fcgi) == 0) {
        http_exchange_init(exchange, api);
        fcgi_request_read(&fcgi, exchange);
        exchange->arrived_at_us = clock_monotonic_us();
        exchange->route = API_MAX_ROUTES - 1; /* no route: the request is refused unread */
        http_problem(exchange, ERROR_NOT_READY,
                     "No file descriptors are left for this request. Nothing was changed.");
        fcgi.keepConnection = 0;
        fcgi_request_answer(&fcgi, exchange);
        FCGX_Finish_r(&fcgi);
        http_exchange_fini(exchange);
    }
    FCGX_Free(&fcgi, true);
    free(exchange);
}

void fcgi_refusal_answer_waiting(int listen_fd, int *spare_fd, struct api *api)
{
    for (int i = 0, fd = 0; i < AT_ONCE && fd >= 0; i++) {
        if (*spare_fd >= 0)
            close(*spare_fd);
        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            refuse(fd, listen_fd, api);
        *spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
}
