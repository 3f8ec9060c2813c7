/*
 * The WAL-reset race: SQLite before 3.51.3 loses committed rows if one process starts the write-ahead log over while
 * another has read the log's header and not yet finished its checkpoint.
 *
 * This process has a store open; its file system calls go through a shim that stops at chosen moments of a commit and of
 * the checkpoint after it. At each moment another process, with its own store, tries to write. Both use the store's
 * ordinary open, write and checkpoint; the write lock must make the race impossible. The control test disables the lock:
 * there flock(2) always succeeds in this process.
 */
#include "tests/store/store_fixture.h"

#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_bool locks_nothing;

/* Replaces the C library's function. */
int flock(int fd, int operation)
{
    return atomic_load(&locks_nothing) ? 0 : (int)syscall(SYS_flock, fd, operation);
}

/* ---- The other process ---- */

enum {
    OTHER_TIMEOUT_MS = 50, /* how long its write waits for the lock */
    BIG_TEXT = 5 << 20,    /* its pages alone are enough for a checkpoint */
    SMALL_TEXT = 3000,
    AFTERWARDS = 400, /* small messages of each process: more pages than the big one has */
};

static char text[BIG_TEXT];

static enum error enqueue(struct store *store, size_t length)
{
    text[length] = '\0';
    struct message message = {.id = message_id_new(), .phone_number = "+1234567890", .text = text};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    enum error error = store_run(store, &write);
    text[length] = 'x';
    return error;
}

/* Writes nothing. Returns when the store has finished what it does after earlier writes. */
static void settle(struct store *store)
{
    struct store_write write = {.verb = STORE_REPORT, .report.status = MESSAGE_SENT};
    store_run(store, &write);
}

/* Commands: 'o' opens, 'p' lets writes wait longer, 'w' writes. Each is answered with an enum error. */
static _Noreturn void other_main(struct store_options options, int commands)
{
    struct store *store = NULL;
    char problem[STORE_ERROR_SIZE], command;
    while (read(commands, &command, 1) == 1) {
        enum error error = ERROR_NONE;
        if (command == 'o' || command == 'p') {
            store_close(store);
            options.timeout_ms = command == 'o' ? OTHER_TIMEOUT_MS : 20000;
            error = store_open(&options, &store, problem);
        } else {
            error = enqueue(store, SMALL_TEXT);
            settle(store);
        }
        char answer = (char)error;
        if (write(commands, &answer, 1) != 1)
            break;
    }
    store_close(store);
    _exit(0);
}

/* ---- Moments ---- */

enum moment {
    WRITING_THE_LOG,      /* inside the commit */
    AFTER_THE_COMMIT,     /* callers have been answered */
    CHECKPOINT_LOCKED,    /* SQLite holds its own lock and has read nothing */
    HEADER_READ,          /* the race: the header must not change from here on */
    SYNCING_THE_LOG,      /* before pages are copied */
    WRITING_THE_DATABASE, /* while pages are copied */
    SYNCING_THE_DATABASE, /* after all pages are copied */
    CHECKPOINT_UNLOCKED,  /* after it, still with the write lock */
    MOMENT_COUNT
};

struct world {
    struct store_fixture fixture; /* for its path and options; the store is below */
    struct store *store;
    pid_t other;
    int commands;
    unsigned tries;   /* bits: the moments at which the other process writes */
    unsigned reached; /* bits: the moments that were reached */
    enum error outcome[MOMENT_COUNT];
    int64_t salt_before, salt_after; /* of the log, around the write at HEADER_READ */
    int committed;
    sem_t told; /* posted when the store notifies of the watched message */
};

/* The world whose commit and checkpoint are watched. Meanwhile only its writer thread runs; the main thread waits. */
static struct world *watched;

static enum error ask_other(struct world *world, char command)
{
    char answer;
    assert_int_equal(write(world->commands, &command, 1), 1);
    assert_int_equal(read(world->commands, &answer, 1), 1);
    if (command == 'w' && answer == ERROR_NONE)
        world->committed++;
    return (enum error)answer;
}

