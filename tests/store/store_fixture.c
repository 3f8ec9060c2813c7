#include "tests/store/store_fixture.h"

#include "common/base/clock.h"
#include "tests/store/postgresql_fixture.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Time ---- */

static atomic_llong stopped_at_ms, passed_ms; /* 0: the machine's clock */

int64_t store_fixture_now_ms(void)
{
    int64_t stopped_ms = atomic_load(&stopped_at_ms);
    return (stopped_ms ? stopped_ms : clock_wall_ms()) + atomic_load(&passed_ms);
}

void store_fixture_pass_ms(int64_t ms)
{
    atomic_fetch_add(&passed_ms, ms);
}

void store_fixture_stop_clock_at(int64_t wall_ms)
{
    atomic_store(&stopped_at_ms, wall_ms);
    atomic_store(&passed_ms, 0);
}

struct message_id store_fixture_new_id(void)
{
    enum { TIME_BYTES = 6 };
    struct message_id id = message_id_new(), now = message_id_first_at(store_fixture_now_ms());
    if (atomic_load(&stopped_at_ms) || atomic_load(&passed_ms))
        memcpy(id.bytes, now.bytes, TIME_BYTES);
    return id;
}

/* ---- The store ---- */

static bool is_memory(void)
{
    const char *dsn = getenv("STORE_DSN");
    return dsn && strncmp(dsn, "memory:", strlen("memory:")) == 0;
}

