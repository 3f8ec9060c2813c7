/*
 * Memory that is short in the middle of a transaction. SQLite then rolls all of it back, and each statement after that would be
 * a transaction of its own: what was refused would be there, and the kept counts would be wrong for ever.
 */
#include "common/store/sqlite/database.h"
#include "tests/store/store_fixture.h"

#include <stdlib.h>

/* ---- One allocation of SQLite's fails ---- */

static sqlite3_mem_methods real;
static int passing = -1; /* so many succeed, the next fails; negative: none fails */
static bool failed;

static bool fails(void)
{
    if (passing < 0 || passing-- > 0)
        return false;
    failed = true;
    return true;
}

static void *allocate(int bytes)
{
    return fails() ? NULL : real.xMalloc(bytes);
}

static void *reallocate(void *memory, int bytes)
{
    return fails() ? NULL : real.xRealloc(memory, bytes);
}

/* Before the first handle. */
__attribute__((constructor)) static void prepare(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    sqlite3_mem_methods methods = real;
    methods.xMalloc = allocate;
    methods.xRealloc = reallocate;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

/* ---- */

enum { MOST = INSERT_MAX_WAITING + 4 };

static struct batch {
    struct message messages[MOST];
    struct store_idempotency keys[MOST];
    struct store_write writes[MOST], *all[MOST];
} batch;

static void ignore(struct store_write *write)
{
    (void)write;
}

/* New messages with keys of idempotency, so long that each needs pages of its own. */
static void fill_batch(size_t count)
{
    static char text[6000];
    static int number;
    memset(text, 'x', sizeof(text) - 1);
    for (size_t i = 0; i < count; i++) {
        batch.messages[i] = (struct message){
            .id = message_id_new(), .phone_number = "+1234567890", .text = text, .segments = 1};
        batch.keys[i] = (struct store_idempotency){.answer.status = 202};
        snprintf(batch.keys[i].key, sizeof(batch.keys[i].key), "key-%d", number++);
        batch.writes[i] = (struct store_write){.verb = STORE_ENQUEUE, .done = ignore};
        batch.writes[i].enqueue.message = &batch.messages[i];
        batch.writes[i].enqueue.idempotency = &batch.keys[i];
        batch.all[i] = &batch.writes[i];
    }
}

/* Returns how many of them are there, which those are that were not refused. */
static int64_t check_batch(struct store_fixture *fixture, size_t count, enum error error)
{
    int64_t there = 0;
    for (size_t i = 0; i < count; i++) {
        char sql[400], id[MESSAGE_ID_TEXT_SIZE];
        message_id_format(&batch.messages[i].id, id);
        snprintf(sql, sizeof(sql),
                 "SELECT count(*) FROM message WHERE lower(hex(id)) = replace('%s', '-', '')", id);
        bool is_good = error == ERROR_NONE && batch.writes[i].result == ERROR_NONE;
        assert_int_equal(number_of(fixture, sql), is_good);
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM idempotency WHERE key = '%s'",
                 batch.keys[i].key);
        assert_int_equal(number_of(fixture, sql), is_good);
        there += is_good;
    }
    return there;
}

/* Each `step`th allocation of the transaction fails once. */
static void run_with_failures(struct store_fixture *fixture, size_t count, int step)
{
    struct store_database *database = NULL;
    char problem[STORE_ERROR_SIZE] = "";
    int64_t expected = number_of(fixture, "SELECT count(*) FROM message");
    int rolled_back = 0;
    failed = true;
    assert_int_equal(
        store_backend_sqlite.open(&fixture->options, fixture->path, &database, problem),
        ERROR_NONE);
    for (int at = 0; failed; at += step) {
        size_t ran;
        fill_batch(count);
        sqlite3_db_release_memory(database->handle.db); /* it needs pages again */
        failed = false;
        assert_true(store_backend_sqlite.take_turn(database, INT64_MAX));
        passing = at;
        enum error error = store_backend_sqlite.run_batch(database, batch.all, count, INT64_MAX,
                                                          &ran);
        passing = -1;
        store_backend_sqlite.finish_batch(database);
        rolled_back += error != ERROR_NONE;
        expected += check_batch(fixture, ran, error);
        assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"), expected);
        assert_int_equal(number_of(fixture, "SELECT count FROM message_count WHERE status = 0"),
                         expected);
    }
    assert_true(rolled_back > 0);
    store_backend_sqlite.close(database);
}

static void a_failed_allocation_leaves_nothing_of_what_was_refused(void **state)
{
    struct store_fixture *fixture = *state;
    fixture->options.turn_us = INT64_MAX / 2;
    store_fixture_close(fixture);
    run_with_failures(fixture, 5, 1);
    run_with_failures(fixture, 12, 1);
    run_with_failures(fixture, MOST, 11); /* more than wait at once */
    store_fixture_open(fixture);
}

UNIT_TESTS(STORE_TEST(a_failed_allocation_leaves_nothing_of_what_was_refused))