/* The salt in the log's header changes whenever the log starts over (SQLite's fileformat2, 4.1). */
static int64_t log_salt(const struct world *world)
{
    char path[128];
    int64_t salt = 0;
    snprintf(path, sizeof(path), "%s-wal", world->fixture.path);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 16, SEEK_SET) != 0 || fread(&salt, sizeof(salt), 1, file) != 1)
        fail_msg("the log cannot be read");
    fclose(file);
    return salt;
}

static void reach(enum moment moment)
{
    struct world *world = watched;
    if (!world || world->reached & 1U << moment)
        return;
    world->reached |= 1U << moment;
    if (!(world->tries & 1U << moment))
        return;
    if (moment == HEADER_READ)
        world->salt_before = log_salt(world);
    world->outcome[moment] = ask_other(world, 'w');
    if (moment == HEADER_READ)
        world->salt_after = log_salt(world);
}

static void after_the_commit(void *context)
{
    (void)context;
    reach(AFTER_THE_COMMIT);
    if (watched)
        sem_post(&watched->told);
}

/* ---- A file system that stops at these moments ---- */

struct shim_file {
    sqlite3_file base;
    sqlite3_file *real;
    int flags;
};

static sqlite3_vfs *real_vfs;

#define REAL(file)              (((struct shim_file *)(file))->real)
#define CALL(file, method, ...) REAL(file)->pMethods->method(REAL(file) __VA_OPT__(, ) __VA_ARGS__)

static bool is_log(sqlite3_file *file)
{
    return ((struct shim_file *)file)->flags & SQLITE_OPEN_WAL;
}

static bool is_database(sqlite3_file *file)
{
    return ((struct shim_file *)file)->flags & SQLITE_OPEN_MAIN_DB;
}

/* Whether this is a checkpoint: callers have been answered. */
static bool is_after_the_commit(void)
{
    return watched && watched->reached & 1U << AFTER_THE_COMMIT;
}

static int shim_close(sqlite3_file *file)
{
    int code = REAL(file)->pMethods ? CALL(file, xClose) : SQLITE_OK;
    free(REAL(file));
    return code;
}

static int shim_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
    return CALL(file, xRead, data, size, offset);
}

static int shim_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    if (is_log(file) && !is_after_the_commit())
        reach(WRITING_THE_LOG);
    if (is_database(file) && is_after_the_commit())
        reach(WRITING_THE_DATABASE);
    return CALL(file, xWrite, data, size, offset);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return CALL(file, xTruncate, size);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    if (is_after_the_commit())
        reach(is_log(file) ? SYNCING_THE_LOG : SYNCING_THE_DATABASE);
    return CALL(file, xSync, flags);
}

static int shim_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return CALL(file, xFileSize, size);
}

static int shim_lock(sqlite3_file *file, int level)
{
    return CALL(file, xLock, level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
    return CALL(file, xUnlock, level);
}

static int shim_check_reserved_lock(sqlite3_file *file, int *result)
{
    return CALL(file, xCheckReservedLock, result);
}

static int shim_file_control(sqlite3_file *file, int operation, void *argument)
{
    return CALL(file, xFileControl, operation, argument);
}

static int shim_sector_size(sqlite3_file *file)
{
    return CALL(file, xSectorSize);
}

static int shim_device_characteristics(sqlite3_file *file)
{
    return CALL(file, xDeviceCharacteristics);
}

static int shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **address)
{
    return CALL(file, xShmMap, page, size, extend, address);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    enum { CHECKPOINT_LOCK = 1 }; /* SQLite's walformat, 2.3.1 */
    int code = CALL(file, xShmLock, offset, count, flags);
    if (code == SQLITE_OK && offset == CHECKPOINT_LOCK && is_after_the_commit())
        reach(flags & SQLITE_SHM_LOCK ? CHECKPOINT_LOCKED : CHECKPOINT_UNLOCKED);
    return code;
}

static void shim_shm_barrier(sqlite3_file *file)
{
    CALL(file, xShmBarrier);
}

