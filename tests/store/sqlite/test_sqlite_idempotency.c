/*
 * The index of idempotency keys, which is merged behind the rows: long histories of two stores, with few keys to a round, against
 * what must be known. Nothing is written when a store closes, so for the index it is as if its process were killed.
 */
#include "common/store/sqlite/idempotency_index.h"
#include "tests/store/store_fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEYS = 300, OPERATIONS = 600, ROUND = 8, PURGED = 15, STORES = 2 };

/* ---- Faults: the linker prefers this function to the C library's, so SQLite calls it ---- */

static int failing_syncs;

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (failing_syncs == 0)
        return real(fd);
    failing_syncs--;
    errno = EIO;
    return -1;
}

/* ---- A history ---- */

struct history {
    struct store_fixture *fixture;
    struct store *stores[STORES];
    struct message_id taken; /* of a message that is there: another one of that id fails */
    unsigned random;
    int64_t merged_id;
    int rounds;

    /* What is known: the keys with a row, oldest first, and the answer of each. */
    size_t rows[KEYS], row_count;
    int64_t inserted_at_ms[KEYS];
    int answer_of[KEYS]; /* by key; 0: it is free */
    int answers;
};

static unsigned pick(struct history *history, unsigned count)
{
    history->random = history->random * 1103515245u + 12345u;
    return (history->random >> 16) % count;
}

