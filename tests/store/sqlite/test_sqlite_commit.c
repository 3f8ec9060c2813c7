/*
 * A COMMIT that fails. SQLite rolls it back for the running processes, but its frames may be complete in the
 * write-ahead log, where a recovery finds them after the last process has ended. Here a process exits right after the
 * failure; what it answered must agree with what the next process finds.
 */
#include "tests/store/store_fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Faults: the linker prefers these functions to the C library's, so SQLite calls them ---- */

enum { FOR_EVER = 1 << 30 };

/* The next `passing` calls succeed, then `failing` calls fail. */
struct fault {
    int passing, failing, error;
};
static struct fault sync_fault, log_fault, index_fault;

static bool fails(struct fault *fault)
{
    if (fault->failing == 0)
        return false;
    if (fault->passing > 0) {
        fault->passing--;
        return false;
    }
    fault->failing--;
    errno = fault->error;
    return true;
}

static bool is_named(int fd, const char *end)
{
    char link[64], path[256];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof(path));
    size_t end_length = strlen(end);
    return length >= (ssize_t)end_length &&
           memcmp(path + length - end_length, end, end_length) == 0;
}

static bool write_fails(int fd)
{
    return (log_fault.failing > 0 && is_named(fd, "-wal") && fails(&log_fault)) ||
           (index_fault.failing > 0 && is_named(fd, "-shm") && fails(&index_fault));
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return fails(&sync_fault) ? -1 : real(fd);
}

typedef ssize_t write_at(int fd, const void *bytes, size_t length, off_t offset);

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    return write_fails(fd) ? -1
                           : ((write_at *)dlsym(RTLD_NEXT, "pwrite"))(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset)
{
    return write_fails(fd) ? -1
                           : ((write_at *)dlsym(RTLD_NEXT, "pwrite64"))(fd, bytes, length, offset);
}

/* ---- Processes ---- */

/* Runs in a child process that opens the store and exits without closing it. Returns the function's result. */
static int in_a_process(struct store_fixture *fixture, int (*act)(struct store_fixture *fixture))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        store_fixture_open(fixture);
        _exit(act(fixture));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static char text[20000];

static enum error enqueue(struct store_fixture *fixture, size_t length)
{
    memset(text, 'x', length);
    text[length] = '\0';
    struct message message = {.id = message_id_new(), .phone_number = "+1234567890", .text = text};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    return store_run(fixture->store, &write);
}

static enum error probe(struct store_fixture *fixture)
{
    struct store_write write = {.verb = STORE_PROBE};
    return store_run(fixture->store, &write);
}

/* The number of messages that the next process finds, in an intact database. */
static int64_t found(struct store_fixture *fixture)
{
    store_fixture_open(fixture);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM pragma_integrity_check"
                                        " WHERE integrity_check <> 'ok'"),
                     0);
    int64_t count = number_of(fixture, "SELECT count(*) FROM message");
    assert_int_equal(number_of(fixture, "SELECT count FROM message_count WHERE status = 0"), count);
    assert_int_equal(enqueue(fixture, 10), ERROR_NONE);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"), count + 1);
    store_fixture_close(fixture);
    return count;
}

/* ---- Tests ---- */

static const struct failure {
    const char *name;
    struct fault sync, log;
    size_t text_bytes;
    bool log_starts_over; /* the failing commit starts the log over */
    enum error said;
    int64_t found;
} failures[] = {
    {"a sync", {0, 1, EIO}, {0}, 10, false, ERROR_STORE_UNAVAILABLE, 0},
    {"a sync of a disk that is full", {0, 1, ENOSPC}, {0}, 10, false, ERROR_STORE_UNAVAILABLE, 0},
    {"the sync of a long commit", {0, 1, EIO}, {0}, 19000, false, ERROR_STORE_UNAVAILABLE, 0},
    {"the sync of the log's header", {0, 1, EIO}, {0}, 10, true, ERROR_STORE_UNAVAILABLE, 0},
    {"the sync behind the header", {1, 1, EIO}, {0}, 10, true, ERROR_STORE_UNAVAILABLE, 0},
    {"every sync", {0, FOR_EVER, EIO}, {0}, 10, false, ERROR_OUTCOME_UNKNOWN, 0},
    /* A frame is two writes. */
    {"a write, and the disk has room again", {0}, {4, 1, ENOSPC}, 19000, false, ERROR_DISK_FULL, 0},
    {"a write of a disk that is full",
     {0},
     {4, FOR_EVER, ENOSPC},
     19000,
     false,
     ERROR_DISK_FULL,
     0},
    {"a bad write", {0}, {5, FOR_EVER, EIO}, 19000, false, ERROR_STORE_UNAVAILABLE, 0},
    {"the first write", {0}, {0, FOR_EVER, EIO}, 10, true, ERROR_STORE_UNAVAILABLE, 0},
};
static const struct failure *failure;

static int meet_failure(struct store_fixture *fixture)
{
    assert_int_equal(enqueue(fixture, 10), ERROR_NONE);
    if (failure->log_starts_over)
        execute(fixture->path, "PRAGMA wal_checkpoint(PASSIVE)");
    sync_fault = failure->sync;
    log_fault = failure->log;
    return (int)enqueue(fixture, failure->text_bytes);
}