void store_fixture_open(struct store_fixture *fixture)
{
    char problem[STORE_ERROR_SIZE] = "";
    if (store_open(&fixture->options, &fixture->store, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    assert_int_equal(store_reader_open(fixture->store, &fixture->reader), ERROR_NONE);
}

void store_fixture_close(struct store_fixture *fixture)
{
    store_reader_close(fixture->reader);
    store_close(fixture->store);
    fixture->reader = NULL;
    fixture->store = NULL;
}

/* A memory database lives while a store has it open: a second store keeps it when the test reopens the first. */
static void keep_memory(struct store_fixture *fixture)
{
    static int number;
    char problem[STORE_ERROR_SIZE] = "";
    snprintf(fixture->dsn, sizeof(fixture->dsn), "memory:fixture-%d", ++number);
    if (store_open(&fixture->options, &fixture->keeper, problem) != ERROR_NONE)
        fail_msg("%s", problem);
}

int store_fixture_setup(void **state)
{
    struct store_fixture *fixture = calloc(1, sizeof(*fixture));
    store_fixture_stop_clock_at(0);
    strcpy(fixture->folder, "/tmp/sms-gateway-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/store.db", fixture->folder);
    snprintf(fixture->dsn, sizeof(fixture->dsn), "sqlite:%s", fixture->path);
    fixture->is_sqlite = !is_memory() && !is_postgresql();
    fixture->options = (struct store_options){
        .dsn = fixture->dsn, .timeout_ms = 2000, .wall_ms = store_fixture_now_ms};
    if (is_memory())
        keep_memory(fixture);
    if (is_postgresql())
        postgresql_create(fixture->dsn, sizeof(fixture->dsn));
    store_fixture_open(fixture);
    *state = fixture;
    return 0;
}

int store_fixture_teardown(void **state)
{
    struct store_fixture *fixture = *state;
    char command[128];
    if (fixture->store)
        store_fixture_close(fixture);
    store_close(fixture->keeper);
    if (is_postgresql())
        postgresql_drop(fixture->dsn);
    snprintf(command, sizeof(command), "rm -rf %s", fixture->folder);
    int status = system(command);
    free(fixture);
    return status;
}

void store_fixture_reopen(struct store_fixture *fixture)
{
    store_fixture_close(fixture);
    store_fixture_open(fixture);
}

struct message_id given_message(struct store_fixture *fixture, const char *number, const char *text)
{
    struct sms_segments count = sms_segments_count(text);
    struct message message = {
        .id = store_fixture_new_id(),
        .text = (char *)text,
        .encoding = count.encoding,
        .segments = count.segments,
    };
    snprintf(message.phone_number, sizeof(message.phone_number), "%s", number);
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return message.id;
}

size_t given_claim(struct store_fixture *fixture, const char *const *devices, size_t count)
{
    struct store_holder *slots = calloc(count, sizeof(*slots));
    struct message *messages = calloc(count, sizeof(*messages));
    for (size_t i = 0; i < count; i++)
        strcpy(slots[i].device_id, devices[i]);
    struct store_write write = {.verb = STORE_CLAIM};
    write.claim.trusted_wall_ms = store_fixture_now_ms();
    write.claim.slot_count = count;
    write.claim.slots = slots;
    write.claim.messages = messages;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    for (size_t i = 0; i < count; i++)
        message_fini(&messages[i]);
    free(slots);
    free(messages);
    return write.claim.message_count;
}

enum error given_report(struct store_fixture *fixture, const struct message_id *id,
                        const char *device_id, enum message_status status, bool *changed)
{
    struct store_write write = {.verb = STORE_REPORT};
    write.report.ref.id = *id;
    write.report.seq = -1;
    write.report.status = status;
    strcpy(write.report.holder.device_id, device_id);
    enum error error = store_run(fixture->store, &write);
    if (changed)
        *changed = write.report.changed;
    return error;
}

enum error enqueue_as(struct store_fixture *fixture, const struct message_id *id)
{
    struct message message = {
        .id = *id, .phone_number = "+1234567891", .text = (char *)"text", .segments = 1};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    return store_run(fixture->store, &write);
}

void given_offer(struct store_fixture *fixture, const char *device_id,
                 const struct message_id *journal)
{
    struct message message = {0};
    struct store_holder slot = {.assured = true, .journal = *journal};
    strcpy(slot.device_id, device_id);
    struct store_write write = {.verb = STORE_CLAIM};
    write.claim.slot_count = 1;
    write.claim.slots = &slot;
    write.claim.messages = &message;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.claim.message_count, 1);
    assert_int_equal(message.status, MESSAGE_DISPATCHED);
    message_fini(&message);
}

struct message_id given_ended(struct store_fixture *fixture, enum message_status status)
{
    struct message_id id = given_message(fixture, "+491511234567", "a text");
    if (status == MESSAGE_CANCELLED) {
        struct store_write write = {.verb = STORE_CANCEL};
        write.cancel.id = id;
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    } else if (status != MESSAGE_QUEUED) {
        assert_int_equal(given_claim(fixture, (const char *const[]){"phone"}, 1), 1);
        if (status == MESSAGE_UNKNOWN) {
            struct store_write write = {.verb = STORE_EXPIRE_UNREPORTED};
            store_fixture_pass_ms(2000);
            write.expire_unreported = (struct store_expire){
                .silent_for_ms = 1000, .offered_for_ms = 1000, .limit = 10};
            assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        } else if (status != MESSAGE_ACCEPTED) {
            assert_int_equal(given_report(fixture, &id, "phone", status, NULL), ERROR_NONE);
        }
    }
    assert_int_equal(stored_status(fixture, &id), status);
    return id;
}

struct store_write given_purge(struct store_fixture *fixture, int text_days, int message_days,
                               int64_t limit)
{
    struct store_write write = {.verb = STORE_PURGE};
    write.purge.text_age_ms = text_days * (int64_t)DAY_MS;
    write.purge.message_age_ms = message_days * (int64_t)DAY_MS;
    write.purge.limit = limit;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write;
}

void given_lease(struct store_fixture *fixture, const struct message_id *instance, int64_t lease_ms)
{
    struct store_write write = {.verb = STORE_BROKER_LEASE};
    strcpy(write.lease.name, "broker");
    write.lease.instance = *instance;
    write.lease.lease_ms = lease_ms;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

struct message stored(struct store_fixture *fixture, const struct message_id *id)
{
    struct message message;
    assert_int_equal(store_find_message(fixture->reader, id, &message), ERROR_NONE);
    return message;
}

enum message_status stored_status(struct store_fixture *fixture, const struct message_id *id)
{
    struct message message = stored(fixture, id);
    message_fini(&message);
    return message.status;
}

struct message_id given_message_in(struct store_fixture *fixture, enum message_status status)
{
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_claim(fixture, (const char *const[]){"phone-1"}, 1);
    if (status != MESSAGE_ACCEPTED)
        assert_int_equal(given_report(fixture, &id, "phone-1", status, NULL), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &id), status);
    return id;
}

static int64_t count_with(struct store_fixture *fixture, struct store_query query)
{
    struct store_page page;
    query.limit = 1;
    assert_int_equal(store_list_messages(fixture->reader, &query, &page), ERROR_NONE);
    int64_t total = page.total;
    store_page_fini(&page);
    return total;
}

int64_t count_messages(struct store_fixture *fixture)
{
    return count_with(fixture, (struct store_query){0});
}

int64_t count_messages_in(struct store_fixture *fixture, enum message_status status)
{
    return count_with(fixture, (struct store_query){.has_status = true, .status = status});
}

static void assert_history(struct store_fixture *fixture, const struct message *message)
{
    struct message_event *events = NULL;
    size_t count = 0;
    assert_int_equal(store_read_history(fixture->reader, &message->id, 0, 1000, &events, &count),
                     ERROR_NONE);
    assert_true(count > 0);
    assert_int_equal(events[0].status, MESSAGE_QUEUED);
    assert_int_equal(events[count - 1].status, message->status);
    if (count > 1)
        assert_int_equal(events[count - 1].at_ms, message->updated_at_ms);
    free(events);
}

/* The first event of a message is its row itself. */
static void assert_file_consistent(const struct store_fixture *fixture)
{
    assert_in_file(fixture,
                   "SELECT count(*) FROM message_count c WHERE count <> "
                   "(SELECT count(*) FROM message WHERE status = c.status)",
                   0);
    assert_in_file(fixture,
                   "SELECT count(*) FROM message m WHERE event_count <> (SELECT count(*) "
                   "FROM message_event WHERE message_seq = m.seq) + 1 OR status <> coalesce"
                   "((SELECT status FROM message_event WHERE message_seq = m.seq AND "
                   "number = m.event_count), 0)",
                   0);
    assert_in_file(fixture,
                   "SELECT count(*) FROM message_event WHERE message_seq NOT IN"
                   " (SELECT seq FROM message)",
                   0);
    assert_in_file(
        fixture, "SELECT count(*) FROM pragma_integrity_check() WHERE integrity_check <> 'ok'", 0);
}

/* The same, where a message is in two tables. */
static void assert_postgresql_consistent(const struct store_fixture *fixture)
{
    static const char *const queries[] = {
        "SELECT count(*) FROM (SELECT status, count(*) AS c FROM message_state GROUP BY status) a"
        " FULL JOIN (SELECT status, sum(count) AS c FROM message_count GROUP BY status) b"
        " USING (status) WHERE coalesce(a.c, 0) <> coalesce(b.c, 0)",
        "SELECT count(*) FROM message FULL JOIN message_state s USING (seq)"
        " WHERE id IS NULL OR status IS NULL",
        "SELECT count(*) FROM message_state m WHERE event_count <> (SELECT count(*)"
        " FROM message_event WHERE message_seq = m.seq) + 1 OR status <> coalesce"
        "((SELECT status FROM message_event WHERE message_seq = m.seq AND"
        " number = m.event_count), 0)",
        /* In the others they stay until these are dropped. */
        "SELECT count(*) FROM message_event WHERE message_seq NOT IN (SELECT seq FROM message)"
        " AND tableoid IN ('message_event_first'::regclass, 'message_event_last'::regclass)",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(queries); i++)
        assert_int_equal(postgresql_number(fixture->dsn, queries[i]), 0);
}

void assert_consistent(struct store_fixture *fixture)
{
    struct store_statistics statistics;
    struct store_page page;
    int64_t counts[MESSAGE_STATUS_COUNT] = {0};
    assert_int_equal(store_read_statistics(fixture->reader, 0, &statistics), ERROR_NONE);
    assert_int_equal(
        store_list_messages(fixture->reader, &(struct store_query){.limit = 2000}, &page),
        ERROR_NONE);
    for (size_t i = 0; i < page.count; i++) {
        counts[page.messages[i].status]++;
        assert_history(fixture, &page.messages[i]);
    }
    assert_int_equal(page.count, page.total);
    store_page_fini(&page);
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++) {
        assert_int_equal(statistics.messages[i], counts[i]);
        assert_int_equal(count_messages_in(fixture, (enum message_status)i), counts[i]);
    }
    assert_file_consistent(fixture);
    if (is_postgresql())
        assert_postgresql_consistent(fixture);
}

