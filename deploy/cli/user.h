/* The user that the tool runs as. */
#ifndef DEPLOY_CLI_USER_H
#define DEPLOY_CLI_USER_H

#include "common/process/settings.h"

/*
 * Root becomes the owner of the database's folder, or of its nearest parent that exists, so that the tool creates no file
 * that the gateway cannot open. Other users, and root if the folder belongs to root, stay as they are. There is no way
 * back. On false nothing may be opened.
 */
MUST_CHECK bool user_become_owner(const char *database_path, char errmsg[ERRMSG_SIZE]);

#endif
