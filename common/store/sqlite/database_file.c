#include "common/store/sqlite/database_file.h"

#include "common/store/sqlite/database_swap.h"
#include "common/store/sqlite/disk.h"
#include "common/store/sqlite/file_settle.h"
#include "common/store/sqlite/file_work.h"
#include "common/store/sqlite/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = DATABASE_PATH_SIZE };

/* ---- Files ---- */

static bool is_same_file(const char *path, const char *other)
{
    struct stat status, others;
    return stat(path, &status) == 0 && stat(other, &others) == 0 &&
           status.st_ino == others.st_ino && status.st_dev == others.st_dev;
}

/* ---- Contents ---- */

static bool read_version(struct file_work *work, sqlite3 *db, const char *path, int64_t *version)
{
    char reason[STORE_ERROR_SIZE];
    if (!schema_read_version(db, &schema_of_gateway, version, reason))
        return file_work_fail(work, ERROR_STORE_UNAVAILABLE, "%.200s: %.300s", path, reason);
    return *version > 0 ||
           file_work_fail(work, ERROR_STORE_UNAVAILABLE, "%s: there is no database in it", path);
}

static bool read_newest(struct file_work *work, sqlite3 *db, const char *path,
                        struct database_file_content *content)
{
    struct message_id newest;
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(db, "SELECT id FROM message ORDER BY seq DESC LIMIT 1", -1,
                                  &query, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(query);
    if (code == SQLITE_ROW && sqlite3_column_bytes(query, 0) == MESSAGE_ID_BYTES) {
        memcpy(newest.bytes, sqlite3_column_blob(query, 0), MESSAGE_ID_BYTES);
        content->newest_message_at_ms = message_id_time_ms(&newest);
    }
    sqlite3_finalize(query);
    return code == SQLITE_ROW || code == SQLITE_DONE || file_work_fail_sqlite(work, db, path);
}

/* Within a transaction of the caller. */
static bool read_content(struct file_work *work, sqlite3 *db, const char *path,
                         struct database_file_content *content)
{
    *content = (struct database_file_content){0};
    if (!read_version(work, db, path, &content->schema_version))
        return false;
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++) {
        char sql[96];
        snprintf(sql, sizeof(sql), "SELECT count FROM message_count WHERE status = %d", i);
        if (!file_work_read_number(work, db, path, sql, &content->messages[i]))
            return false;
    }
    return read_newest(work, db, path, content) &&
           file_work_read_number(work, db, path,
                                 "SELECT (SELECT count(*) FROM message_event) +"
                                 " (SELECT count(*) FROM gateway_event)",
                                 &content->events) &&
           file_work_read_number(work, db, path, "SELECT count(*) FROM device",
                                 &content->devices) &&
           file_work_read_number(work, db, path, "SELECT count(*) FROM api_key",
                                 &content->api_keys) &&
           file_work_read_number(work, db, path, "SELECT count(*) FROM device_token",
                                 &content->device_tokens) &&
           file_work_read_number(
               work, db, path,
               "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
               &content->bytes);
}

/* SQLite's own check, and whether the stored counts match the rows. */
static bool check_content(struct file_work *work, sqlite3 *db, const char *path)
{
    sqlite3_stmt *query = NULL;
    char answer[256] = "";
    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &query, NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW)
        snprintf(answer, sizeof(answer), "%s", (const char *)sqlite3_column_text(query, 0));
    else
        file_work_fail_sqlite(work, db, path);
    sqlite3_finalize(query);
    if (work->error != ERROR_NONE)
        return false;
    if (strcmp(answer, "ok") != 0)
        return file_work_fail(work, ERROR_STORE_UNAVAILABLE, "%.200s: it is damaged: %s", path,
                              answer);
    int64_t wrong = 0;
    if (!file_work_read_number(
            work, db, path,
            "SELECT count(*) FROM message_count AS c LEFT JOIN"
            " (SELECT status, count(*) AS found FROM message GROUP BY status) USING (status)"
            " WHERE c.count <> coalesce(found, 0)",
            &wrong))
        return false;
    return wrong == 0 ||
           file_work_fail(work, ERROR_STORE_UNAVAILABLE,
                          "%s: it is damaged: the counts of messages are not those of its rows",
                          path);
}

static bool check_open_database(struct file_work *work, sqlite3 *db, const char *path,
                                struct database_file_content *content)
{
    bool good = file_work_run(work, db, path, "BEGIN") && read_content(work, db, path, content) &&
                check_content(work, db, path);
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return good;
}

enum error database_file_check(const char *given, struct database_file_content *content,
                               char problem[STORE_ERROR_SIZE])
{
    char path[PATH_SIZE];
    return database_path_find(given, path, problem) ? database_file_verify(path, content, problem)
                                                    : ERROR_STORE_UNAVAILABLE;
}