/* ---- Transactions ---- */

void given_one_writer_at_once(void)
{
    if (is_postgresql())
        skip();
}

static void wait_for_release(struct store_write *write)
{
    struct store_hold *hold = write->owner;
    sem_post(&hold->begun);
    sem_wait(&hold->go_on);
}

void store_hold_begin(struct store_hold *hold, struct store *store)
{
    sem_init(&hold->begun, 0, 0);
    sem_init(&hold->go_on, 0, 0);
    hold->store = store;
    hold->write = (struct store_write){
        .verb = STORE_PROBE, .done = wait_for_release, .owner = hold};
    assert_int_equal(store_submit(store, &hold->write), ERROR_NONE);
    sem_wait(&hold->begun);
}

void store_hold_release(struct store_hold *hold)
{
    struct store_write probe = {.verb = STORE_PROBE};
    sem_post(&hold->go_on);
    assert_int_equal(store_run(hold->store, &probe), ERROR_NONE); /* the batch has ended */
    sem_destroy(&hold->begun);
    sem_destroy(&hold->go_on);
}

/* ---- SQLite ---- */

void assert_in_file(const struct store_fixture *fixture, const char *sql, int64_t expected)
{
    if (fixture->is_sqlite)
        assert_int_equal(number_of(fixture, sql), expected);
}

