/* Descriptors inherited by the protocol of sd_listen_fds(3). */
#include "common/base/unix_socket.h"
#include "common/process/listen_fds.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The module reads its environment once, so each test is a process of its own; `exit` tells. */
static void in_a_child(void (*test)(void))
{
    pid_t child = fork();
    if (child == 0) {
        test();
        _exit(EXIT_SUCCESS);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("%s:%d: %s\n", __FILE__, __LINE__, #condition);                            \
            _exit(EXIT_FAILURE);                                                                   \
        }                                                                                          \
    } while (0)

/* A pipe's end. */
static int new_fd(void)
{
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[1]);
    return ends[0];
}

static void set_environment(const char *count, const char *names)
{
    char pid[24];
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", count, 1);
    if (names)
        setenv("LISTEN_FDNAMES", names, 1);
}

static void put_at(int fd, int place)
{
    CHECK(dup2(fd, place) == place);
}

static void take_by_name(void)
{
    for (int i = 0; i < 4; i++)
        put_at(new_fd(), 3 + i);
    set_environment("4", "kept:api::kept");
    CHECK(listen_fds_inherit("api") == 4);
    CHECK(listen_fds_inherit("api") == -1);
    CHECK(listen_fds_inherit("broker") == -1);
    CHECK(listen_fds_inherit("kept") == 3);
    CHECK(listen_fds_inherit("kept") == 6);
    CHECK(listen_fds_inherit("kept") == -1);
    for (int i = 0; i < 4; i++)
        CHECK(fcntl(3 + i, F_GETFD) == FD_CLOEXEC);
    CHECK(!getenv("LISTEN_PID") && !getenv("LISTEN_FDS") && !getenv("LISTEN_FDNAMES"));
}

static void take_nothing_of_another(void)
{
    put_at(new_fd(), 3);
    set_environment("1", "api");
    setenv("LISTEN_PID", "1", 1);
    CHECK(listen_fds_inherit("api") == -1);
    CHECK(!getenv("LISTEN_FDS"));
}

static void take_nothing_without_a_count(void)
{
    put_at(new_fd(), 3);
    set_environment("-1", "api");
    CHECK(listen_fds_inherit("api") == -1);
}

static void skip_what_is_not_open(void)
{
    close(5);
    put_at(new_fd(), 4);
    close(3);
    set_environment("3", "api:api:api");
    CHECK(listen_fds_inherit("api") == 4);
    CHECK(listen_fds_inherit("api") == -1);
}

static void find_fewer_names_than_descriptors(void)
{
    put_at(new_fd(), 3);
    put_at(new_fd(), 4);
    set_environment("2", "api");
    CHECK(listen_fds_inherit("api") == 3);
    CHECK(listen_fds_inherit("") == 4);
}

/* ---- Listening sockets ---- */

static char path[32];

static void choose_path(void)
{
    strcpy(path, "/tmp/test_listen_fds.XXXXXX");
    CHECK(close(mkstemp(path)) == 0);
}

static void make_one(void)
{
    struct listen_socket listening;
    choose_path();
    CHECK(listen_socket_open(&listening, "api", path, 1));
    CHECK(listening.own && fcntl(listening.fd, F_GETFL) & O_NONBLOCK);
    listen_socket_close(&listening, path);
    CHECK(access(path, F_OK) < 0 && errno == ENOENT);
}

static void take_one_of_the_manager(void)
{
    struct listen_socket listening;
    choose_path();
    put_at(unix_socket_listen(path, 1), 3);
    fcntl(3, F_SETFL, 0); /* systemd's block */
    set_environment("1", "api");
    CHECK(listen_socket_open(&listening, "api", "/not/used", 1));
    CHECK(listening.fd == 3 && !listening.own && fcntl(3, F_GETFL) & O_NONBLOCK);
    listen_socket_close(&listening, path);
    CHECK(access(path, F_OK) == 0);
    unlink(path);
}

static void refuse_what_does_not_listen(void)
{
    struct listen_socket listening;
    put_at(new_fd(), 3);
    set_environment("1", "api");
    CHECK(!listen_socket_open(&listening, "api", "/not/used", 1));
}

/* ---- */

#define IN_A_CHILD(name, test)                                                                     \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        in_a_child(test);                                                                          \
    }

IN_A_CHILD(descriptors_are_taken_by_name, take_by_name)
IN_A_CHILD(those_of_another_process_are_not_ours, take_nothing_of_another)
IN_A_CHILD(a_count_below_nothing_is_nothing, take_nothing_without_a_count)
IN_A_CHILD(a_number_that_is_not_open_is_skipped, skip_what_is_not_open)
IN_A_CHILD(names_may_be_missing, find_fewer_names_than_descriptors)
IN_A_CHILD(a_socket_is_made_where_none_is_inherited, make_one)
IN_A_CHILD(a_socket_of_the_manager_stays_when_the_program_ends, take_one_of_the_manager)
IN_A_CHILD(what_does_not_listen_is_refused, refuse_what_does_not_listen)

UNIT_TESTS(cmocka_unit_test(descriptors_are_taken_by_name),
           cmocka_unit_test(those_of_another_process_are_not_ours),
           cmocka_unit_test(a_count_below_nothing_is_nothing),
           cmocka_unit_test(a_number_that_is_not_open_is_skipped),
           cmocka_unit_test(names_may_be_missing),
           cmocka_unit_test(a_socket_is_made_where_none_is_inherited),
           cmocka_unit_test(a_socket_of_the_manager_stays_when_the_program_ends),
           cmocka_unit_test(what_does_not_listen_is_refused))
