/*
 * bench-constant SOCKET THREADS BYTES: the ceiling of an API behind nginx and libfcgi. It reads each
 * request to its end and answers the same so many bytes, in the fastest way known to us: kept
 * connections, one epoll for all threads, libfcgi for the protocol alone.
 */
#include <errno.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_fd, epoll_fd;
static char answer[65536];
static int answer_length;

static void watch(int operation, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd};
    epoll_ctl(epoll_fd, operation, fd, &event);
}

static void serve(int fd)
{
    char piece[8192], first;
    if (recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
        close(fd);
        return;
    }
    FCGX_Request request;
    FCGX_InitRequest(&request, listen_fd, 0);
    request.ipcFd = fd;
    request.keepConnection = 1;
    if (FCGX_Accept_r(&request) < 0)
        return;
    while (FCGX_GetStr(piece, sizeof(piece), request.in) > 0)
        ;
    FCGX_PutStr(answer, answer_length, request.out);
    FCGX_Finish_r(&request);
    if (request.ipcFd >= 0)
        watch(EPOLL_CTL_MOD, fd);
    FCGX_Free(&request, 0);
}

static void *worker(void *argument)
{
    struct epoll_event event;
    for (;;) {
        if (epoll_wait(epoll_fd, &event, 1, -1) != 1)
            continue;
        if (event.data.fd != listen_fd) {
            serve(event.data.fd);
            continue;
        }
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        watch(EPOLL_CTL_MOD, listen_fd);
        if (fd >= 0)
            watch(EPOLL_CTL_ADD, fd);
    }
    return argument;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench-constant SOCKET THREADS BYTES\n");
        return 2;
    }
    int bytes = atoi(argv[3]);
    answer_length = snprintf(answer, sizeof(answer),
                             "Status: 202 Accepted\r\nContent-Type: application/json\r\n"
                             "Content-Length: %d\r\n\r\n%*s\n",
                             bytes, bytes - 1, "");
    signal(SIGPIPE, SIG_IGN);
    FCGX_Init();
    FCGX_ShutdownPending(); /* FCGX_Accept_r does not accept by itself */
    signal(SIGTERM, SIG_DFL);
    listen_fd = FCGX_OpenSocket(argv[1], 1024);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch(EPOLL_CTL_ADD, listen_fd);
    for (int i = 1; i < atoi(argv[2]); i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, worker, NULL);
    }
    worker(NULL);
}
