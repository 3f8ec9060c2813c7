/* sms-gateway backup: backs the database up while the gateway runs. */
#include "common/base/clock.h"
#include "common/base/terminal.h"
#include "common/store/sqlite/database_path.h"
#include "common/store/sqlite/process_lock.h"
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

enum { FOLDER_SIZE = 3840, PATH_SIZE = DATABASE_PATH_SIZE, DEFAULT_KEPT = 14, MOST_KEPT = 100000 };

/* Sorted by name they are sorted by time. */
#define NAME_FORMAT  "sms-gateway-%Y%m%dT%H%M%S" /* and ".123Z.db", the milliseconds */
#define NAME_PATTERN "sms-gateway-????????T??????.???Z.db"

/* --to, or the folder `backups` next to the database. */
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

/* Someone may have a gateway on one of the backups. */
static bool is_in_use(const struct command *command, const char *path)
{
    char holder[PROCESS_LOCK_HOLDER_SIZE];
    struct stat status, own;
    bool is_own = stat(path, &status) == 0 && stat(command->settings.database_path, &own) == 0 &&
                  status.st_dev == own.st_dev && status.st_ino == own.st_ino;
    return is_own || process_lock_find_holder(path, holder);
}

/* Leaves those of the database that `made` is a backup of: others may have theirs in the same folder. */
static int keep_siblings(struct dirent **backups, int count, const char *folder, const char *made)
{
    int64_t origin = database_file_origin(made);
    char path[PATH_SIZE];
    int kept = 0;
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, backups[i]->d_name);
        if (database_file_origin(path) == origin)
            backups[kept++] = backups[i];
        else
            free(backups[i]);
    }
    return kept;
}

/* Removes all but the newest backups of the same database, and reports each; never `made`, which is not the newest by its name
   where the clock was set back. False if one cannot be removed. */
static bool remove_old(const struct command *command, const char *folder, const char *made,
                       int64_t kept)
{
    struct dirent **backups;
    char path[PATH_SIZE];
    bool good = true;
    if (kept == 0)
        return true;
    int count = find_backups(folder, &backups);
    if (count < 0)
        return false;
    count = keep_siblings(backups, count, folder, made);
    for (int i = 0; i < count - kept; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, backups[i]->d_name);
        if (strcmp(path, made) == 0 || is_in_use(command, path))
            continue;
        good &= unlink(path) == 0;
        if (command->json)
            json_put_text(command->json, NULL, path);
        else
            terminal_print(stdout, "Removed the old backup %s.\n", path);
    }
    free_backups(backups, count);
    return good;
}

static int create(struct store *store, const struct command *command)
{
    struct database_file_content content;
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
    if (!database_path_find(command->settings.database_path, path, errmsg))
        return command_fail_database(command, errmsg);
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return command_fail(command, "the folder %s: %s", folder, strerror(errno));
    strftime(name, sizeof(name), NAME_FORMAT, gmtime_r(&now, &time));
    snprintf(path, sizeof(path), "%s/%s.%03dZ.db", folder, name, (int)(now_ms % 1000));
    if (database_file_back_up(command->settings.database_path, path, &content, errmsg) !=
        ERROR_NONE)
        return command_fail(command, "%s", errmsg);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "path", path);
        content_write_members(command->json, &content);
        json_begin_array(command->json, "removed");
    } else {
        terminal_print(stdout, "%s: ", path);
        content_print(&content);
        puts("; written to disk, read back and checked.");
    }
    bool good = remove_old(command, folder, path, kept);
    if (command->json) {
        json_end_array(command->json);
        json_end_object(command->json);
    }
    return good ? EXIT_SUCCESS
                : command_fail(command, "cannot remove an old backup in %s: %s", folder,
                               strerror(errno));
}

/* ---- verify, list ---- */

static int verify(struct store *store, const struct command *command)
{
    struct database_file_content content;
    char errmsg[STORE_ERROR_SIZE];
    (void)store;
    if (database_file_verify(command->argument, &content, errmsg) != ERROR_NONE)
        return command_fail(command, "%s", errmsg);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "path", command->argument);
        content_write_members(command->json, &content);
        json_end_object(command->json);
    } else {
        terminal_print(stdout, "%s is intact: ", command->argument);
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
        .meaning = "folder of the backups (default: `backups` next to the database)"               \
    }

static const struct command_option create_options[] = {
    TO_OPTION,
    {.name = "keep",
     .value = "N",
     .meaning = "number of newest backups of this database to keep (0: all, default 14)"},
    {0},
};
static const struct command_option list_options[] = {TO_OPTION, {0}};

static const struct command_action actions[] = {
    {.name = "create",
     .meaning = "back the database up into a single file, which is written to disk, read back and "
                "checked. The gateway may be running",
     .options = create_options,
     .without_store = true,
     .of_file = true,
     .run = create},
    {.name = "verify",
     .argument = "FILE",
     .meaning = "read a whole backup, and fail if anything in it is damaged",
     .without_store = true,
     .run = verify},
    {.name = "list",
     .meaning = "list the backups that `create` has made, oldest first",
     .options = list_options,
     .without_store = true,
     .run = list},
    {0},
};

const struct command_family backup_commands = {
    .name = "backup",
    .purpose = "back up the database, and verify backups",
    .actions = actions,
};
