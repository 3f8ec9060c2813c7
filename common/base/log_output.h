/*
 * Where the log goes: standard error. A terminal or a pipe that nobody reads from (a pager, Ctrl-S, a full `docker logs`) must not
 * keep the program from its work: it is waited for once, and then lines are dropped and counted until it takes some again. A
 * file and a socket, which is the journal, are waited for.
 */
#ifndef COMMON_BASE_LOG_OUTPUT_H
#define COMMON_BASE_LOG_OUTPUT_H

#include "common/base/base.h"

/* Once, before the first write; one thread. Without it standard error is waited for. */
void log_output_open(void);

/* Writes whole lines, or counts them as dropped. False if they were dropped. Any thread. */
MUST_CHECK bool log_output_write(const char *lines, size_t length);

/* The number of lines dropped since the last call; and counts some that could not be told. Any thread. */
MUST_CHECK unsigned log_output_take_dropped(void);
void log_output_return_dropped(unsigned count);

#endif
