#include "tests/store/postgresql/proxy.h"

#include "common/base/base.h"
#include "tests/unit/unit.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST_LINKS = 32, BYTES = 65536 };

/* A connection of a store, and that to the server. */
struct link {
    int store, server; /* -1: unused */
    bool is_started;   /* the first message, which has no type, has passed */
    unsigned char head[5];
    size_t head_length, body_left;
    bool warns;         /* with the next answer */
    bool drops_answers; /* from now on: it is closed when one comes */
};

static int open_socket(const char *folder, bool listens)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", folder);
    int result = listens ? bind(descriptor, (struct sockaddr *)&address, sizeof(address))
                         : connect(descriptor, (struct sockaddr *)&address, sizeof(address));
    if (result < 0 || (listens && listen(descriptor, MOST_LINKS) < 0)) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static void close_link(struct link *link)
{
    close(link->store);
    close(link->server);
    *link = (struct link){.store = -1, .server = -1};
}

static void write_all(int descriptor, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = send(descriptor, bytes, length, MSG_NOSIGNAL);
        if (written <= 0)
            return; /* the other end shows it */
        bytes += written;
        length -= (size_t)written;
    }
}

/* Takes the next byte of the store's messages; true where a sync ends with it. */
static bool ends_sync(struct link *link, unsigned char byte)
{
    size_t head_size = link->is_started ? 5 : 4;
    if (link->body_left > 0) {
        link->body_left--;
        return false;
    }
    link->head[link->head_length++] = byte;
    if (link->head_length < head_size)
        return false;
    const unsigned char *length = link->head + head_size - 4;
    link->body_left = ((size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 |
                       length[3]) -
                      4;
    bool is_sync = link->is_started && link->head[0] == 'S';
    link->is_started = true;
    link->head_length = 0;
    return is_sync;
}

static void pass_to_server(struct proxy *proxy, struct link *link)
{
    unsigned char bytes[BYTES];
    ssize_t length = recv(link->store, bytes, sizeof(bytes), 0);
    if (length <= 0) {
        close_link(link);
        return;
    }
    size_t passed = 0;
    for (size_t i = 0; i < (size_t)length; i++) {
        if (!ends_sync(link, bytes[i]))
            continue;
        atomic_fetch_add(&proxy->syncs, 1);
        if (atomic_load(&proxy->cut) == PROXY_CUTS_NOTHING ||
            atomic_fetch_sub(&proxy->cut_at, 1) != 1)
            continue;
        int cut = atomic_exchange(&proxy->cut, PROXY_CUTS_NOTHING);
        if (cut == PROXY_CUTS_BEFORE) {
            close_link(link);
            return;
        }
        link->warns = cut == PROXY_WARNS;
        link->drops_answers = cut == PROXY_CUTS_AFTER;
        write_all(link->server, bytes + passed, i + 1 - passed);
        passed = i + 1;
    }
    write_all(link->server, bytes + passed, (size_t)length - passed);
}

static void warn(struct link *link)
{
    static const char text[] = "SWARNING\0C01000\0Mcanceling wait for synchronous replication\0";
    unsigned char head[] = {'N', 0, 0, 0, 4 + sizeof(text)};
    link->warns = false;
    write_all(link->store, head, sizeof(head));
    write_all(link->store, (const unsigned char *)text, sizeof(text));
}

static void pass_to_store(struct link *link)
{
    unsigned char bytes[BYTES];
    ssize_t length = recv(link->server, bytes, sizeof(bytes), 0);
    if (length > 0 && link->warns)
        warn(link);
    if (length <= 0 || link->drops_answers)
        close_link(link);
    else
        write_all(link->store, bytes, (size_t)length);
}

static void accept_link(struct proxy *proxy, struct link links[])
{
    int store = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
    int server = atomic_load(&proxy->is_away) ? -1 : open_socket(proxy->server, false);
    size_t i = 0;
    while (i < MOST_LINKS && links[i].store >= 0)
        i++;
    if (store < 0 || server < 0 || i == MOST_LINKS) {
        close(store);
        close(server);
        return;
    }
    links[i] = (struct link){.store = store, .server = server};
}

static void *run(void *argument)
{
    struct proxy *proxy = argument;
    struct link links[MOST_LINKS];
    struct pollfd polled[2 + 2 * MOST_LINKS];
    for (size_t i = 0; i < MOST_LINKS; i++)
        links[i] = (struct link){.store = -1, .server = -1};
    for (;;) {
        polled[0] = (struct pollfd){.fd = proxy->stop[0], .events = POLLIN};
        polled[1] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
        for (size_t i = 0; i < MOST_LINKS; i++) {
            polled[2 + 2 * i] = (struct pollfd){.fd = links[i].store, .events = POLLIN};
            polled[3 + 2 * i] = (struct pollfd){.fd = links[i].server, .events = POLLIN};
        }
        poll(polled, ARRAY_LENGTH(polled), -1);
        if (polled[0].revents)
            break;
        for (size_t i = 0; i < MOST_LINKS; i++) {
            if (polled[2 + 2 * i].revents)
                pass_to_server(proxy, &links[i]);
            if (polled[3 + 2 * i].revents && links[i].server >= 0)
                pass_to_store(&links[i]);
        }
        if (polled[1].revents)
            accept_link(proxy, links);
    }
    for (size_t i = 0; i < MOST_LINKS; i++) {
        if (links[i].store >= 0)
            close_link(&links[i]);
    }
    return NULL;
}

struct proxy *proxy_start(const char *server_folder)
{
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    pthread_t *thread = malloc(sizeof(*thread));
    strcpy(proxy->folder, "/tmp/sms-gateway-proxy-XXXXXX");
    assert_non_null(mkdtemp(proxy->folder));
    snprintf(proxy->server, sizeof(proxy->server), "%s", server_folder);
    proxy->listener = open_socket(proxy->folder, true);
    assert_true(proxy->listener >= 0);
    assert_int_equal(pipe(proxy->stop), 0);
    proxy->thread = thread;
    assert_int_equal(pthread_create(thread, NULL, run, proxy), 0);
    return proxy;
}

void proxy_stop(struct proxy *proxy)
{
    char path[128];
    assert_int_equal(write(proxy->stop[1], "", 1), 1);
    pthread_join(*(pthread_t *)proxy->thread, NULL);
    close(proxy->stop[0]);
    close(proxy->stop[1]);
    close(proxy->listener);
    snprintf(path, sizeof(path), "%s/.s.PGSQL.5432", proxy->folder);
    unlink(path);
    rmdir(proxy->folder);
    free(proxy->thread);
    free(proxy);
}

void proxy_cut_at(struct proxy *proxy, enum proxy_cut cut, int number)
{
    atomic_store(&proxy->cut_at, number);
    atomic_store(&proxy->cut, cut);
}
