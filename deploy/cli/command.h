/*
 * Commands: what an operator does on the gateway's own machine, beside a gateway that runs or before
 * one ever has: `sms-gateway keys create ...`. A family of them is a table; this reads the command line,
 * opens the store and runs the one that was named. Main thread only.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "../../common/settings.h"
#include "../../common/store/store.h"

enum { COMMAND_MAX_OPTIONS = 8, COMMAND_EXIT_USAGE = 2 };

struct command;

/* One of a family: "create LABEL". */
struct command_action {
    const char *name;
    enum command_argument { COMMAND_TAKES_NONE, COMMAND_TAKES_ONE, COMMAND_MAY_TAKE_ONE } argument;
    int (*run)(struct store *store, const struct command *command); /* the exit status */
};

struct command_family {
    const char *name;                         /* "keys" */
    const char *usage;                        /* the whole of --help */
    const char *options[COMMAND_MAX_OPTIONS]; /* "days": --days VALUE; NULL after the last */
    const struct command_action *actions;     /* a name of NULL after the last */
};

/* What was asked for. Borrowed from argv. */
struct command {
    const struct command_family *family;
    const struct command_action *action;
    const char *argument;                    /* "" without one */
    const char *values[COMMAND_MAX_OPTIONS]; /* of the family's options; NULL: not given */
    struct settings settings;
};

/* Runs the family that argv[1] names. The exit status: 2 for a wrong use, 1 where the database refuses. */
MUST_CHECK int command_main(int argc, char **argv);

/* The value of an option of the family; NULL when it was not given. */
const char *command_option(const struct command *command, const char *name);

/* The same as a whole number; `number` stays as it is without the option. False for what is none, or
   is out of its range, after saying so. */
MUST_CHECK bool command_number(const struct command *command, const char *name, int64_t smallest,
                               int64_t largest, int64_t *number);

/* Ways to end: a wrong use, and a store that refused. The exit status. */
int command_refuse(const struct command *command, const char *format, ...) PRINTF_FORMAT(2, 3);
int command_fail(const struct command *command, enum error error);

/* The families; each in the file of its name. */
extern const struct command_family keys_commands, devices_commands, sending_commands;

#endif
