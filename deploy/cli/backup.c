/* sms-gateway backup: copies of the database, while the gateway works. */
#include "common/base/clock.h"
#include "common/base/terminal.h"
#include "common/store/sqlite/database_path.h"
#include "deploy/cli/command.h"
#include "deploy/cli/content.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FOLDER_SIZE = 3840, PATH_SIZE = STORE_PATH_SIZE, DEFAULT_KEPT = 14, MOST_KEPT = 100000 };

/* So their order by name is that of time. */
#define NAME_FORMAT  "sms-gateway-%Y%m%dT%H%M%S" /* and ".123Z.db", the milliseconds */
#define NAME_PATTERN "sms-gateway-????????T??????.???Z.db"

/* Beside the database, unless --to says where. */
static int read_folder(const struct command *command, char folder[FOLDER_SIZE])
{
    const char *wanted = command_option(command, "to");
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s", command->settings.database_path);
    int length = wanted ? snprintf(folder, FOLDER_SIZE, "%s", wanted)
                        : snprintf(folder, FOLDER_SIZE, "%s/backups", dirname(path));
    return length < FOLDER_SIZE ? 0 : command_refuse(command, "the path of the folder is too long");
}

static int is_backup(const struct dirent *entry)
{
    return fnmatch(NAME_PATTERN, entry->d_name, 0) == 0;
}

/* The backups in a folder, oldest first; -1 with errno. The caller frees each, and the list. */
static int find_backups(const char *folder, struct dirent ***backups)
{
    return scandir(folder, backups, is_backup, alphasort);
}

static void free_backups(struct dirent **backups, int count)
{
    for (int i = 0; i < count; i++)
        free(backups[i]);
    if (count >= 0)
        free(backups);
}

/* ---- create ---- */

/* Removes all but the newest; true when that went well. Tells of each. */
static bool remove_old(const struct command *command, const char *folder, int64_t kept)
{
    struct dirent **backups;
    char path[PATH_SIZE];
    int count = find_backups(folder, &backups);
    bool good = count >= 0;
    for (int i = 0; kept > 0 && i < count - kept; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, backups[i]->d_name);
        good &= unlink(path) == 0;
        if (command->json)
            json_put_text(command->json, NULL, path);
        else
            terminal_print(stdout, "Removed %s, which was old.\n", path);
    }
    free_backups(backups, count);
    return good;
}

static int create(struct store *store, const struct command *command)
{
    struct store_file_content content;
    struct tm time;
    int64_t now_ms = clock_wall_ms();
    time_t now = (time_t)(now_ms / 1000);
    char folder[FOLDER_SIZE], name[64], path[PATH_SIZE], errmsg[STORE_ERROR_SIZE];
    int64_t kept = DEFAULT_KEPT;
    (void)store;
    if (!command_number(command, "keep", 0, MOST_KEPT, &kept))
        return COMMAND_EXIT_USAGE;
    int status = read_folder(command, folder);
    if (status != 0)
        return status;
    if (!store_path_find(command->settings.database_path, path, errmsg))
        return command_fail_database(command, errmsg);
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return command_fail(command, "the folder %s: %s", folder, strerror(errno));
    strftime(name, sizeof(name), NAME_FORMAT, gmtime_r(&now, &time));
    snprintf(path, sizeof(path), "%s/%s.%03dZ.db", folder, name, (int)(now_ms % 1000));
    if (store_file_back_up(command->settings.database_path, path, &content, errmsg) != ERROR_NONE)
        return command_fail(command, "%s", errmsg);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "path", path);
        content_write_members(command->json, &content);
        json_begin_array(command->json, "removed");
    } else {
        terminal_print(stdout, "%s: ", path);
        content_print(&content);
        puts("; on the disk, read back and checked.");
    }
    bool good = remove_old(command, folder, kept);
    if (command->json) {
        json_end_array(command->json);
        json_end_object(command->json);
    }
    return good ? EXIT_SUCCESS
                : command_fail(command, "an old backup in %s cannot be removed: %s", folder,
                               strerror(errno));
}

/* ---- verify, list ---- */

static int verify(struct store *store, const struct command *command)
{
    struct store_file_content content;
    char errmsg[STORE_ERROR_SIZE];
    (void)store;
    if (store_file_verify(command->argument, &content, errmsg) != ERROR_NONE)
        return command_fail(command, "%s", errmsg);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "path", command->argument);
        content_write_members(command->json, &content);
        json_end_object(command->json);
    } else {
        terminal_print(stdout, "%s is as it must be: ", command->argument);
        content_print(&content);
        puts(".");
    }
    return EXIT_SUCCESS;
}

static int list(struct store *store, const struct command *command)
{
    char folder[FOLDER_SIZE], path[PATH_SIZE];
    struct dirent **backups;
    (void)store;
    int exit_status = read_folder(command, folder);
    if (exit_status != 0)
        return exit_status;
    int count = find_backups(folder, &backups);
    if (count < 0 && errno != ENOENT)
        return command_fail(command, "the folder %s: %s", folder, strerror(errno));
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_begin_array(command->json, "backups");
    }
    for (int i = 0; i < count; i++) {
        struct stat status;
        snprintf(path, sizeof(path), "%s/%s", folder, backups[i]->d_name);
        int64_t bytes = stat(path, &status) == 0 ? status.st_size : 0;
        if (command->json) {
            json_begin_object(command->json, NULL);
            json_put_text(command->json, "path", path);
            json_put_integer(command->json, "bytes", bytes);
            json_end_object(command->json);
        } else {
            terminal_print(stdout, "%s  %" PRId64 " bytes\n", path, bytes);
        }
    }
    if (command->json) {
        json_end_array(command->json);
        json_put_integer(command->json, "count", MAX(count, 0));
        json_end_object(command->json);
    } else {
        terminal_print(stdout, "%d backups in %s.\n", MAX(count, 0), folder);
    }
    free_backups(backups, count);
    return EXIT_SUCCESS;
}

#define TO_OPTION                                                                                  \
    {                                                                                              \
        .name = "to", .value = "FOLDER",                                                           \
        .meaning = "where backups are; as a rule in `backups` beside the database"                 \
    }

static const struct command_option create_options[] = {
    TO_OPTION,
    {.name = "keep",
     .value = "N",
     .meaning = "so many of the newest stay there, 0 for all; as a rule 14"},
    {0},
};
static const struct command_option list_options[] = {TO_OPTION, {0}};

static const struct command_action actions[] = {
    {.name = "create",
     .meaning = "makes one of now: a single file, that is on the disk, read back and checked when"
                " this ends. The gateway may be at work",
     .options = create_options,
     .without_store = true,
     .run = create},
    {.name = "verify",
     .argument = "FILE",
     .meaning = "reads all of one, and fails where anything in it is not as it must be",
     .without_store = true,
     .run = verify},
    {.name = "list",
     .meaning = "those that `create` has made, oldest first",
     .options = list_options,
     .without_store = true,
     .run = list},
    {0},
};

const struct command_family backup_commands = {
    .name = "backup",
    .purpose = "copies of the database",
    .actions = actions,
};
