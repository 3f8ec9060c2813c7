#include "tests/phone-sim/journal_file.h"

#include <sqlite3.h>

enum { FORGET_AFTER_DAYS = 8 };

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS phone ("
    " device_id TEXT PRIMARY KEY, epoch TEXT NOT NULL, last_seq INTEGER NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS entry ("
    " device_id TEXT NOT NULL, message_id TEXT NOT NULL, attempt INTEGER NOT NULL,"
    " state TEXT NOT NULL, status TEXT NOT NULL, error_code TEXT NOT NULL,"
    " parts_sent INTEGER NOT NULL, phone_number TEXT NOT NULL, text TEXT,"
    " expires_at_ms INTEGER NOT NULL, no_report INTEGER NOT NULL,"
    " changed_at INTEGER NOT NULL, PRIMARY KEY (device_id, message_id)) STRICT;"
    "CREATE TABLE IF NOT EXISTS report ("
    " device_id TEXT NOT NULL, seq INTEGER NOT NULL, message_id TEXT NOT NULL,"
    " attempt INTEGER NOT NULL, status TEXT NOT NULL, error_code TEXT NOT NULL,"
    " parts_sent INTEGER NOT NULL, PRIMARY KEY (device_id, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS incoming ("
    " device_id TEXT NOT NULL, received_id TEXT NOT NULL, sender TEXT NOT NULL, text TEXT NOT NULL,"
    " received_at_ms INTEGER NOT NULL, sim INTEGER NOT NULL, answered INTEGER NOT NULL,"
    " changed_at INTEGER NOT NULL, PRIMARY KEY (device_id, received_id)) STRICT;";

enum statement {
    BEGIN,
    COMMIT,
    FORGET_REPORTS,
    FORGET_ENTRIES,
    FORGET_INCOMING,
    PUT_PHONE,
    PUT_ENTRY,
    PUT_REPORT,
    PUT_SEQ,
    REMOVE_REPORT,
    PUT_INCOMING,
    ANSWER_INCOMING,
    COPY_PHONE,
    COPY_ENTRIES,
    COPY_REPORTS,
    COPY_INCOMING,
    GET_PHONE,
    GET_ENTRIES,
    GET_REPORTS,
    GET_INCOMING,
    STATEMENTS = JOURNAL_FILE_STATEMENTS,
};

static const char *const statements[] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [FORGET_REPORTS] = "DELETE FROM report WHERE device_id = ?1",
    [FORGET_ENTRIES] = "DELETE FROM entry WHERE device_id = ?1",
    [FORGET_INCOMING] = "DELETE FROM incoming WHERE device_id = ?1",
    [PUT_PHONE] = "INSERT OR REPLACE INTO phone VALUES (?1, ?2, 0)",
    /* Keeps the rowid, which is the order in which they came. */
    [PUT_ENTRY] =
        "INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, unixepoch())"
        " ON CONFLICT DO UPDATE SET attempt = ?3, state = ?4, status = ?5,"
        " error_code = ?6, parts_sent = ?7, phone_number = ?8, text = ?9,"
        " expires_at_ms = ?10, no_report = ?11,"
        " changed_at = unixepoch()",
    [PUT_REPORT] = "INSERT INTO report VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [PUT_SEQ] = "UPDATE phone SET last_seq = ?2 WHERE device_id = ?1",
    [REMOVE_REPORT] = "DELETE FROM report WHERE device_id = ?1 AND seq = ?2",
    [PUT_INCOMING] = "INSERT INTO incoming VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, unixepoch())",
    [ANSWER_INCOMING] = "UPDATE incoming SET answered = 1, changed_at = unixepoch()"
                        " WHERE device_id = ?1 AND received_id = ?2",
    [COPY_PHONE] = "INSERT INTO phone SELECT ?2, epoch, last_seq FROM phone WHERE device_id = ?1",
    [COPY_ENTRIES] = "INSERT INTO entry SELECT ?2, message_id, attempt, state, status, error_code,"
                     " parts_sent, phone_number, text, expires_at_ms, no_report, changed_at"
                     " FROM entry WHERE device_id = ?1 ORDER BY rowid",
    [COPY_REPORTS] = "INSERT INTO report SELECT ?2, seq, message_id, attempt, status, error_code,"
                     " parts_sent FROM report WHERE device_id = ?1",
    [COPY_INCOMING] =
        "INSERT INTO incoming SELECT ?2, received_id, sender, text, received_at_ms, sim,"
        " answered, changed_at FROM incoming WHERE device_id = ?1 ORDER BY rowid",
    [GET_PHONE] = "SELECT epoch, last_seq FROM phone WHERE device_id = ?1",
    [GET_ENTRIES] = "SELECT message_id, attempt, state, status, error_code, parts_sent,"
                    " phone_number, text, expires_at_ms, no_report FROM entry WHERE device_id = ?1 "
                    "ORDER BY rowid",
    [GET_REPORTS] = "SELECT message_id, attempt, NULL, status, error_code, parts_sent, seq"
                    " FROM report WHERE device_id = ?1 ORDER BY seq",
    [GET_INCOMING] = "SELECT received_id, sender, text, received_at_ms, sim FROM incoming"
                     " WHERE device_id = ?1 AND answered = 0 ORDER BY rowid",
};

