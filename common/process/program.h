/* What both programs do before and around their work. Main thread only. */
#ifndef COMMON_PROCESS_PROGRAM_H
#define COMMON_PROCESS_PROGRAM_H

#include "common/base/log.h"
#include "common/process/settings.h"

/*
 * Options, settings, log, working folders, open-file limit. Answers --help, --version,
 * --check-config and the --print-* options and exits; exits with status 2 and one clear line on
 * stderr when an option or a setting is wrong. `name` and `purpose` are static.
 */
void program_start(int argc, char **argv, const char *name, const char *purpose,
                   struct settings *settings);

/* A part of that, for a program with options of its own: log, umask, signals, no core dumps. */
void program_prepare(const char *name, enum log_level level, enum log_format format);

/* Another: where there is none yet. program_fail when it cannot be made. */
void program_make_database_folder(const struct settings *settings);

/* Ends a start that cannot go on: logs and exits with status 1. */
_Noreturn void program_fail(const char *what, const char *why);

/* From here until program_signal_fd SIGTERM and SIGINT wait: a library that takes them for itself (libfcgi) would
   swallow one that comes meanwhile. */
void program_hold_signals(void);

/* A descriptor that becomes readable when SIGTERM, SIGINT or SIGHUP arrives, whichever thread gets it.
   Call it after the start of libraries that take these signals for themselves (libfcgi, libuv). */
int program_signal_fd(void);

/* What signals wish: SIGTERM and SIGINT, once they have come, that the program ends; SIGHUP that it starts
   itself anew (reload.h). Empties the descriptor. */
enum program_wish { PROGRAM_GO_ON, PROGRAM_RELOAD, PROGRAM_STOP };
enum program_wish program_take_wish(int fd);

/* How many files this process may have open, after raising the limit as far as it goes. */
int64_t program_file_limit(void);

/* Tells whoever set NOTIFY_SOCKET (systemd, the tests) that the program serves, will serve again in a
   moment, or ends (sd_notify(3)). */
void program_notify_ready(void);
void program_notify_reloading(void);
void program_notify_stopping(void);

/*
 * The service manager's store of descriptors (sd_pid_notify_with_fds(3)), for the time between two processes of
 * a restart: the next one is given them (listen_fds.h), and then the manager shall let go of its own. Only
 * where there is one: FDSTORE says so, which systemd sets from version 254 on, and our units before.
 */
bool program_has_fd_store(void);
void program_store_fd(const char *name, int fd);
void program_unstore_fds(const char *name);

/*
 * The service manager's watchdog (sd_watchdog_enabled(3)): how often the program's loop says that it
 * still turns, which is twice in the time it has; 0 when nobody asks. It ends a program that falls
 * silent, and starts it again.
 */
int64_t program_watchdog_interval_ms(void);
void program_notify_alive(void);

#endif
