/* Who the tool is while it works. */
#ifndef DEPLOY_CLI_USER_H
#define DEPLOY_CLI_USER_H

#include "common/process/settings.h"

/*
 * Root becomes the user whose the folder of the database's file is, or will be: of the first folder on the way to it that
 * is there. So nothing is left behind that the gateway cannot open. Anybody else, and root where the
 * folder is root's, stays who they are.
 *
 * False when that cannot be; then nothing may be opened, and `errmsg` says why in one sentence. There is
 * no way back.
 */
MUST_CHECK bool user_become_owner(const char *database_path, char errmsg[ERRMSG_SIZE]);

#endif
