#include "keys_command.h"

#include "../common/clock.h"
#include "../common/program.h"
#include "../common/store/store.h"
#include "../common/utf8.h"
#include "authorize.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_USAGE = 2, MAX_DAYS = 3650 };

_Static_assert((int)SETTINGS_PROBLEM_SIZE <= (int)STORE_PROBLEM_SIZE, "one buffer serves both");

static const int64_t day_ms = 86400 * 1000;

static const char usage[] =
    "usage: api-fcgi keys create LABEL [--scopes LIST] [--days N]\n"
    "       api-fcgi keys list\n"
    "       api-fcgi keys revoke ID\n\n"
    "  create   makes a key and prints it, once: only its hash is kept\n"
    "  list     shows all keys by their ids\n"
    "  revoke   ends a key: when the command returns, it opens nothing any more\n\n"
    "  --scopes LIST    of: send,read,text,devices,metrics (default: send,read,text,devices)\n"
    "                     send     send and cancel messages\n"
    "                     read     follow and list messages, without their texts\n"
    "                     text     read their texts too\n"
    "                     devices  list phones\n"
    "                     metrics  the figures for the operator\n"
    "  --days N         the key ends by itself after so many (default: never)\n"
    "  --env-file FILE  as for the program itself\n";

struct command {
    const char *name;     /* create, list, revoke */
    const char *argument; /* LABEL, ID; otherwise "" */
    const char *scopes;
    const char *days;
    const char *env_file;
};

static int refuse(const char *problem)
{
    fprintf(stderr, "api-fcgi keys: %s\n", problem);
    return EXIT_USAGE;
}

static bool read_command(int argc, char **argv, struct command *command)
{
    static const struct option options[] = {
        {"scopes", required_argument, NULL, 's'},
        {"days", required_argument, NULL, 'd'},
        {"env-file", required_argument, NULL, 'e'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    *command = (struct command){.argument = "", .scopes = "send,read,text,devices"};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's')
            command->scopes = optarg;
        else if (option == 'd')
            command->days = optarg;
        else if (option == 'e')
            command->env_file = optarg;
        else
            return false;
    }
    if (optind < argc)
        command->name = argv[optind++];
    bool has_argument = optind < argc;
    if (has_argument)
        command->argument = argv[optind++];
    bool needs_argument = command->name && strcmp(command->name, "list") != 0;
    return command->name && optind == argc && needs_argument == has_argument;
}

/* ---- Against an open store ---- */

static int fail(enum error error)
{
    fprintf(stderr, "api-fcgi keys: %s; nothing was changed\n", error_title(error));
    return EXIT_FAILURE;
}

static int create(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_CREATE_KEY};
    struct api_key *key = &write.create_key.key;
    char text[API_KEY_TEXT_SIZE], scopes[API_SCOPES_TEXT_SIZE], unknown[32];
    size_t length = strlen(command->argument);
    if (length == 0 || length >= API_KEY_LABEL_SIZE || !utf8_valid(command->argument, length))
        return refuse("a label has 1 to 64 bytes of UTF-8");
    strcpy(key->label, command->argument);
    if (!api_scopes_parse(command->scopes, &key->scopes, unknown)) {
        fprintf(stderr, "api-fcgi keys: there is no scope \"%s\"; --help lists them\n", unknown);
        return EXIT_USAGE;
    }
    if (command->days) {
        char *end;
        errno = 0;
        long days = strtol(command->days, &end, 10);
        if (errno != 0 || *end != '\0' || days < 1 || days > MAX_DAYS)
            return refuse("--days takes a whole number from 1 to 3650");
        key->expires_at_ms = clock_wall_ms() + days * day_ms;
    }
    if (!api_key_make(key, text))
        return fail(ERROR_INTERNAL);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return fail(error);
    api_scopes_format(key->scopes, scopes);
    fprintf(stderr, "Key %s allows %s. It is shown this once:\n", key->id, scopes);
    puts(text);
    return EXIT_SUCCESS;
}

static void print_day(int64_t at_ms, const char *never)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(at_ms, text);
    printf("  %-10.10s", at_ms ? text : never);
}

static int list(struct store *store)
{
    struct store_reader *reader = NULL;
    struct api_key *keys = NULL;
    size_t count = 0;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_list_keys(reader, &keys, &count);
    if (error == ERROR_NONE && count > 0)
        printf("%-12s  %-7s  %-10s  %-10s  %-32s  %s\n", "id", "state", "made", "ends", "scopes",
               "label");
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        const struct api_key *key = &keys[i];
        bool over = api_key_expired(key, clock_wall_ms());
        char scopes[API_SCOPES_TEXT_SIZE];
        api_scopes_format(key->scopes, scopes);
        printf("%-12s  %-7s", key->id,
               key->revoked_at_ms ? "revoked"
               : over             ? "expired"
                                  : "stands");
        print_day(key->created_at_ms, "");
        print_day(key->revoked_at_ms ? key->revoked_at_ms : key->expires_at_ms, "never");
        printf("  %-32s  %s\n", scopes, key->label);
    }
    if (error == ERROR_NONE && count == 0)
        puts("There is no key yet; `api-fcgi keys create LABEL` makes one.");
    free(keys);
    store_reader_close(reader);
    return error == ERROR_NONE ? EXIT_SUCCESS : fail(error);
}

static int revoke(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_REVOKE_KEY};
    if (strlen(command->argument) >= API_KEY_ID_SIZE)
        return refuse("an id has 12 characters; `api-fcgi keys list` shows them");
    strcpy(write.revoke_key.id, command->argument);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return fail(error);
    if (!write.revoke_key.changed) {
        fprintf(stderr, "api-fcgi keys: no key that stands has the id %s\n", command->argument);
        return EXIT_FAILURE;
    }
    struct timespec pause = {.tv_nsec = API_KEY_REMEMBERED_MS * 1000000};
    nanosleep(&pause, NULL); /* then no worker takes it any more */
    printf("Key %s is revoked.\n", command->argument);
    return EXIT_SUCCESS;
}

int keys_command(int argc, char **argv)
{
    struct command command;
    struct settings settings;
    char problem[STORE_PROBLEM_SIZE];
    if (!read_command(argc, argv, &command)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    bool is_create = strcmp(command.name, "create") == 0,
         is_list = strcmp(command.name, "list") == 0;
    if (!is_create && !is_list && strcmp(command.name, "revoke") != 0)
        return refuse("takes create, list or revoke; --help explains them");
    if (!settings_load(&settings, command.env_file ? command.env_file : ".env",
                       command.env_file != NULL, problem))
        return refuse(problem);
    program_prepare("api-fcgi", LOG_LEVEL_WARNING, &settings);

    struct store *store;
    struct store_options options = {
        .path = settings.database_path,
        .timeout_ms = settings.store_timeout_ms,
    };
    if (store_open(&options, &store, problem) != ERROR_NONE) {
        fprintf(stderr, "api-fcgi keys: %s\n", problem);
        return EXIT_FAILURE;
    }
    int status = is_create ? create(store, &command)
                 : is_list ? list(store)
                           : revoke(store, &command);
    store_close(store);
    return status;
}
