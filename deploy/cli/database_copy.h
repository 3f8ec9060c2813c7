/* sms-gateway database copy. */
#ifndef DEPLOY_CLI_DATABASE_COPY_H
#define DEPLOY_CLI_DATABASE_COPY_H

#include "deploy/cli/command.h"

extern const struct command_option database_copy_options[];
int database_copy(struct store *store, const struct command *command);

#endif
