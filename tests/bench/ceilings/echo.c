/*
 * bench-echo SOCKET: the ceiling of a broker: libwebsockets on libuv, with our sizes of its buffers,
 * that sends each text back and does nothing else.
 */
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_TEXT = 512 };

struct connection {
    size_t length;
    unsigned char text[MAX_TEXT];
};

static int echo(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                size_t length)
{
    struct connection *connection = user;
    unsigned char frame[LWS_PRE + MAX_TEXT];
    if (reason == LWS_CALLBACK_RECEIVE) {
        length = length < MAX_TEXT ? length : MAX_TEXT;
        memcpy(connection->text, in, length);
        connection->length = length;
        lws_callback_on_writable(wsi);
    } else if (reason == LWS_CALLBACK_SERVER_WRITEABLE && connection->length > 0) {
        memcpy(frame + LWS_PRE, connection->text, connection->length);
        length = connection->length;
        connection->length = 0;
        return lws_write(wsi, frame + LWS_PRE, length, LWS_WRITE_TEXT) < 0 ? -1 : 0;
    }
    return 0;
}

/* Our own socket: libwebsockets' listener spins when there are no files left. */
static int accept_all(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                      size_t length)
{
    (void)user, (void)in, (void)length;
    if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        int fd;
        while ((fd = accept4((int)lws_get_socket_fd(wsi), NULL, NULL,
                             SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
            lws_adopt_socket_vhost(lws_get_vhost(wsi), fd);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {
        {.name = "echo",
         .callback = echo,
         .per_session_data_size = sizeof(struct connection),
         .rx_buffer_size = 1024},
        {.name = "accept", .callback = accept_all},
        {0},
    };
    static const lws_retry_bo_t no_pings;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path)) {
        fprintf(stderr, "usage: bench-echo SOCKET\n");
        return 2;
    }
    strcpy(address.sun_path, argv[1]);
    unlink(argv[1]);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4096) < 0) {
        perror("bench-echo");
        return 1;
    }
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .vhost_name = "default",
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                   LWS_SERVER_OPTION_DISABLE_IPV6 | LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN,
        .retry_and_idle_policy = &no_pings,
        .gid = -1,
        .uid = -1,
    };
    struct lws_context *context = lws_create_context(&info);
    if (!context)
        return 1;
    lws_sock_file_fd_type descriptor = {.filefd = fd};
    lws_adopt_descriptor_vhost(lws_get_vhost_by_name(context, "default"), LWS_ADOPT_RAW_FILE_DESC,
                               descriptor, "accept", NULL);
    while (lws_service(context, 0) >= 0)
        ;
    return 0;
}
