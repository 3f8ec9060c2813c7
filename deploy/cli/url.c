/* sms-gateway url: prints the URL of the gateway, for the examples in the README and for scripts. */
#include "common/process/public_url.h"
#include "deploy/cli/command.h"

#include <stdlib.h>

static int print_url(const struct command *command, const char *url)
{
    if (!command->json) {
        puts(url);
        return EXIT_SUCCESS;
    }
    json_begin_object(command->json, NULL);
    json_put_text(command->json, "url", url);
    json_end_object(command->json);
    return EXIT_SUCCESS;
}

static int show_url(struct store *store, const struct command *command)
{
    char url[PUBLIC_URL_SIZE], text[ERRMSG_SIZE];
    bool is_installed = *settings_default_file == '/' || command->env_file;
    (void)store;
    unsigned owner;
    if (!command->running && !is_installed && running_is_hidden(&command->settings, &owner))
        return command_fail(
            command,
            "the gateway in %s belongs to the user with the uid %u: run this command"
            " as that user or as root",
            command->settings.runtime_dir, owner);
    if (!command->running && !is_installed)
        return command_fail(
            command, "no gateway runs in this folder (%s/lock is not held); `make run` starts one",
            command->settings.runtime_dir);
    if (!command_option(command, "public")) {
        public_url_local(&command->settings, url);
        return print_url(command, command->running ? command->running->url : url);
    }
    if (!public_url(&command->settings, url, text))
        return command_refuse(command, "%s", text);
    if (public_url_warning(&command->settings, url, text))
        fprintf(stderr, "sms-gateway url: WARNING: %s\n", text);
    return print_url(command, url);
}

static const struct command_option options[] = {
    {.name = "public", .meaning = "print the URL for phones and programs on other machines"},
    {0},
};

static const struct command_action actions[] = {
    {.name = "",
     .meaning = "print the URL of the running gateway for this machine",
     .options = options,
     .without_store = true,
     .run = show_url},
    {0},
};

const struct command_family url_commands = {
    .name = "url",
    .purpose = "print the URL of the gateway",
    .actions = actions,
};
