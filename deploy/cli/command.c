#include "deploy/cli/command.h"

#include "common/base/refused_option.h"
#include "common/base/terminal.h"
#include "common/process/database_url.h"
#include "common/process/doorbell.h"
#include "common/process/program.h"
#include "common/store/sqlite/database_path.h"
#include "deploy/cli/describe.h"
#include "deploy/cli/user.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_JSON_BYTES = 64 << 20 };

_Static_assert((int)ERRMSG_SIZE <= (int)STORE_ERROR_SIZE, "one buffer holds either");

const struct command_family *const command_families[] = {
    &keys_commands,     &dashboard_commands,  &devices_commands,  &sending_commands,
    &messages_commands, &batches_commands,    &inbox_commands,    &opt_outs_commands,
    &webhooks_commands, &statistics_commands, &database_commands, &backup_commands,
    &restore_commands,  &settings_commands,   &url_commands,      NULL};

const struct command_option command_common_options[] = {
    {.name = "json", .meaning = "print one JSON object and nothing else"},
    {.name = "env-file", .value = "FILE", .meaning = "read settings from FILE, which must exist"},
    {.name = "help", .meaning = "show help for the family"},
    {0},
};

/* ---- Ways to end ---- */

static void complain(const struct command *command, const char *format, va_list arguments)
{
    fprintf(stderr, "sms-gateway %s: ", command->family->name);
    terminal_print_list(stderr, format, arguments);
    fputc('\n', stderr);
}

int command_refuse(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(command, format, arguments);
    va_end(arguments);
    return COMMAND_EXIT_USAGE;
}

int command_fail(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(command, format, arguments);
    va_end(arguments);
    return EXIT_FAILURE;
}

/* The origin of the database path. */
static const char *source_of_path(const struct command *command)
{
    struct settings given;
    char errmsg[ERRMSG_SIZE];
    const char *url = getenv("DATABASE_URL");
    if (getenv("DATABASE_PATH") || (url && *url))
        return "the environment";
    if (command->running)
        return "the gateway that runs here";
    /* /dev/null sets nothing. */
    if (settings_load(&given, "/dev/null", false, errmsg) &&
        strcmp(given.database_path, command->settings.database_path) == 0)
        return "the default";
    return command->env_file ? command->env_file : settings_default_file;
}

int command_fail_database(const struct command *command, const char *errmsg)
{
    char path[DATABASE_PATH_SIZE], copied[DATABASE_PATH_SIZE], reason[STORE_ERROR_SIZE];
    enum database_path_state state;
    const char *hint = "";
    if (database_url_is_postgresql(command->settings.database_url))
        return command_fail(command, "%s", errmsg);
    if (database_path_resolve(command->settings.database_path, path, reason) &&
        database_path_check(path, &state, reason) && state != DATABASE_PATH_FILE &&
        !database_path_was_copied(path, copied))
        hint = "; the gateway creates it when it first starts";
    return command_fail(command, "%s%s (DATABASE_PATH=%s comes from %s)", errmsg, hint,
                        command->settings.database_path, source_of_path(command));
}

int command_fail_error(const struct command *command, enum error error)
{
    if (error == ERROR_OUTCOME_UNKNOWN)
        return command_fail(command,
                            "%s: the database's disk fails; when it works again, check whether the "
                            "change was made before you repeat it",
                            error_title(error));
    return command_fail(command, "%s; nothing was changed", error_title(error));
}

void command_begin_list(const struct command *command, const char *name)
{
    if (!command->json)
        return;
    json_begin_object(command->json, NULL);
    json_begin_array(command->json, name);
}

int command_end_list(const struct command *command, enum error error, size_t count, int64_t total,
                     size_t limit, const char *what)
{
    if (error != ERROR_NONE) {
        if (command->json && count == 0)
            buffer_clear(command->json->out); /* nothing has been printed */
        return command_fail_error(command, error);
    }
    if (command->json) {
        json_end_array(command->json);
        json_put_integer(command->json, "count", (int64_t)count);
        json_put_integer(command->json, "total", total);
        json_put_integer(command->json, "limit", (int64_t)limit);
        json_end_object(command->json);
    } else {
        printf("%zu of %" PRId64 " %s.\n", count, total, what);
    }
    return EXIT_SUCCESS;
}

void command_print_line(const char *name, const char *text)
{
    printf("%-12s  ", name);
    terminal_put(stdout, text);
    putchar('\n');
}

void command_flush_json(const struct command *command)
{
    struct buffer *out = command->json->out;
    if (out->failed)
        return;
    terminal_put_json(stdout, out->data ? out->data : "", out->length);
    buffer_clear(out);
}

/* ---- Options ---- */

static void add_options(struct command *command, const struct command_option *options)
{
    for (; options && options->name; options++) {
        size_t i = 0;
        while (i < command->option_count && strcmp(command->options[i]->name, options->name) != 0)
            i++;
        assert(i < COMMAND_MAX_OPTIONS);
        command->options[i] = options;
        command->option_count = MAX(command->option_count, i + 1);
    }
}

