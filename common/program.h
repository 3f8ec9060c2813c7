/* What both programs do before and around their work. Main thread only. */
#ifndef COMMON_PROGRAM_H
#define COMMON_PROGRAM_H

#include "log.h"
#include "settings.h"

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

/* A descriptor that becomes readable when SIGTERM or SIGINT arrives, whichever thread gets it. Call it
   after the start of libraries that take these signals for themselves (libfcgi, libuv). */
int program_signal_fd(void);

/* How many files this process may have open, after raising the limit as far as it goes. */
int64_t program_file_limit(void);

/* Tells whoever set NOTIFY_SOCKET (systemd, the tests) that the program serves, or ends
   (sd_notify(3)). */
void program_notify_ready(void);
void program_notify_stopping(void);

/*
 * The service manager's watchdog (sd_watchdog_enabled(3)): how often the program's loop says that it
 * still turns, which is twice in the time it has; 0 when nobody asks. It ends a program that falls
 * silent, and starts it again.
 */
int64_t program_watchdog_interval_ms(void);
void program_notify_alive(void);

#endif
