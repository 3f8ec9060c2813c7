/* Authorization by API key: a wrong secret takes the same steps whether its id is known or not. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "api-fcgi/auth/authorize.h"
#include "api-fcgi/auth/key_cache.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/worker.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <openssl/sha.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- Counted steps: these replace functions of the libraries ---- */

struct steps {
    int hashes, comparisons, statements;
};

static _Thread_local struct steps steps; /* of the test's thread; the store has its own */

int SHA256_Final(unsigned char *digest, SHA256_CTX *context)
{
    static _Thread_local int (*real)(unsigned char *, SHA256_CTX *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "SHA256_Final");
    steps.hashes++;
    return real(digest, context);
}

int CRYPTO_memcmp(const void *one, const void *other, size_t length);
int CRYPTO_memcmp(const void *one, const void *other, size_t length)
{
    steps.comparisons++;
    return memcmp(one, other, length);
}

int sqlite3_step(sqlite3_stmt *statement)
{
    static _Thread_local int (*real)(sqlite3_stmt *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sqlite3_step");
    steps.statements++;
    return real(statement);
}

/* The time of the test's thread while it is not 0. The store's threads have the real time. */
static _Thread_local int64_t now_ms;

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static _Thread_local int (*real)(clockid_t, struct timespec *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    if (clock != CLOCK_BOOTTIME || now_ms == 0)
        return real(clock, time);
    *time = (struct timespec){.tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1000000};
    return 0;
}

/* ---- A store with keys ---- */

static char folder[64], path[96];
static struct settings settings = {.max_body_bytes = 1024};
static struct api api = {.settings = &settings, .keys_required = true};
static const struct worker worker = {.index = 1};
static struct store_reader *reader;

/* `wrong`: the byte of the stored hash that is wrong; -1: none. */
static void make_key_with(char text[SECRET_TEXT_SIZE], int wrong)
{
    struct store_write write = {.verb = STORE_CREATE_KEY};
    assert_true(
        secret_make(SECRET_API_KEY, text, write.create_key.key.id, write.create_key.key.hash));
    if (wrong >= 0)
        write.create_key.key.hash[wrong] ^= 1;
    strcpy(write.create_key.key.label, "test");
    write.create_key.key.scopes = API_SCOPE_READ;
    write.create_key.key.created_at_ms = 1;
    assert_int_equal(store_run(api.store, &write), ERROR_NONE);
}

static void make_key(char text[SECRET_TEXT_SIZE])
{
    make_key_with(text, -1);
}

static void revoke_key(const char text[SECRET_TEXT_SIZE])
{
    struct store_write write = {.verb = STORE_REVOKE_KEY};
    assert_true(secret_parse(SECRET_API_KEY, text, write.revoke_key.id));
    assert_int_equal(store_run(api.store, &write), ERROR_NONE);
    assert_true(write.revoke_key.changed);
}

static int set_up(void **state)
{
    struct store_options options = {.dsn = path, .timeout_ms = 5000};
    char problem[STORE_ERROR_SIZE];
    (void)state;
    log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    strcpy(folder, "/tmp/test_authorize.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/db", folder);
    api.key_caches = key_cache_new(2);
    return api.key_caches && store_open(&options, &api.store, problem) == ERROR_NONE &&
                   store_reader_open(api.store, &reader) == ERROR_NONE
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    static const char *const suffixes[] = {
        "", "-wal", "-shm", "-queue.lock", "-write.lock", "-open.lock"};
    (void)state;
    key_cache_free(api.key_caches);
    store_reader_close(reader);
    store_close(api.store);
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        char file[128];
        snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
        unlink(file);
    }
    return rmdir(folder);
}

/* The status of the answer to a request with that key, 200 if it is authorized; and its steps. */
static int ask(const char *key, struct steps *taken)
{
    char header[128];
    struct http_exchange exchange;
    http_exchange_init(&exchange, &api);
    snprintf(header, sizeof(header), "Bearer %s", key);
    exchange.request.authorization = header;
    exchange.reader = reader;
    exchange.worker = &worker;
    steps = (struct steps){0};
    bool good = authorize_request(&exchange, API_SCOPE_READ);
    *taken = steps;
    int status = good ? 200 : exchange.response.status;
    http_exchange_fini(&exchange);
    return status;
}