static _Noreturn void fail(const struct journal_file *file)
{
    fprintf(stderr, "phone-sim: the journal %s: %s\n", file->path, sqlite3_errmsg(file->db));
    exit(1);
}

/* ---- Statements ---- */

static sqlite3_stmt *prepare(struct journal_file *file, enum statement number, const char *name)
{
    sqlite3_stmt *statement = file->statements[number];
    if (name)
        sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    return statement;
}

static void run(struct journal_file *file, sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE)
        fail(file);
    sqlite3_reset(statement);
}

static void bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC); /* NULL binds NULL */
}

static void write_epoch(struct journal_file *file, const char *name, const char *epoch)
{
    sqlite3_stmt *statement = prepare(file, PUT_PHONE, name);
    run(file, prepare(file, FORGET_REPORTS, name));
    run(file, prepare(file, FORGET_ENTRIES, name));
    run(file, prepare(file, FORGET_INCOMING, name));
    bind_text(statement, 2, epoch);
    run(file, statement);
}

static void write_entry(struct journal_file *file, const char *name,
                        const struct journal_entry *entry)
{
    sqlite3_stmt *statement = prepare(file, PUT_ENTRY, name);
    bind_text(statement, 2, entry->message_id);
    sqlite3_bind_int64(statement, 3, entry->attempt);
    bind_text(statement, 4, entry_state_name(entry->state));
    bind_text(statement, 5, sms_status_name(entry->status));
    bind_text(statement, 6, entry->error_code);
    sqlite3_bind_int64(statement, 7, entry->parts_sent);
    bind_text(statement, 8, entry->phone_number);
    bind_text(statement, 9,
              entry->state == ENTRY_DONE || entry->state == ENTRY_DROPPED ? NULL : entry->text);
    sqlite3_bind_int64(statement, 10, entry->expires_at_ms);
    sqlite3_bind_int64(statement, 11, entry->no_delivery_report);
    run(file, statement);
}

static void write_report(struct journal_file *file, const char *name,
                         const struct journal_report *report)
{
    sqlite3_stmt *statement = prepare(file, PUT_REPORT, name);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)report->seq);
    bind_text(statement, 3, report->message_id);
    sqlite3_bind_int64(statement, 4, report->attempt);
    bind_text(statement, 5, sms_status_name(report->status));
    bind_text(statement, 6, report->error_code);
    sqlite3_bind_int64(statement, 7, report->parts_sent);
    run(file, statement);
    statement = prepare(file, PUT_SEQ, name);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)report->seq);
    run(file, statement);
}

static void write_incoming(struct journal_file *file, const char *name,
                           const struct incoming *incoming)
{
    sqlite3_stmt *statement = prepare(file, PUT_INCOMING, name);
    bind_text(statement, 2, incoming->received_id);
    bind_text(statement, 3, incoming->sender);
    bind_text(statement, 4, incoming->text);
    sqlite3_bind_int64(statement, 5, incoming->received_at_ms);
    sqlite3_bind_int64(statement, 6, incoming->sim);
    run(file, statement);
}

static void begin(struct journal_file *file)
{
    if (!file->in_transaction)
        run(file, prepare(file, BEGIN, NULL));
    file->in_transaction = true;
}

void journal_file_commit(struct journal_file *file)
{
    if (file->in_transaction)
        run(file, prepare(file, COMMIT, NULL));
    file->in_transaction = false;
}

