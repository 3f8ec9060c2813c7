/* Start-up, signals and service manager of the programs. Main thread only. */
#ifndef COMMON_PROCESS_PROGRAM_H
#define COMMON_PROCESS_PROGRAM_H

#include "common/base/log.h"
#include "common/process/settings.h"

/*
 * Reads options and settings, and sets up the log, the folders and the open-file limit. Handles --help, --version,
 * --check-config and the --print-* options and exits. Exits with status 2 and one line on stderr if an option or a setting
 * is wrong. `name` and `purpose` are static.
 */
void program_start(int argc, char **argv, const char *name, const char *purpose,
                   struct settings *settings);

/* A part of program_start, for a program with its own options: log, umask, signals, no core dumps. */
void program_prepare(const char *name, enum log_level level, enum log_format format);

/* Creates the folder of the database if it does not exist; program_fail if that fails. */
void program_make_database_folder(const struct settings *settings);

/* Logs an error and exits with status 1. */
_Noreturn void program_fail(const char *what, const char *why);

/* Blocks SIGTERM, SIGINT and SIGHUP until program_signal_fd: a library that handles them itself (libfcgi) would lose a
   signal that arrives meanwhile. */
void program_hold_signals(void);

/* A descriptor that becomes readable when SIGTERM, SIGINT or SIGHUP arrives, whichever thread gets it.
   Call it after starting libraries that handle these signals themselves (libfcgi, libuv). */
int program_signal_fd(void);

/* What the signals since the start ask for. SIGTERM, SIGINT: stop. SIGHUP: stop, and tell devices that the service
   manager starts the program again. Empties the descriptor. */
enum program_request { PROGRAM_CONTINUE, PROGRAM_RESTART, PROGRAM_STOP };
enum program_request program_signal_request(int fd);

/* Raises the open-file limit as far as possible, and returns it. */
int64_t program_file_limit(void);

/* Tells the service manager (NOTIFY_SOCKET, sd_notify(3)) that the program serves, or is stopping. */
void program_notify_ready(void);
void program_notify_stopping(void);

/*
 * The service manager's descriptor store (sd_pid_notify_with_fds(3)): it keeps descriptors open between two processes
 * of a restart. The next process inherits them (listen_fds.h) and then removes them from the store. FDSTORE says
 * whether there is a store; systemd sets it from version 254 on, and our units set it for older versions.
 */
bool program_has_fd_store(void);
void program_store_fd(const char *name, int fd);
void program_unstore_fds(const char *name);

/*
 * The service manager's watchdog (sd_watchdog_enabled(3)) restarts a program that stops calling program_notify_alive. The
 * interval is half the watchdog's timeout; 0: no watchdog.
 */
int64_t program_watchdog_interval_ms(void);
void program_notify_alive(void);

#endif
