#include "common/store/backend_loader.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKEND_FILE   "store-postgresql.so"
#define PACKAGE_FOLDER "/usr/lib/sms-gateway"

/* The file beside the program, as in a build folder; its tests are one folder below. */
static void *open_beside(const char *above)
{
    char program[PATH_MAX], path[PATH_MAX + 64];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (length <= 0)
        return NULL;
    program[length] = '\0';
    *strrchr(program, '/') = '\0';
    snprintf(path, sizeof(path), "%s/%s" BACKEND_FILE, program, above);
    return access(path, R_OK) == 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

/* An operator may have another server, role or schema in the shell: libpq would take from there what the URL does not say. The
   password and TLS files may come from there (PGPASSWORD, PGSSLROOTCERT). */
static void forget_other_server(void)
{
    static const char *const names[] = {
        "PGHOST",
        "PGHOSTADDR",
        "PGPORT",
        "PGDATABASE",
        "PGUSER",
        "PGSERVICE",
        "PGSERVICEFILE",
        "PGOPTIONS",
        "PGTARGETSESSIONATTRS",
        "PGLOADBALANCEHOSTS",
        "PGAPPNAME",
        "PGCLIENTENCODING",
        "PGDATESTYLE",
        "PGTZ",
        "PGGEQO",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        unsetenv(names[i]);
}

const struct store_backend *backend_load_postgresql(char problem[STORE_ERROR_SIZE])
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static const struct store_backend *backend;
    pthread_mutex_lock(&lock);
    dlerror();
    if (!backend) {
        void *library = open_beside("");
        if (!library)
            library = open_beside("../");
        if (!library)
            library = dlopen(PACKAGE_FOLDER "/" BACKEND_FILE, RTLD_NOW | RTLD_LOCAL);
        backend = library ? dlsym(library, "store_backend_postgresql") : NULL;
        forget_other_server();
    }
    if (!backend) {
        const char *reason = dlerror();
        snprintf(problem, STORE_ERROR_SIZE,
                 "the database is PostgreSQL, for which " BACKEND_FILE
                 " must be beside the program or in " PACKAGE_FOLDER
                 ": make postgresql builds it (deploy/POSTGRESQL.md): %.300s",
                 reason ? reason : BACKEND_FILE);
    }
    pthread_mutex_unlock(&lock);
    return backend;
}