enum error database_file_verify(const char *path, struct database_file_content *content,
                                char problem[STORE_ERROR_SIZE])
{
    struct file_work work = {.problem = problem};
    sqlite3 *db = file_work_open(&work, path);
    if (db)
        check_open_database(&work, db, path, content);
    sqlite3_close(db);
    return work.error;
}

/* ---- Copies ---- */

/* Copies what the source's transaction sees. */
static bool copy_pages(struct file_work *work, sqlite3 *source, sqlite3 *copy,
                       const char *copy_path)
{
    sqlite3_backup *backup = sqlite3_backup_init(copy, "main", source, "main");
    if (!backup)
        return file_work_fail_sqlite(work, copy, copy_path);
    /* All pages in one step: between steps, a commit of another process would restart the copy. */
    sqlite3_backup_step(backup, -1);
    return sqlite3_backup_finish(backup) == SQLITE_OK ||
           file_work_fail_sqlite(work, copy, copy_path);
}

/* The copy is closed, checked and on disk. */
static bool copy_database(struct file_work *work, const char *path, const char *copy_path,
                          struct database_file_content *content)
{
    struct database_file_content copied = {0};
    sqlite3 *source = file_work_open(work, path), *copy = NULL;
    bool good = source && file_work_run(work, source, path, "BEGIN") &&
                read_content(work, source, path, content) && file_work_create(work, copy_path) &&
                (copy = file_work_open(work, copy_path)) &&
                copy_pages(work, source, copy, copy_path) &&
                file_work_fold_log(work, copy, copy_path) &&
                check_open_database(work, copy, copy_path, &copied);
    if (good && memcmp(content, &copied, sizeof(copied)) != 0)
        good = file_work_fail(work, ERROR_STORE_UNAVAILABLE,
                              "%s: its counts differ from those of the database that was copied",
                              copy_path);
    sqlite3_close(copy);
    sqlite3_close(source);
    return good && file_work_sync(work, copy_path);
}

enum error database_file_back_up(const char *given, const char *backup_path,
                                 struct database_file_content *content,
                                 char problem[STORE_ERROR_SIZE])
{
    struct file_work work = {.problem = problem};
    char path[PATH_SIZE], part[PATH_SIZE];
    if (!database_path_find(given, path, problem))
        return ERROR_STORE_UNAVAILABLE;
    if (file_work_exists(backup_path))
        file_work_fail(&work, ERROR_STORE_UNAVAILABLE,
                       "%s: it is there already, choose another name", backup_path);
    if (work.error != ERROR_NONE || !file_work_path(&work, part, backup_path, ".part"))
        return work.error;
    if (!copy_database(&work, path, part, content))
        unlink(part);
    else if (rename(part, backup_path) < 0)
        file_work_fail_errno(&work, backup_path);
    else
        file_work_sync(&work, backup_path);
    return work.error;
}

/* A number of an intact database; 0: it cannot be read. `folds`: its log is brought into it first. */
static int64_t read_one(const char *path, bool folds, const char *sql)
{
    char reason[STORE_ERROR_SIZE];
    struct file_work attempt = {.problem = reason};
    sqlite3 *db = file_work_open(&attempt, path);
    int64_t version, number = 0;
    if (db && read_version(&attempt, db, path, &version) &&
        (!folds || file_work_fold_log(&attempt, db, path)))
        (void)!file_work_read_number(&attempt, db, path, sql, &number);
    sqlite3_close(db);
    return number;
}

int64_t database_file_origin(const char *path)
{
    return read_one(path, false, "SELECT number FROM origin");
}

/* ---- With exclusive access ---- */

/* The same for a database that must exist. */
static bool file_work_lock_database_alone(struct file_work *work, const char *given,
                                          char path[PATH_SIZE], struct write_lock *lock)
{
    enum database_path_state state;
    *lock = WRITE_LOCK_NONE;
    if (database_path_find(given, path, work->problem) || database_swap_is_unfinished(path))
        return file_work_lock(work, given, path, &state, lock);
    work->error = ERROR_STORE_UNAVAILABLE;
    return false;
}

/* Brings the log into the previous database, if that is intact; a damaged one keeps its log. The id of its newest event; 0: it
   is not known. */
static int64_t fold_old(const char *path)
{
    return read_one(path, true, "SELECT id FROM last_event");
}

/* Turns the copy of a backup into a database that the gateway can use. */
static bool prepare_copy(struct file_work *work, const char *copy_path, int64_t last_event,
                         struct database_file_restored *restored)
{
    char reason[STORE_ERROR_SIZE];
    struct store_settle settle = {.last_event_id = last_event};
    sqlite3 *db = file_work_open(work, copy_path);
    bool good = db;
    if (good && !schema_migrate(db, &schema_of_gateway, reason))
        good = file_work_fail(work, ERROR_STORE_UNAVAILABLE, "%.200s: %.300s", copy_path, reason);
    good = good && file_settle_run(work, db, copy_path, &settle) &&
           check_open_database(work, db, copy_path, &restored->content);
    restored->unknown = settle.unknown;
    sqlite3_close(db);
    return good && file_work_sync(work, copy_path);
}