static int shim_shm_unmap(sqlite3_file *file, int delete)
{
    return CALL(file, xShmUnmap, delete);
}

static int shim_fetch(sqlite3_file *file, sqlite3_int64 offset, int size, void **address)
{
    return CALL(file, xFetch, offset, size, address);
}

/* A checkpoint calls this between reading the header and using it, if the log has changed since this connection last
   read it. */
static int shim_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *address)
{
    if (!address && is_after_the_commit())
        reach(HEADER_READ);
    return CALL(file, xUnfetch, offset, address);
}

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    static const sqlite3_io_methods methods = {
        .iVersion = 3,
        .xClose = shim_close,
        .xRead = shim_read,
        .xWrite = shim_write,
        .xTruncate = shim_truncate,
        .xSync = shim_sync,
        .xFileSize = shim_file_size,
        .xLock = shim_lock,
        .xUnlock = shim_unlock,
        .xCheckReservedLock = shim_check_reserved_lock,
        .xFileControl = shim_file_control,
        .xSectorSize = shim_sector_size,
        .xDeviceCharacteristics = shim_device_characteristics,
        .xShmMap = shim_shm_map,
        .xShmLock = shim_shm_lock,
        .xShmBarrier = shim_shm_barrier,
        .xShmUnmap = shim_shm_unmap,
        .xFetch = shim_fetch,
        .xUnfetch = shim_unfetch,
    };
    struct shim_file *shim = (struct shim_file *)file;
    (void)vfs;
    shim->real = calloc(1, (size_t)real_vfs->szOsFile);
    shim->flags = flags;
    int code = real_vfs->xOpen(real_vfs, name, shim->real, flags, out);
    shim->base.pMethods = &methods;
    return code;
}

static void install_shim(void)
{
    static sqlite3_vfs shim;
    if (real_vfs)
        return;
    real_vfs = sqlite3_vfs_find(NULL);
    shim = *real_vfs;
    shim.zName = "shim";
    shim.szOsFile = sizeof(struct shim_file);
    shim.xOpen = shim_open;
    shim.pNext = NULL;
    assert_int_equal(sqlite3_vfs_register(&shim, 1), SQLITE_OK);
}

/* ---- The two processes together ---- */

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct store_fixture *fixture = &world->fixture;
    int ends[2];
    sem_init(&world->told, 0, 0);
    memset(text, 'x', sizeof(text));
    strcpy(fixture->folder, "/tmp/sms-gateway-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/store.db", fixture->folder);
    fixture->options = (struct store_options){
        .dsn = fixture->path, .timeout_ms = 20000, .wake_broker = after_the_commit};

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    world->other = fork(); /* before any thread or connection exists */
    if (world->other == 0) {
        close(ends[0]);
        other_main(fixture->options, ends[1]);
    }
    close(ends[1]);
    world->commands = ends[0];
    install_shim();
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", world->fixture.folder);
    int status = system(command);
    sem_destroy(&world->told);
    free(world);
    return status;
}

