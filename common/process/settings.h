/*
 * Settings: defaults, then the .env file, then the environment; the later wins.
 *
 * settings.def is the one list. A wrong value, or a name in the file that looks like a misspelt setting, is an error;
 * names of other programs are ignored. Read once at the start and constant afterwards, so any thread may read them.
 */
#ifndef COMMON_PROCESS_SETTINGS_H
#define COMMON_PROCESS_SETTINGS_H

#include "common/base/errmsg.h"
#include "common/base/json_write.h"

#include <stdio.h>

enum { SETTINGS_TEXT_SIZE = 1024 };

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
    bool is_set[SETTINGS_COUNT]; /* by the file or the environment */
    char other_names
        [SETTINGS_TEXT_SIZE]; /* names in the file that are not ours, separated by ", " */
};

/* Fills *settings. `env_file` may be missing unless it is `required`. */
MUST_CHECK bool settings_load(struct settings *settings, const char *env_file, bool required,
                              char errmsg[ERRMSG_SIZE]);

/* The same for a program's --env-file; NULL: settings_default_file, which may be missing. Also applies DATABASE_URL to
   database_path, and calls settings_check. */
MUST_CHECK bool settings_load_option(struct settings *settings, const char *env_file,
                                     char errmsg[ERRMSG_SIZE]);

/* Turns keys, tokens and daily limits off where they are not set, to make a first try easy. For a gateway that only this
   machine can connect to. */
void settings_open_private(struct settings *settings);

/* The settings file that is compiled in (make SETTINGS_FILE=...). */
extern const char settings_default_file[];

/* Effective values, one NAME=value per line, in a form that .env and a shell read back. */
void settings_print(const struct settings *settings, FILE *out);

/* The same, as members of a JSON object that is open. */
void settings_write_json(const struct settings *settings, struct json_writer *json);

/* The list of settings as help text, as .env.example, as SETTINGS.md, and as a man page. */
void settings_print_help(FILE *out);
void settings_print_env_example(FILE *out);
void settings_print_markdown(FILE *out);
void settings_print_man(FILE *out);

/* The path of the socket `name` in RUNTIME_DIR; empty if it is too long. */
void settings_socket_path(const struct settings *settings, const char *name,
                          char path[SETTINGS_TEXT_SIZE]);

#endif
