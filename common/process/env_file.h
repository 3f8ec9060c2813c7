/*
 * The lines of a .env file. Lines that docker compose, the dotenv libraries and a shell read alike are read as they
 * read them; a line that they read differently, or that needs expansion, is refused. SETTINGS.md lists the rules. A
 * struct env_file belongs to one thread.
 */
#ifndef COMMON_PROCESS_ENV_FILE_H
#define COMMON_PROCESS_ENV_FILE_H

#include "common/base/errmsg.h"

enum { ENV_FILE_MAX_BYTES = 1024 * 1024, ENV_FILE_WHERE_SIZE = 128 };

struct env_file {
    char where[ENV_FILE_WHERE_SIZE]; /* ".env line 3": the line that was read last */
    /* private to env_file.c */
    const char *path;
    char *text, *next;
    int line;
};

/*
 * Reads the whole file; `path` is borrowed. A missing file counts as empty unless it is `required`. On false there is
 * nothing to close.
 */
MUST_CHECK bool env_file_open(struct env_file *file, const char *path, bool required,
                              char errmsg[ERRMSG_SIZE]);

/*
 * The next line with a setting: its name, and the text after the `=`, both in the file's memory. False at the end, with
 * an empty `errmsg`, and for a line that is refused.
 */
MUST_CHECK bool env_file_next(struct env_file *file, char **name, char **rest,
                              char errmsg[ERRMSG_SIZE]);

/* The value in the text after the `=`, without the quotes, spaces and comment around it. NULL with errmsg. Not called
   for names of other programs, whose values may follow other rules. */
MUST_CHECK char *env_file_value(const struct env_file *file, const char *name, char *rest,
                                char errmsg[ERRMSG_SIZE]);

void env_file_close(struct env_file *file);

#endif
