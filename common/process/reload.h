/*
 * A program starts itself anew in place: the same process, its file as it is now, the settings file read
 * again. What it gives through listen_fds.h it has afterwards too, so nobody who is connected, or connects
 * meanwhile, hears of it; requests and phones that it has in hand it has to finish before.
 *
 * Arguments and environment stay as they were: what the service manager sets there, settings from an
 * EnvironmentFile too, changes with a restart. A file that does not start any more (another error than
 * reload_is_possible finds) ends the program, and is the service manager's to start again.
 *
 * Main thread only.
 */
#ifndef COMMON_PROCESS_RELOAD_H
#define COMMON_PROCESS_RELOAD_H

#include "common/base/base.h"

/* At the start, before other threads. `argv` must stay. SIGHUP waits from now on until reload_listen. */
void reload_init(char **argv);

/* SIGHUP has a handler, so it may come. */
void reload_listen(void);

/* Asks the program's file, as it is now, with --check-config. False after logging that it would not start:
   it cannot be executed, or a setting is wrong. Takes some milliseconds. */
MUST_CHECK bool reload_is_possible(void);

/* With no other thread at work any more. What was not given through listen_fds.h is closed. */
_Noreturn void reload_now(void);

#endif