void journal_file_copy(struct journal_file *file, const char *from, const char *to)
{
    begin(file);
    for (enum statement number = COPY_PHONE; number <= COPY_INCOMING; number++) {
        sqlite3_stmt *statement = prepare(file, number, from);
        bind_text(statement, 2, to);
        run(file, statement);
    }
    journal_file_commit(file);
}

void journal_file_write(struct journal_file *file, const char *name,
                        const struct journal_write *write)
{
    begin(file);
    if (write->epoch)
        write_epoch(file, name, write->epoch);
    if (write->entry)
        write_entry(file, name, write->entry);
    if (write->report)
        write_report(file, name, write->report);
    if (write->acknowledged > 0) {
        sqlite3_stmt *statement = prepare(file, REMOVE_REPORT, name);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)write->acknowledged);
        run(file, statement);
    }
    if (write->incoming)
        write_incoming(file, name, write->incoming);
    if (write->answered) {
        sqlite3_stmt *statement = prepare(file, ANSWER_INCOMING, name);
        bind_text(statement, 2, write->answered);
        run(file, statement);
    }
}

/* ---- What is there at the start ---- */

/* The name of a status or a state that this program does not write ends it. */
static void copy_column(struct journal_file *file, sqlite3_stmt *row, int column, char *space,
                        size_t size)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    if (!text || strlen(text) >= size) {
        fprintf(stderr, "phone-sim: the journal %s has something strange in it\n", file->path);
        exit(1);
    }
    strcpy(space, text);
}

static struct journal_entry read_entry(struct journal_file *file, sqlite3_stmt *row)
{
    struct journal_entry entry = {0};
    char word[16];
    copy_column(file, row, 0, entry.message_id, sizeof(entry.message_id));
    entry.attempt = sqlite3_column_int64(row, 1);
    copy_column(file, row, 2, word, sizeof(word));
    entry_state_from_name(&entry.state, word);
    copy_column(file, row, 3, word, sizeof(word));
    sms_status_from_name(&entry.status, word);
    copy_column(file, row, 4, entry.error_code, sizeof(entry.error_code));
    entry.parts_sent = sqlite3_column_int64(row, 5);
    copy_column(file, row, 6, entry.phone_number, sizeof(entry.phone_number));
    const char *text = (const char *)sqlite3_column_text(row, 7);
    entry.text = text ? must_copy(text) : NULL;
    entry.expires_at_ms = sqlite3_column_int64(row, 8);
    entry.no_delivery_report = sqlite3_column_int64(row, 9) != 0;
    return entry;
}

static struct journal_report read_report(struct journal_file *file, sqlite3_stmt *row)
{
    struct journal_report report = {0};
    char word[16];
    copy_column(file, row, 0, report.message_id, sizeof(report.message_id));
    report.attempt = sqlite3_column_int64(row, 1);
    copy_column(file, row, 3, word, sizeof(word));
    sms_status_from_name(&report.status, word);
    copy_column(file, row, 4, report.error_code, sizeof(report.error_code));
    report.parts_sent = sqlite3_column_int64(row, 5);
    report.seq = (uint64_t)sqlite3_column_int64(row, 6);
    return report;
}

static struct incoming read_incoming(struct journal_file *file, sqlite3_stmt *row)
{
    struct incoming incoming = {0};
    copy_column(file, row, 0, incoming.received_id, sizeof(incoming.received_id));
    copy_column(file, row, 1, incoming.sender, sizeof(incoming.sender));
    incoming.text = must_copy((const char *)sqlite3_column_text(row, 2));
    incoming.received_at_ms = sqlite3_column_int64(row, 3);
    incoming.sim = sqlite3_column_int64(row, 4);
    return incoming;
}

static bool next_row(struct journal_file *file, sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        fail(file);
    if (result == SQLITE_DONE)
        sqlite3_reset(statement);
    return result == SQLITE_ROW;
}

/* `array` with room for one more; it doubles. */
static void *make_room(void *array, size_t count, size_t size)
{
    if (count > 0 && (count & (count - 1)) != 0)
        return array;
    void *larger = must_allocate(MAX(count * 2, (size_t)1), size);
    if (array)
        memcpy(larger, array, count * size);
    free(array);
    return larger;
}

