/* Operations on the database file: check, backup, restore, downgrade, compaction. */
#include "common/store/sqlite/database_file.h"
#include "tests/store/store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static const char number[] = "+491511234567";
static const struct store_holder with_journal = {
    .device_id = "phone", .assured = true, .journal = {{1, 2, 3}}};

static char *path_of(const struct store_fixture *fixture, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", fixture->folder, name);
    return path;
}

/* One message in each status: queued, dispatched, accepted, delivered, in this order. */
static void given_messages(struct store_fixture *fixture, struct message_id ids[4])
{
    ids[3] = given_message(fixture, number, "delivered");
    given_claim(fixture, (const char *const[]){"phone"}, 1);
    assert_int_equal(given_report(fixture, &ids[3], "phone", MESSAGE_DELIVERED, NULL), ERROR_NONE);
    ids[2] = given_message(fixture, number, "accepted");
    given_claim(fixture, (const char *const[]){"phone"}, 1);
    ids[1] = given_message(fixture, number, "offered");
    struct store_holder slot = with_journal;
    struct message message = {0};
    struct store_write write = {.verb = STORE_CLAIM};
    write.claim.slot_count = 1;
    write.claim.slots = &slot;
    write.claim.messages = &message;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    message_fini(&message);
    ids[0] = given_message(fixture, number, "queued");
    static const enum message_status statuses[] = {MESSAGE_QUEUED, MESSAGE_DISPATCHED,
                                                   MESSAGE_ACCEPTED, MESSAGE_DELIVERED};
    for (int i = 0; i < 4; i++)
        assert_int_equal(stored_status(fixture, &ids[i]), statuses[i]);
}

static void back_up(struct store_fixture *fixture, const char *path)
{
    char problem[STORE_ERROR_SIZE] = "";
    struct database_file_content content;
    if (database_file_back_up(fixture->path, path, &content, problem) != ERROR_NONE)
        fail_msg("%s", problem);
}

