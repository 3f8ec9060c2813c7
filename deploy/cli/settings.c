/* sms-gateway settings: checks and shows what the programs would start with. */
#include "../../common/public_url.h"
#include "command.h"

#include <stdlib.h>
#include <unistd.h>

/* The file that they come from; NULL where there is none. */
static const char *file_of(const struct command *command)
{
    const char *file = command->env_file ? command->env_file : settings_default_file;
    return access(file, F_OK) == 0 ? file : NULL;
}

/* Each alone was good, or this would not be called; what is left is what the programs look at together. */
static int check(struct store *store, const struct command *command)
{
    char url[PUBLIC_URL_SIZE], problem[SETTINGS_PROBLEM_SIZE];
    const char *file = file_of(command);
    (void)store;
    if (*command->settings.public_url && !public_url(&command->settings, url, problem))
        return command_refuse(command, "%s", problem);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_bool(command->json, "valid", true);
        json_put_text(command->json, "file", file);
        json_end_object(command->json);
    } else if (file) {
        printf("The settings in %s are good.\n", file);
    } else {
        printf("There is no %s; the defaults count, and the environment.\n", settings_default_file);
    }
    return EXIT_SUCCESS;
}

static int show(struct store *store, const struct command *command)
{
    (void)store;
    if (!command->json) {
        settings_print(&command->settings, stdout);
        return EXIT_SUCCESS;
    }
    json_begin_object(command->json, NULL);
    json_put_text(command->json, "file", file_of(command));
    json_begin_object(command->json, "settings");
    settings_write_json(&command->settings, command->json);
    json_end_object(command->json);
    json_end_object(command->json);
    return EXIT_SUCCESS;
}

static const struct command_action actions[] = {
    {.name = "check",
     .meaning =
         "says whether the programs would start with the settings, or what is wrong with them",
     .without_store = true,
     .run = check},
    {.name = "show",
     .meaning = "shows all settings as they are now: defaults, the file, the environment",
     .without_store = true,
     .run = show},
    {0},
};

const struct command_family settings_commands = {
    .name = "settings",
    .purpose = "what the programs would start with",
    .actions = actions,
};