void execute(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

int64_t number_of(const struct store_fixture *fixture, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    assert_int_equal(sqlite3_open_v2(fixture->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_prepare_v2(db, sql, -1, &query, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(query), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
    sqlite3_close(db);
    return number;
}

/* ---- Batches, and devices of brokers ---- */

struct message_id given_batch(struct store_fixture *fixture, size_t count)
{
    struct message *messages = calloc(count, sizeof(*messages));
    struct message_id id = store_fixture_new_id();
    assert_non_null(messages);
    for (size_t i = 0; i < count; i++)
        messages[i] = (struct message){.id = store_fixture_new_id(),
                                       .batch_id = id,
                                       .phone_number = "+491511234567",
                                       .text = (char *)"a text",
                                       .segments = 1};
    struct store_write write = {.verb = STORE_ENQUEUE_BATCH,
                                .enqueue_batch = {.id = id, .messages = messages, .count = count}};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    free(messages);
    return id;
}

int64_t given_broker_connection(struct store_fixture *fixture, const char *device_id,
                                const struct message_id *journal, const struct message_id *broker,
                                struct store_journal_entry *entry)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, device_id);
    write.connect.holder.assured = journal;
    if (journal)
        write.connect.holder.journal = *journal;
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.broker = *broker;
    write.connect.entries = entry;
    write.connect.entry_count = entry != NULL;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.connect.connection_epoch;
}

bool is_connected(struct store_fixture *fixture, const char *device_id)
{
    struct store_device device;
    bool found;
    assert_int_equal(store_find_device(fixture->reader, device_id, &device, &found), ERROR_NONE);
    assert_true(found);
    device_info_fini(&device.device.info);
    return device.device.connected;
}
