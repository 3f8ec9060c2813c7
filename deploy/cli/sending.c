/* sms-gateway sending: pauses and resumes sending, and shows whether it is paused. */
#include "common/base/clock.h"
#include "common/base/terminal.h"
#include "common/base/utf8.h"
#include "deploy/cli/command.h"

#include <stdlib.h>
#include <string.h>

static int show(struct store *store, const struct command *command)
{
    struct store_reader *reader = NULL;
    struct store_sending sending;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_read_sending(reader, &sending);
    store_reader_close(reader);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_bool(command->json, "paused", sending.paused_since_ms != 0);
        json_put_time(command->json, "paused_since", sending.paused_since_ms);
        json_put_text(command->json, "reason", *sending.reason ? sending.reason : NULL);
        json_end_object(command->json);
        return EXIT_SUCCESS;
    }
    if (sending.paused_since_ms == 0) {
        puts("Sending is not paused.");
        return EXIT_SUCCESS;
    }
    char since[CLOCK_TEXT_SIZE];
    clock_format(sending.paused_since_ms, since);
    printf("Sending has been paused since %s%s", since, *sending.reason ? ": " : "");
    terminal_put(stdout, sending.reason);
    puts(".");
    return EXIT_SUCCESS;
}

static int set(struct store *store, const struct command *command, bool pause)
{
    struct store_write write = {.verb = STORE_SET_SENDING, .set_sending.pause = pause};
    const char *reason = command->argument;
    if (strlen(reason) >= STORE_REASON_SIZE || !utf8_valid(reason, strlen(reason)))
        return command_refuse(command, "a reason has at most %d bytes of UTF-8",
                              STORE_REASON_SIZE - 1);
    strcpy(write.set_sending.reason, pause && !*reason ? "by hand" : reason);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_bool(command->json, "paused", pause);
        json_put_bool(command->json, "changed", write.set_sending.changed);
        json_end_object(command->json);
        return EXIT_SUCCESS;
    }
    printf("Sending %s%s.\n", write.set_sending.changed ? "is " : "was already ",
           pause                       ? "paused"
           : write.set_sending.changed ? "resumed"
                                       : "active");
    return EXIT_SUCCESS;
}

static int pause_sending(struct store *store, const struct command *command)
{
    return set(store, command, true);
}

static int resume_sending(struct store *store, const struct command *command)
{
    return set(store, command, false);
}

static const struct command_action actions[] = {
    {.name = "status",
     .meaning = "show whether sending is paused, since when and why",
     .run = show},
    {.name = "pause",
     .argument = "[REASON]",
     .meaning = "pause: new messages are refused, and nothing is dispatched to phones. Phones "
                "still send the messages that they have, and their reports are stored",
     .run = pause_sending},
    {.name = "resume",
     .meaning =
         "resume at once. Messages accepted until now no longer count for PAUSE_AFTER_MESSAGES",
     .run = resume_sending},
    {0},
};

const struct command_family sending_commands = {
    .name = "sending",
    .purpose = "pause and resume sending",
    .actions = actions,
};
