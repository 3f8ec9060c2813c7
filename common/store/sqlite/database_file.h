/*
 * Operations on the database file, for operators. Links in its path are followed (database_path.h). While a gateway
 * runs, only check and back_up are allowed. After a kill or a power cut the path has a complete database: the old one or
 * the new one.
 *
 * On failure `problem` says why, in one sentence. ERROR_STORE_BUSY: another process has the database open;
 * ERROR_DISK_FULL; ERROR_STORE_UNAVAILABLE: the file is damaged, of the wrong kind, or cannot be read or written. Only
 * for the main thread of a program that has no store open.
 */
#ifndef COMMON_STORE_SQLITE_DATABASE_FILE_H
#define COMMON_STORE_SQLITE_DATABASE_FILE_H

#include "common/store/store.h"

/* The contents of a database, all read in one transaction. */
struct database_file_content {
    int64_t schema_version;
    int64_t bytes;
    int64_t messages[MESSAGE_STATUS_COUNT];
    int64_t events, devices, device_tokens, api_keys;
    int64_t newest_message_at_ms; /* wall; 0: no messages */
};

/* Checks every page, index and constraint, and the stored counts. */
MUST_CHECK enum error database_file_check(const char *path, struct database_file_content *content,
                                          char problem[STORE_ERROR_SIZE]);

/* The same for a backup: its path is not resolved, and its file may have several names. */
MUST_CHECK enum error database_file_verify(const char *path, struct database_file_content *content,
                                           char problem[STORE_ERROR_SIZE]);

/*
 * Copies the database, as it is at one moment, to `backup_path`, which must not exist: one file without a log. On
 * return the copy is checked and on disk. Other processes do not wait, but the write-ahead log grows until the copy is
 * done.
 */
MUST_CHECK enum error database_file_back_up(const char *path, const char *backup_path,
                                            struct database_file_content *content,
                                            char problem[STORE_ERROR_SIZE]);

/* A number that a database and its backups have in common, and no other database has. 0: it cannot be read. */
MUST_CHECK int64_t database_file_origin(const char *path);

struct database_file_restored {
    struct database_file_content content;
    int64_t unknown;      /* messages that were open in the backup */
    char kept_path[4096]; /* where the previous database is now; "": there was none */
};

/* Replaces the database with a copy of a backup, settled (STORE_SETTLE in admin.h), and keeps the previous one next to it. Keys
   and tokens are those of the backup. */
MUST_CHECK enum error database_file_restore(const char *backup_path, const char *path,
                                            struct database_file_restored *restored,
                                            char problem[STORE_ERROR_SIZE]);

/* Creates an empty database where there is no file, even if one was there before. */
MUST_CHECK enum error database_file_create(const char *path, char problem[STORE_ERROR_SIZE]);

/* Changes the schema back to an older version, for an older program. Keeps all messages. */
MUST_CHECK enum error database_file_downgrade(const char *path, int64_t version,
                                              char problem[STORE_ERROR_SIZE]);

/* Rewrites the file without its free space. From then on freed space goes back to the disk automatically. */
MUST_CHECK enum error database_file_compact(const char *path, int64_t *bytes_before,
                                            int64_t *bytes_after, char problem[STORE_ERROR_SIZE]);

#endif
