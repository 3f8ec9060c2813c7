/* sms-gateway sending: pauses sending, resumes it, and says how it stands. */
#include "../../common/clock.h"
#include "../../common/utf8.h"
#include "command.h"

#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: sms-gateway sending status\n"
    "       sms-gateway sending pause [REASON]\n"
    "       sms-gateway sending resume\n\n"
    "  status   whether it is paused, since when and why\n"
    "  pause    from now on nothing is accepted, and phones are given nothing; what they have\n"
    "           already they send, and what they report is taken\n"
    "  resume   it goes on at once, and what was accepted until now is no burst any more\n"
    "           (PAUSE_AFTER_MESSAGES)\n\n"
    "  --env-file FILE  read settings from FILE, which must exist (default: .env)\n";

static int show(struct store *store, const struct command *command)
{
    struct store_reader *reader = NULL;
    struct store_sending sending;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_read_sending(reader, &sending);
    store_reader_close(reader);
    if (error != ERROR_NONE)
        return command_fail(command, error);
    if (sending.paused_since_ms == 0) {
        puts("Sending is not paused.");
        return EXIT_SUCCESS;
    }
    char since[CLOCK_TEXT_SIZE];
    clock_format(sending.paused_since_ms, since);
    printf("Sending is paused since %s%s%s.\n", since, *sending.reason ? ": " : "", sending.reason);
    return EXIT_SUCCESS;
}

static int set(struct store *store, const struct command *command, bool pause)
{
    struct store_write write = {.verb = STORE_SET_SENDING, .set_sending.pause = pause};
    const char *reason = command->argument;
    if (strlen(reason) >= STORE_REASON_SIZE || !utf8_valid(reason, strlen(reason)))
        return command_refuse(command, "a reason has up to %d bytes of UTF-8",
                              STORE_REASON_SIZE - 1);
    strcpy(write.set_sending.reason, pause && !*reason ? "by hand" : reason);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return command_fail(command, error);
    printf("Sending %s%s.\n", write.set_sending.changed ? "is " : "was already ",
           pause                       ? "paused"
           : write.set_sending.changed ? "resumed"
                                       : "going on");
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
    {"status", COMMAND_TAKES_NONE, show},
    {"pause", COMMAND_MAY_TAKE_ONE, pause_sending},
    {"resume", COMMAND_TAKES_NONE, resume_sending},
    {0},
};

const struct command_family sending_commands = {
    .name = "sending",
    .usage = usage,
    .actions = actions,
};
