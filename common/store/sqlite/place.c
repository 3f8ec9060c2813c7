/*
 * The place of the database: whether one may be opened or made there, and whether it still is there.
 *
 * What is written into a file that its name no longer leads to is gone with the last process that has it
 * open, and another process would find another log, index or lock. So nothing is written then.
 */
#include "common/store/sqlite/database_swap.h"
#include "common/store/sqlite/sqlite.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPEN_TIMEOUT_MS = 30000, /* another process may be migrating */
    ALONE_TIMEOUT_MS = 2000, /* a restore or a compaction takes longer as a rule */
};

static const char *const suffixes[] = {"", "-wal", "-shm"};

_Static_assert(ARRAY_LENGTH(suffixes) == ARRAY_LENGTH(((struct place *)0)->inodes), "one each");

/* ---- Opening ---- */

static bool may_be_opened(const struct store_options *options, char *problem)
{
    enum store_path_state state;
    char path[STORE_PATH_SIZE];
    if (options->must_exist)
        return store_path_find(options->path, path, problem);
    if (!store_path_check(options->path, &state, problem))
        return false;
    if (state == STORE_PATH_FILE || !store_path_was_used(options->path, path))
        return true;
    snprintf(problem, STORE_ERROR_SIZE,
             "%.150s: %s, and %.100s says that there was a database: `sms-gateway restore"
             " BACKUP` puts a backup there, and `sms-gateway database create` an empty one",
             options->path, state == STORE_PATH_EMPTY ? "the file is empty" : "there is no file",
             strrchr(path, '/') + 1);
    return false;
}

/* A restore whose process or machine ended before it did. */
static bool finish_restore(const struct store_options *options, char *problem)
{
    struct write_lock lock;
    if (!store_swap_is_unfinished(options->path))
        return true;
    bool good = write_lock_open(&lock, options->path, WRITE_LOCK_ALONE,
                                clock_monotonic_ms() + OPEN_TIMEOUT_MS);
    if (good && store_swap_is_unfinished(options->path)) {
        good = store_swap_undo(options->path);
        log_warning("a restore did not come to its end: the database is as it was before",
                    LOG_TEXT("path", options->path));
    }
    if (!good)
        snprintf(problem, STORE_ERROR_SIZE,
                 "%.240s: a restore did not come to its end, and cannot be taken back: %s",
                 options->path, strerror(errno));
    write_lock_close(&lock);
    return good;
}

/* SQLite would make the file readable by everybody; the log and the index copy its mode. */
static void create_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd); /* where that failed, SQLite says why */
}

bool sqlite_take_place(struct store_connection *connection, const struct store_options *options,
                       char *problem)
{
    int64_t now_ms = clock_monotonic_ms();
    if (!finish_restore(options, problem) || !may_be_opened(options, problem))
        return false;
    if (!write_lock_open(&connection->lock, options->path, WRITE_LOCK_SHARED,
                         now_ms + ALONE_TIMEOUT_MS)) {
        snprintf(problem, STORE_ERROR_SIZE, "%.240s: its lock files: %s", options->path,
                 errno == EWOULDBLOCK ? "somebody restores or changes it just now"
                                      : strerror(errno));
        return false;
    }
    if (!write_lock_acquire(&connection->lock, now_ms + OPEN_TIMEOUT_MS)) {
        snprintf(problem, STORE_ERROR_SIZE, "%.240s: another process holds its write lock",
                 options->path);
        return false;
    }
    if (!may_be_opened(options, problem)) /* that may have changed until nobody could change it */
        return false;
    create_file(options->path);
    return true;
}

/* ---- Afterwards ---- */

static void read_inodes(const char *database_path, ino_t inodes[ARRAY_LENGTH(suffixes)])
{
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        char path[STORE_PATH_SIZE];
        struct stat status;
        bool there = store_path_beside(database_path, suffixes[i], path) &&
                     lstat(path, &status) == 0;
        inodes[i] = there ? status.st_ino : 0;
    }
}

void sqlite_note_place(struct store_connection *connection)
{
    read_inodes(sqlite3_db_filename(connection->db, "main"), connection->place.inodes);
    write_lock_mark(&connection->lock);
}

bool sqlite_is_in_place(struct store_connection *connection)
{
    struct place *place = &connection->place;
    const char *path = sqlite3_db_filename(connection->db, "main");
    ino_t inodes[ARRAY_LENGTH(suffixes)];
    read_inodes(path, inodes);
    bool moved = memcmp(inodes, place->inodes, sizeof(inodes)) != 0 ||
                 !write_lock_is_in_place(&connection->lock, path);
    if (moved && !place->moved)
        log_error("a file of the database was moved, replaced or removed while it is open: nothing"
                  " is written until it is back or the program starts again",
                  LOG_TEXT("path", path));
    else if (!moved && place->moved)
        log_info("the files of the database are back", LOG_TEXT("path", path));
    place->moved = moved;
    return !moved;
}