static struct store *open_store(const struct history *history)
{
    struct store *store;
    char problem[STORE_ERROR_SIZE] = "";
    if (store_open(&history->fixture->options, &store, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    return store;
}

static void begin(struct history *history, struct store_fixture *fixture, unsigned seed)
{
    *history = (struct history){.fixture = fixture, .random = seed};
    store_fixture_close(fixture);
    fixture->options.unindexed_keys = ROUND;
    store_fixture_open(fixture);
    history->taken = given_message(fixture, "+1234567890", "text");
    for (size_t i = 0; i < STORES; i++)
        history->stores[i] = open_store(history);
}

static void end(struct history *history)
{
    for (size_t i = 0; i < STORES; i++)
        store_close(history->stores[i]);
}

static void note_known(struct history *history, size_t key, int answer)
{
    history->inserted_at_ms[history->row_count] = store_fixture_now_ms();
    history->rows[history->row_count++] = key;
    history->answer_of[key] = answer;
}

/* Runs the write of a request with that key: a message, or a batch of one, which is undone to a savepoint if it fails. */
static void post(struct history *history, size_t key, bool as_batch, enum error expected)
{
    struct message message = {.id = store_fixture_new_id(),
                              .phone_number = "+1234567890",
                              .text = (char *)"text",
                              .segments = 1};
    struct store_idempotency idempotency = {.key_id = "key1", .answer = {.status = 202}};
    struct store_write write = {.verb = STORE_ENQUEUE,
                                .enqueue = {.message = &message, .idempotency = &idempotency}};
    int answer = ++history->answers, known = history->answer_of[key];
    char body[32] = "";
    snprintf(idempotency.key, sizeof(idempotency.key), "key %zu", key);
    buffer_init(&idempotency.answer.body, 1000);
    buffer_append_format(&idempotency.answer.body, "%d", answer);
    if (expected == ERROR_INTERNAL)
        message.id = history->taken;
    if (as_batch) {
        message.batch_id = store_fixture_new_id();
        write = (struct store_write){.verb = STORE_ENQUEUE_BATCH,
                                     .enqueue_batch = {.id = message.batch_id,
                                                       .messages = &message,
                                                       .count = 1,
                                                       .idempotency = &idempotency}};
    }
    enum error error = store_run(history->stores[pick(history, STORES)], &write);
    if (known && expected == ERROR_INTERNAL)
        expected = ERROR_NONE; /* its message is not looked at */
    if (error != expected || (error == ERROR_NONE && idempotency.replayed != (known != 0)))
        fail_msg("answer %d, key %zu: error %d and not %d, replayed %d", answer, key, error,
                 expected, idempotency.replayed);
    buffer_append(&idempotency.answer.body, "", 1);
    snprintf(body, sizeof(body), "%s", idempotency.answer.body.data);
    if (error == ERROR_NONE && known)
        assert_int_equal(atoi(body), known);
    if (error == ERROR_NONE && !known)
        note_known(history, key, answer);
    buffer_fini(&idempotency.answer.body);
}

static size_t known_key(struct history *history)
{
    return history->row_count ? history->rows[pick(history, (unsigned)history->row_count)] : 0;
}

static void purge(struct history *history)
{
    size_t old = 0;
    int64_t before_ms = store_fixture_now_ms() - STORE_IDEMPOTENCY_KEPT_MS;
    struct store_write write = {.verb = STORE_PURGE, .purge.limit = PURGED};
    assert_int_equal(store_run(history->stores[pick(history, STORES)], &write), ERROR_NONE);
    while (old < history->row_count && old < PURGED && history->inserted_at_ms[old] < before_ms)
        history->answer_of[history->rows[old++]] = 0;
    assert_int_equal(write.purge.answers, old);
    history->row_count -= old;
    memmove(history->rows, history->rows + old, history->row_count * sizeof(*history->rows));
    memmove(history->inserted_at_ms, history->inserted_at_ms + old,
            history->row_count * sizeof(*history->inserted_at_ms));
}

static void reopen(struct history *history)
{
    size_t i = pick(history, STORES);
    store_close(history->stores[i]);
    history->stores[i] = open_store(history);
}

/* Every row is in the index or is young enough to be read, and nothing else is in the index. */
static void check_file(struct history *history)
{
    struct store_fixture *fixture = history->fixture;
    assert_in_file(fixture, "SELECT count(*) FROM idempotency", (int64_t)history->row_count);
    assert_in_file(fixture,
                   "SELECT count(*) FROM idempotency i WHERE id <= (SELECT merged_id FROM"
                   " idempotency_state) AND NOT EXISTS (SELECT 1 FROM idempotency_by_key k"
                   " WHERE k.key_hash = i.key_hash AND k.id = i.id)",
                   0);
    assert_in_file(fixture,
                   "SELECT count(*) FROM idempotency_by_key k WHERE NOT EXISTS (SELECT 1 FROM"
                   " idempotency i WHERE k.key_hash = i.key_hash AND k.id = i.id)",
                   0);
    int64_t merged_id = number_of(fixture, "SELECT merged_id FROM idempotency_state");
    history->rounds += merged_id != history->merged_id;
    history->merged_id = merged_id;
    assert_in_file(fixture,
                   "SELECT count(*) < 4 * 8 FROM idempotency WHERE id > (SELECT merged_id"
                   " FROM idempotency_state)",
                   1);
}

static void go_on(struct history *history)
{
    bool as_batch = pick(history, 3) == 0;
    size_t key = pick(history, 4) ? pick(history, KEYS) : known_key(history);
    switch (pick(history, 16)) {
    case 0:
        if (pick(history, 3) == 0)
            reopen(history);
        break;
    case 1:
        post(history, key, as_batch, ERROR_INTERNAL);
        break;
    case 2:
    case 3: /* a COMMIT fails; where the key is known there is nothing to commit */
        failing_syncs = history->answer_of[key] == 0;
        post(history, key, as_batch, failing_syncs ? ERROR_STORE_UNAVAILABLE : ERROR_NONE);
        assert_int_equal(failing_syncs, 0);
        break;
    case 4:
        store_fixture_pass_ms(STORE_IDEMPOTENCY_KEPT_MS / 4);
        break;
    case 5:
        purge(history);
        break;
    default:
        post(history, key, as_batch, ERROR_NONE);
    }
}

static void a_key_is_known_exactly_while_its_row_is_there(void **state)
{
    struct history history;
    begin(&history, *state, 4711);
    for (int i = 0; i < OPERATIONS; i++) {
        go_on(&history);
        if (i % 4 == 0)
            check_file(&history);
    }
    assert_true(history.rounds > 20);
    for (size_t key = 0; key < KEYS; key++) /* of another store, which has seen nothing of it */
        post(&history, key, false, ERROR_NONE);
    check_file(&history);
    end(&history);
}

static void purge_all(struct history *history)
{
    store_fixture_pass_ms(STORE_IDEMPOTENCY_KEPT_MS + 1);
    purge(history);
    assert_int_equal(history->row_count, 0);
}

static void a_row_that_is_removed_before_it_is_merged_stays_out_of_the_index(void **state)
{
    struct history history;
    begin(&history, *state, 1);
    for (size_t key = 0; key < ROUND / 2; key++)
        post(&history, key, false, ERROR_NONE);
    purge_all(&history);
    for (size_t key = 0; key < 4 * ROUND; key++)
        post(&history, key, false, ERROR_NONE);
    check_file(&history);
    assert_int_equal(history.rounds, 1);
    end(&history);
}

/* No id is given twice, also when the newest row was removed: an entry in memory is of the row that it was made for. */
static void ids_ascend_when_all_rows_are_gone(void **state)
{
    struct history history;
    begin(&history, *state, 1);
    for (size_t key = 0; key < 3; key++)
        post(&history, key, false, ERROR_NONE);
    purge_all(&history);
    for (size_t i = 0; i < STORES; i++) {
        store_close(history.stores[i]);
        history.stores[i] = open_store(&history);
    }
    post(&history, 1, false, ERROR_NONE);
    assert_in_file(history.fixture, "SELECT id FROM idempotency", 4);
    end(&history);
}

/* ---- Memory ---- */

static void add(struct idempotency_index *index, int64_t first_id, int64_t last_id)
{
    for (int64_t id = first_id; id <= last_id; id++)
        assert_true(idempotency_index_add(index, -id, id));
}

static size_t merge_all(struct idempotency_index *index)
{
    size_t count = 0;
    int64_t before = INT64_MIN;
    const struct idempotency_entry *entry;
    for (; (entry = idempotency_index_next(index)); count++) {
        assert_true(entry->key_hash > before);
        before = entry->key_hash;
    }
    return count;
}

static void what_is_merged_is_forgotten(void **state)
{
    struct idempotency_index index = {.most = 1000};
    uint32_t place = 0;
    (void)state;
    add(&index, 1, 999);
    assert_int_equal(idempotency_index_due(&index), 0);
    add(&index, 1000, 1000);
    assert_true(idempotency_index_due(&index) > 0);
    add(&index, 1001, 1002); /* not of the round */
    assert_int_equal(merge_all(&index), 1000);
    assert_true(idempotency_index_ends_round(&index));
    assert_int_equal(index.round_id, 1000);
    idempotency_index_commit(&index);
    assert_int_equal(index.count, 2);
    assert_null(idempotency_index_find(&index, -1000, &place));
    assert_non_null(idempotency_index_find(&index, -1001, &place));
    assert_null(idempotency_index_find(&index, -1001, &place));

    add(&index, 1003, 1010);
    idempotency_index_commit(&index);
    idempotency_index_note_merged(&index, 1009, 1010); /* by another process */
    assert_int_equal(index.count, 1);
    idempotency_index_note_merged(&index, 0, 0); /* as if it were another database */
    assert_int_equal(index.count, 0);
    idempotency_index_fini(&index);
}

UNIT_TESTS(STORE_TEST(a_key_is_known_exactly_while_its_row_is_there),
           STORE_TEST(a_row_that_is_removed_before_it_is_merged_stays_out_of_the_index),
           STORE_TEST(ids_ascend_when_all_rows_are_gone),
           cmocka_unit_test(what_is_merged_is_forgotten))
