#include "common/process/running.h"

#include "common/process/database_url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_held(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return held;
}

static bool same_file(const char *one, const char *other)
{
    struct stat a, b;
    if (stat(one, &a) < 0 || stat(other, &b) < 0)
        return strcmp(one, other) == 0;
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool read_first_line(const char *path, struct running *running,
                            char database[SETTINGS_TEXT_SIZE])
{
    FILE *file = fopen(path, "re");
    bool good = file && fscanf(file, "# process %ld serves %255s from %1023[^\n]", &running->pid,
                               running->url, database) == 3;
    if (file)
        fclose(file);
    return good;
}

/* The database that the environment names; NULL without one. */
static const char *environment_database(void)
{
    const char *url = getenv("DATABASE_URL");
    if (url && database_url_is_postgresql(url))
        return url;
    return url && strncmp(url, "sqlite:", 7) == 0 ? url + 7 : getenv("DATABASE_PATH");
}

/* Without its password, which the file does not have. */
static bool is_database(const char *wanted, const char *database)
{
    char url[SETTINGS_TEXT_SIZE];
    if (!database_url_is_postgresql(wanted))
        return same_file(wanted, database);
    snprintf(url, sizeof(url), "%s", wanted);
    database_url_remove_password(url);
    return strcmp(url, database) == 0;
}

static bool load_from(const char *folder, struct settings *settings, struct running *running)
{
    static struct settings found; /* large */
    char path[SETTINGS_TEXT_SIZE + 16], database[SETTINGS_TEXT_SIZE];
    char errmsg[ERRMSG_SIZE];
    const char *wanted = environment_database();
    snprintf(path, sizeof(path), "%s/lock", folder);
    if (!is_held(path))
        return false;
    snprintf(path, sizeof(path), "%s/settings.env", folder);
    if (!read_first_line(path, running, database) || (wanted && !is_database(wanted, database)) ||
        !settings_load(&found, path, true, errmsg) || strlen(folder) >= sizeof(found.runtime_dir))
        return false;
    if (database_url_is_postgresql(settings->database_url) &&
        is_database(settings->database_url, database))
        strcpy(found.database_url, settings->database_url);
    strcpy(found.runtime_dir, folder);
    *settings = found;
    return true;
}

bool running_is_hidden(const struct settings *settings, unsigned *owner)
{
    static const char *const names[] = {"lock", "settings.env"};
    struct stat folder;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        char path[SETTINGS_TEXT_SIZE + 16];
        snprintf(path, sizeof(path), "%s/%s", settings->runtime_dir, names[i]);
        if (access(path, R_OK) < 0 && errno == EACCES &&
            stat(settings->runtime_dir, &folder) == 0) {
            *owner = folder.st_uid;
            return true;
        }
    }
    return false;
}

bool running_load(struct settings *settings, struct running *running)
{
    char elsewhere[SETTINGS_TEXT_SIZE + 16];
    snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", settings->runtime_dir);
    return load_from(settings->runtime_dir, settings, running) ||
           load_from(elsewhere, settings, running);
}
