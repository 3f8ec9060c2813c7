/* sms-gateway restore: replaces the database by a backup. */
#include "common/base/terminal.h"
#include "deploy/cli/command.h"
#include "deploy/cli/content.h"

#include <stdlib.h>

static int restore(struct store *store, const struct command *command)
{
    struct database_file_restored restored;
    char errmsg[STORE_ERROR_SIZE];
    const char *path = command->settings.database_path;
    (void)store;
    if (database_file_restore(command->argument, path, &restored, errmsg) != ERROR_NONE)
        return command_fail(command, "%s", errmsg);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "path", path);
        json_put_integer(command->json, "now_unknown", restored.unknown);
        json_put_text(command->json, "kept", *restored.kept_path ? restored.kept_path : NULL);
        content_write_members(command->json, &restored.content);
        json_end_object(command->json);
        return EXIT_SUCCESS;
    }
    terminal_print(stdout, "Restored %s from %s: ", path, command->argument);
    content_print(&restored.content);
    puts(".");
    if (*restored.kept_path)
        terminal_print(stdout, "The previous database is kept as %s.\n", restored.kept_path);
    content_print_settled(restored.unknown);
    return EXIT_SUCCESS;
}

static const struct command_action actions[] = {
    {.name = "",
     .argument = "FILE",
     .meaning = "replace the database by a backup; the previous database is kept next to it. The "
                "gateway must be stopped. Messages that were queued or in flight in the backup may "
                "have been sent since: they become `unknown`, with the error code `restored`, and "
                "are not sent again by themselves; a report of their phone still counts",
     .without_store = true,
     .of_file = true,
     .run = restore},
    {0},
};

const struct command_family restore_commands = {
    .name = "restore",
    .purpose = "replace the database by a backup",
    .actions = actions,
};