enum error database_file_restore(const char *backup_path, const char *given,
                                 struct database_file_restored *restored,
                                 char problem[STORE_ERROR_SIZE])
{
    struct file_work work = {.problem = problem};
    struct write_lock lock;
    enum database_path_state state;
    char path[PATH_SIZE], copy[PATH_SIZE];
    *restored = (struct database_file_restored){0};
    if (!file_work_lock(&work, given, path, &state, &lock) || !file_work_refuse_users(&work, path))
        goto out;
    if (!file_work_path(&work, copy, path, DATABASE_RESTORING))
        goto out;
    if (is_same_file(backup_path, path) || is_same_file(backup_path, copy)) {
        file_work_fail(&work, ERROR_STORE_UNAVAILABLE, "%s: it is %s", backup_path,
                       is_same_file(backup_path, path)
                           ? "the database itself, and not a backup of it"
                           : "where a restore makes its copy: give it another name first");
        goto out;
    }
    if (copy_database(&work, backup_path, copy, &restored->content) &&
        prepare_copy(&work, copy, state == DATABASE_PATH_FILE ? fold_old(path) : 0, restored)) {
        if (!file_work_swap(&work, copy, path, restored->kept_path))
            *restored->kept_path = '\0';
        else
            write_lock_mark(&lock);
    }
    if (work.error != ERROR_NONE)
        unlink(copy);
out:
    write_lock_close(&lock);
    return work.error;
}

enum error database_file_create(const char *given, char problem[STORE_ERROR_SIZE])
{
    struct file_work work = {.problem = problem};
    struct write_lock lock;
    enum database_path_state state;
    char path[PATH_SIZE], copy[PATH_SIZE], kept_path[PATH_SIZE], reason[STORE_ERROR_SIZE];
    sqlite3 *db = NULL;
    if (!file_work_lock(&work, given, path, &state, &lock) || !file_work_refuse_users(&work, path))
        goto out;
    if (state == DATABASE_PATH_FILE) {
        file_work_fail(&work, ERROR_STORE_UNAVAILABLE, "%s: there is one already", path);
        goto out;
    }
    if (!file_work_path(&work, copy, path, DATABASE_CREATING) || !file_work_create(&work, copy))
        goto out;
    if ((db = file_work_open(&work, copy)) &&
        (!schema_enable_reclaiming(db, reason) || !schema_migrate(db, &schema_of_gateway, reason)))
        file_work_fail(&work, ERROR_STORE_UNAVAILABLE, "%.200s: %.300s", copy, reason);
    sqlite3_close(db);
    if (work.error == ERROR_NONE && file_work_sync(&work, copy) &&
        file_work_swap(&work, copy, path, kept_path))
        write_lock_mark(&lock);
    if (work.error != ERROR_NONE)
        unlink(copy);
out:
    write_lock_close(&lock);
    return work.error;
}

enum error database_file_downgrade(const char *given, int64_t version,
                                   char problem[STORE_ERROR_SIZE])
{
    struct file_work work = {.problem = problem};
    struct write_lock lock;
    char path[PATH_SIZE], reason[STORE_ERROR_SIZE];
    bool locked = file_work_lock_database_alone(&work, given, path, &lock);
    sqlite3 *db = locked ? file_work_open(&work, path) : NULL;
    if (db && !schema_migrate_back(db, &schema_of_gateway, version, reason))
        file_work_fail(&work, ERROR_STORE_UNAVAILABLE, "%.200s: %.300s", path, reason);
    sqlite3_close(db);
    write_lock_close(&lock);
    return work.error;
}

enum error database_file_compact(const char *given, int64_t *bytes_before, int64_t *bytes_after,
                                 char problem[STORE_ERROR_SIZE])
{
    struct file_work work = {.problem = problem};
    struct write_lock lock;
    char path[PATH_SIZE];
    int64_t version;
    bool locked = file_work_lock_database_alone(&work, given, path, &lock) &&
                  file_work_refuse_users(&work, path);
    sqlite3 *db = locked ? file_work_open(&work, path) : NULL;
    bool good = db && read_version(&work, db, path, &version) &&
                file_work_fold_log(&work, db, path);
    *bytes_before = disk_file_bytes(path);
    good = good && file_work_run(&work, db, path, "PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
    sqlite3_close(db);
    *bytes_after = disk_file_bytes(path);
    if (good)
        file_work_sync(&work, path);
    write_lock_close(&lock);
    return work.error;
}
