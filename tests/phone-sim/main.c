/* phone-sim: simulated phones for the SMS gateway, written from ws-broker/PROTOCOL.md alone. */
#include "fleet.h"
#include "options.h"

#include <signal.h>
#include <sys/resource.h>

/* Each phone takes a file descriptor, and libwebsockets sizes its tables by the limit. */
static bool raise_file_limit(int64_t phones)
{
    enum { OTHERS = 64 };
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t needed = (rlim_t)phones + OTHERS;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < needed) {
        fprintf(stderr,
                "phone-sim: --count %lld takes %llu files, and this process may open %llu only "
                "(ulimit -Hn)\n",
                (long long)phones, (unsigned long long)needed, (unsigned long long)limit.rlim_max);
        return false;
    }
    limit.rlim_cur = MAX(limit.rlim_cur, needed);
    setrlimit(RLIMIT_NOFILE, &limit);
    return true;
}

int main(int argc, char **argv)
{
    struct options options;
    if (!options_read(&options, argc, argv))
        return 2;
    if (options.help)
        return 0;
    if (!raise_file_limit(options.habits.fights ? options.count * 2 : options.count))
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    return fleet_run(&options);
}
