#include "deploy/cli/user.h"

#include "common/store/sqlite/database_path.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Replaces a file's path by its nearest parent folder that exists. */
static bool find_folder(char path[DATABASE_PATH_SIZE], struct stat *status)
{
    for (;;) {
        char *folder = dirname(path);
        memmove(path, folder, strlen(folder) + 1);
        if (stat(path, status) == 0)
            return true;
        if (errno != ENOENT || strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
            return false;
    }
}

/* Takes the user's groups from the system; a user without an entry gets the folder's group. */
static bool become(uid_t user, gid_t folders_group)
{
    const struct passwd *entry = getpwuid(user);
    gid_t group = entry ? entry->pw_gid : folders_group;
    if ((entry ? initgroups(entry->pw_name, group) : setgroups(0, NULL)) < 0 ||
        setresgid(group, group, group) < 0 || setresuid(user, user, user) < 0)
        return false;

    uid_t real_user, user_now, saved_user;
    gid_t real_group, group_now, saved_group;
    if (getresuid(&real_user, &user_now, &saved_user) < 0 ||
        getresgid(&real_group, &group_now, &saved_group) < 0)
        return false;
    errno = EPERM;
    return real_user == user && user_now == user && saved_user == user && real_group == group &&
           group_now == group && saved_group == group && setuid(0) < 0;
}

bool user_become_owner(const char *database_path, char errmsg[ERRMSG_SIZE])
{
    char folder[DATABASE_PATH_SIZE], reason[STORE_ERROR_SIZE];
    struct stat status;
    if (geteuid() != 0)
        return true;
    if (!database_path_resolve(database_path, folder, reason))
        snprintf(folder, sizeof(folder), "%s", database_path);
    if (!find_folder(folder, &status))
        return errmsg_set(errmsg, "%.300s: %s", folder, strerror(errno));
    if (status.st_uid == 0 || become(status.st_uid, status.st_gid))
        return true;
    return errmsg_set(errmsg, "root cannot become the user %u, the owner of the folder %.300s: %s",
                      (unsigned)status.st_uid, folder, strerror(errno));
}
