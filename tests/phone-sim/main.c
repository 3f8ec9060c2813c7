/* phone-sim: simulated phones for the SMS gateway, written from ws-broker/PROTOCOL.md alone. */
#include "tests/phone-sim/fleet.h"
#include "tests/phone-sim/options.h"
#include "tests/phone-sim/pairing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of a standard stream that is closed the next file, as the journal, would get the number, and what is printed. */
static void occupy_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

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

/* Turns the link into what the other options say of a phone that is paired. */
static bool pair(struct options *options)
{
    struct pairing pairing = {0};
    if (strcmp(options->id, OPTIONS_DEFAULT_ID) != 0)
        strcpy(pairing.id, options->id);
    if (!pairing_run(options->pair, options->tokens, &pairing))
        return false;
    strcpy(options->url, pairing.url);
    strcpy(options->ca, pairing.ca_path);
    strcpy(options->id, pairing.id);
    printf("Paired. From now on: phone-sim --url %s --id %s --tokens %s%s%s\n", options->url,
           options->id, options->tokens, *options->ca ? " --ca " : "", options->ca);
    return gateway_parse(&options->gateway, options->url);
}

int main(int argc, char **argv)
{
    struct options options;
    occupy_standard_streams();
    if (!options_read(&options, argc, argv))
        return 2;
    if (options.help)
        return 0;
    if (!raise_file_limit(options.behaviour.clone_seconds.high > 0 ? options.count * 2
                                                                   : options.count))
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    if (*options.pair && !pair(&options))
        return 1;
    return fleet_run(&options);
}