bool journal_file_load(struct journal_file *file, const char *name, struct journal_image *image)
{
    *image = (struct journal_image){0};
    sqlite3_stmt *phone = prepare(file, GET_PHONE, name);
    if (!next_row(file, phone))
        return false;
    char *epoch = must_allocate(1, JOURNAL_EPOCH_SIZE);
    copy_column(file, phone, 0, epoch, JOURNAL_EPOCH_SIZE);
    image->epoch = epoch;
    image->last_seq = (uint64_t)sqlite3_column_int64(phone, 1);
    sqlite3_reset(phone);

    struct journal_entry *entries = NULL;
    for (sqlite3_stmt *row = prepare(file, GET_ENTRIES, name); next_row(file, row);) {
        entries = make_room(entries, image->entry_count, sizeof(*entries));
        entries[image->entry_count++] = read_entry(file, row);
    }
    image->entries = entries;
    struct journal_report *reports = NULL;
    for (sqlite3_stmt *row = prepare(file, GET_REPORTS, name); next_row(file, row);) {
        reports = make_room(reports, image->report_count, sizeof(*reports));
        reports[image->report_count++] = read_report(file, row);
    }
    image->reports = reports;
    struct incoming *incoming = NULL;
    for (sqlite3_stmt *row = prepare(file, GET_INCOMING, name); next_row(file, row);) {
        incoming = make_room(incoming, image->incoming_count, sizeof(*incoming));
        incoming[image->incoming_count++] = read_incoming(file, row);
    }
    image->incoming = incoming;
    return true;
}

void journal_image_fini(struct journal_image *image)
{
    for (size_t i = 0; i < image->entry_count; i++)
        free(image->entries[i].text);
    for (size_t i = 0; i < image->incoming_count; i++)
        free(image->incoming[i].text);
    free((void *)image->incoming);
    free((void *)image->entries);
    free((void *)image->reports);
    free((void *)image->epoch);
    *image = (struct journal_image){0};
}

/* ---- Opened and closed ---- */

static bool has_setting(struct journal_file *file, const char *question, const char *answer)
{
    sqlite3_stmt *statement = NULL;
    bool is_so = sqlite3_prepare_v2(file->db, question, -1, &statement, NULL) == SQLITE_OK &&
                 sqlite3_step(statement) == SQLITE_ROW &&
                 strcmp((const char *)sqlite3_column_text(statement, 0), answer) == 0;
    sqlite3_finalize(statement);
    return is_so;
}

static bool prepare_all(struct journal_file *file)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(file->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &file->statements[i], NULL) != SQLITE_OK)
            return false;
    }
    return true;
}

static bool forget_old(struct journal_file *file)
{
    char text[512];
    snprintf(text, sizeof(text),
             "DELETE FROM incoming WHERE answered = 1 AND changed_at < unixepoch() - %d;"
             "DELETE FROM entry WHERE state IN ('done', 'dropped')"
             " AND changed_at < unixepoch() - %d AND NOT EXISTS (SELECT 1 FROM report"
             " WHERE device_id = entry.device_id AND message_id = entry.message_id)",
             FORGET_AFTER_DAYS * 86400, FORGET_AFTER_DAYS * 86400);
    return sqlite3_exec(file->db, text, NULL, NULL, NULL) == SQLITE_OK;
}

bool journal_file_open(struct journal_file *file, const char *path)
{
    *file = (struct journal_file){.path = *path ? path : ":memory:"};
    bool is_open = sqlite3_open(file->path, &file->db) == SQLITE_OK &&
                   sqlite3_busy_timeout(file->db, 5000) == SQLITE_OK &&
                   has_setting(file, "PRAGMA journal_mode = WAL", *path ? "wal" : "memory") &&
                   sqlite3_exec(file->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL) ==
                       SQLITE_OK &&
                   has_setting(file, "PRAGMA synchronous", "2") &&
                   sqlite3_exec(file->db, schema, NULL, NULL, NULL) == SQLITE_OK &&
                   prepare_all(file) && forget_old(file);
    if (!is_open)
        fprintf(stderr, "phone-sim: the journal %s cannot be opened: %s\n", file->path,
                sqlite3_errmsg(file->db));
    return is_open;
}

void journal_file_close(struct journal_file *file)
{
    if (!file->db)
        return;
    journal_file_commit(file);
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(file->statements[i]);
    sqlite3_close(file->db);
    file->db = NULL;
}