static void open_both(struct world *world, bool one_lock)
{
    char problem[STORE_ERROR_SIZE] = "";
    if (store_open(&world->fixture.options, &world->store, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    atomic_store(&locks_nothing, !one_lock);
    assert_int_equal(ask_other(world, 'o'), ERROR_NONE);
}

/* Sends one large message, which a checkpoint follows; the other process writes meanwhile. */
static void write_and_checkpoint(struct world *world, unsigned tries)
{
    settle(world->store);
    world->tries = tries;
    watched = world;
    assert_int_equal(enqueue(world->store, BIG_TEXT - 1), ERROR_NONE);
    world->committed++;
    sem_wait(&world->told); /* a write that waits would be notified of instead */
    settle(world->store);
    watched = NULL;
}

/* Both write enough for more checkpoints and for the log to start over. False if a write failed. */
static bool go_on_writing(struct world *world)
{
    bool good = ask_other(world, 'p') == ERROR_NONE;
    for (int i = 0; i < AFTERWARDS && good; i++) {
        good = enqueue(world->store, SMALL_TEXT) == ERROR_NONE;
        world->committed += good;
        good = good && ask_other(world, 'w') == ERROR_NONE;
    }
    return good;
}

static void close_both(struct world *world)
{
    int status = 0;
    store_close(world->store);
    close(world->commands);
    assert_int_equal(waitpid(world->other, &status, 0), world->other);
    assert_int_equal(status, 0);
}

/* Whether every committed message is there, in table and index, and the file is intact. */
static bool is_whole(const struct world *world)
{
    static const char *const queries[] = {
        "SELECT count(*) FROM message NOT INDEXED",
        "SELECT count(*) FROM message INDEXED BY message_queued WHERE status = 0 AND lane = ''",
        "SELECT sum(count) FROM message_count",
    };
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    bool whole = sqlite3_open_v2(world->fixture.path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK;
    for (size_t i = 0; i < ARRAY_LENGTH(queries) && whole; i++) {
        whole = sqlite3_prepare_v2(db, queries[i], -1, &query, NULL) == SQLITE_OK &&
                sqlite3_step(query) == SQLITE_ROW;
        int count = whole ? sqlite3_column_int(query, 0) : -1;
        if (!whole || count != world->committed)
            print_message("%d of %d: %s: %s\n", count, world->committed, queries[i],
                          sqlite3_errmsg(db));
        whole = whole && count == world->committed;
        sqlite3_finalize(query);
    }
    char found[200] = "nothing";
    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &query, NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW)
        snprintf(found, sizeof(found), "%s", sqlite3_column_text(query, 0));
    sqlite3_finalize(query);
    if (strcmp(found, "ok") != 0)
        print_message("integrity_check: %s\n", found);
    sqlite3_close(db);
    return whole && strcmp(found, "ok") == 0;
}

/* ---- Tests ---- */

static void nobody_writes_while_another_process_commits_or_checkpoints(void **state)
{
    struct world *world = *state;
    open_both(world, true);
    write_and_checkpoint(world, (1U << MOMENT_COUNT) - 1);
    for (int i = 0; i < MOMENT_COUNT; i++) {
        /* No other process has written, so the header has not changed. */
        assert_int_equal(world->reached >> i & 1, i != HEADER_READ);
        if (i != HEADER_READ)
            assert_int_equal(world->outcome[i], ERROR_STORE_BUSY);
    }
    assert_int_equal(world->committed, 1);
    assert_true(go_on_writing(world));
    assert_true(is_whole(world));
    close_both(world);
    assert_int_equal(world->committed, 1 + 2 * AFTERWARDS);
    assert_true(is_whole(world));
}

/* Without the lock, the same checkpoint does overlap the other process. So the test above stops at the right moments, and
   the lock makes it pass. */
static void without_the_lock_the_log_starts_over_inside_a_checkpoint(void **state)
{
    struct world *world = *state;
    open_both(world, false);
    /* The other process copies the whole log into the database, then starts the log over. */
    write_and_checkpoint(world, 1U << AFTER_THE_COMMIT | 1U << HEADER_READ);
    assert_int_equal(world->outcome[AFTER_THE_COMMIT], ERROR_NONE);
    assert_true(world->reached & 1U << HEADER_READ);
    assert_int_equal(world->outcome[HEADER_READ], ERROR_NONE);
    assert_int_not_equal(world->salt_before, world->salt_after);
    assert_int_equal(world->committed, 3);
    bool whole = go_on_writing(world);
    whole = is_whole(world) && whole; /* as processes see it that have it open */
    close_both(world);
    whole = is_whole(world) && whole;
    if (whole && sqlite3_libversion_number() < 3051003) {
        print_message("SQLite %s loses nothing here: it has been repaired\n", sqlite3_libversion());
        skip();
    }
    assert_int_equal(whole, sqlite3_libversion_number() >= 3051003);
}

UNIT_TESTS(cmocka_unit_test_setup_teardown(
               nobody_writes_while_another_process_commits_or_checkpoints, setup, teardown),
           cmocka_unit_test_setup_teardown(without_the_lock_the_log_starts_over_inside_a_checkpoint,
                                           setup, teardown))
