#include "deploy/cli/database_copy.h"

#include "common/base/terminal.h"
#include "common/process/database_url.h"
#include "common/store/copy.h"
#include "deploy/cli/user.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct command_option database_copy_options[] = {
    {.name = "from",
     .value = "DATABASE",
     .meaning = "the database to copy: sqlite:FILE, or postgresql://USER@HOST/DATABASE"},
    {.name = "to",
     .value = "DATABASE",
     .meaning = "the database to fill, which is empty or has the tables alone; of the other kind"},
    {0},
};

static void print_json(struct json_writer *json, const struct store_copy *copy)
{
    char checksum[17];
    json_begin_object(json, NULL);
    json_begin_array(json, "tables");
    for (size_t i = 0; i < copy->count; i++) {
        snprintf(checksum, sizeof(checksum), "%016" PRIx64, copy->tables[i].checksum);
        json_begin_object(json, NULL);
        json_put_text(json, "name", copy->tables[i].name);
        json_put_integer(json, "rows", copy->tables[i].rows);
        json_put_text(json, "checksum", checksum);
        json_end_object(json);
    }
    json_end_array(json);
    json_put_text(json, "kept", copy->kept);
    json_end_object(json);
}

static void print(const struct store_copy *copy, bool to_postgresql)
{
    int64_t rows = 0;
    for (size_t i = 0; i < copy->count; i++) {
        printf("  %-20s  %10" PRId64 " rows  checksum %016" PRIx64 "\n", copy->tables[i].name,
               copy->tables[i].rows, copy->tables[i].checksum);
        rows += copy->tables[i].rows;
    }
    printf("%" PRId64 " rows were copied, read back and compared.\n", rows);
    terminal_print(stdout, "The source is kept, and no gateway starts with it any more: %s",
                   copy->kept);
    printf("\nStart the gateway with %s now.\n",
           to_postgresql ? "this DATABASE_URL" : "this DATABASE_PATH, and without DATABASE_URL");
}

/* Root becomes the owner of the file, so that the gateway can use what is left of it. */
static bool become_owner(const char *from, const char *to, char errmsg[ERRMSG_SIZE])
{
    static const char scheme[] = "sqlite:";
    const char *path = database_url_is_postgresql(from) ? to : from;
    if (strncmp(path, scheme, strlen(scheme)) == 0)
        path += strlen(scheme);
    return user_become_owner(path, errmsg);
}

int database_copy(struct store *store, const struct command *command)
{
    static struct store_copy copy;
    char problem[STORE_ERROR_SIZE], errmsg[ERRMSG_SIZE];
    const char *from = command_option(command, "from"), *to = command_option(command, "to");
    (void)store;
    if (!from || !to || !*from || !*to)
        return command_refuse(command, "copy needs --from DATABASE and --to DATABASE");
    if (strncmp(from, "sqlite://", 9) == 0 || strncmp(to, "sqlite://", 9) == 0)
        return command_refuse(command,
                              "behind sqlite: stands the path alone, without slashes before"
                              " it");
    if (database_url_is_postgresql(from) == database_url_is_postgresql(to))
        return command_refuse(command, "one of --from and --to is sqlite:FILE, and the other one"
                                       " postgresql://USER@HOST/DATABASE");
    if (!become_owner(from, to, errmsg))
        return command_fail(command, "%s", errmsg);
    enum error error = store_copy(from, to, &copy, problem);
    if (error == ERROR_OUTCOME_UNKNOWN) {
        (void)command_fail(command, "%s. The source is set aside: %s", problem, copy.kept);
        return COMMAND_EXIT_NOT_KNOWN;
    }
    if (error != ERROR_NONE)
        return command_fail(command, "%s", problem);
    if (command->json)
        print_json(command->json, &copy);
    else
        print(&copy, database_url_is_postgresql(to));
    return EXIT_SUCCESS;
}
