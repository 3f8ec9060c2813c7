#include "common/process/program.h"

#include "common/base/log.h"
#include "common/base/log_output.h"
#include "common/base/man_page.h"
#include "common/base/standard_streams.h"
#include "common/base/terminal.h"
#include "common/base/unix_socket.h"
#include "common/process/database_url.h"
#include "common/process/listener.h"
#include "common/process/machine_check.h"
#include "common/process/problem_pages.h"
#include "common/process/public_url.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

static const char *program_name;

enum {
    OPTION_ENV_FILE = 1,
    OPTION_CHECK_CONFIG,
    OPTION_CHECK_FRONT,
    OPTION_CHECK_START,
    OPTION_PRIVATE,
    OPTION_WITHOUT_PASSWORD,
    OPTION_PRINT_SETTINGS,
    OPTION_PRINT_NGINX_PROBLEMS,
    OPTION_PRINT_PUBLIC_URL,
    OPTION_PRINT_LISTENERS,
    OPTION_PRINT_MAN,
    OPTION_VERSION,
    OPTION_HELP,
};

static const struct program_option {
    int number;
    const char *name, *value, *meaning;
} program_options[] = {
    {OPTION_ENV_FILE, "env-file", "FILE", "read settings from FILE, which must exist"},
    {OPTION_CHECK_CONFIG, "check-config", "", "check the settings, print them and exit"},
    {OPTION_CHECK_FRONT, "check-front", "",
     "also check the addresses and files that nginx will use"},
    {OPTION_CHECK_START, "check-start", "",
     "also check that the ports are free and the folders writable"},
    {OPTION_WITHOUT_PASSWORD, "without-password", "",
     "with --check-config: leave the password of DATABASE_URL out"},
    {OPTION_PRIVATE, "private", "",
     "if only this machine can connect, turn keys, tokens and limits off unless they are set"},
    {OPTION_PRINT_SETTINGS, "print-settings", "markdown|env|man",
     "print the list of settings as a page, as .env.example or as a manual page, and exit"},
    {OPTION_PRINT_NGINX_PROBLEMS, "print-nginx-problems", "",
     "print nginx's configuration for its own errors, and exit"},
    {OPTION_PRINT_PUBLIC_URL, "print-public-url", "",
     "print the URL for phones and clients and exit"},
    {OPTION_PRINT_LISTENERS, "print-listeners", "",
     "print the addresses and ports that nginx listens on and exit"},
    {OPTION_PRINT_MAN, "print-man", "", "print the manual page of this program and exit"},
    {OPTION_VERSION, "version", "", "print the version and exit"},
    {OPTION_HELP, "help", "", "print this help and exit"},
};

static void print_usage(const char *purpose, FILE *out)
{
    fprintf(out, "%s: %s\n\n", program_name, purpose);
    for (size_t i = 0; i < ARRAY_LENGTH(program_options); i++) {
        const struct program_option *option = &program_options[i];
        fprintf(out, "  --%s%s%s\n      %s\n", option->name, *option->value ? "=" : "",
                option->value, option->meaning);
    }
    fprintf(out, "\nSettings, from the environment or the file (default: %s):\n",
            settings_default_file);
    settings_print_help(out);
}

static void print_man(const char *purpose, FILE *out)
{
    man_begin(out, program_name, 8, purpose);
    man_heading(out, "DESCRIPTION");
    man_text(out,
             "One of the programs of the SMS gateway, which the service manager starts. It"
             " stays in the foreground, logs to the standard error, and stops well on SIGTERM.");
    man_heading(out, "OPTIONS");
    for (size_t i = 0; i < ARRAY_LENGTH(program_options); i++) {
        const struct program_option *option = &program_options[i];
        char term[64];
        snprintf(term, sizeof(term), "--%s", option->name);
        man_item(out, term, option->value, option->meaning);
    }
    man_heading(out, "FILES");
    man_item(out, settings_default_file, "", "the settings: `sms-gateway.env`(5)");
    man_heading(out, "EXIT STATUS");
    man_text(out, "0 after a stop that was asked for; 2 for an option or a setting that is wrong;"
                  " 1 for what else hinders it.");
    man_heading(out, "SEE ALSO");
    man_text(out, "`sms-gateway`(8), `sms-gateway.env`(5)");
}

_Noreturn static void refuse_usage(const char *errmsg)
{
    terminal_print(stderr, "%s: %s\n", program_name, errmsg);
    exit(EXIT_USAGE);
}

_Noreturn static void print_settings_and_exit(const char *form)
{
    if (strcmp(form, "markdown") == 0)
        settings_print_markdown(stdout);
    else if (strcmp(form, "env") == 0)
        settings_print_env_example(stdout);
    else if (strcmp(form, "man") == 0)
        settings_print_man(stdout);
    else
        refuse_usage("--print-settings takes markdown, env or man");
    exit(EXIT_SUCCESS);
}

