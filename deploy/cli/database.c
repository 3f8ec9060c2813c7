/* sms-gateway database: checks, creates, migrates, copies, settles, downgrades and compacts the database. */
#include "common/base/terminal.h"
#include "common/process/database_url.h"
#include "common/process/program.h"
#include "common/store/settle.h"
#include "common/store/sqlite/database_file.h"
#include "deploy/cli/command.h"
#include "deploy/cli/content.h"
#include "deploy/cli/database_copy.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int check(struct store *store, const struct command *command)
{
    struct database_file_content content;
    char errmsg[STORE_ERROR_SIZE];
    const char *path = command->settings.database_path;
    (void)store;
    if (database_file_check(path, &content, errmsg) != ERROR_NONE)
        return command_fail_database(command, errmsg);
    if (command->json) {
        json_begin_object(command->json, NULL);
        content_write_members(command->json, &content);
        json_end_object(command->json);
        return EXIT_SUCCESS;
    }
    terminal_print(stdout, "%s is intact: ", path);
    content_print(&content);
    puts(".");
    return EXIT_SUCCESS;
}

/* ---- create, downgrade, compact ---- */

static int create(struct store *store, const struct command *command)
{
    char errmsg[STORE_ERROR_SIZE];
    const char *path = command->settings.database_path;
    (void)store;
    program_make_database_folder(&command->settings);
    if (database_file_create(path, errmsg) != ERROR_NONE)
        return command_fail(command, "%s", errmsg);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "path", path);
        json_end_object(command->json);
    } else {
        terminal_print(stdout, "%s is an empty database.\n", path);
    }
    return EXIT_SUCCESS;
}

/* Opening a database brings its schema up to date. */
static int migrate(struct store *store, const struct command *command)
{
    char problem[STORE_ERROR_SIZE], shown[SETTINGS_TEXT_SIZE];
    const struct store_options options = {
        .dsn = database_dsn(&command->settings),
        .needs_standby = database_needs_standby(&command->settings),
        .timeout_ms = command->settings.store_timeout_ms,
    };
    program_make_database_folder(&command->settings);
    if (store_open(&options, &store, problem) != ERROR_NONE)
        return command_fail_database(command, problem);
    store_close(store);
    database_shown(&command->settings, shown);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "database", shown);
        json_end_object(command->json);
    } else {
        terminal_print(stdout, "%s has a schema that this version works with.\n", shown);
    }
    return EXIT_SUCCESS;
}

/* ---- settle ---- */

static const struct command_option settle_options[] = {
    {.name = "keep",
     .meaning =
         "leave messages as they are: the database has moved to another place, and no gateway "
         "has run on it since it was dumped"},
    {0},
};

static int settle(struct store *store, const struct command *command)
{
    char problem[STORE_ERROR_SIZE];
    int64_t unknown;
    bool keep = command_option(command, "keep");
    (void)store;
    if (store_settle(database_dsn(&command->settings), keep, &unknown, problem) != ERROR_NONE)
        return command_fail(command, "%s", problem);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_integer(command->json, "now_unknown", unknown);
        json_end_object(command->json);
    } else if (keep) {
        puts("The database is taken for what it is; no message was changed.");
    } else {
        content_print_settled(unknown);
    }
    return EXIT_SUCCESS;
}

static int downgrade(struct store *store, const struct command *command)
{
    char errmsg[STORE_ERROR_SIZE];
    const char *path = command->settings.database_path;
    int64_t version = 0;
    (void)store;
    if (!command_number(command, "to", 1, INT_MAX, &version))
        return COMMAND_EXIT_USAGE;
    if (version == 0)
        return command_refuse(command,
                              "--to VERSION is required: the schema version to go back to");
    if (database_file_downgrade(path, version, errmsg) != ERROR_NONE)
        return command_fail_database(command, errmsg);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_integer(command->json, "schema_version", version);
        json_end_object(command->json);
    } else {
        terminal_print(stdout, "%s has schema version %" PRId64 ". No message was lost.\n", path,
                       version);
    }
    return EXIT_SUCCESS;
}