static void what_was_refused_is_not_found_later(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_close(fixture);
    for (size_t i = 0; i < ARRAY_LENGTH(failures); i++) {
        failure = &failures[i];
        int64_t before = found(fixture) + 1;
        int said = in_a_process(fixture, meet_failure);
        int64_t more = found(fixture) - before - 1; /* besides the one before the failure */
        if (said != (int)failure->said || more != failure->found)
            fail_msg("%s: said %d and not %d, found %d and not %d", failure->name, said,
                     failure->said, (int)more, (int)failure->found);
    }
}

/* The disk is gone: the sync fails, and everything after it. */
static int lose_the_disk(struct store_fixture *fixture)
{
    sync_fault = (struct fault){0, FOR_EVER, EIO};
    enum error said = enqueue(fixture, 19000);
    log_fault = (struct fault){0, FOR_EVER, EIO};
    return (int)said;
}

static int lose_the_disk_at_the_sync(struct store_fixture *fixture)
{
    /* The commit's frames reach the log: it has at least that many pages. */
    execute(fixture->path, "PRAGMA wal_checkpoint(TRUNCATE)");
    for (int passing = 2;; passing += 2) {
        sync_fault = (struct fault){1, FOR_EVER, EIO};
        log_fault = (struct fault){passing, FOR_EVER, EIO};
        enum error said = enqueue(fixture, 10);
        if (said == ERROR_OUTCOME_UNKNOWN)
            return (int)said;
        log_fault = sync_fault = (struct fault){0};
    }
}

static void where_the_log_cannot_be_mended_it_is_said_that_nobody_knows(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_close(fixture);
    assert_int_equal(in_a_process(fixture, lose_the_disk), ERROR_OUTCOME_UNKNOWN);
    assert_int_equal(found(fixture), 0);
    int64_t before = found(fixture) + 1;
    assert_int_equal(in_a_process(fixture, lose_the_disk_at_the_sync), ERROR_OUTCOME_UNKNOWN);
    assert_int_equal(found(fixture), before + 1); /* the failed commit was complete in the log */
}

static int mend_later(struct store_fixture *fixture)
{
    sync_fault = (struct fault){0, FOR_EVER, EIO};
    assert_int_equal(enqueue(fixture, 10), ERROR_OUTCOME_UNKNOWN);
    for (int i = 0; i < 3; i++) { /* refused without an attempt */
        assert_int_equal(enqueue(fixture, 10), ERROR_STORE_UNAVAILABLE);
        assert_int_equal(probe(fixture), ERROR_STORE_UNAVAILABLE);
    }
    sync_fault = (struct fault){0};
    return (int)probe(fixture);
}

static void nothing_is_written_until_the_log_is_mended(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_close(fixture);
    assert_int_equal(in_a_process(fixture, mend_later), ERROR_NONE);
    assert_int_equal(found(fixture), 0);
}

/* Another process, which knows nothing of the failure: it has the store open all the time, and exits last. */
static _Noreturn void go_on_when_told(struct store_fixture *fixture, int tell, int told)
{
    char byte = 0;
    store_fixture_open(fixture);
    if (write(tell, &byte, 1) == 1 && read(told, &byte, 1) == 1)
        _exit((int)enqueue(fixture, 100));
    _exit(255);
}

static void another_process_is_not_harmed(void **state)
{
    struct store_fixture *fixture = *state;
    int ready[2], go[2], status = -1;
    char byte = 0;
    store_fixture_close(fixture);
    assert_int_equal(pipe(ready) | pipe(go), 0);
    pid_t other = fork();
    if (other == 0)
        go_on_when_told(fixture, ready[1], go[0]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(in_a_process(fixture, lose_the_disk), ERROR_OUTCOME_UNKNOWN);
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == ERROR_NONE);
    assert_int_equal(found(fixture), 1); /* the other process's message */
    close(ready[0]);
    close(go[0]);
    close(go[1]);
}

static int *accepted; /* shared between processes */

/* The log is complete and synced; then its index cannot grow. */
static int fill_the_index(struct store_fixture *fixture)
{
    sqlite3 *reader = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &reader), SQLITE_OK);
    sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM probe", NULL, NULL, NULL);
    index_fault = (struct fault){0, FOR_EVER, ENOSPC};
    enum error error = ERROR_NONE;
    for (*accepted = 0; *accepted < 4000 && error == ERROR_NONE; *accepted += error == ERROR_NONE)
        error = enqueue(fixture, 15000);
    return (int)error;
}

static void an_index_of_the_log_that_cannot_grow_is_a_failure_too(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_close(fixture);
    accepted = mmap(NULL, sizeof(*accepted), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                    0);
    assert_true(accepted != MAP_FAILED);
    int said = in_a_process(fixture, fill_the_index);
    assert_in_range(*accepted, 100, 3999);
    int64_t there = found(fixture);
    /* If the commit began beyond the end of the index, its frames could not be overwritten either. */
    if (said != ERROR_OUTCOME_UNKNOWN || there < *accepted || there > *accepted + 1) {
        assert_int_equal(said, ERROR_DISK_FULL);
        assert_int_equal(there, *accepted);
    }
    munmap(accepted, sizeof(*accepted));
}

UNIT_TESTS(STORE_TEST(what_was_refused_is_not_found_later),
           STORE_TEST(where_the_log_cannot_be_mended_it_is_said_that_nobody_knows),
           STORE_TEST(nothing_is_written_until_the_log_is_mended),
           STORE_TEST(another_process_is_not_harmed),
           STORE_TEST(an_index_of_the_log_that_cannot_grow_is_a_failure_too))
