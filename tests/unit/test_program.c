/* What a program says to its service manager, and how often. */
#include "common/base/log.h"
#include "common/base/unix_socket.h"
#include "common/process/program.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[64], path[80];
static int manager = -1;

static int set_up(void **state)
{
    struct sockaddr_un address;
    (void)state;
    log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT); /* warnings are expected here */
    alarm(60);
    strcpy(folder, "/tmp/test_program.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/notify", folder);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (!unix_socket_address(path, &address) ||
        bind(manager, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", "30000000", 1);
    return setenv("NOTIFY_SOCKET", path, 1);
}

static int tear_down(void **state)
{
    (void)state;
    alarm(0);
    close(manager);
    unlink(path);
    return rmdir(folder);
}

/* The next thing the manager hears. */
static void assert_told(const char *expected)
{
    char heard[64] = "";
    ssize_t length = recv(manager, heard, sizeof(heard) - 1, 0);
    if (!expected) {
        assert_int_equal(length, -1);
        return;
    }
    assert_string_equal(heard, expected);
}

static void the_manager_is_told(void **state)
{
    (void)state;
    program_notify_ready();
    assert_told("READY=1");
    program_notify_alive();
    assert_told("WATCHDOG=1");
    program_notify_stopping();
    assert_told("STOPPING=1");
    assert_told(NULL);
}

static void nobody_is_told_where_there_is_no_manager(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    program_notify_ready();
    program_notify_alive();
    assert_told(NULL);
    setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
    program_notify_alive();
    assert_int_equal(program_watchdog_interval_ms(), 15000);
}

static void a_manager_that_does_not_listen_does_not_hold_the_loop(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) /* more than its queue has */
        program_notify_alive();
    assert_told("WATCHDOG=1");
}

static void the_loop_reports_twice_in_the_time_it_has(void **state)
{
    (void)state;
    assert_int_equal(program_watchdog_interval_ms(), 15000);
    setenv("WATCHDOG_USEC", "1000", 1);
    assert_int_equal(program_watchdog_interval_ms(), 1);
    setenv("WATCHDOG_USEC", "3600000000000", 1);
    assert_int_equal(program_watchdog_interval_ms(), 1800000000);
}

static void nobody_asks(void **state)
{
    static const char *const none[] = {"0", "-1", "", "x", NULL};
    (void)state;
    for (size_t i = 0; none[i]; i++) {
        setenv("WATCHDOG_USEC", none[i], 1);
        assert_int_equal(program_watchdog_interval_ms(), 0);
    }
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(program_watchdog_interval_ms(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(program_watchdog_interval_ms(), 0);
}

/* A child inherits the variables, and not the watchdog. */
static void another_process_is_asked(void **state)
{
    char pid[24];
    (void)state;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(program_watchdog_interval_ms(), 15000);
    snprintf(pid, sizeof(pid), "%d", (int)getppid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(program_watchdog_interval_ms(), 0);
}

static void a_stop_overrides_a_restart(void **state)
{
    (void)state;
    int fd = program_signal_fd();
    assert_int_equal(program_signal_request(fd), PROGRAM_CONTINUE);
    raise(SIGHUP);
    raise(SIGHUP);
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0), 1);
    assert_int_equal(program_signal_request(fd), PROGRAM_RESTART);
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0), 0);
    raise(SIGTERM);
    raise(SIGHUP);
    assert_int_equal(program_signal_request(fd), PROGRAM_STOP);
    assert_int_equal(program_signal_request(fd), PROGRAM_STOP);
    close(fd);
}

#define MANAGER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

UNIT_TESTS(MANAGER_TEST(the_manager_is_told),
           MANAGER_TEST(nobody_is_told_where_there_is_no_manager),
           MANAGER_TEST(a_manager_that_does_not_listen_does_not_hold_the_loop),
           MANAGER_TEST(the_loop_reports_twice_in_the_time_it_has), MANAGER_TEST(nobody_asks),
           MANAGER_TEST(another_process_is_asked), cmocka_unit_test(a_stop_overrides_a_restart))
