/*
 * The journals of all phones in one SQLite file, or in memory. Changes are collected in a
 * transaction, and are on disk (synchronous=FULL) once it is committed. The only file that knows
 * SQLite. What cannot be written ends the program: a phone must not go on without its journal.
 */
#ifndef TESTS_PHONE_SIM_JOURNAL_FILE_H
#define TESTS_PHONE_SIM_JOURNAL_FILE_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/journal.h"

struct sqlite3;
struct sqlite3_stmt;

enum { JOURNAL_FILE_STATEMENTS = 20 };

struct journal_file {
    const char *path;
    struct sqlite3 *db;
    struct sqlite3_stmt *statements[JOURNAL_FILE_STATEMENTS];
    bool in_transaction;
};

/* `path` may be empty: in memory, and lost with the program. Forgets entries that ended more than
 * eight days ago. False after a line on stderr. */
bool journal_file_open(struct journal_file *file, const char *path);
/* Commits what is not yet committed. */
void journal_file_close(struct journal_file *file);

/* `name` is the device id, or of a clone's journal another name. */
void journal_file_write(struct journal_file *file, const char *name,
                        const struct journal_write *write);
void journal_file_commit(struct journal_file *file);

/* The clone's journal, which is not there yet, becomes the same as the other. */
void journal_file_copy(struct journal_file *file, const char *from, const char *to);

/* False if there is none of that name. The image is to be given back to journal_image_fini(). */
bool journal_file_load(struct journal_file *file, const char *name, struct journal_image *image);
void journal_image_fini(struct journal_image *image);

#endif