/* False after an error message. */
static bool take_value(struct command *command, size_t index, const char *value)
{
    size_t length = strlen(command->repeated);
    if (!command->options[index]->repeats) {
        command->values[index] = value;
        return true;
    }
    int written = snprintf(command->repeated + length, sizeof(command->repeated) - length, "%s%s",
                           command->values[index] ? "," : "", value);
    command->values[index] = command->repeated;
    if (length + (size_t)written < sizeof(command->repeated))
        return true;
    command_refuse(command, "too many values of --%s", command->options[index]->name);
    return false;
}

static void refuse_option(const struct command *command, char **argv, const struct option *options)
{
    char errmsg[ERRMSG_SIZE];
    bool is_long = strncmp(refused_option_word(argv), "--", 2) == 0;
    refused_option_say(argv, options, errmsg);
    command_refuse(command, "%s; --help lists the options%s", errmsg,
                   is_long ? "" : ", and a word after -- may begin with -");
}

/* Accepts the options of all actions of the family: the action is not known yet. False after an error message. */
static bool read_options(int argc, char **argv, struct command *command)
{
    struct option options[COMMAND_MAX_OPTIONS + 1] = {0};
    for (const struct command_action *a = command->family->actions; a->name; a++)
        add_options(command, a->options);
    add_options(command, command_common_options);
    for (size_t i = 0; i < command->option_count; i++) {
        bool takes = command->options[i]->value;
        options[i] = (struct option){command->options[i]->name,
                                     takes ? required_argument : no_argument, NULL, 256 + (int)i};
    }
    int option;
    opterr = 0;
    unsetenv("POSIXLY_CORRECT"); /* options may follow the words in any shell */
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == ':') {
            command_refuse(command, "%s needs a value", argv[optind - 1]);
            return false;
        }
        if (option < 256) {
            refuse_option(command, argv, options);
            return false;
        }
        if (!take_value(command, (size_t)option - 256, optarg ? optarg : ""))
            return false;
    }
    command->env_file = command_option(command, "env-file");
    command->wants_json = command_option(command, "json");
    command->wants_help = command_option(command, "help");
    return true;
}