static int compact(struct store *store, const struct command *command)
{
    char errmsg[STORE_ERROR_SIZE];
    const char *path = command->settings.database_path;
    int64_t before, after;
    (void)store;
    if (database_file_compact(path, &before, &after, errmsg) != ERROR_NONE)
        return command_fail_database(command, errmsg);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_integer(command->json, "bytes_before", before);
        json_put_integer(command->json, "database_bytes", after);
        json_end_object(command->json);
    } else {
        terminal_print(stdout, "%s shrank from %" PRId64 " to %" PRId64 " bytes.\n", path, before,
                       after);
    }
    return EXIT_SUCCESS;
}

/* ---- guard ---- */

static int guard(struct store *store, const struct command *command)
{
    char problem[STORE_ERROR_SIZE], shown[SETTINGS_TEXT_SIZE];
    bool on = strcmp(command->argument, "on") == 0;
    if (!on && strcmp(command->argument, "off") != 0)
        return command_refuse(command, "guard takes on or off");
    if (!store_set_guard(store, on, problem))
        return command_fail(command, "%s", problem);
    database_shown(&command->settings, shown);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "database", shown);
        json_put_bool(command->json, "guard", on);
        json_end_object(command->json);
    } else {
        terminal_print(stdout,
                       on ? "%s refuses changes of messages that the gateway would not make.\n"
                          : "%s takes any change of messages.\n",
                       shown);
    }
    return EXIT_SUCCESS;
}

static const struct command_option downgrade_options[] = {
    {.name = "to", .value = "VERSION", .meaning = "schema version, as `database check` shows it"},
    {0},
};

static const struct command_action actions[] = {
    {.name = "check",
     .meaning = "read the whole database, and fail if anything is damaged. The gateway may be "
                "running; its write-ahead log grows meanwhile",
     .without_store = true,
     .of_file = true,
     .run = check},
    {.name = "create",
     .meaning = "create an empty database if there is none, as the gateway does when it first "
                "starts; unlike the gateway, also if there once was one",
     .without_store = true,
     .of_file = true,
     .run = create},
    {.name = "migrate",
     .meaning =
         "create the tables, or bring them up to date, as the gateway does when it starts. With "
         "PostgreSQL by one process at a time, whichever comes first",
     .without_store = true,
     .run = migrate},
    {.name = "copy",
     .meaning =
         "copy everything from SQLite's file to PostgreSQL, or back, in one transaction, and "
         "compare. The gateway must be stopped, on every node. No gateway starts with the "
         "source afterwards, so that nothing is sent twice",
     .options = database_copy_options,
     .of_a_start = true,
     .without_store = true,
     .as_caller = true,
     .run = database_copy},
    {.name = "settle",
     .meaning =
         "after a PostgreSQL database was restored: make every message unknown that was queued or "
         "in flight in it, with the error code `restored`, as `restore` does with a file. The "
         "gateway must be stopped, on every node",
     .options = settle_options,
     .without_store = true,
     .run = settle},
    {.name = "downgrade",
     .meaning = "take the schema back to an older version, for an older gateway. No message is "
                "lost. The gateway must be stopped",
     .options = downgrade_options,
     .without_store = true,
     .of_file = true,
     .run = downgrade},
    {.name = "compact",
     .meaning = "rewrite the file without its free space. The gateway must be stopped, and there "
                "must be room for a second file",
     .without_store = true,
     .of_file = true,
     .run = compact},
    {.name = "guard",
     .argument = "on|off",
     .meaning = "have PostgreSQL refuse changes of messages that the gateway would not make, by "
                "all who write "
                "the tables past it; or no longer. SQLite always does",
     .run = guard},
    {0},
};

const struct command_family database_commands = {
    .name = "database",
    .purpose = "check, migrate, copy, settle, compact, downgrade or guard the database",
    .actions = actions,
};
