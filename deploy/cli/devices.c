/* sms-gateway devices: pairs phones, lists those that are, and revokes them. */
#include "../../common/clock.h"
#include "../../common/pairing.h"
#include "../../common/qr_code.h"
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: sms-gateway devices pair [DEVICE_ID] [--minutes N]\n"
    "       sms-gateway devices token DEVICE_ID|-\n"
    "       sms-gateway devices list\n"
    "       sms-gateway devices revoke DEVICE_ID\n\n"
    "  pair     makes a code that pairs one phone, and shows it as text and as a QR code; without\n"
    "           a DEVICE_ID the phone chooses one that nobody has\n"
    "  token    makes a token by hand and prints it, once, for a phone that is set up without a\n"
    "           code; with - it reads device ids from the standard input, one in a line, and "
    "prints\n"
    "           each with its token\n"
    "  list     shows all devices that ever had a token\n"
    "  revoke   ends a phone's token, and its connection within 2 s\n\n"
    "  --minutes N      so long the code can be used (default: 10, at most 60)\n"
    "  --env-file FILE  read settings from FILE, which must exist (default: .env)\n";

static int refuse_id(const struct command *command)
{
    return command_refuse(command, "a device id has 1 to 64 letters, digits, _ and -");
}

static int pair(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_CREATE_PAIRING};
    struct pairing pairing;
    struct buffer picture;
    char problem[SETTINGS_PROBLEM_SIZE];
    int64_t minutes = PAIRING_MINUTES;
    if (*command->argument && !device_id_valid(command->argument))
        return refuse_id(command);
    if (!command_number(command, "minutes", 1, PAIRING_MOST_MINUTES, &minutes))
        return COMMAND_EXIT_USAGE;
    strcpy(write.create_pairing.device_id, command->argument);
    write.create_pairing.expires_at_ms = pairing_end_ms(minutes);
    if (!pairing_make(&command->settings, &pairing, write.create_pairing.code_hash, problem))
        return command_refuse(command, "%s", problem);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return command_fail(command, error);
    buffer_init(&picture, 64 * 1024);
    if (qr_code_write_terminal(&picture, pairing.uri))
        fputs(picture.data, stdout);
    buffer_fini(&picture);
    printf("\n  gateway  %s\n  code     %s\n  link     %s\n\n"
           "The code pairs one phone%s%s within %d minutes.\n",
           pairing.url, pairing.code, pairing.uri, *command->argument ? ", as " : "",
           command->argument, (int)minutes);
    return EXIT_SUCCESS;
}

/* ---- Tokens by hand ---- */

static enum error create_token(struct store *store, const char *device_id,
                               char text[SECRET_TEXT_SIZE])
{
    struct store_write write = {.verb = STORE_CREATE_TOKEN};
    struct device_token *token = &write.create_token.token;
    strcpy(token->device_id, device_id);
    if (!secret_make(SECRET_DEVICE_TOKEN, text, token->id, token->hash))
        return ERROR_INTERNAL;
    return store_run(store, &write);
}

static int create_tokens(struct store *store, const struct command *command)
{
    char line[DEVICE_ID_SIZE + 2], text[SECRET_TEXT_SIZE];
    int status = EXIT_SUCCESS;
    while (status == EXIT_SUCCESS && fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (!device_id_valid(line)) {
            status = refuse_id(command);
            break;
        }
        enum error error = create_token(store, line, text);
        if (error != ERROR_NONE)
            status = command_fail(command, error);
        else
            printf("%s %s\n", line, text);
    }
    return status;
}

static int token(struct store *store, const struct command *command)
{
    char text[SECRET_TEXT_SIZE];
    if (strcmp(command->argument, "-") == 0)
        return create_tokens(store, command);
    if (!device_id_valid(command->argument))
        return refuse_id(command);
    enum error error = create_token(store, command->argument, text);
    if (error != ERROR_NONE)
        return command_fail(command, error);
    fprintf(stderr, "The token of %s. It is shown this once:\n", command->argument);
    puts(text);
    return EXIT_SUCCESS;
}

/* ---- What there is ---- */

static int list(struct store *store, const struct command *command)
{
    struct store_reader *reader = NULL;
    struct device_token *tokens = NULL;
    size_t count = 0;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_list_tokens(reader, &tokens, &count);
    if (error == ERROR_NONE && count > 0)
        printf("%-36s  %-11s  %-10s  %s\n", "device", "state", "paired", "token");
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        char made[CLOCK_TEXT_SIZE];
        clock_format(tokens[i].created_at_ms, made);
        printf("%-36s  %-11s  %-10.10s  %s\n", tokens[i].device_id,
               device_token_end_name(tokens[i].end), made, tokens[i].id);
    }
    if (error == ERROR_NONE && count == 0)
        puts("No phone is paired yet; `sms-gateway devices pair` pairs one.");
    free(tokens);
    store_reader_close(reader);
    return error == ERROR_NONE ? EXIT_SUCCESS : command_fail(command, error);
}

static int revoke_device(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_END_TOKEN, .end_token.end = DEVICE_TOKEN_REVOKED};
    if (!device_id_valid(command->argument))
        return refuse_id(command);
    strcpy(write.end_token.device_id, command->argument);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return command_fail(command, error);
    if (!write.end_token.changed) {
        command_refuse(command, "no phone is paired as %s", command->argument);
        return EXIT_FAILURE;
    }
    printf("The phone %s is revoked.\n", command->argument);
    return EXIT_SUCCESS;
}

static const struct command_action actions[] = {
    {"pair", COMMAND_MAY_TAKE_ONE, pair},
    {"token", COMMAND_TAKES_ONE, token},
    {"list", COMMAND_TAKES_NONE, list},
    {"revoke", COMMAND_TAKES_ONE, revoke_device},
    {0},
};

const struct command_family devices_commands = {
    .name = "devices",
    .usage = usage,
    .options = {"minutes"},
    .actions = actions,
};