const char *command_option(const struct command *command, const char *name)
{
    for (size_t i = 0; i < command->option_count; i++) {
        if (strcmp(command->options[i]->name, name) == 0)
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

static bool has_option(const struct command_option *options, const char *name)
{
    while (options && options->name && strcmp(options->name, name) != 0)
        options++;
    return options && options->name;
}

/* 0, or the exit status if an option is not one of the action's. */
static int check_options(const struct command *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const char *name = command->options[i]->name;
        if (command->values[i] && !has_option(command->action->options, name) &&
            !has_option(command_common_options, name))
            return command_refuse(command, "%s has no option --%s; --help lists the options",
                                  command->action->name, name);
    }
    return 0;
}

/* ---- Words ---- */

static int refuse_action(const struct command *command, const char *name)
{
    const struct command_action *actions = command->family->actions;
    terminal_print(stderr, "sms-gateway %s: there is no action \"%s\"; the actions are ",
                   command->family->name, name);
    for (size_t i = 0; actions[i].name; i++)
        fprintf(stderr, "%s%s",
                i == 0                ? ""
                : actions[i + 1].name ? ", "
                                      : " and ",
                actions[i].name);
    fputs("; --help explains them\n", stderr);
    return COMMAND_EXIT_USAGE;
}

static int check_argument(const struct command *command, int count)
{
    const struct command_action *action = command->action;
    const char *space = *action->name ? " " : "";
    if (count > 0 && !action->argument)
        return command_refuse(command, "%s%stakes no argument; --help explains it", action->name,
                              space);
    int most = action->argument && strchr(action->argument, ' ') ? 2 : 1;
    if (count > most)
        return command_refuse(command, "%s%stakes %s; put an argument with spaces in quotes",
                              action->name, space, most == 1 ? "one argument" : action->argument);
    if (count < most && action->argument && *action->argument != '[')
        return command_refuse(command, "%s%sneeds %s; --help explains it", action->name, space,
                              action->argument);
    return 0;
}

/* Sets the action and its argument. 0, or the exit status if they are wrong. */
static int read_words(char **words, int count, struct command *command)
{
    const struct command_action *action = command->family->actions;
    if (*action->name) {
        if (count == 0) {
            describe_family(command->family, stderr);
            return COMMAND_EXIT_USAGE;
        }
        while (action->name && strcmp(action->name, *words) != 0)
            action++;
        if (!action->name)
            return refuse_action(command, *words);
        words++, count--;
    }
    command->action = action;
    command->argument = count > 0 ? words[0] : "";
    command->second_argument = count > 1 ? words[1] : "";
    return check_argument(command, count);
}

/* ---- Running ---- */

/* The doorbell of a running broker; NULL if none runs: a broker looks into the store when it starts. */
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

static int run_with_store(const struct command *command)
{
    int status;
    char errmsg[STORE_ERROR_SIZE];
    struct store *store;
    struct doorbell *doorbell = open_doorbell(&command->settings);
    struct store_options options = {
        .dsn = database_dsn(&command->settings),
        .must_exist = true,
        .needs_standby = database_needs_standby(&command->settings),
        .timeout_ms = command->settings.store_timeout_ms,
        .max_wal_bytes = command->settings.max_wal_bytes,
        .min_free_bytes = command->settings.min_free_disk_bytes,
        .limits = store_limits_of(&command->settings),
        .wake_broker = doorbell ? ring : NULL,
        .context = doorbell,
    };
    if (store_open(&options, &store, errmsg) == ERROR_NONE) {
        status = command->action->run(store, command);
        store_close(store);
    } else {
        status = command_fail_database(command, errmsg);
    }
    doorbell_close(doorbell);
    return status;
}

static void command_end_json(const struct command *command)
{
    command_flush_json(command);
    putchar('\n');
}

/* Runs the action, and prints its JSON. */
static int run_action(struct command *command)
{
    struct buffer out;
    struct json_writer json = {.out = &out};
    buffer_init(&out, MAX_JSON_BYTES);
    command->json = command->wants_json ? &json : NULL;
    int status = command->action->without_store ? command->action->run(NULL, command)
                                                : run_with_store(command);
    if (out.failed)
        status = command_fail(command, "no memory for the answer");
    else if (out.length > 0)
        command_end_json(command);
    buffer_fini(&out);
    if (fflush(stdout) != 0 || ferror(stdout))
        status = command_fail(command, "cannot write the answer: %s", strerror(errno));
    return status;
}

/* Uses the settings of a gateway that `make run` has started, unless --env-file names a file. */
static void find_running(struct command *command)
{
    static struct running running;
    if (command->env_file || command->action->of_a_start ||
        !running_load(&command->settings, &running))
        return;
    command->running = &running;
    char database[SETTINGS_TEXT_SIZE];
    database_shown(&command->settings, database);
    fprintf(stderr, "sms-gateway: using the gateway that runs here: %s, process %ld, database %s\n",
            running.url, running.pid, database);
}

static int run_family(int argc, char **argv, struct command *command)
{
    char errmsg[STORE_ERROR_SIZE];
    if (!read_options(argc, argv, command))
        return COMMAND_EXIT_USAGE;
    if (command->wants_help) {
        describe_family(command->family, stdout);
        return EXIT_SUCCESS;
    }
    int status = read_words(argv + optind, argc - optind, command);
    if (status == 0)
        status = check_options(command);
    if (status != 0)
        return status;
    if (!settings_load_option(&command->settings, command->env_file, errmsg))
        return command_refuse(command, "%s", errmsg);
    find_running(command);
    if (command->action->of_file && database_url_is_postgresql(command->settings.database_url))
        return command_refuse(command,
                              "this is for SQLite's file, and DATABASE_URL names"
                              " PostgreSQL, which has tools of its own (deploy/POSTGRESQL.md)");
    program_prepare("sms-gateway", LOG_LEVEL_WARNING, LOG_FORMAT_LOGFMT);
    if (!command->action->as_caller && !user_become_owner(command->settings.database_path, errmsg))
        return command_fail(command, "%s", errmsg);
    return run_action(command);
}

/* ---- The first word ---- */

static const struct command_family *find_family(const char *name)
{
    for (size_t i = 0; command_families[i]; i++) {
        if (strcmp(command_families[i]->name, name) == 0)
            return command_families[i];
    }
    return NULL;
}

static int refuse_family(const char *name)
{
    if (*name == '-') {
        terminal_print(
            stderr,
            "sms-gateway: there is no option %s here; options of a family follow its name\n", name);
        return COMMAND_EXIT_USAGE;
    }
    terminal_print(stderr, "sms-gateway: there is no family \"%s\"; the families are ", name);
    for (size_t i = 0; command_families[i]; i++)
        fprintf(stderr, "%s, ", command_families[i]->name);
    fputs("and help, which explains them\n", stderr);
    return COMMAND_EXIT_USAGE;
}

/* `help`, and `help FAMILY`. */
static int help(const char *name)
{
    const struct command_family *family = name ? find_family(name) : NULL;
    if (name && !family)
        return refuse_family(name);
    if (family)
        describe_family(family, stdout);
    else
        describe_tool(stdout);
    return EXIT_SUCCESS;
}

static void print_version(FILE *out)
{
    fprintf(out, "sms-gateway %s\n", GATEWAY_VERSION);
}

int command_main(int argc, char **argv)
{
    static const struct {
        const char *option;
        void (*print)(FILE *out);
    } printed[] = {{"--help", describe_tool},
                   {"--version", print_version},
                   {"--print-man", describe_man},
                   {"--print-completion", describe_completion}};
    static struct command command;
    if (argc < 2) {
        describe_tool(stderr);
        return COMMAND_EXIT_USAGE;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(printed); i++) {
        if (strcmp(argv[1], printed[i].option) == 0) {
            printed[i].print(stdout);
            return EXIT_SUCCESS;
        }
    }
    if (strcmp(argv[1], "help") == 0)
        return help(argc > 2 ? argv[2] : NULL);
    command.family = find_family(argv[1]);
    return command.family ? run_family(argc - 1, argv + 1, &command) : refuse_family(argv[1]);
}