_Noreturn static void print_public_url_and_exit(const struct settings *settings)
{
    char url[PUBLIC_URL_SIZE], errmsg[ERRMSG_SIZE];
    if (!public_url(settings, url, errmsg))
        refuse_usage(errmsg);
    if (public_url_warning(settings, url, errmsg))
        fprintf(stderr, "WARNING: %s\n", errmsg);
    puts(url);
    exit(EXIT_SUCCESS);
}

/* Like mkdir -p; an existing folder keeps its mode. */
static void make_folder(const char *path, mode_t mode)
{
    char copy[SETTINGS_TEXT_SIZE];
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *p = copy + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        bool made = mkdir(copy, mode) == 0;
        if (!made && errno != EEXIST && end == '\0')
            program_fail("cannot create a folder", copy);
        if (made)
            chmod(copy, mode); /* regardless of the umask */
        if (end == '\0')
            return;
        *p = end;
    }
}

void program_make_database_folder(const struct settings *settings)
{
    char database_path[SETTINGS_TEXT_SIZE];
    if (database_url_is_postgresql(settings->database_url))
        return;
    strcpy(database_path, settings->database_path);
    make_folder(dirname(database_path), 0700);
}

/* The options that are handled after the settings are read. */
struct asked {
    const char *env_file;
    bool check, check_front, check_start, private, without_password, print_url, print_listeners;
};

static void take_option(int option, const char *purpose, struct asked *asked)
{
    switch (option) {
    case OPTION_ENV_FILE:
        asked->env_file = optarg;
        break;
    case OPTION_CHECK_START:
        asked->check_start = true;
        /* fall through */
    case OPTION_CHECK_FRONT:
        asked->check_front = true;
        /* fall through */
    case OPTION_CHECK_CONFIG:
        asked->check = true;
        break;
    case OPTION_WITHOUT_PASSWORD:
        asked->without_password = true;
        break;
    case OPTION_PRIVATE:
        asked->private = true;
        break;
    case OPTION_PRINT_PUBLIC_URL:
        asked->print_url = true;
        break;
    case OPTION_PRINT_LISTENERS:
        asked->print_listeners = true;
        break;
    case OPTION_PRINT_SETTINGS:
        print_settings_and_exit(optarg);
    case OPTION_PRINT_NGINX_PROBLEMS:
        problem_pages_print_nginx(stdout);
        exit(EXIT_SUCCESS);
    case OPTION_PRINT_MAN:
        print_man(purpose, stdout);
        exit(EXIT_SUCCESS);
    case OPTION_VERSION:
        printf("%s %s\n", program_name, GATEWAY_VERSION);
        exit(EXIT_SUCCESS);
    case OPTION_HELP:
        print_usage(purpose, stdout);
        exit(EXIT_SUCCESS);
    default:
        exit(EXIT_USAGE); /* getopt has printed an error message */
    }
}

static void read_options(int argc, char **argv, const char *purpose, struct asked *asked)
{
    struct option options[ARRAY_LENGTH(program_options) + 1] = {0};
    int option;
    for (size_t i = 0; i < ARRAY_LENGTH(program_options); i++) {
        const struct program_option *each = &program_options[i];
        options[i] = (struct option){each->name, *each->value ? required_argument : no_argument,
                                     NULL, each->number};
    }
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        take_option(option, purpose, asked);
    if (optind < argc)
        refuse_usage("takes no arguments, only options; --help lists them");
}

/* A PUBLIC_URL means that other machines connect through a proxy. */
static bool is_private(const struct settings *settings)
{
    return listener_is_loopback(settings) && *settings->public_url == '\0';
}

/* Handles the options that check or print the settings. Returns if the program should run. */
static void answer(const struct asked *asked, struct settings *settings)
{
    char errmsg[ERRMSG_SIZE];
    if (asked->check_front &&
        (!machine_check_front(settings, errmsg) || !machine_check_file_limit(errmsg)))
        refuse_usage(errmsg);
    if (asked->check_start &&
        (!machine_check_ports(settings, errmsg) || !machine_check_folders(settings, errmsg)))
        refuse_usage(errmsg);
    if (asked->check_start && *settings->other_names)
        fprintf(stderr, "Ignored, because they are not settings of the gateway: %s\n",
                settings->other_names);
    if (asked->private && is_private(settings))
        settings_open_private(settings);
    if (asked->without_password)
        database_url_remove_password(settings->database_url);
    if (asked->print_url)
        print_public_url_and_exit(settings);
    if (asked->print_listeners)
        listener_print(settings, stdout);
    else if (asked->check)
        settings_print(settings, stdout);
    else
        return;
    exit(EXIT_SUCCESS);
}

static void end_at_once(int number)
{
    (void)number;
    _exit(EXIT_SUCCESS);
}

/* For the first process of a container: the kernel drops signals to it that have no handler (pid_namespaces(7)). */
static void end_as_others_do(void)
{
    if (getpid() != 1)
        return;
    signal(SIGTERM, end_at_once);
    signal(SIGINT, end_at_once);
}

