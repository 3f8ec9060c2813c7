/* The SQLite file as a whole. */
#include "store_file.h"
#include "store_sqlite.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WAIT_MS = 30000 }; /* for a gateway that recovers its log after a crash */

/* What is being read, and the place for what is wrong with it; what was said first stays. */
struct work {
    sqlite3 *db;
    const char *path;
    char *problem;
    enum error error;
};

static bool fail(struct work *work, const char *reason)
{
    int code = work->db ? sqlite3_errcode(work->db) & 0xff : SQLITE_NOMEM;
    if (work->error != ERROR_NONE)
        return false;
    work->error = code == SQLITE_BUSY || code == SQLITE_LOCKED ? ERROR_STORE_BUSY
                                                               : ERROR_STORE_UNAVAILABLE;
    snprintf(work->problem, STORE_PROBLEM_SIZE, "%.200s: %.280s", work->path,
             reason     ? reason
             : work->db ? sqlite3_errmsg(work->db)
                        : "no memory");
    return false;
}

/* The first column of the first row, as a text. */
static bool read_text(struct work *work, const char *sql, char *text, size_t size)
{
    sqlite3_stmt *query = NULL;
    bool good = sqlite3_prepare_v2(work->db, sql, -1, &query, NULL) == SQLITE_OK &&
                sqlite3_step(query) == SQLITE_ROW;
    if (good)
        column_text(query, 0, text, size);
    else
        fail(work, NULL);
    sqlite3_finalize(query);
    return good;
}

static bool read_number(struct work *work, const char *sql, int64_t *number)
{
    char text[24];
    if (!read_text(work, sql, text, sizeof(text)))
        return false;
    sscanf(text, "%" SCNd64, number);
    return true;
}

static bool open_file(struct work *work)
{
    if (sqlite3_open_v2(work->path, &work->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        return fail(work, NULL);
    sqlite3_busy_timeout(work->db, WAIT_MS);
    sqlite3_db_config(work->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return sqlite3_exec(work->db, "PRAGMA trusted_schema = OFF; BEGIN", NULL, NULL, NULL) ==
               SQLITE_OK ||
           fail(work, NULL);
}

static bool read_version(struct work *work, int64_t *version)
{
    int64_t application = 0, newest = sqlite_newest_version();
    char reason[160];
    if (!read_number(work, "PRAGMA application_id", &application) ||
        !read_number(work, "PRAGMA user_version", version))
        return false;
    if (application != SQLITE_APPLICATION_ID)
        return fail(work, "it is no database of a gateway");
    snprintf(reason, sizeof(reason),
             "it has schema version %" PRId64 ", and this program checks version %" PRId64 "%s",
             *version, newest,
             *version < newest ? ", which the gateway makes of it when it starts" : "");
    return *version == newest || fail(work, reason);
}

static bool read_counts_of_rows(struct work *work, struct store_file_content *content)
{
    char sql[96];
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++) {
        snprintf(sql, sizeof(sql), "SELECT count FROM message_count WHERE status = %d", i);
        if (!read_number(work, sql, &content->messages[i]))
            return false;
    }
    return read_number(work, "SELECT count(*) FROM message_event", &content->events) &&
           read_number(work, "SELECT count(*) FROM device", &content->devices) &&
           read_number(work, "SELECT count(*) FROM device_token", &content->device_tokens) &&
           read_number(work, "SELECT count(*) FROM api_key", &content->api_keys) &&
           read_number(work,
                       "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                       &content->bytes);
}

/* SQLite's own check, and that the counts we keep are those of the rows. */
static bool check_content(struct work *work)
{
    char answer[256] = "";
    int64_t wrong = 0;
    if (!read_text(work, "PRAGMA integrity_check(1)", answer, sizeof(answer)))
        return false;
    if (strcmp(answer, "ok") != 0)
        return fail(work, answer);
    return read_number(work,
                       "SELECT count(*) FROM message_count AS c LEFT JOIN (SELECT status, count(*)"
                       " AS found FROM message GROUP BY status) USING (status)"
                       " WHERE c.count <> coalesce(found, 0)",
                       &wrong) &&
           (wrong == 0 || fail(work, "the counts of messages are not those of its rows"));
}

enum error store_file_check(const char *path, struct store_file_content *content,
                            char problem[STORE_PROBLEM_SIZE])
{
    struct work work = {.path = path, .problem = problem};
    *content = (struct store_file_content){0};
    if (open_file(&work) && read_version(&work, &content->schema_version) &&
        read_counts_of_rows(&work, content))
        check_content(&work);
    sqlite3_close(work.db); /* ends the transaction */
    return work.error;
}
