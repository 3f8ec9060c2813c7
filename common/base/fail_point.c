#include "common/base/fail_point.h"

#ifdef FAIL_POINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fail_point(const char *name)
{
    static atomic_int passages;
    const char *wanted = getenv("FAIL_POINT");
    size_t length = strlen(name);
    if (!wanted || strncmp(wanted, name, length) != 0 || wanted[length] != ':')
        return;
    if (atomic_fetch_add(&passages, 1) + 1 != atoi(wanted + length + 1))
        return;
    fprintf(stderr, "fail point %s\n", wanted);
    kill(getpid(), SIGKILL);
    pause(); /* until SIGKILL has ended the process */
}

#else

typedef int no_fail_points; /* a file must declare something */

#endif
