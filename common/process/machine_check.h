/*
 * Checks of this machine for the settings: addresses, ports, TLS files, folders. `make run`, the units and
 * `sms-gateway settings check` use them. They leave nothing behind. Call after settings_check. Main thread.
 */
#ifndef COMMON_PROCESS_MACHINE_CHECK_H
#define COMMON_PROCESS_MACHINE_CHECK_H

#include "common/process/settings.h"

/* The lowest open-file limit: with less, a few phones would use it up. */
enum { MACHINE_FEWEST_FILES = 256 };

/* nginx's addresses are this machine's, and this user can read the TLS files, which belong together. */
MUST_CHECK bool machine_check_front(const struct settings *settings, char errmsg[ERRMSG_SIZE]);

/* nginx's ports are free, and this user, or nginx by a capability of its file, may listen on them. Binds each port
   without SO_REUSEPORT: with it, another nginx of the same user would share the port silently. */
MUST_CHECK bool machine_check_ports(const struct settings *settings, char errmsg[ERRMSG_SIZE]);

/* The folders of DATABASE_PATH and RUNTIME_DIR exist or can be created, and this user may write there. */
MUST_CHECK bool machine_check_folders(const struct settings *settings, char errmsg[ERRMSG_SIZE]);

/* The open-file limit (RLIMIT_NOFILE) is at least MACHINE_FEWEST_FILES. */
MUST_CHECK bool machine_check_file_limit(char errmsg[ERRMSG_SIZE]);

#endif
