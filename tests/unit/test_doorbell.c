/* The doorbell: it never blocks, never fails, and loses nothing that matters. */
#include "common/base/log.h"
#include "common/base/unix_socket.h"
#include "common/process/doorbell.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A folder for the socket; an alarm ends the program if anything blocks. */
static char folder[64], path[80];

static int64_t complained_ms;

enum { STRANGER = 64321 }; /* nobody's number */

static int set_up(void **state)
{
    (void)state;
    log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT); /* warnings are expected here */
    complained_ms = 0;
    alarm(60);
    strcpy(folder, "/tmp/test_doorbell.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/doorbell", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    alarm(0);
    unlink(path);
    return rmdir(folder);
}

static struct doorbell *open_bell(void)
{
    struct doorbell *doorbell = doorbell_open(path);
    assert_non_null(doorbell);
    return doorbell;
}

static int listen_at_path(void)
{
    int fd = doorbell_listen(path);
    assert_true(fd >= 0);
    return fd;
}

static bool drain(int fd)
{
    return doorbell_drain(fd, &complained_ms);
}

/* Whether a loop that waits for the descriptor would wake. */
static bool wakes(int fd)
{
    struct pollfd waited = {.fd = fd, .events = POLLIN};
    return poll(&waited, 1, 0) == 1 && waited.revents & POLLIN;
}

static void a_ring_is_heard_once(void **state)
{
    (void)state;
    int fd = listen_at_path();
    struct doorbell *doorbell = open_bell();
    assert_false(wakes(fd));
    assert_false(drain(fd));
    for (int i = 0; i < 3; i++) {
        doorbell_ring(doorbell);
        assert_true(wakes(fd));
        assert_true(drain(fd));
        assert_false(wakes(fd));
        assert_false(drain(fd));
    }
    doorbell_close(doorbell);
    close(fd);
}

static void rings_merge_and_a_full_queue_does_not_block(void **state)
{
    (void)state;
    int fd = listen_at_path();
    struct doorbell *doorbell = open_bell();
    for (int i = 0; i < 10000; i++)
        doorbell_ring(doorbell);
    assert_true(wakes(fd));
    assert_true(drain(fd));
    assert_false(wakes(fd));
    assert_false(drain(fd));
    doorbell_ring(doorbell); /* there is room again */
    assert_true(drain(fd));
    doorbell_close(doorbell);
    close(fd);
}

static void ringing_where_nobody_listens_does_nothing(void **state)
{
    (void)state;
    struct doorbell *doorbell = open_bell();
    for (int i = 0; i < 1000; i++)
        doorbell_ring(doorbell);
    doorbell_close(doorbell);
}

static void a_listener_that_comes_later_is_heard(void **state)
{
    (void)state;
    struct doorbell *doorbell = open_bell();
    doorbell_ring(doorbell);
    int fd = listen_at_path();
    assert_false(drain(fd));
    doorbell_ring(doorbell);
    assert_true(drain(fd));
    doorbell_close(doorbell);
    close(fd);
}

/* Its socket stays in the file system when it dies, or goes with it when it stops. */
static void a_listener_that_restarts_hears_again(void **state)
{
    (void)state;
    struct doorbell *doorbell = open_bell();
    for (int round = 0; round < 4; round++) {
        int fd = listen_at_path();
        doorbell_ring(doorbell);
        assert_true(drain(fd));
        close(fd);
        if (round % 2)
            unlink(path);
        doorbell_ring(doorbell);
        doorbell_ring(doorbell);
    }
    doorbell_close(doorbell);
}

static void a_new_listener_replaces_the_old_one(void **state)
{
    (void)state;
    struct doorbell *doorbell = open_bell();
    int old = listen_at_path(), new = listen_at_path();
    doorbell_ring(doorbell);
    assert_false(drain(old));
    assert_true(drain(new));
    doorbell_close(doorbell);
    close(old);
    close(new);
}

static void a_file_at_the_path_is_replaced(void **state)
{
    struct stat status;
    (void)state;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    int fd = listen_at_path();
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    close(fd);
}

static void the_descriptor_does_not_block_and_is_not_inherited(void **state)
{
    (void)state;
    int fd = listen_at_path();
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

static void strangers_may_not_ring(void **state)
{
    struct stat status;
    (void)state;
    int fd = listen_at_path();
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0007, 0);
    close(fd);
}

