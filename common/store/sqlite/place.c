#include "common/store/sqlite/place.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/sqlite/database_swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPEN_TIMEOUT_MS = 30000, /* another process may be migrating */
    ALONE_TIMEOUT_MS = 2000, /* a restore or a compaction usually takes longer than we wait */
};

static const char *const suffixes[] = {"", "-wal", "-shm"};

_Static_assert(ARRAY_LENGTH(suffixes) == ARRAY_LENGTH(((struct place *)0)->inodes), "one each");

/* ---- Opening ---- */

bool place_may_be_opened(const char *database_path, bool must_exist, char problem[STORE_ERROR_SIZE])
{
    enum database_path_state state;
    char path[DATABASE_PATH_SIZE];
    if (!database_path_check(database_path, &state, problem))
        return false;
    if (state != DATABASE_PATH_FILE && database_path_was_copied(database_path, path)) {
        snprintf(problem, STORE_ERROR_SIZE,
                 "%.150s: it was copied to another database, which DATABASE_URL should name, and is"
                 " kept as %.100s. Only if that copy is not used, give the file its name back",
                 database_path, strrchr(path, '/') + 1);
        return false;
    }
    if (must_exist)
        return database_path_find(database_path, path, problem);
    if (state == DATABASE_PATH_FILE || !database_path_was_used(database_path, path))
        return true;
    snprintf(problem, STORE_ERROR_SIZE,
             "%.150s: %s, and %.100s says that there was a database: `sms-gateway restore"
             " BACKUP` puts a backup there, and `sms-gateway database create` an empty one",
             database_path, state == DATABASE_PATH_EMPTY ? "the file is empty" : "there is no file",
             strrchr(path, '/') + 1);
    return false;
}

/* Undoes a restore that a kill or a power cut interrupted. */
static bool undo_interrupted_restore(const char *path, char *problem)
{
    struct write_lock lock;
    if (!database_swap_is_unfinished(path))
        return true;
    bool good = write_lock_open(&lock, path, WRITE_LOCK_ALONE,
                                clock_monotonic_ms() + OPEN_TIMEOUT_MS);
    if (good && database_swap_is_unfinished(path)) {
        good = database_swap_undo(path);
        log_warning("a restore was interrupted: the database is as it was before",
                    LOG_TEXT("path", path));
    }
    if (!good)
        snprintf(problem, STORE_ERROR_SIZE,
                 "%.240s: a restore was interrupted and cannot be undone: %s", path,
                 strerror(errno));
    write_lock_close(&lock);
    return good;
}

/* SQLite would create a file that others can read. Its log and index get the same mode. */
static void create_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd); /* on failure, SQLite reports why */
}

bool place_take(struct place *place, bool must_exist, char problem[STORE_ERROR_SIZE])
{
    int64_t now_ms = clock_monotonic_ms();
    const char *path = place->path;
    if (!undo_interrupted_restore(path, problem) || !place_may_be_opened(path, must_exist, problem))
        return false;
    if (!write_lock_open(&place->lock, path, WRITE_LOCK_SHARED, now_ms + ALONE_TIMEOUT_MS)) {
        snprintf(problem, STORE_ERROR_SIZE, "%.240s: its lock files: %s", path,
                 errno == EWOULDBLOCK ? "a command of sms-gateway is changing the database"
                                      : strerror(errno));
        return false;
    }
    if (!write_lock_acquire(&place->lock, now_ms + OPEN_TIMEOUT_MS)) {
        snprintf(problem, STORE_ERROR_SIZE, "%.240s: another process holds its write lock", path);
        return false;
    }
    /* Again: it may have changed before the locks were held. */
    if (!place_may_be_opened(path, must_exist, problem))
        return false;
    create_file(path);
    return true;
}

/* ---- While it is open ---- */

static void read_inodes(const char *database_path, ino_t inodes[ARRAY_LENGTH(suffixes)])
{
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        char path[DATABASE_PATH_SIZE];
        struct stat status;
        bool there = database_path_beside(database_path, suffixes[i], path) &&
                     lstat(path, &status) == 0;
        inodes[i] = there ? status.st_ino : 0;
    }
}

void place_note(struct place *place)
{
    read_inodes(place->path, place->inodes);
    write_lock_mark(&place->lock);
}

bool place_is_kept(struct place *place)
{
    ino_t inodes[ARRAY_LENGTH(suffixes)];
    read_inodes(place->path, inodes);
    bool moved = memcmp(inodes, place->inodes, sizeof(inodes)) != 0 ||
                 !write_lock_is_in_place(&place->lock, place->path);
    if (moved && !place->moved)
        log_error("a file of the database was moved, replaced or removed: nothing is written until"
                  " it is back or the program is restarted",
                  LOG_TEXT("path", place->path));
    else if (!moved && place->moved)
        log_info("the files of the database are back", LOG_TEXT("path", place->path));
    place->moved = moved;
    return !moved;
}
