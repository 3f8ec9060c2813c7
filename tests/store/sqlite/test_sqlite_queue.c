/* What a claim reads, however much waits that it cannot give to anybody. */
#include "common/store/sqlite/database.h"
#include "tests/store/store_fixture.h"

#include <stdlib.h>

/* Pages that were read since the last call. */
static int pages_since(sqlite3 *db)
{
    int hits = 0, misses = 0, highest = 0;
    sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_HIT, &hits, &highest, 1);
    sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_MISS, &misses, &highest, 1);
    return hits + misses;
}

static void ignore(struct store_write *write)
{
    (void)write;
}

/* The pages that a claim reads which finds nothing for its device. */
static int pages_of_claim(struct store_fixture *fixture)
{
    struct store_database *database = NULL;
    char problem[STORE_ERROR_SIZE] = "";
    struct store_holder slot = {.device_id = "phone-1"};
    struct message message = {0};
    struct store_write write = {.verb = STORE_CLAIM, .done = ignore};
    struct store_write *const writes[] = {&write};
    int pages = 0;
    write.claim.slots = &slot;
    write.claim.slot_count = 1;
    write.claim.messages = &message;
    assert_int_equal(
        store_backend_sqlite.open(&fixture->options, fixture->path, &database, problem),
        ERROR_NONE);
    for (int i = 0; i < 2; i++) { /* the first also reads the schema */
        pages_since(database->handle.db);
        size_t ran;
        assert_true(store_backend_sqlite.take_turn(database, INT64_MAX));
        assert_int_equal(store_backend_sqlite.run_batch(database, writes, 1, INT64_MAX, &ran),
                         ERROR_NONE);
        pages = pages_since(database->handle.db);
        store_backend_sqlite.finish_batch(database);
        assert_int_equal(write.result, ERROR_NONE);
        assert_int_equal(write.claim.message_count, 0);
    }
    store_backend_sqlite.close(database);
    return pages;
}

/* Messages number `first` to `last` - 1, queued in that lane, due in a year. */
static void given_queued(struct store_fixture *fixture, const char *lane, int first, int last)
{
    char sql[1024];
    snprintf(
        sql, sizeof(sql),
        "WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
        " INSERT INTO message (id, seq, phone_number, text, encoding, segments, status,"
        " attempt, event_count, updated_at_ms, lane, rank_ms, due_at_ms, has_options, send_at_ms)"
        " SELECT randomblob(16), i * 1000, '+49160' || i, 'text', 0, 1, 0, 0, 1, 1,"
        " replace('%s', '?', i), %lld + i, %lld + i, 1, %lld + i FROM n;"
        " UPDATE message_count SET count = %d WHERE status = 0",
        first, last - 1, lane, (long long)store_fixture_now_ms() + (int64_t)365 * DAY_MS,
        (long long)store_fixture_now_ms() + (int64_t)365 * DAY_MS,
        (long long)store_fixture_now_ms() + (int64_t)365 * DAY_MS, last - 1);
    execute(fixture->path, sql);
}

static void assert_costs_nothing(struct store_fixture *fixture, const char *lane)
{
    enum { FEW = 100, MANY = 100000, DEEPER = 12 }; /* pages of trees that have become deeper */
    store_fixture_close(fixture);
    given_queued(fixture, lane, 1, FEW);
    int few = pages_of_claim(fixture);
    given_queued(fixture, lane, FEW, MANY);
    int many = pages_of_claim(fixture);
    if (few == 0 || many > few + DEEPER)
        fail_msg("%d pages with %d messages, %d with %d", few, FEW, many, MANY);
    store_fixture_open(fixture);
}

static void scheduled_messages_cost_a_claim_nothing(void **state)
{
    assert_costs_nothing(*state, "~");
}

static void messages_for_a_device_that_is_away_cost_a_claim_nothing(void **state)
{
    assert_costs_nothing(*state, "device:away");
}

static void messages_for_as_many_devices_that_are_away_cost_a_claim_nothing(void **state)
{
    assert_costs_nothing(*state, "device:away-?");
}

UNIT_TESTS(STORE_TEST(scheduled_messages_cost_a_claim_nothing),
           STORE_TEST(messages_for_a_device_that_is_away_cost_a_claim_nothing),
           STORE_TEST(messages_for_as_many_devices_that_are_away_cost_a_claim_nothing))
