/*
 * Commands: what an operator does on the gateway's own machine, beside a gateway that runs or before
 * one ever has: `sms-gateway keys create ...`. A family of them is a table; from the tables come the
 * help, the manual page and the completion (describe.h), and this reads the command line, opens the
 * store and runs the action that was named. Main thread only.
 *
 * A new family is a file with a table, and its place in the list at the end of this header and in
 * command.c.
 */
#ifndef DEPLOY_CLI_COMMAND_H
#define DEPLOY_CLI_COMMAND_H

#include "common/base/json_write.h"
#include "common/process/running.h"
#include "common/process/settings.h"
#include "common/store/store.h"

enum { COMMAND_MAX_OPTIONS = 16, COMMAND_EXIT_USAGE = 2 };

struct command;

/* Texts that say what something means begin small and end without a point; `x` is printed bold. */
struct command_option {
    const char *name;  /* "days": --days */
    const char *value; /* "N", what follows it; NULL: nothing does. FILE and FOLDER are completed */
    const char *meaning;
    const char *words; /* values that can be completed, with spaces between; NULL: none */
};

/* One of a family: "create LABEL". */
struct command_action {
    const char *name;     /* "": the family has this one alone, and it needs no word */
    const char *argument; /* "LABEL"; "[REASON]" may be left out; NULL: it takes none. As a value */
    const char *meaning;
    const struct command_option *options; /* a name of NULL after the last; NULL: none */
    bool of_a_start;    /* what programs would start with counts, and not what runs */
    bool without_store; /* it is run with a NULL store, and the file is not opened */
    bool as_caller;     /* root stays root, and does not become the database's owner */
    int (*run)(struct store *store, const struct command *command); /* the exit status */
};

struct command_family {
    const char *name;                     /* "keys" */
    const char *purpose;                  /* a line of the help */
    const struct command_action *actions; /* a name of NULL after the last */
};

/* What was asked for. Texts are borrowed from argv. */
struct command {
    const struct command_family *family;
    const struct command_action *action;
    const char *argument; /* "" without one */
    const char *env_file; /* as it was given; NULL: the default */
    struct json_writer
        *json; /* with --json: one object, and nothing else goes to stdout; else NULL */
    struct settings settings;
    const struct running
        *running; /* the gateway of `make run` whose settings these are; else NULL */

    /* command.c's own */
    bool wants_json, wants_help;
    size_t option_count; /* of the family's, each once */
    const struct command_option *options[COMMAND_MAX_OPTIONS];
    const char *values[COMMAND_MAX_OPTIONS]; /* NULL: not given */
};

/* Runs what argv names. The exit status: 2 for a wrong use or setting, 1 where it was refused or failed. */
MUST_CHECK int command_main(int argc, char **argv);

/* The value of an option, "" for one without; NULL when it was not given. */
const char *command_option(const struct command *command, const char *name);

/* The same as a whole number; `number` stays as it is without the option. False for what is none, or
   is out of its range, after saying so. */
MUST_CHECK bool command_number(const struct command *command, const char *name, int64_t smallest,
                               int64_t largest, int64_t *number);

/* With --json: writes what there is of the answer, so that a long one takes little memory. What a terminal
   would obey is escaped (terminal.h), here and at the end. */
void command_flush_json(const struct command *command);

/* Ways to end: a wrong use, what cannot be done, and a store that refused. The exit status. */
int command_refuse(const struct command *command, const char *format, ...) PRINTF_FORMAT(2, 3);
int command_fail(const struct command *command, const char *format, ...) PRINTF_FORMAT(2, 3);
/* The same for the database as a whole: also where it is, and who has said so. */
int command_fail_database(const struct command *command, const char *errmsg);
int command_fail_error(const struct command *command, enum error error);

/* The options that every action takes; a name of NULL after the last. */
extern const struct command_option command_common_options[];

/* The families, in the order of the help; each in the file of its name. NULL after the last. */
extern const struct command_family *const command_families[];
extern const struct command_family keys_commands, devices_commands, sending_commands,
    messages_commands, statistics_commands, database_commands, backup_commands, restore_commands,
    settings_commands, url_commands;

#endif