/* Rings as another user, of another group, whom the modes of the files let in. */
static void ring_as(uid_t uid, gid_t gid)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        alarm(0);
        bool good = setgroups(0, NULL) == 0 && setgid(gid) == 0 && setuid(uid) == 0;
        struct doorbell *doorbell = doorbell_open(path);
        if (good && doorbell)
            doorbell_ring(doorbell);
        _exit(good && doorbell ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_strangers_ring_is_not_heard(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can be somebody else\n");
        skip();
    }
    int fd = listen_at_path();
    struct doorbell *doorbell = open_bell();
    assert_int_equal(chmod(folder, 0711), 0);
    assert_int_equal(chmod(path, 0666), 0);

    ring_as(STRANGER, STRANGER);
    assert_true(wakes(fd));
    assert_false(drain(fd));
    assert_false(wakes(fd));
    int64_t first_ms = complained_ms;
    assert_int_not_equal(first_ms, 0);
    ring_as(STRANGER, STRANGER);
    assert_false(drain(fd));
    assert_int_equal(complained_ms, first_ms); /* once a minute */

    ring_as(STRANGER, STRANGER);
    doorbell_ring(doorbell);
    ring_as(STRANGER, STRANGER);
    assert_true(drain(fd)); /* one of ours is among them */
    assert_false(wakes(fd));
    ring_as(STRANGER, getegid());
    assert_true(drain(fd));
    ring_as(0, STRANGER);
    assert_true(drain(fd));
    doorbell_close(doorbell);
    close(fd);
}

static void descriptors_that_come_with_a_ring_are_not_taken(void **state)
{
    struct sockaddr_un address;
    (void)state;
    int fd = listen_at_path();
    int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(unix_socket_address(path, &address));
    union {
        char bytes[CMSG_SPACE(sizeof(int) * 3)];
        struct cmsghdr header;
    } control = {
        .header = {CMSG_LEN(sizeof(int) * 3), SOL_SOCKET, SCM_RIGHTS},
    };
    memcpy(CMSG_DATA(&control.header), (int[]){0, 1, 2}, sizeof(int) * 3);
    struct msghdr message = {
        .msg_name = &address,
        .msg_namelen = sizeof(address),
        .msg_iov = &(struct iovec){(char[1]){0}, 1},
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    int before = dup(STDOUT_FILENO);
    close(before);
    assert_int_equal(sendmsg(sender, &message, 0), 1);
    assert_true(drain(fd));
    int after = dup(STDOUT_FILENO);
    close(after);
    assert_int_equal(after, before);
    close(sender);
    close(fd);
}

static void paths_where_no_socket_can_be_are_refused(void **state)
{
    char missing[120], long_path[200];
    (void)state;
    snprintf(missing, sizeof(missing), "%s/missing/doorbell", folder);
    errno = 0;
    assert_int_equal(doorbell_listen(missing), -1);
    assert_int_equal(errno, ENOENT);
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    errno = 0;
    assert_int_equal(doorbell_listen(long_path), -1);
    assert_int_equal(errno, ENAMETOOLONG);
    assert_null(doorbell_open(long_path));
    doorbell_close(NULL);
}

static void failed_attempts_leave_no_descriptor_open(void **state)
{
    char missing[120], long_path[200];
    (void)state;
    snprintf(missing, sizeof(missing), "%s/missing/doorbell", folder);
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    int before = dup(STDOUT_FILENO);
    close(before);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(doorbell_listen(missing), -1);
        assert_null(doorbell_open(long_path));
        doorbell_close(open_bell());
    }
    int after = dup(STDOUT_FILENO);
    close(after);
    assert_int_equal(after, before);
}

static void *ring_in_thread(void *doorbell)
{
    for (int i = 0; i < 1000; i++)
        doorbell_ring(doorbell);
    return NULL;
}

static void many_threads_ring_one_bell(void **state)
{
    pthread_t threads[8];
    (void)state;
    int fd = listen_at_path();
    struct doorbell *doorbell = open_bell();
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ring_in_thread, doorbell), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(drain(fd));
    doorbell_ring(doorbell);
    assert_true(drain(fd));
    doorbell_close(doorbell);
    close(fd);
}

#define SOCKET_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

UNIT_TESTS(SOCKET_TEST(a_ring_is_heard_once),
           SOCKET_TEST(rings_merge_and_a_full_queue_does_not_block),
           SOCKET_TEST(ringing_where_nobody_listens_does_nothing),
           SOCKET_TEST(a_listener_that_comes_later_is_heard),
           SOCKET_TEST(a_listener_that_restarts_hears_again),
           SOCKET_TEST(a_new_listener_replaces_the_old_one),
           SOCKET_TEST(a_file_at_the_path_is_replaced),
           SOCKET_TEST(the_descriptor_does_not_block_and_is_not_inherited),
           SOCKET_TEST(strangers_may_not_ring), SOCKET_TEST(a_strangers_ring_is_not_heard),
           SOCKET_TEST(descriptors_that_come_with_a_ring_are_not_taken),
           SOCKET_TEST(paths_where_no_socket_can_be_are_refused),
           SOCKET_TEST(failed_attempts_leave_no_descriptor_open),
           SOCKET_TEST(many_threads_ring_one_bell))
