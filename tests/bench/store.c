/*
 * bench-store DSN enqueue CALLERS SECONDS: the store alone, without HTTP. So many callers have a new message each on its way all the
 * time. bench-store DSN find THREADS SECONDS IDS: messages are read by the ids of a file, on so many threads. It prints what was
 * done per second as JSON, and for new messages the time until they are on the disk.
 */
#include "common/store/store.h"
#include "common/base/base.h"
#include "common/base/clock.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 256, MOST_IDS = 2000, MOST_TIMES = 4000000 };

static struct store *store;
static int64_t until_us;

static _Noreturn void fail(const char *problem)
{
    fprintf(stderr, "bench-store: %s\n", problem);
    exit(1);
}

/* ---- New messages ---- */

struct caller {
    struct message message;
    char text[80];
    struct store_write write;
    int64_t submitted_us;
};

static atomic_uint numbers;
static unsigned done_count; /* of the writer's thread, as the times */
static int32_t *times_us;
static sem_t ended;

static void submit(struct caller *caller)
{
    unsigned number = atomic_fetch_add(&numbers, 1);
    snprintf(caller->text, sizeof(caller->text), "#%010u %-52s", number,
             "Your code is 4711. It is valid for ten minutes.");
    caller->message = (struct message){.id = message_id_new(), .text = caller->text, .segments = 1};
    snprintf(caller->message.phone_number, sizeof(caller->message.phone_number), "+49151%08u",
             number * 2654435761u % 100000000u);
    caller->submitted_us = clock_monotonic_us();
    if (store_submit(store, &caller->write) != ERROR_NONE)
        fail("a write was refused");
}

static void note_done(struct store_write *write)
{
    struct caller *caller = write->owner;
    int64_t now_us = clock_monotonic_us();
    if (write->result != ERROR_NONE)
        fail("a message was not stored");
    if (done_count < MOST_TIMES)
        times_us[done_count] = (int32_t)(now_us - caller->submitted_us);
    done_count++;
    if (now_us < until_us)
        submit(caller);
    else
        sem_post(&ended);
}

static int compare(const void *left, const void *right)
{
    const int32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static void enqueue(unsigned count, double seconds)
{
    static struct caller callers[MOST];
    int64_t begun_us = clock_monotonic_us();
    times_us = calloc(MOST_TIMES, sizeof(*times_us));
    if (!times_us)
        fail("no memory");
    sem_init(&ended, 0, 0);
    until_us = begun_us + (int64_t)(seconds * 1e6);
    for (unsigned i = 0; i < count; i++) {
        callers[i].write = (struct store_write){.verb = STORE_ENQUEUE,
                                                .enqueue.message = &callers[i].message,
                                                .done = note_done,
                                                .owner = &callers[i]};
        submit(&callers[i]);
    }
    for (unsigned i = 0; i < count; i++)
        sem_wait(&ended);
    double lasted = (double)(clock_monotonic_us() - begun_us) / 1e6;
    unsigned known = MIN(done_count, MOST_TIMES);
    qsort(times_us, known, sizeof(*times_us), compare);
    printf("{\"per_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", done_count / lasted,
           times_us[known / 2] / 1e3, times_us[known - known / 100 - 1] / 1e3);
    free(times_us);
}

/* ---- Reading ---- */

static struct message_id ids[MOST_IDS];
static unsigned id_count;

static void read_ids(const char *path)
{
    char line[64];
    FILE *file = fopen(path, "r");
    if (!file)
        fail("the file of ids cannot be read");
    while (id_count < MOST_IDS && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        if (!message_id_parse(line, &ids[id_count++]))
            fail("no id of a message");
    }
    fclose(file);
    if (id_count == 0)
        fail("no ids");
}

struct finder {
    pthread_t thread;
    unsigned number;
    double seconds, rate;
};

static void *find_all(void *argument)
{
    struct finder *finder = argument;
    struct store_reader *reader;
    if (store_reader_open(store, &reader) != ERROR_NONE)
        fail("no reader");
    unsigned count = 0;
    double lasted;
    int64_t begun_us = clock_monotonic_us();
    do { /* one at least, on a busy machine */
        struct message message;
        if (store_find_message(reader, &ids[(finder->number * 251 + count * 97) % id_count],
                               &message) != ERROR_NONE)
            fail("a message was not found");
        message_fini(&message);
        count++;
        lasted = (double)(clock_monotonic_us() - begun_us) / 1e6;
    } while (lasted < finder->seconds);
    finder->rate = count / lasted;
    store_reader_close(reader);
    return NULL;
}

static void find(unsigned count, double seconds)
{
    struct finder finders[MOST] = {0};
    double rate = 0;
    for (unsigned i = 0; i < count; i++) {
        finders[i].number = i;
        finders[i].seconds = seconds;
        if (pthread_create(&finders[i].thread, NULL, find_all, &finders[i]) != 0)
            fail("no thread");
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(finders[i].thread, NULL);
        rate += finders[i].rate;
    }
    printf("{\"per_second\": %.1f}\n", rate);
}

int main(int argc, char **argv)
{
    char problem[STORE_ERROR_SIZE] = "";
    if (argc < 5) {
        fprintf(stderr, "usage: bench-store DSN enqueue|find COUNT SECONDS [IDS]\n");
        return 2;
    }
    struct store_options options = {.dsn = argv[1], .timeout_ms = 10000};
    unsigned count = MIN((unsigned)atoi(argv[3]), MOST);
    if (store_open(&options, &store, problem) != ERROR_NONE)
        fail(problem);
    if (argc > 5) {
        read_ids(argv[5]);
        find(count, atof(argv[4]));
    } else {
        enqueue(count, atof(argv[4]));
    }
    store_close(store);
    return 0;
}
