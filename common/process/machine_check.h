/*
 * Whether this machine has what the settings name: the address, the TLS files, the folders, free ports. The
 * judge for `make run`, the units and `sms-gateway settings check`. Nothing stays of what it tries. On false `errmsg` says in one sentence what to change. The settings must agree
 * (settings_check.h). Main thread.
 */
#ifndef COMMON_PROCESS_MACHINE_CHECK_H
#define COMMON_PROCESS_MACHINE_CHECK_H

#include "common/process/settings.h"

/* The fewest files that a process must be able to open: below, a handful of phones would fill it. */
enum { MACHINE_FEWEST_FILES = 256 };

/* What nginx needs, as the user who calls: its addresses are this machine's, and the TLS files can be read
   and belong together. */
MUST_CHECK bool machine_check_front(const struct settings *settings,
                                    char errmsg[SETTINGS_ERRMSG_SIZE]);

/* Nobody has its ports, and the user who calls may listen on them, or nginx's file has the right to. A port
   is tried by binding, alone: with SO_REUSEPORT another nginx of the same user would share it unseen. */
MUST_CHECK bool machine_check_ports(const struct settings *settings,
                                    char errmsg[SETTINGS_ERRMSG_SIZE]);

/* The folders of DATABASE_PATH and RUNTIME_DIR are there, or can be made, and the user who calls may
   write there. */
MUST_CHECK bool machine_check_folders(const struct settings *settings,
                                      char errmsg[SETTINGS_ERRMSG_SIZE]);

/* This process may open enough files (RLIMIT_NOFILE). */
MUST_CHECK bool machine_check_file_limit(char errmsg[SETTINGS_ERRMSG_SIZE]);

#endif
