#include "common/process/reload.h"

#include "common/base/log.h"
#include "common/process/listen_fds.h"
#include "common/process/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

static char **arguments;

/* Without a handler SIGHUP would end the program. */
static void hold_hangup(int how)
{
    sigset_t hangup;
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    pthread_sigmask(how, &hangup, NULL);
}

void reload_init(char **argv)
{
    arguments = argv;
    hold_hangup(SIG_BLOCK);
}

void reload_listen(void)
{
    hold_hangup(SIG_UNBLOCK);
}

/* As the program was started, not what the file was then: an upgrade puts another in its place. */
static const char *program_path(void)
{
    return (const char *)getauxval(AT_EXECFN);
}

static char **with_check(void)
{
    static char check[] = "--check-config";
    size_t count = 0;
    while (arguments[count])
        count++;
    char **all = calloc(count + 2, sizeof(*all));
    if (all) {
        memcpy(all, arguments, count * sizeof(*all));
        all[count] = check;
    }
    return all;
}

static bool wait_for_success(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

bool reload_is_possible(void)
{
    pid_t child = -1;
    posix_spawn_file_actions_t actions;
    char **argv = with_check();
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    errno = argv ? posix_spawn(&child, program_path(), &actions, NULL, argv, environ) : ENOMEM;
    bool started = errno == 0;
    posix_spawn_file_actions_destroy(&actions);
    free(argv);
    if (!started)
        log_error("the program cannot be started anew and stays as it is",
                  LOG_TEXT("path", program_path()), LOG_ERRNO);
    else if (!wait_for_success(child))
        log_error("the program would not start with these settings and stays as it is",
                  LOG_TEXT("path", program_path()));
    else
        return true;
    return false;
}

_Noreturn void reload_now(void)
{
    hold_hangup(SIG_BLOCK); /* an exec takes the handler away and leaves this */
    if (listen_fds_place())
        execve(program_path(), arguments, environ);
    program_fail("the program cannot be started anew", log_errno_text());
}
