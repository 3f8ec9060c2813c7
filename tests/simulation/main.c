/* The simulation: seeds, each a world; the first that violates an invariant is told in full. */
#include "tests/simulation/world.h"

#include "common/base/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_JOBS = 64, LAST_LINES = 60, OFF = LOG_LEVEL_ERROR + 1 };

static const struct {
    const char *name, *meaning;
} mutations[MUTATION_COUNT] = {
#define MUTATION(id, mutation_name, mutation_meaning)                                              \
    [MUTATION_##id] = {mutation_name, mutation_meaning},
    MUTATIONS(MUTATION) MUTATIONS_OF_TWO(MUTATION)
#undef MUTATION
};

/* Between the processes that share the work. */
struct shared {
    struct counts counts[MOST_JOBS];
    bool failed;
};

static const char usage[] =
    "usage: simulation [--two-brokers] [--seeds COUNT] [--first SEED] [--jobs COUNT] [--break "
    "MUTATION]\n"
    "       simulation [--two-brokers] --seed SEED [--trace] [--break MUTATION]\n"
    "       simulation --mutations\n"
    "\n"
    "Runs the broker's core in simulated worlds, one for each seed, and checks what is promised "
    "of\n"
    "messages after each step. A seed that fails is repeated and its last steps are printed.\n"
    "--break applies a mutation, which must be found. With --two-brokers each world has two, on "
    "one\n"
    "store: other worlds than those of one, by the same numbers.\n";

static enum mutation find_mutation(const char *name)
{
    for (int i = MUTATION_NONE + 1; i < MUTATION_COUNT; i++) {
        if (strcmp(mutations[i].name, name) == 0)
            return (enum mutation)i;
    }
    fprintf(stderr, "simulation: there is no mutation %s\n", name);
    exit(2);
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (!*text || *end) {
        fprintf(stderr, "simulation: %s is not a number\n", text);
        exit(2);
    }
    return value;
}

/* Runs the seed again, with its trace. */
static void tell(uint64_t seed, unsigned brokers, enum mutation broken)
{
    static struct trace trace;
    struct counts counts = {0};
    char violation[256];
    memset(&trace, 0, sizeof(trace));
    world_run(seed, brokers, broken, &counts, &trace, violation);
    uint64_t first = trace.count > LAST_LINES ? trace.count - LAST_LINES : 0;
    for (uint64_t i = first; i < trace.count; i++)
        puts(trace.lines[i % TRACE_LINES]);
    printf("seed %llu: %s\n", (unsigned long long)seed, violation);
    printf("repeat it with: simulation %s--seed %llu --trace%s%s\n",
           brokers == 2 ? "--two-brokers " : "", (unsigned long long)seed,
           broken ? " --break " : "", broken ? mutations[broken].name : "");
}

static void work(struct shared *shared, unsigned job, unsigned jobs, uint64_t first, uint64_t count,
                 unsigned brokers, enum mutation broken)
{
    char violation[256];
    for (uint64_t i = job; i < count && !__atomic_load_n(&shared->failed, __ATOMIC_RELAXED);
         i += jobs) {
        if (world_run(first + i, brokers, broken, &shared->counts[job], NULL, violation))
            continue;
        if (!__atomic_exchange_n(&shared->failed, true, __ATOMIC_RELAXED))
            tell(first + i, brokers, broken);
        break;
    }
}

/* All members are counters of one width. */
static struct counts sum(const struct shared *shared, unsigned jobs)
{
    struct counts all = {0};
    for (unsigned job = 0; job < jobs; job++) {
        const uint64_t *from = (const uint64_t *)&shared->counts[job];
        uint64_t *to = (uint64_t *)&all;
        for (size_t i = 0; i < sizeof(all) / sizeof(uint64_t); i++)
            to[i] += from[i];
    }
    return all;
}

static void print_counts(const struct counts *counts, double seconds)
{
#define SHOW(member) printf(#member " %llu\n", (unsigned long long)counts->member)
    SHOW(seeds);
    SHOW(steps);
    SHOW(messages);
    SHOW(frames);
    SHOW(listings);
    SHOW(registrations);
    SHOW(submits);
    SHOW(incoming);
    SHOW(opt_outs);
    SHOW(expired);
    SHOW(replays);
    SHOW(batches);
    SHOW(resends);
    SHOW(decisions);
    SHOW(events);
    SHOW(kills);
    SHOW(drains);
    SHOW(crashes);
    SHOW(wipes);
    SHOW(cuts);
    SHOW(jumps);
    SHOW(commits_lost);
    if (counts->lost_connections > 0) {
        SHOW(moves);
        SHOW(freezes);
        SHOW(lost_connections);
        SHOW(outcomes_unknown);
        SHOW(ended_brokers);
    }
#undef SHOW
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
        printf("ended_%s %llu\n", message_status_name((enum message_status)i),
               (unsigned long long)counts->ended[i]);
    printf("violations %llu\n", (unsigned long long)counts->violations);
    printf("seeds_per_second %.0f\n", (double)counts->seeds / seconds);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int run_many(uint64_t first, uint64_t count, unsigned jobs, unsigned brokers,
                    enum mutation broken)
{
    struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double start = now();
    bool good = shared != MAP_FAILED;
    if (!good)
        return EXIT_FAILURE;
    for (unsigned job = 0; job < jobs; job++) {
        pid_t child = jobs > 1 ? fork() : 0;
        if (child < 0)
            return EXIT_FAILURE;
        if (child > 0)
            continue;
        work(shared, job, jobs, first, count, brokers, broken);
        if (jobs > 1) {
            fflush(stdout);
            _exit(EXIT_SUCCESS);
        }
    }
    int status;
    while (wait(&status) > 0)
        good &= status == 0;
    struct counts counts = sum(shared, jobs);
    good &= !shared->failed && counts.seeds == count;
    munmap(shared, sizeof(*shared));
    print_counts(&counts, now() - start);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_one(uint64_t seed, bool print, unsigned brokers, enum mutation broken)
{
    static struct trace trace;
    struct counts counts = {0};
    char violation[256];
    trace.print = print;
    bool good = world_run(seed, brokers, broken, &counts, &trace, violation);
    printf("seed %llu: %s\n", (unsigned long long)seed, good ? "no violation" : violation);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'}, {"first", required_argument, NULL, 'f'},
        {"jobs", required_argument, NULL, 'j'},  {"break", required_argument, NULL, 'b'},
        {"seed", required_argument, NULL, 's'},  {"trace", no_argument, NULL, 't'},
        {"two-brokers", no_argument, NULL, '2'}, {"mutations", no_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},        {0},
    };
    uint64_t first = 1, count = 1000, seed = 0;
    unsigned jobs = 1, brokers = 1;
    bool one = false, trace = false;
    enum mutation broken = MUTATION_NONE;
    /* The core's own log has nothing to say that the trace does not. */
    log_init("simulation", (enum log_level)OFF, LOG_FORMAT_LOGFMT);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'n':
            count = number(optarg);
            break;
        case 'f':
            first = number(optarg);
            break;
        case 'j':
            jobs = (unsigned)MIN(MAX(number(optarg), 1), (uint64_t)MOST_JOBS);
            break;
        case 'b':
            broken = find_mutation(optarg);
            break;
        case 's':
            one = true;
            seed = number(optarg);
            break;
        case 't':
            trace = true;
            break;
        case '2':
            brokers = 2;
            break;
        case 'r':
            for (int i = MUTATION_NONE + 1; i < MUTATION_COUNT; i++)
                printf("%-26s%s\n", mutations[i].name, mutations[i].meaning);
            return EXIT_SUCCESS;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (broken > MUTATION_LAST_OF_ONE)
        brokers = 2;
    return one ? run_one(seed, trace, brokers, broken)
               : run_many(first, count, jobs, brokers, broken);
}
