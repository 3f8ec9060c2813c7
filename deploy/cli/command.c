#include "command.h"

#include "../../common/doorbell.h"
#include "../../common/program.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert((int)SETTINGS_PROBLEM_SIZE <= (int)STORE_PROBLEM_SIZE, "one buffer serves both");

static const struct command_family *const families[] = {&keys_commands, &devices_commands,
                                                        &sending_commands};

static const struct command_family *find_family(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(families); i++) {
        if (strcmp(families[i]->name, name) == 0)
            return families[i];
    }
    return NULL;
}

/* ---- Reading the command line ---- */

static size_t count_options(const struct command_family *family)
{
    size_t count = 0;
    while (count < COMMAND_MAX_OPTIONS && family->options[count])
        count++;
    return count;
}

/* The family's options, and those that all have. False at one that is neither. */
static bool read_options(int argc, char **argv, struct command *command, const char **env_file)
{
    enum { ENV_FILE = COMMAND_MAX_OPTIONS, HELP };
    struct option options[COMMAND_MAX_OPTIONS + 3] = {0};
    size_t count = count_options(command->family);
    for (size_t i = 0; i < count; i++)
        options[i] = (struct option){command->family->options[i], required_argument, NULL, (int)i};
    options[count] = (struct option){"env-file", required_argument, NULL, ENV_FILE};
    options[count + 1] = (struct option){"help", no_argument, NULL, HELP};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option >= 0 && option < COMMAND_MAX_OPTIONS)
            command->values[option] = optarg;
        else if (option == ENV_FILE)
            *env_file = optarg;
        else
            return false;
    }
    return true;
}

/* "takes create, list or revoke". */
static int refuse_action(const struct command *command)
{
    const struct command_action *actions = command->family->actions;
    fprintf(stderr, "sms-gateway %s: takes ", command->family->name);
    for (size_t i = 0; actions[i].name; i++)
        fprintf(stderr, "%s%s", i == 0 ? "" : actions[i + 1].name ? ", " : " or ", actions[i].name);
    fputs("; --help explains them\n", stderr);
    return COMMAND_EXIT_USAGE;
}

/* Fills in the action and its argument; the exit status where they are wrong, and otherwise 0. */
static int read_words(int argc, char **argv, struct command *command)
{
    const struct command_action *action = command->family->actions;
    int count = argc - optind;
    if (count >= 1 && count <= 2) {
        while (action->name && strcmp(action->name, argv[optind]) != 0)
            action++;
        if (!action->name)
            return refuse_action(command);
        bool good = count == 1 ? action->argument != COMMAND_TAKES_ONE
                               : action->argument != COMMAND_TAKES_NONE;
        command->action = action;
        command->argument = count == 2 ? argv[optind + 1] : "";
        if (good)
            return 0;
    }
    fputs(command->family->usage, stderr);
    return COMMAND_EXIT_USAGE;
}

const char *command_option(const struct command *command, const char *name)
{
    size_t count = count_options(command->family);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(command->family->options[i], name) == 0)
            return command->values[i];
    }
    return NULL;
}

bool command_number(const struct command *command, const char *name, int64_t smallest,
                    int64_t largest, int64_t *number)
{
    const char *value = command_option(command, name);
    if (!value)
        return true;
    char *end;
    errno = 0;
    long long given = strtoll(value, &end, 10);
    if (!isdigit((unsigned char)*value) || *end != '\0' || errno != 0 || given < smallest ||
        given > largest) {
        command_refuse(command, "--%s takes a whole number from %" PRId64 " to %" PRId64, name,
                       smallest, largest);
        return false;
    }
    *number = given;
    return true;
}

/* ---- Ways to end ---- */

int command_refuse(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "sms-gateway %s: ", command->family->name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return COMMAND_EXIT_USAGE;
}

int command_fail(const struct command *command, enum error error)
{
    command_refuse(command, "%s; nothing was changed", error_title(error));
    return EXIT_FAILURE;
}

/* ---- Running ---- */

/* The broker's doorbell, where one runs; otherwise NULL: it finds what there is when it starts. */
static struct doorbell *open_doorbell(const struct settings *settings)
{
    char path[SETTINGS_TEXT_SIZE];
    settings_socket_path(settings, "doorbell.sock", path);
    return access(path, W_OK) == 0 ? doorbell_open(path) : NULL;
}

static void ring(void *doorbell)
{
    doorbell_ring(doorbell);
}

static int run(int argc, char **argv, struct command *command)
{
    const char *env_file = NULL;
    char problem[STORE_PROBLEM_SIZE];
    if (!read_options(argc, argv, command, &env_file)) {
        fputs(command->family->usage, stderr);
        return COMMAND_EXIT_USAGE;
    }
    int status = read_words(argc, argv, command);
    if (status != 0)
        return status;
    if (!settings_load(&command->settings, env_file ? env_file : ".env", env_file != NULL, problem))
        return command_refuse(command, "%s", problem);
    program_prepare("sms-gateway", LOG_LEVEL_WARNING, &command->settings);

    struct store *store;
    struct doorbell *doorbell = open_doorbell(&command->settings);
    struct store_options options = {
        .path = command->settings.database_path,
        .timeout_ms = command->settings.store_timeout_ms,
        .enqueued = doorbell ? ring : NULL,
        .context = doorbell,
    };
    if (store_open(&options, &store, problem) == ERROR_NONE) {
        status = command->action->run(store, command);
        store_close(store);
    } else {
        command_refuse(command, "%s", problem);
        status = EXIT_FAILURE;
    }
    doorbell_close(doorbell);
    return status;
}

static void print_usage(FILE *out)
{
    fputs("usage: sms-gateway FAMILY ACTION ...\n\nFAMILY is one of:", out);
    for (size_t i = 0; i < ARRAY_LENGTH(families); i++)
        fprintf(out, " %s", families[i]->name);
    fputs("\n`sms-gateway FAMILY --help` explains one.\n", out);
}

int command_main(int argc, char **argv)
{
    static struct command command;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        return EXIT_SUCCESS;
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("sms-gateway %s\n", GATEWAY_VERSION);
        return EXIT_SUCCESS;
    }
    command.family = argc > 1 ? find_family(argv[1]) : NULL;
    if (!command.family) {
        print_usage(stderr);
        return COMMAND_EXIT_USAGE;
    }
    return run(argc - 1, argv + 1, &command);
}
