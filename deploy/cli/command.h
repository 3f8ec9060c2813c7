/*
 * The operator's tool, `sms-gateway FAMILY ACTION`, for use on the gateway's own machine. The gateway may be running, or
 * may never have run. A family of actions is a table; help, manual page and completion come from the tables
 * (describe.h). This module reads the command line, opens the store and runs the action. Main thread only.
 *
 * A new family is a file with a table, an entry at the end of this header and one in command.c.
 */
#ifndef DEPLOY_CLI_COMMAND_H
#define DEPLOY_CLI_COMMAND_H

#include "common/base/json_write.h"
#include "common/process/running.h"
#include "common/process/settings.h"
#include "common/store/store.h"

enum {
    COMMAND_MAX_OPTIONS = 32,
    COMMAND_REPEATED_SIZE = 1024,
    COMMAND_EXIT_USAGE = 2,
    COMMAND_EXIT_NOT_KNOWN = 3
};

struct command;

/* A meaning is an imperative phrase without a capital letter and a full stop; `x` is printed bold. */
struct command_option {
    const char *name;  /* "days": --days */
    const char *value; /* "N"; NULL: none. FILE and FOLDER are completed */
    const char *meaning;
    const char *words; /* values to complete, separated by spaces; NULL: none */
    bool repeats; /* may be given several times: the value is all of them, with commas between */
};

/* An action of a family: "create LABEL". */
struct command_action {
    const char *name;     /* "": the only action of the family; it has no word */
    const char *argument; /* "LABEL"; "NUMBER TEXT" are two; "[REASON]" is optional; NULL: none */
    const char *meaning;
    const struct command_option *options; /* a name of NULL after the last; NULL: none */
    bool of_a_start;    /* uses the settings for the next start, not those of a running gateway */
    bool without_store; /* run with a NULL store; the file is not opened */
    bool of_file;       /* is about the file of SQLite: refused where the database is PostgreSQL */
    bool as_caller;     /* root stays root instead of becoming the database's owner */
    int (*run)(struct store *store, const struct command *command); /* the exit status */
};

struct command_family {
    const char *name;                     /* "keys" */
    const char *purpose;                  /* a line of the help */
    const struct command_action *actions; /* a name of NULL after the last */
};

/* The command line. Texts are borrowed from argv. */
struct command {
    const struct command_family *family;
    const struct command_action *action;
    const char *argument;        /* "": none */
    const char *second_argument; /* the same */
    const char *env_file;        /* --env-file; NULL: the default */
    struct json_writer *json;    /* with --json: one object, the only output; else NULL */
    struct settings settings;
    /* The gateway of `make run` that the settings come from; else NULL. */
    const struct running *running;

    /* private to command.c */
    bool wants_json, wants_help;
    size_t option_count; /* of the family, each once */
    const struct command_option *options[COMMAND_MAX_OPTIONS];
    const char *values[COMMAND_MAX_OPTIONS]; /* NULL: not given */
    char repeated
        [COMMAND_REPEATED_SIZE]; /* the values of the option that repeats; a family has one at most */
};

/* Runs the command. The exit status: 2 for wrong usage or a wrong setting, 1 if the action was refused or failed, 3
   if it is not known whether it took effect. */
MUST_CHECK int command_main(int argc, char **argv);

/* The value of an option, "" if it has none; NULL if it was not given. */
const char *command_option(const struct command *command, const char *name);

/* The value as a whole number; `number` is unchanged without the option. False, after an error message, if it is not a
   number or out of range. */
MUST_CHECK bool command_number(const struct command *command, const char *name, int64_t smallest,
                               int64_t largest, int64_t *number);

/* With --json: writes the answer so far, so that a long one takes little memory. Terminal control sequences are escaped
   (terminal.h). */
void command_flush_json(const struct command *command);

/* With --json: begins the object of a list, and the array of that name in it. */
void command_begin_list(const struct command *command, const char *name);

/* Ends a list of which `count` of `total` were printed, and returns the exit status. `what` they are is for people. After an
   error: its message, and no JSON if nothing was printed. */
int command_end_list(const struct command *command, enum error error, size_t count, int64_t total,
                     size_t limit, const char *what);

/* "name          text", on a line, with the text escaped. */
void command_print_line(const char *name, const char *text);

/* Print an error message and return the exit status: wrong usage, failure, an error of the store. */
int command_refuse(const struct command *command, const char *format, ...) PRINTF_FORMAT(2, 3);
int command_fail(const struct command *command, const char *format, ...) PRINTF_FORMAT(2, 3);
/* The same for an error about the whole database, with its path and the origin of the path. */
int command_fail_database(const struct command *command, const char *errmsg);
int command_fail_error(const struct command *command, enum error error);

/* Options of every action; a NULL name ends the list. */
extern const struct command_option command_common_options[];

/* The families in the order of the help, each in the file of its name; NULL ends the list. */
extern const struct command_family *const command_families[];
extern const struct command_family keys_commands, devices_commands, sending_commands,
    messages_commands, batches_commands, inbox_commands, opt_outs_commands, webhooks_commands,
    statistics_commands, database_commands, backup_commands, restore_commands, settings_commands,
    url_commands, dashboard_commands;

#endif
