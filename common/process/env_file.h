/*
 * The lines of a .env file. What docker compose, the dotenv libraries and a shell read alike is read as
 * they do; where they disagree, or where a value would need something to be expanded, the line is refused
 * in one sentence. SETTINGS.md lists the rules. One thread for each file.
 */
#ifndef COMMON_PROCESS_ENV_FILE_H
#define COMMON_PROCESS_ENV_FILE_H

#include "common/base/base.h"

enum { ENV_FILE_MAX_BYTES = 1024 * 1024, ENV_FILE_ERRMSG_SIZE = 512, ENV_FILE_WHERE_SIZE = 128 };

struct env_file {
    char where[ENV_FILE_WHERE_SIZE]; /* ".env line 3": the line that was read last */
    /* env_file.c's own */
    const char *path;
    char *text, *next;
    int line;
};

/*
 * Reads the whole file; `path` is borrowed. A file that is not there is empty unless it is `required`. On
 * false `errmsg` says in one sentence what is wrong, and there is nothing to close.
 */
MUST_CHECK bool env_file_open(struct env_file *file, const char *path, bool required,
                              char errmsg[ENV_FILE_ERRMSG_SIZE]);

/*
 * The next line that sets something: its name, and all that follows the `=` as it stands there, both in
 * the file's memory. False at the end, and with a `errmsg` that is not empty for a line that cannot be read.
 */
MUST_CHECK bool env_file_next(struct env_file *file, char **name, char **rest,
                              char errmsg[ENV_FILE_ERRMSG_SIZE]);

/* The value in what follows a `=`: without quotes, spaces around it and a comment behind it. NULL after
   filling in `errmsg`. Not called for a name of another program, whose values are none of our business. */
MUST_CHECK char *env_file_value(const struct env_file *file, const char *name, char *rest,
                                char errmsg[ENV_FILE_ERRMSG_SIZE]);

void env_file_close(struct env_file *file);

#endif
