/*
 * Preloaded: fdatasync and fsync do not return while there is a file HANG_SYNC, as on a disk that has
 * stopped answering.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void wait_for_the_disk(void)
{
    const char *path = getenv("HANG_SYNC");
    const struct timespec moment = {.tv_nsec = 5000000};
    while (path && access(path, F_OK) == 0)
        nanosleep(&moment, NULL);
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_for_the_disk();
    return real(fd);
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_for_the_disk();
    return real(fd);
}