/* Replaces the fixture's database with the backup, and opens it. */
static struct database_file_restored restore(struct store_fixture *fixture, const char *path)
{
    char problem[STORE_ERROR_SIZE] = "";
    struct database_file_restored restored;
    store_fixture_close(fixture);
    if (database_file_restore(path, fixture->path, &restored, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    store_fixture_open(fixture);
    return restored;
}

static void a_backup_is_one_file_with_everything(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[4];
    char path[128], other[128], problem[STORE_ERROR_SIZE] = "";
    struct database_file_content content, checked;
    given_messages(fixture, ids);
    path_of(fixture, "backup.db", path);
    assert_int_equal(database_file_back_up(fixture->path, path, &content, problem), ERROR_NONE);
    assert_int_equal(content.messages[MESSAGE_QUEUED], 1);
    assert_int_equal(content.messages[MESSAGE_DELIVERED], 1);
    assert_int_equal(content.schema_version, 1);
    assert_int_equal(content.newest_message_at_ms, message_id_time_ms(&ids[0]));
    assert_int_equal(database_file_verify(path, &checked, problem), ERROR_NONE);
    assert_memory_equal(&checked, &content, sizeof(checked));
    assert_int_not_equal(access(path_of(fixture, "backup.db-wal", other), F_OK), 0);
    assert_int_not_equal(access(path_of(fixture, "backup.db.part", other), F_OK), 0);
    /* A backup never replaces another one. */
    assert_int_not_equal(database_file_back_up(fixture->path, path, &content, problem), ERROR_NONE);
    assert_non_null(strstr(problem, "it is there already"));
}

struct enqueuer {
    struct store_fixture *fixture;
    atomic_bool stop;
    atomic_int count;
};

static void *enqueue_all_the_time(void *argument)
{
    struct enqueuer *enqueuer = argument;
    while (!atomic_load(&enqueuer->stop)) {
        given_message(enqueuer->fixture, number, "text");
        atomic_fetch_add(&enqueuer->count, 1);
    }
    return NULL;
}

/* Each backup has the database as it was at one moment during the backup. */
static void backups_under_load_are_consistent(void **state)
{
    struct store_fixture *fixture = *state;
    struct enqueuer enqueuer = {.fixture = fixture};
    pthread_t thread;
    pthread_create(&thread, NULL, enqueue_all_the_time, &enqueuer);
    for (int i = 0; i < 10; i++) {
        char name[32], path[128], problem[STORE_ERROR_SIZE] = "";
        struct database_file_content content;
        snprintf(name, sizeof(name), "backup-%d.db", i);
        int before = atomic_load(&enqueuer.count);
        if (database_file_back_up(fixture->path, path_of(fixture, name, path), &content, problem) !=
            ERROR_NONE)
            fail_msg("%s", problem);
        int after = atomic_load(&enqueuer.count) + 1;
        assert_in_range(content.messages[MESSAGE_QUEUED], before, after);
    }
    atomic_store(&enqueuer.stop, true);
    pthread_join(thread, NULL);
}

static void what_was_open_in_a_backup_is_unknown_and_never_sent_again(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[4];
    char path[128];
    given_messages(fixture, ids);
    back_up(fixture, path_of(fixture, "backup.db", path));
    struct message_id lost = given_message(fixture, number, "after the backup");

    struct database_file_restored restored = restore(fixture, path);
    assert_int_equal(restored.unknown, 3);
    assert_int_equal(restored.content.messages[MESSAGE_UNKNOWN], 3);
    for (int i = 0; i < 3; i++) {
        struct message message = stored(fixture, &ids[i]);
        assert_int_equal(message.status, MESSAGE_UNKNOWN);
        assert_string_equal(message.error_code, "restored");
        assert_string_equal(message.device_id, "");
        assert_int_equal(message.reached_at_ms[MESSAGE_UNKNOWN], message.updated_at_ms);
        message_fini(&message);
    }
    assert_int_equal(stored_status(fixture, &ids[3]), MESSAGE_DELIVERED);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message_event WHERE status = 9"), 3);
    assert_int_equal(given_claim(fixture, (const char *const[]){"a", "b", "c"}, 3), 0);
    struct message none;
    assert_int_equal(store_find_message(fixture->reader, &lost, &none), ERROR_MESSAGE_NOT_FOUND);

    /* The previous database is kept. */
    struct database_file_content kept;
    char problem[STORE_ERROR_SIZE];
    assert_int_equal(database_file_verify(restored.kept_path, &kept, problem), ERROR_NONE);
    assert_int_equal(kept.messages[MESSAGE_QUEUED], 2);
}

/* A follower that has seen events from after the backup goes on where it was, and sees what the restore did. */
static void no_id_of_an_event_is_given_twice_after_a_restore(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[4];
    int64_t oldest, before;
    char path[128], name[MESSAGE_ID_TEXT_SIZE];
    given_messages(fixture, ids);
    struct message message = {.id = store_fixture_new_id(),
                              .batch_id = store_fixture_new_id(),
                              .phone_number = "+491511234567",
                              .text = (char *)"of a batch",
                              .segments = 1};
    struct store_write batch = {
        .verb = STORE_ENQUEUE_BATCH,
        .enqueue_batch = {.id = message.batch_id, .messages = &message, .count = 1}};
    assert_int_equal(store_run(fixture->store, &batch), ERROR_NONE);
    back_up(fixture, path_of(fixture, "backup.db", path));
    assert_int_equal(given_claim(fixture, (const char *const[]){"phone"}, 1), 1);
    assert_int_equal(store_read_event_range(fixture->reader, &oldest, &before), ERROR_NONE);

    assert_int_equal(restore(fixture, path).unknown, 4);
    struct store_event_page page;
    struct store_event_query query = {.after = before, .limit = 100};
    assert_int_equal(store_list_events(fixture->reader, &query, &page), ERROR_NONE);
    assert_int_equal(page.count, 5);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(page.events[i].type, EVENT_MESSAGE_UNKNOWN);
    message_id_format(&message.batch_id, name);
    assert_int_equal(page.events[4].type, EVENT_BATCH_FINISHED);
    assert_string_equal(page.events[4].subject, name);
    assert_string_equal(page.events[4].detail,
                        "{\"statuses\":{\"sent\":0,\"delivered\":0,\"failed\":0,\"expired\":0,"
                        "\"cancelled\":0,\"unknown\":1}}");
    assert_int_equal(page.last, page.events[4].id);
    store_event_page_fini(&page);
}

/* The log of a missing or damaged database is not applied to the restored one. */
static void a_log_that_was_left_behind_does_no_harm(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const losses[] = {"rm store.db", "head -c 9000 /dev/urandom > store.db"};
    struct message_id ids[4];
    char path[128], command[300];
    given_messages(fixture, ids);
    back_up(fixture, path_of(fixture, "backup.db", path));
    for (size_t i = 0; i < ARRAY_LENGTH(losses); i++) {
        for (int j = 0; j < 50; j++)
            given_message(fixture, number, "after the backup");
        char wal[128];
        assert_int_equal(access(path_of(fixture, "store.db-wal", wal), F_OK), 0);
        snprintf(command, sizeof(command), "cp %s %s.kept", wal, wal);
        assert_int_equal(system(command), 0);
        store_fixture_close(fixture);
        snprintf(command, sizeof(command), "cd %s && mv store.db-wal.kept store.db-wal && %s",
                 fixture->folder, losses[i]);
        assert_int_equal(system(command), 0);
        char problem[STORE_ERROR_SIZE] = "";
        struct database_file_restored restored;
        if (database_file_restore(path, fixture->path, &restored, problem) != ERROR_NONE)
            fail_msg("%s", problem);
        assert_int_equal(*restored.kept_path != '\0', i == 1);
        store_fixture_open(fixture);
        assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"), 4);
        struct database_file_content content;
        assert_int_equal(database_file_check(fixture->path, &content, problem), ERROR_NONE);
    }
}

static enum error given_assured_report(struct store_fixture *fixture, const struct message_id *id,
                                       unsigned attempt, int64_t seq, enum message_status status)
{
    struct store_write write = {.verb = STORE_REPORT};
    write.report.ref = (struct message_ref){*id, attempt};
    write.report.holder = with_journal;
    write.report.seq = seq;
    write.report.status = status;
    return store_run(fixture->store, &write);
}

static void a_phone_that_sent_it_after_the_backup_is_believed(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[4];
    char path[128];
    given_messages(fixture, ids);
    back_up(fixture, path_of(fixture, "backup.db", path));
    restore(fixture, path);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(given_assured_report(fixture, &ids[i], 3, 1, MESSAGE_SENDING),
                         ERROR_MESSAGE_NOT_HELD); /* it does not say whether it was sent */
        assert_int_equal(given_assured_report(fixture, &ids[i], 3, 2, MESSAGE_SENT), ERROR_NONE);
        assert_int_equal(stored_status(fixture, &ids[i]), MESSAGE_SENT);
        assert_int_equal(given_report(fixture, &ids[i], "another", MESSAGE_FAILED, NULL),
                         ERROR_MESSAGE_NOT_HELD);
        assert_int_equal(given_assured_report(fixture, &ids[i], 3, 3, MESSAGE_DELIVERED),
                         ERROR_NONE);
        struct message message = stored(fixture, &ids[i]);
        assert_int_equal(message.status, MESSAGE_DELIVERED);
        assert_string_equal(message.device_id, "phone");
        assert_int_equal(message.attempt, 3);
        message_fini(&message);
    }
}

static void a_database_in_use_is_not_touched(void **state)
{
    struct store_fixture *fixture = *state;
    struct database_file_restored restored;
    struct message_id ids[4];
    char path[128], problem[STORE_ERROR_SIZE] = "";
    int64_t before, after;
    given_messages(fixture, ids);
    back_up(fixture, path_of(fixture, "backup.db", path));
    assert_int_equal(database_file_restore(path, fixture->path, &restored, problem),
                     ERROR_STORE_BUSY);
    assert_non_null(strstr(problem, "stop the gateway first"));
    assert_int_equal(database_file_downgrade(fixture->path, 1, problem), ERROR_STORE_BUSY);
    assert_int_equal(database_file_compact(fixture->path, &before, &after, problem),
                     ERROR_STORE_BUSY);
    assert_int_equal(stored_status(fixture, &ids[0]), MESSAGE_QUEUED);
}

static void what_is_no_good_backup_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    struct database_file_restored restored;
    struct message_id ids[4];
    char path[128], command[300], problem[STORE_ERROR_SIZE];
    given_messages(fixture, ids);
    back_up(fixture, path_of(fixture, "backup.db", path));
    store_fixture_close(fixture);
    static const struct {
        const char *make; /* a shell command that makes bad.db from backup.db */
        const char *problem;
    } cases[] = {
        {"rm -f bad.db", "No such file"},
        {"head -c 9000 backup.db > bad.db", "malformed"},
        {"(head -c 20000 backup.db; head -c 8000 /dev/zero; tail -c +28001 backup.db) > bad.db",
         "damaged"},
        {": > bad.db", "no database"},
        {"(echo 'this is no database at all'; head -c 9000 /dev/zero) > bad.db", "not a database"},
        {"cp backup.db bad.db; printf '\\0\\0\\0\\012' |"
         " dd of=bad.db bs=1 seek=60 conv=notrunc 2>/dev/null",
         "from a newer gateway"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        snprintf(command, sizeof(command), "cd %s && %s", fixture->folder, cases[i].make);
        assert_int_equal(system(command), 0);
        char bad[128];
        assert_int_not_equal(database_file_restore(path_of(fixture, "bad.db", bad), fixture->path,
                                                   &restored, problem),
                             ERROR_NONE);
        if (!strstr(problem, cases[i].problem))
            fail_msg("%s: %s", cases[i].make, problem);
    }
    store_fixture_open(fixture);
    assert_int_equal(stored_status(fixture, &ids[0]),
                     MESSAGE_QUEUED); /* the old database is in place */
}

static void a_version_without_a_way_back_stays(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id ids[4];
    char problem[STORE_ERROR_SIZE] = "";
    given_messages(fixture, ids);
    store_fixture_close(fixture);
    assert_int_equal(database_file_downgrade(fixture->path, 0, problem), ERROR_STORE_UNAVAILABLE);
    assert_non_null(strstr(problem, "no way back"));
    assert_int_equal(database_file_downgrade(fixture->path, 2, problem), ERROR_STORE_UNAVAILABLE);
    assert_non_null(strstr(problem, "which is older"));
    store_fixture_open(fixture);
    assert_int_equal(stored_status(fixture, &ids[1]), MESSAGE_DISPATCHED);
}

static void a_file_from_before_gives_space_back_once_it_is_compacted(void **state)
{
    struct store_fixture *fixture = *state;
    char problem[STORE_ERROR_SIZE] = "";
    int64_t before = 0, after = 0;
    store_fixture_close(fixture);
    execute(fixture->path, "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM");
    assert_int_equal(number_of(fixture, "PRAGMA auto_vacuum"), 0);
    execute(fixture->path, "CREATE TABLE fat (a); INSERT INTO fat VALUES (zeroblob(1000000));"
                           "DROP TABLE fat");
    assert_int_equal(database_file_compact(fixture->path, &before, &after, problem), ERROR_NONE);
    assert_in_range(after, 1, before - 900000);
    assert_int_equal(number_of(fixture, "PRAGMA auto_vacuum"), 2);
    store_fixture_open(fixture);
    given_message(fixture, number, "text");
}

UNIT_TESTS(STORE_TEST(a_backup_is_one_file_with_everything),
           STORE_TEST(backups_under_load_are_consistent),
           STORE_TEST(what_was_open_in_a_backup_is_unknown_and_never_sent_again),
           STORE_TEST(no_id_of_an_event_is_given_twice_after_a_restore),
           STORE_TEST(a_log_that_was_left_behind_does_no_harm),
           STORE_TEST(a_phone_that_sent_it_after_the_backup_is_believed),
           STORE_TEST(a_database_in_use_is_not_touched),
           STORE_TEST(what_is_no_good_backup_is_refused),
           STORE_TEST(a_version_without_a_way_back_stays),
           STORE_TEST(a_file_from_before_gives_space_back_once_it_is_compacted))
