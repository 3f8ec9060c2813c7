/*
 * Operations on the database as a file, for operators. Links in its path are followed (database_path.h). While a
 * gateway runs, only check and back_up are allowed. An operation that is interrupted, by a kill or a power cut, leaves a
 * whole database at the path: the old one or the new one.
 *
 * `problem` says in one sentence what is wrong. ERROR_STORE_BUSY: another process has the database open;
 * ERROR_DISK_FULL; ERROR_STORE_UNAVAILABLE: the file is damaged, of the wrong kind, or cannot be read or written. Main
 * thread of a program that opens no store.
 */
#ifndef COMMON_STORE_SQLITE_DATABASE_FILE_H
#define COMMON_STORE_SQLITE_DATABASE_FILE_H

#include "common/store/store.h"

/* The contents of a database, in one consistent view. */
struct database_file_content {
    int64_t schema_version;
    int64_t bytes;
    int64_t messages[MESSAGE_STATUS_COUNT];
    int64_t events, devices, device_tokens, api_keys;
    int64_t newest_message_at_ms; /* wall; 0: there is none */
};

/* Reads all of it: every page, index and constraint, and the counts that are kept. */
MUST_CHECK enum error database_file_check(const char *path, struct database_file_content *content,
                                          char problem[STORE_ERROR_SIZE]);

/* The same of a backup, which may have any name. */
MUST_CHECK enum error database_file_verify(const char *path, struct database_file_content *content,
                                           char problem[STORE_ERROR_SIZE]);

/*
 * Copies it to `backup_path`, which must not exist: one file without a log, as it was at one moment,
 * on the disk and checked when this returns. Nobody waits for it, but the write-ahead log grows
 * meanwhile.
 */
MUST_CHECK enum error database_file_back_up(const char *path, const char *backup_path,
                                            struct database_file_content *content,
                                            char problem[STORE_ERROR_SIZE]);

/* The error code of messages whose fate a restored backup cannot know. */
#define DATABASE_FILE_RESTORED "restored"

struct database_file_restored {
    struct database_file_content content;
    int64_t unknown;      /* messages that were open in the backup */
    char kept_path[4096]; /* where the database went that was there; "": there was none */
};

/*
 * Puts a backup in the place of the database, and keeps that beside it. What was open in the backup,
 * queued or in flight, may have been sent since: it becomes `unknown`, and so is never sent again
 * by itself; a phone that still reports on it is believed. Keys and tokens are as they were then.
 */
MUST_CHECK enum error database_file_restore(const char *backup_path, const char *path,
                                            struct database_file_restored *restored,
                                            char problem[STORE_ERROR_SIZE]);

/* Makes an empty database where there is none, also where there was one. */
MUST_CHECK enum error database_file_create(const char *path, char problem[STORE_ERROR_SIZE]);

/* Takes the schema back to an older version, for the program that knows it. All messages stay. */
MUST_CHECK enum error database_file_downgrade(const char *path, int64_t version,
                                              char problem[STORE_ERROR_SIZE]);

/* Rewrites the file without its free space; from then on free space is given back automatically. */
MUST_CHECK enum error database_file_compact(const char *path, int64_t *bytes_before,
                                            int64_t *bytes_after, char problem[STORE_ERROR_SIZE]);

#endif
