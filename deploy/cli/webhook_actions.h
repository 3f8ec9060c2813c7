/* What `sms-gateway webhooks` does about deliveries, and what its actions share. */
#ifndef DEPLOY_CLI_WEBHOOK_ACTIONS_H
#define DEPLOY_CLI_WEBHOOK_ACTIONS_H

#include "deploy/cli/command.h"

int webhook_actions_test(struct store *store, const struct command *command);
int webhook_actions_deliveries(struct store *store, const struct command *command);
int webhook_actions_redeliver(struct store *store, const struct command *command);

/* Prints why the store refused it, and returns the exit status. */
int webhook_actions_fail(const struct command *command, enum error error);

/* The ID of the command line; false, after an error message, for one that no webhook can have. */
MUST_CHECK bool webhook_actions_take_id(const struct command *command, char id[WEBHOOK_ID_SIZE]);

/* ERROR_WEBHOOK_NOT_FOUND without one. */
MUST_CHECK enum error webhook_actions_find(struct store_reader *reader, const char *id,
                                           struct webhook *webhook);

#endif
