/*
 * Settings: defaults, then the .env file, then the environment; the later wins.
 *
 * settings.def is the one list. A value that cannot be, or a name in the file that looks like one of the
 * list and is none, stops the start; names of other programs are left to them. Read once; constant
 * afterwards, so any thread may look.
 */
#ifndef COMMON_PROCESS_SETTINGS_H
#define COMMON_PROCESS_SETTINGS_H

#include "common/base/json_write.h"

#include <stdio.h>

enum { SETTINGS_TEXT_SIZE = 1024, SETTINGS_ERRMSG_SIZE = 512 };

enum {
#define TEXT(field, name, default_value, allowed, used_by, meaning) SETTINGS_NUMBER_OF_##field,
#define NUMBER(field, name, unit, default_value, smallest, largest, used_by, meaning)              \
    SETTINGS_NUMBER_OF_##field,
#include "common/process/settings.def"
#undef TEXT
#undef NUMBER
    SETTINGS_COUNT
};

struct settings {
#define TEXT(field, name, default_value, allowed, used_by, meaning)                   char field[SETTINGS_TEXT_SIZE];
#define NUMBER(field, name, unit, default_value, smallest, largest, used_by, meaning) int64_t field;
#include "common/process/settings.def"
#undef TEXT
#undef NUMBER
    bool is_set[SETTINGS_COUNT];          /* by the file or the environment */
    char other_names[SETTINGS_TEXT_SIZE]; /* of the file, which are other programs'; ", " between */
};

/*
 * Fills *settings. `env_file` may be missing unless it is `required`. On false `errmsg` says in one
 * sentence what is wrong, where, and what to change.
 */
MUST_CHECK bool settings_load(struct settings *settings, const char *env_file, bool required,
                              char errmsg[SETTINGS_ERRMSG_SIZE]);

/* The same for a program's --env-file; NULL: the file that is compiled in (make SETTINGS_FILE=...), which may
   be missing. DATABASE_URL gives database_path its value. Also whether they agree (settings_check.h). */
MUST_CHECK bool settings_load_option(struct settings *settings, const char *env_file,
                                     char errmsg[SETTINGS_ERRMSG_SIZE]);

/* Lets go of what hinders trying it out, where nobody has set it: keys, tokens and daily limits. For a
   gateway that only this machine can connect to. */
void settings_open_private(struct settings *settings);

/* The name of that file. */
extern const char settings_default_file[];

/* Effective values, one NAME=value a line, in a form that .env and a shell can read back. */
void settings_print(const struct settings *settings, FILE *out);

/* The same, as members of a JSON object that has begun. */
void settings_write_json(const struct settings *settings, struct json_writer *json);

/* The same list as help text, as .env.example, as the table of SETTINGS.md, and as a man page. */
void settings_print_help(FILE *out);
void settings_print_env_example(FILE *out);
void settings_print_markdown(FILE *out);
void settings_print_man(FILE *out);

/* The socket `name` in RUNTIME_DIR. */
void settings_socket_path(const struct settings *settings, const char *name,
                          char path[SETTINGS_TEXT_SIZE]);

#endif
