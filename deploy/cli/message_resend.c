/* sms-gateway messages resend */
#include "common/model/message_json.h"
#include "common/process/option_rules.h"
#include "deploy/cli/messages.h"

#include <stdlib.h>

const struct command_option messages_resend_options[] = {
    {.name = "again", .meaning = "even if the message was resent before"},
    {.name = "accept-duplicate",
     .meaning = "even if the message is unknown: it may have been sent, and its recipient may get "
                "the text twice"},
    {0},
};

/* What was allowed when the message was accepted may have been forbidden since. 0, or the exit status. */
static int check_rules(const struct command *command, const struct acceptance_rules *rules,
                       const struct message *message)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (acceptance_rules_check_destination(rules, message->phone_number, reason) != ERROR_NONE)
        return command_fail(command, "the phone number of %s %s", command->argument, reason);
    if (acceptance_rules_check_segments(rules, message->encoding, message->segments, reason) !=
        ERROR_NONE)
        return command_fail(command, "the text of %s %s", command->argument, reason);
    return 0;
}

/* 0, or the exit status. */
static int check_message(struct store *store, const struct command *command,
                         const struct acceptance_rules *rules, const struct message_id *id)
{
    struct message message;
    struct store_reader *reader = NULL;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_find_message(reader, id, &message);
    store_reader_close(reader);
    if (error != ERROR_NONE)
        return messages_fail(command, error);
    int status = check_rules(command, rules, &message);
    message_fini(&message);
    return status;
}

static int fail_resend(const struct command *command, enum error error,
                       const struct message_id *resent_as)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    switch (error) {
    case ERROR_NOT_RESENDABLE:
        return command_fail(command,
                            "%s was sent, or may still be sent: only a failed, expired, cancelled "
                            "or unknown message can be resent",
                            command->argument);
    case ERROR_TEXT_DELETED:
        return command_fail(command, "the text of %s has been deleted (TEXT_RETENTION_DAYS)",
                            command->argument);
    case ERROR_ALREADY_RESENT:
        message_id_format(resent_as, id);
        return command_fail(command,
                            "%s was already resent, as %s; use --again to resend it once more",
                            command->argument, id);
    case ERROR_MAY_HAVE_BEEN_SENT:
        return command_fail(command,
                            "nobody knows whether %s was sent: its recipient may get the text "
                            "twice; use --accept-duplicate to resend it all the same",
                            command->argument);
    default:
        return messages_fail(command, error);
    }
}

int messages_resend(struct store *store, const struct command *command)
{
    struct message message = {0};
    struct acceptance_rules rules;
    char errmsg[ERRMSG_SIZE];
    struct store_write write = {.verb = STORE_RESEND};
    int status = messages_read_id(command, &write.resend.id);
    if (status == 0 && !acceptance_rules_load(&rules, &command->settings, errmsg))
        return command_refuse(command, "%s", errmsg);
    if (status == 0)
        status = check_message(store, command, &rules, &write.resend.id);
    if (status != 0)
        return status;
    write.resend.new_id = message_id_new();
    write.resend.message = &message;
    write.resend.expires_at_ms = option_rules_default_deadline_ms(&rules, 0);
    write.resend.again = command_option(command, "again");
    write.resend.accept_duplicate = command_option(command, "accept-duplicate");
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE) {
        status = fail_resend(command, error, &write.resend.resent_as);
    } else if (command->json) {
        message_json_put(command->json, &message, true);
    } else {
        char new_id[MESSAGE_ID_TEXT_SIZE];
        message_id_format(&write.resend.new_id, new_id);
        printf("Resent as %s.\n", new_id);
    }
    message_fini(&message);
    return status;
}
