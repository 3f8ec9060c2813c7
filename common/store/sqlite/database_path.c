#include "common/store/sqlite/database_path.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LINKS = 40 }; /* as the kernel (path_resolution(7)) */

_Static_assert((int)DATABASE_PATH_SIZE == PATH_MAX, "realpath(3) needs the room");

static bool refuse(DATABASE_PATH_PROBLEM, const char *path, const char *format, ...)
    PRINTF_FORMAT(3, 4);
static bool refuse(DATABASE_PATH_PROBLEM, const char *path, const char *format, ...)
{
    va_list arguments;
    int length = snprintf(problem, STORE_ERROR_SIZE, "%.240s: ", path);
    va_start(arguments, format);
    vsnprintf(problem + length, STORE_ERROR_SIZE - (size_t)length, format, arguments);
    va_end(arguments);
    return false;
}

static bool refuse_errno(DATABASE_PATH_PROBLEM, const char *path)
{
    if (errno == EACCES)
        return refuse(problem, path, "Permission denied for the user with the number %u",
                      (unsigned)geteuid());
    return refuse(problem, path, "%s", strerror(errno));
}

bool database_path_beside(const char *path, const char *suffix, char beside[DATABASE_PATH_SIZE])
{
    if (snprintf(beside, DATABASE_PATH_SIZE, "%s%s", path, suffix) < DATABASE_PATH_SIZE)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

/* ---- Links ---- */

/* An absolute path for messages, even if the file is missing. */
static void make_absolute(const char *given, char path[DATABASE_PATH_SIZE])
{
    char here[DATABASE_PATH_SIZE];
    if (*given != '/' && getcwd(here, sizeof(here)) &&
        snprintf(path, DATABASE_PATH_SIZE, "%s/%s", here, given) < DATABASE_PATH_SIZE)
        return;
    snprintf(path, DATABASE_PATH_SIZE, "%s", given);
}

/* For a missing file: resolves its folder, and appends its name. */
static bool resolve_folder(const char *next, char folder[DATABASE_PATH_SIZE],
                           char path[DATABASE_PATH_SIZE], DATABASE_PATH_PROBLEM)
{
    char copy[DATABASE_PATH_SIZE];
    const char *slash = strrchr(next, '/'), *name = slash ? slash + 1 : next;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return refuse(problem, next, "it is the name of a folder, and not of a file");
    snprintf(copy, sizeof(copy), "%s", next);
    if (!realpath(dirname(copy), folder)) {
        if (errno == ENOENT)
            return refuse(problem, next, "there is no folder of that name");
        return refuse_errno(problem, next);
    }
    if (!database_path_beside(folder, strcmp(folder, "/") == 0 ? "" : "/", path))
        return refuse_errno(problem, next);
    size_t length = strlen(path);
    if (length + strlen(name) >= DATABASE_PATH_SIZE) {
        errno = ENAMETOOLONG;
        return refuse_errno(problem, next);
    }
    strcpy(path + length, name);
    return true;
}

bool database_path_resolve(const char *given, char path[DATABASE_PATH_SIZE], DATABASE_PATH_PROBLEM)
{
    char next[DATABASE_PATH_SIZE], folder[DATABASE_PATH_SIZE], target[DATABASE_PATH_SIZE];
    make_absolute(given, next);
    for (int i = 0; i < MOST_LINKS; i++) {
        if (realpath(next, path))
            return true;
        if (errno != ENOENT)
            return refuse_errno(problem, next);
        if (!resolve_folder(next, folder, path, problem))
            return false;
        ssize_t length = readlink(path, target, sizeof(target) - 1);
        if (length < 0 && errno == ENOENT)
            return true;
        if (length < 0) /* no link: the file was just created */
            continue;
        target[length] = '\0';
        if (snprintf(next, sizeof(next), "%s%s%s", *target == '/' ? "" : folder,
                     *target == '/' ? "" : "/", target) >= (int)sizeof(next)) {
            errno = ENAMETOOLONG;
            return refuse_errno(problem, path);
        }
    }
    errno = ELOOP;
    return refuse_errno(problem, path);
}

/* ---- The file ---- */

bool database_path_check(const char *path, enum database_path_state *state, DATABASE_PATH_PROBLEM)
{
    struct statx status;
    *state = DATABASE_PATH_NONE;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status) < 0)
        return errno == ENOENT || refuse_errno(problem, path);
    *state = status.stx_size > 0 ? DATABASE_PATH_FILE : DATABASE_PATH_EMPTY;
    if (S_ISDIR(status.stx_mode))
        return refuse(problem, path, "it is a folder, and not a file");
    if (!S_ISREG(status.stx_mode))
        return refuse(problem, path, "it is not a regular file");
    if (status.stx_nlink > 1)
        return refuse(problem, path,
                      "the file has %u names (hard links), and SQLite would keep a log for each:"
                      " remove all names but one; `find / -xdev -samefile FILE` lists them."
                      " Unless one has " DATABASE_REPLACED " in it: that is of a restore which was"
                      " interrupted, and the next start undoes it",
                      status.stx_nlink);
    /* statx(2), since Linux 5.8. */
    if (status.stx_attributes & STATX_ATTR_MOUNT_ROOT)
        return refuse(problem, path,
                      "the file is a mount point, so its log would be elsewhere: mount its folder"
                      " instead");
    return access(path, R_OK) == 0 || refuse_errno(problem, path);
}

bool database_path_find(const char *given, char path[DATABASE_PATH_SIZE], DATABASE_PATH_PROBLEM)
{
    enum database_path_state state;
    if (!database_path_resolve(given, path, problem) || !database_path_check(path, &state, problem))
        return false;
    if (state == DATABASE_PATH_NONE)
        return refuse(problem, path, "there is no database");
    return state == DATABASE_PATH_FILE ||
           refuse(problem, path, "the file is empty: there is no database in it");
}

/* ---- Traces ---- */

static bool has_content(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && status.st_size > 0;
}

/* Escapes the characters that are special in glob(7). */
static void quote(const char *path, char quoted[2 * DATABASE_PATH_SIZE])
{
    for (; *path; path++) {
        if (strchr("\\*?[", *path))
            *quoted++ = '\\';
        *quoted++ = *path;
    }
    *quoted = '\0';
}

/* Finds the newest file that is named after the path, the suffix and a time stamp. */
static bool find_stamped(const char *path, const char *suffix, char trace[DATABASE_PATH_SIZE])
{
    char pattern[2 * DATABASE_PATH_SIZE + 32];
    glob_t found = {0};
    quote(path, pattern);
    snprintf(pattern + strlen(pattern), 32, "%s*", suffix);
    bool any = glob(pattern, 0, NULL, &found) == 0;
    if (any)
        snprintf(trace, DATABASE_PATH_SIZE, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    return any;
}

bool database_path_was_used(const char *path, char trace[DATABASE_PATH_SIZE])
{
    /* The lock file gets content with the first database (write_lock_mark). */
    static const char *const suffixes[] = {"-wal", DATABASE_RESTORING, "-open.lock"};
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        if (database_path_beside(path, suffixes[i], trace) && has_content(trace))
            return true;
    }
    return find_stamped(path, DATABASE_REPLACED, trace) || database_path_was_copied(path, trace);
}

bool database_path_was_copied(const char *path, char trace[DATABASE_PATH_SIZE])
{
    return find_stamped(path, DATABASE_COPIED, trace);
}