void program_start(int argc, char **argv, const char *name, const char *purpose,
                   struct settings *settings)
{
    struct asked asked = {0};
    char errmsg[ERRMSG_SIZE];
    program_name = name;
    standard_streams_occupy();
    end_as_others_do();
    read_options(argc, argv, purpose, &asked);
    if (!settings_load_option(settings, asked.env_file, errmsg))
        refuse_usage(errmsg);
    answer(&asked, settings);
    if (!machine_check_file_limit(errmsg))
        refuse_usage(errmsg);

    enum log_level level;
    enum log_format format;
    if (!log_level_parse(settings->log_level, &level))
        refuse_usage("LOG_LEVEL is not valid");
    if (!log_format_parse(settings->log_format, &format))
        refuse_usage("LOG_FORMAT is not valid");
    program_prepare(name, level, format);
    program_make_database_folder(settings);
    make_folder(settings->runtime_dir, 0750); /* nginx has access through the group */
}

void program_prepare(const char *name, enum log_level level, enum log_format format)
{
    end_as_others_do();
    log_init(name, level, format);
    log_output_open();
    umask(0077); /* the programs run as one user; nginx, in its group, needs only the sockets */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* memory contains messages and keys */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ,
           SIG_IGN); /* a write beyond RLIMIT_FSIZE fails instead, like one to a full disk */
}

_Noreturn void program_fail(const char *what, const char *why)
{
    log_error(what, LOG_TEXT("reason", why));
    exit(EXIT_FAILURE);
}

static int signal_fd = -1;
static atomic_bool stop_requested, restart_requested;

static void on_signal(int number)
{
    int saved_errno = errno;
    uint64_t one = 1;
    atomic_store(number == SIGHUP ? &restart_requested : &stop_requested, true);
    ssize_t written = write(signal_fd, &one, sizeof(one));
    (void)written;
    errno = saved_errno;
}

static void mask_stop_signals(int how)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(how, &signals, NULL);
}

void program_hold_signals(void)
{
    mask_stop_signals(SIG_BLOCK);
}

int program_signal_fd(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signal_fd < 0 || sigaction(SIGTERM, &action, NULL) < 0 ||
        sigaction(SIGINT, &action, NULL) < 0 || sigaction(SIGHUP, &action, NULL) < 0)
        program_fail("cannot catch signals", log_errno_text());
    mask_stop_signals(SIG_UNBLOCK);
    return signal_fd;
}

enum program_request program_signal_request(int fd)
{
    uint64_t count;
    ssize_t length = read(fd, &count, sizeof(count));
    (void)length; /* without a signal there is nothing to read */
    if (atomic_load(&stop_requested))
        return PROGRAM_STOP;
    return atomic_load(&restart_requested) ? PROGRAM_RESTART : PROGRAM_CONTINUE;
}

int64_t program_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    return (int64_t)limit.rlim_cur;
}

/* Attaches `sent_fd` unless it is -1. */
static void notify_with_fd(const char *state, int flags, int sent_fd)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    if (!path || !unix_socket_address(path, &address))
        return;
    struct msghdr message = {
        .msg_name = &address,
        .msg_namelen = sizeof(address),
        .msg_iov = &(struct iovec){(char *)state, strlen(state)},
        .msg_iovlen = 1,
    };
    if (*path == '@') { /* an abstract name has no closing NUL */
        address.sun_path[0] = '\0';
        message.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    }
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    if (sent_fd >= 0) {
        memcpy(CMSG_DATA(&control.header), &sent_fd, sizeof(int));
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendmsg(fd, &message, MSG_NOSIGNAL | flags) < 0)
        log_warning("cannot notify the service manager", LOG_TEXT("state", state), LOG_ERRNO);
    if (fd >= 0)
        close(fd);
}

static void notify(const char *state, int flags)
{
    notify_with_fd(state, flags, -1);
}

bool program_has_fd_store(void)
{
    const char *most = getenv("FDSTORE");
    return most && strtol(most, NULL, 10) > 0 && getenv("NOTIFY_SOCKET");
}

void program_store_fd(const char *name, int fd)
{
    char state[64];
    snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=%s", name);
    notify_with_fd(state, 0, fd);
}

void program_unstore_fds(const char *name)
{
    char state[64];
    snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s", name);
    notify(state, 0);
}

void program_notify_ready(void)
{
    notify("READY=1", 0);
}

void program_notify_stopping(void)
{
    notify("STOPPING=1", 0);
}

int64_t program_watchdog_interval_ms(void)
{
    const char *limit = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (!limit || !getenv("NOTIFY_SOCKET") || (pid && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    long long limit_us = strtoll(limit, NULL, 10);
    return limit_us > 0 ? MAX(limit_us / 2000, 1) : 0;
}

void program_notify_alive(void)
{
    notify("WATCHDOG=1", MSG_DONTWAIT); /* must not block the loop */
}
