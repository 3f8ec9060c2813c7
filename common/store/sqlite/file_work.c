#include "common/store/sqlite/file_work.h"

#include "common/store/sqlite/database_swap.h"
#include "common/store/sqlite/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAIT_MS = 30000 };

bool file_work_fail(struct file_work *work, enum error error, const char *format, ...)
{
    if (work->error != ERROR_NONE)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(work->problem, STORE_ERROR_SIZE, format, arguments);
    va_end(arguments);
    work->error = error;
    return false;
}

bool file_work_fail_errno(struct file_work *work, const char *path)
{
    return file_work_fail(work, errno == ENOSPC ? ERROR_DISK_FULL : ERROR_STORE_UNAVAILABLE,
                          "%s: %s", path, strerror(errno));
}

bool file_work_fail_sqlite(struct file_work *work, sqlite3 *db, const char *path)
{
    int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
    enum error error = code == SQLITE_FULL                            ? ERROR_DISK_FULL
                       : code == SQLITE_BUSY || code == SQLITE_LOCKED ? ERROR_STORE_BUSY
                                                                      : ERROR_STORE_UNAVAILABLE;
    return file_work_fail(work, error, "%s: %s", path, db ? sqlite3_errmsg(db) : "no memory");
}

/* ---- Files ---- */

bool file_work_path(struct file_work *work, char path[DATABASE_PATH_SIZE], const char *base,
                    const char *suffix)
{
    if (snprintf(path, DATABASE_PATH_SIZE, "%s%s", base, suffix) < DATABASE_PATH_SIZE)
        return true;
    return file_work_fail(work, ERROR_STORE_UNAVAILABLE, "%s: the path is too long", base);
}

bool file_work_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

bool file_work_sync(struct file_work *work, const char *path)
{
    return (database_swap_sync(path, O_RDONLY) && database_swap_sync_folder(path)) ||
           file_work_fail_errno(work, path);
}

bool file_work_create(struct file_work *work, const char *path)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return file_work_fail_errno(work, path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_work_fail_errno(work, path);
    close(fd);
    return true;
}

/* ---- Databases ---- */

/* Temporary files may become as large as the database, and go to its disk: TMPDIR or /var/tmp may be a small one. */
static void use_folder_for_temporary_files(const char *path)
{
    char folder[DATABASE_PATH_SIZE];
    snprintf(folder, sizeof(folder), "%s", path);
    sqlite3_free(sqlite3_temp_directory);
    sqlite3_temp_directory = sqlite3_mprintf("%s", dirname(folder));
}

sqlite3 *file_work_open(struct file_work *work, const char *path)
{
    sqlite3 *db = NULL;
    use_folder_for_temporary_files(path);
    if (!file_work_exists(path)) {
        file_work_fail_errno(work, path);
        return NULL;
    }
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        file_work_fail_sqlite(work, db, path);
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_busy_timeout(db, WAIT_MS);
    /* A checkpoint must not overlap a write of another process (wal.c). */
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (sqlite3_exec(db,
                     "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL;"
                     "PRAGMA trusted_schema = OFF",
                     NULL, NULL, NULL) == SQLITE_OK)
        return db;
    file_work_fail_sqlite(work, db, path);
    sqlite3_close(db);
    return NULL;
}

bool file_work_run(struct file_work *work, sqlite3 *db, const char *path, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           file_work_fail_sqlite(work, db, path);
}

bool file_work_read_number(struct file_work *work, sqlite3 *db, const char *path, const char *sql,
                           int64_t *number)
{
    return schema_query_number(db, sql, number) || file_work_fail_sqlite(work, db, path);
}

bool file_work_fold_log(struct file_work *work, sqlite3 *db, const char *path)
{
    return file_work_run(work, db, path, "PRAGMA journal_mode = DELETE");
}

/* ---- Exclusive access ---- */

/* The bytes of a database file that SQLite locks (PENDING_BYTE in os.h of its sources). */
enum { SQLITE_FIRST_LOCK = 0x40000000, SQLITE_LOCKS = 512 };

bool file_work_refuse_users(struct file_work *work, const char *path)
{
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = SQLITE_FIRST_LOCK,
                         .l_len = SQLITE_LOCKS};
    /* Closing it drops all locks of this process on the file; it has none yet. */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || file_work_fail_errno(work, path);
    bool free = fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK;
    close(fd);
    return free ||
           file_work_fail(work, ERROR_STORE_BUSY,
                          "%s: it is in use: stop the gateway first, and whatever else works on it;"
                          " process %d does",
                          path, (int)lock.l_pid);
}

bool file_work_lock(struct file_work *work, const char *given, char path[DATABASE_PATH_SIZE],
                    enum database_path_state *state, struct write_lock *lock)
{
    *lock = WRITE_LOCK_NONE;
    if (!database_path_resolve(given, path, work->problem) ||
        (!database_swap_is_unfinished(path) && !database_path_check(path, state, work->problem))) {
        work->error = ERROR_STORE_UNAVAILABLE;
        return false;
    }
    if (!write_lock_open(lock, path, WRITE_LOCK_ALONE, 0)) {
        if (errno != EWOULDBLOCK)
            return file_work_fail_errno(work, path);
        return file_work_fail(
            work, ERROR_STORE_BUSY,
            "%s: it is in use: stop the gateway first, and whatever else works on it", path);
    }
    if (!database_swap_undo(path))
        return file_work_fail_errno(work, path);
    if (database_path_check(path, state, work->problem))
        return true;
    work->error = ERROR_STORE_UNAVAILABLE;
    return false;
}

bool file_work_swap(struct file_work *work, const char *copy, const char *path,
                    char kept_path[DATABASE_PATH_SIZE])
{
    if (database_swap(copy, path, kept_path))
        return true;
    if (errno == EPERM || errno == EOPNOTSUPP)
        return file_work_fail(
            work, ERROR_STORE_UNAVAILABLE,
            "%s: it cannot be kept under another name: its file system has no hard links", path);
    return file_work_fail_errno(work, kept_path);
}
