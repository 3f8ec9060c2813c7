/* The actions of `sms-gateway messages` that have a file of their own, and what they share. */
#ifndef DEPLOY_CLI_MESSAGES_H
#define DEPLOY_CLI_MESSAGES_H

#include "common/process/acceptance_rules.h"
#include "deploy/cli/command.h"

/* message_send.c */
int messages_send(struct store *store, const struct command *command);

/* send_options.c: what may be asked for beside the text. 0, or the exit status. */
extern const struct command_option messages_send_options[];
MUST_CHECK int messages_read_options(const struct command *command, struct store *store,
                                     const struct acceptance_rules *rules,
                                     struct message_options *options);

/* message_resend.c */
int messages_resend(struct store *store, const struct command *command);
extern const struct command_option messages_resend_options[];

/* The id that is the argument: 0, or the exit status if it is none. */
MUST_CHECK int messages_read_id(const struct command *command, struct message_id *id);

/* One line. */
void messages_print_event(const struct message_event *event);

/* The message and its events: for people, or with --json the answer of GET /api/sms/{message_id} with the `events` of
   GET /api/sms/{message_id}/events. */
enum error messages_print_history(struct store_reader *reader, const struct command *command,
                                  const struct message *message);

/* Prints what went wrong with the message of the argument. Returns the exit status. */
int messages_fail(const struct command *command, enum error error);

#endif
