/* sms-gateway settings: checks and shows the settings that the programs would start with. */
#include "common/base/terminal.h"
#include "common/base/unix_socket.h"
#include "common/process/database_url.h"
#include "common/process/machine_check.h"
#include "common/process/settings_check.h"
#include "common/store/sqlite/database_path.h"
#include "common/store/sqlite/database_swap.h"
#include "common/store/sqlite/place.h"
#include "common/store/sqlite/process_lock.h"
#include "deploy/cli/command.h"
#include "deploy/cli/user.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The settings file; NULL if it does not exist. */
static const char *file_of(const struct command *command)
{
    const char *file = command->env_file ? command->env_file : settings_default_file;
    return access(file, F_OK) == 0 ? file : NULL;
}

/* Whether a gateway runs with these settings: then it uses the ports itself. */
static bool is_running(const struct settings *settings)
{
    char path[SETTINGS_TEXT_SIZE];
    struct sockaddr_un address;
    settings_socket_path(settings, "api.sock", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool runs = fd >= 0 && unix_socket_address(path, &address) &&
                (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
                 errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return runs;
}

/* The checks of the store: one file with one name, which is still there if it once was, and which no other gateway has. */
static bool check_database(const char *path, bool runs, char *errmsg)
{
    char file[DATABASE_PATH_SIZE], fault[STORE_ERROR_SIZE], holder[PROCESS_LOCK_HOLDER_SIZE];
    struct stat status;
    strcpy(file, path);
    if (lstat(path, &status) < 0 && stat(dirname(file), &status) < 0)
        return true; /* the gateway makes the folder */
    if (!database_path_resolve(path, file, fault) ||
        (!database_swap_is_unfinished(file) && !place_may_be_opened(file, false, fault)))
        return errmsg_set(errmsg, "DATABASE_PATH: %.400s", fault);
    return runs || !process_lock_find_holder(file, holder) ||
           errmsg_set(errmsg,
                      "DATABASE_PATH: %.200s: %.250s uses it: stop that gateway, or set another "
                      "DATABASE_PATH",
                      file, holder);
}

/* Root checks the folders as the programs' user. */
static bool check_machine(const struct settings *settings, bool runs, char *errmsg)
{
    return machine_check_front(settings, errmsg) &&
           (runs || machine_check_ports(settings, errmsg)) &&
           user_become_owner(settings->database_path, errmsg) &&
           machine_check_folders(settings, errmsg) &&
           (database_url_is_postgresql(settings->database_url) ||
            check_database(settings->database_path, runs, errmsg));
}

static void print_warning(void *context, const char *sentence)
{
    (void)context;
    terminal_print(stdout, "Warning: %s.\n", sentence);
}

static void write_warning(void *context, const char *sentence)
{
    json_put_text(context, NULL, sentence);
}

/* settings_load_option has already checked their form and settings_check. */
static int check(struct store *store, const struct command *command)
{
    char errmsg[ERRMSG_SIZE];
    const struct settings *settings = &command->settings;
    const char *file = file_of(command);
    bool runs = is_running(settings);
    (void)store;
    if (!check_machine(settings, runs, errmsg))
        return command_refuse(command, "%s", errmsg);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_bool(command->json, "valid", true);
        json_put_text(command->json, "file", file);
        json_put_text(command->json, "other_names", settings->other_names);
        json_put_bool(command->json, "ports_tried", !runs);
        json_begin_array(command->json, "warnings");
        settings_check_limits(settings, write_warning, command->json);
        json_end_array(command->json);
        json_end_object(command->json);
        return EXIT_SUCCESS;
    }
    if (file)
        terminal_print(stdout, "The settings in %s are valid.\n", file);
    else
        terminal_print(stdout, "There is no %s; defaults and environment variables are used.\n",
                       settings_default_file);
    if (*settings->other_names)
        terminal_print(stdout, "Ignored, because they are not settings of the gateway: %s\n",
                       settings->other_names);
    if (runs)
        puts("A gateway is running with these settings, so its ports were not tried.");
    settings_check_limits(settings, print_warning, NULL);
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
     .meaning = "check whether the gateway would start with these settings on this machine",
     .of_a_start = true,
     .without_store = true,
     .as_caller = true,
     .run = check},
    {.name = "show",
     .meaning = "show all settings in effect, from the defaults, the file and the environment",
     .of_a_start = true,
     .without_store = true,
     .run = show},
    {0},
};

const struct command_family settings_commands = {
    .name = "settings",
    .purpose = "check and show the settings",
    .actions = actions,
};
