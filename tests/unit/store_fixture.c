#include "tests/unit/store_fixture.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

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

int store_fixture_setup(void **state)
{
    struct store_fixture *fixture = calloc(1, sizeof(*fixture));
    strcpy(fixture->folder, "/tmp/sms-gateway-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/store.db", fixture->folder);
    fixture->options = (struct store_options){.path = fixture->path, .timeout_ms = 2000};
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
        .id = message_id_new(),
        .text = (char *)text,
        .encoding = count.encoding,
        .segments = count.segments,
    };
    snprintf(message.phone_number, sizeof(message.phone_number), "%s", number);
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return message.id;
}

size_t given_hand_over(struct store_fixture *fixture, const char *const *devices, size_t count)
{
    struct store_holder *slots = calloc(count, sizeof(*slots));
    struct message *messages = calloc(count, sizeof(*messages));
    for (size_t i = 0; i < count; i++)
        strcpy(slots[i].device_id, devices[i]);
    struct store_write write = {.verb = STORE_CLAIM};
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
    write.report.id = *id;
    write.report.seq = -1;
    write.report.status = status;
    strcpy(write.report.phone.device_id, device_id);
    enum error error = store_run(fixture->store, &write);
    if (changed)
        *changed = write.report.changed;
    return error;
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