/* A key with the id of `known`, and another secret with its own check. */
static void forge(const char *known, char text[SECRET_TEXT_SIZE])
{
    enum { ID_AT = 4, SECRET_AT = 17, CHECK_AT = 60 };
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct api_key key;
    unsigned char hash[32];
    assert_true(secret_make(SECRET_API_KEY, text, key.id, key.hash));
    memcpy(text + ID_AT, known + ID_AT, SECRET_AT - ID_AT);
    SHA256((unsigned char *)text, CHECK_AT, hash);
    for (int i = 0; text[CHECK_AT + i]; i++)
        text[CHECK_AT + i] = digits[hash[i] % 62];
    char id[SECRET_ID_SIZE];
    assert_true(secret_parse(SECRET_API_KEY, text, id));
}

static void assert_steps(const struct steps *one, const struct steps *other)
{
    assert_int_equal(one->hashes, other->hashes);
    assert_int_equal(one->comparisons, other->comparisons);
}

static void a_wrong_secret_takes_the_same_steps_whatever_its_id(void **state)
{
    char unused[SECRET_TEXT_SIZE], used[SECRET_TEXT_SIZE], forged[SECRET_TEXT_SIZE],
        unknown[SECRET_TEXT_SIZE];
    struct api_key key;
    struct steps of_unknown, of_unused, of_used, first, again;
    (void)state;
    make_key(unused);
    make_key(used);
    assert_int_equal(ask(used, &first), 200);
    assert_int_equal(ask(used, &again), 200);
    assert_int_equal(again.statements, 0); /* it is cached */
    assert_true(first.statements > 0);

    assert_true(secret_make(SECRET_API_KEY, unknown, key.id, key.hash));
    assert_int_equal(ask(unknown, &of_unknown), 401);
    for (int i = 0; i < 3; i++) { /* a wrong secret is not cached */
        forge(unused, forged);
        assert_int_equal(ask(forged, &of_unused), 401);
        assert_steps(&of_unused, &of_unknown);
        assert_int_equal(of_unused.statements, of_unknown.statements);
        forge(used, forged);
        assert_int_equal(ask(used, &again), 200);
        assert_int_equal(ask(forged, &of_used), 401);
        assert_steps(&of_used, &of_unknown);
        assert_int_equal(of_used.statements, of_unknown.statements);
    }
    assert_true(of_unknown.hashes > 0 && of_unknown.comparisons > 0 && of_unknown.statements > 0);
}

/* An empty place of the cache has a hash of zeros, which fits no key. */
static void an_unknown_key_is_refused(void **state)
{
    char text[SECRET_TEXT_SIZE];
    struct api_key key;
    struct steps taken;
    (void)state;
    for (int i = 0; i < 200; i++) { /* more than the cache has places */
        assert_true(secret_make(SECRET_API_KEY, text, key.id, key.hash));
        assert_int_equal(ask(text, &taken), 401);
    }
}

static void a_key_is_compared_in_all_bytes_of_its_hash(void **state)
{
    char text[SECRET_TEXT_SIZE];
    struct steps taken;
    (void)state;
    for (int wrong = 0; wrong < SECRET_HASH_BYTES; wrong++) {
        make_key_with(text, wrong);
        for (int i = 0; i < 2; i++)
            assert_int_equal(ask(text, &taken), 401);
    }
}

/* Use does not keep a key in the cache beyond API_KEY_CACHE_MS. */
static void a_key_is_cached_for_its_time_and_no_longer(void **state)
{
    char text[SECRET_TEXT_SIZE];
    struct steps taken;
    (void)state;
    make_key(text);
    now_ms = clock_monotonic_ms();
    assert_int_equal(ask(text, &taken), 200);
    for (int round = 0; round < 3; round++) {
        now_ms += API_KEY_CACHE_MS / 2;
        assert_int_equal(ask(text, &taken), 200);
        assert_int_equal(taken.statements, 0);
        now_ms += API_KEY_CACHE_MS - API_KEY_CACHE_MS / 2 - 1;
        assert_int_equal(ask(text, &taken), 200);
        assert_int_equal(taken.statements, 0);
        now_ms += 1;
        assert_int_equal(ask(text, &taken), 200);
        assert_true(taken.statements > 0);
    }
    revoke_key(text);
    now_ms += API_KEY_CACHE_MS - 1;
    assert_int_equal(ask(text, &taken), 200); /* `keys revoke` waits for that long */
    now_ms += 1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(text, &taken), 401);
        now_ms += API_KEY_CACHE_MS;
    }
    now_ms = 0;
}

#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

UNIT_TESTS(STORE_TEST(a_wrong_secret_takes_the_same_steps_whatever_its_id),
           STORE_TEST(an_unknown_key_is_refused),
           STORE_TEST(a_key_is_compared_in_all_bytes_of_its_hash),
           STORE_TEST(a_key_is_cached_for_its_time_and_no_longer))
