/* SQLite behind the store: what its files share. No other file sees sqlite3.h. */
#ifndef COMMON_STORE_SQLITE_SQLITE_H
#define COMMON_STORE_SQLITE_SQLITE_H

#include "common/store/sqlite/write_lock.h"
#include "common/store/store_backend.h"

#include <sqlite3.h>
#include <sys/types.h>

/* Which connections prepare a statement. */
enum statement_use { WRITER, READER };

enum statement {
#define STATEMENT(id, use, sql) id,
#include "common/store/sqlite/statements.def"
#undef STATEMENT
    STATEMENT_COUNT
};

/* What a writer knows of the write-ahead log. A frame is a page in it. */
struct write_ahead_log {
    int64_t frame_bytes;
    int64_t frames; /* in it after the last commit; 0 when all are in the database */
    int64_t max_bytes;
    int64_t max_frames;   /* above there are no new messages */
    int64_t large_frames; /* from here on readers must make room */
    bool refusing;
    bool doubtful; /* after its end there may be the frames of a commit that failed */
    int64_t next_quiet_frames, next_quiet_ms; /* whichever comes first; monotonic */
    int64_t next_warning_ms;                  /* monotonic */
};

/* What a writer knows of the room on the disk. */
struct disk {
    int64_t min_free_bytes; /* 0: nobody minds */
    int64_t look_at_ms;     /* monotonic; not before */
    bool full;
};

/* What a writer knows of its files: their numbers when it opened them. */
struct place {
    ino_t inodes[3]; /* the database, its log, the index of that */
    bool moved;
};

/* What a writer knows of the limits; all but the first two are this transaction's. */
struct brakes {
    struct store_limits limits;
    int64_t tidied_minute; /* when there was no old count left */
    bool looked;
    int64_t today, minute; /* since 1970 */
    enum error refusal;    /* of new messages: ERROR_SENDING_PAUSED, ERROR_QUEUE_FULL */
    bool pauses;           /* it has accepted too many, and no others since */
    /* In the database, and what is to be added there at the end. */
    struct brakes_count {
        char key_id[SECRET_ID_SIZE];
        int64_t stored, added;
    } day, burst, keys[8];
    size_t key_count;
};

/* New messages of a transaction that are yet to be inserted, in this order. */
enum { INCOMING_MESSAGES = 64 };
struct incoming {
    struct store_write *writes[INCOMING_MESSAGES]; /* borrowed */
    size_t count;

    /* What the table "incoming" has: those from `first` to before `end`, with numbers so much higher. */
    size_t first, end;
    int64_t beside;
};

/* What a transaction adds to message_count, and to the metrics once it is committed. */
struct tally {
    int64_t count_delta[MESSAGE_STATUS_COUNT];
    uint32_t reached[MESSAGE_STATUS_COUNT]; /* by moves */
    struct metrics_histogram message_dispatch_seconds, message_delivery_seconds;
};

struct store_connection {
    sqlite3 *db;
    bool writer;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    int64_t (*wall_ms)(void);

    /* Reader only */
    int64_t read_timeout_ms;
    int64_t read_until_ms; /* monotonic; what runs longer is interrupted */

    /* Writer only */
    struct write_lock lock;
    struct place place;
    int64_t now_ms;     /* wall, of this transaction */
    struct tally tally; /* of this transaction */
    struct metrics *metrics;
    struct write_ahead_log wal;
    struct disk disk;
    struct brakes brakes;
    struct incoming incoming;
    enum error log_trouble, disk_trouble; /* why this transaction takes no new messages */
    bool notes_moves;
    enum store_verb verb;           /* of the write that runs */
    struct store_transition *moves; /* of this transaction */
    size_t move_count, move_capacity;
    void *workspace;
    size_t workspace_bytes;
};

/* The error for a result code of SQLite, logged with what was being done. */
enum error sqlite_error(struct store_connection *connection, int code, const char *doing);

/* The statement, reset and without bindings; NULL after logging why it cannot be had, and then step
   fails. */
sqlite3_stmt *statement(struct store_connection *connection, enum statement id);

/* Memory for what one write is about, of any content: it is the next one's too. NULL when there is none.
   Not an array in each thread, because a thread's own memory is touched when it starts. */
void *workspace(struct store_connection *connection, size_t bytes);

/* Parameters by their number; an empty text is NULL. Without memory the parameter stays NULL, which
   the schema refuses. Texts and blobs are borrowed until the statement is reset. */
void bind_integer(sqlite3_stmt *statement, int number, int64_t value);
void bind_text(sqlite3_stmt *statement, int number, const char *text);
void bind_id(sqlite3_stmt *statement, int number, const struct message_id *id);
/* Parameters 1 and 2: an id, and its message_id_seq. */
void bind_message(sqlite3_stmt *statement, const struct message_id *id);
void bind_hash(sqlite3_stmt *statement, int number, const unsigned char hash[SECRET_HASH_BYTES]);
void bind_request_id(sqlite3_stmt *statement, int number, const struct request_id *id);

/* Columns by their number; a missing text is "", a longer one is cut. */
void column_text(sqlite3_stmt *statement, int number, char *text, size_t size);
MUST_CHECK bool column_id(sqlite3_stmt *statement, int number, struct message_id *id);
MUST_CHECK bool column_hash(sqlite3_stmt *statement, int number,
                            unsigned char hash[SECRET_HASH_BYTES]);
void column_request_id(sqlite3_stmt *statement, int number, struct request_id *id);

/* Steps to the next row: ERROR_NONE and *row, or the error. Resets when there is no row. */
MUST_CHECK enum error step(struct store_connection *connection, sqlite3_stmt *statement, bool *row);

/* Runs a statement that gives no rows, and resets it. */
MUST_CHECK enum error run(struct store_connection *connection, sqlite3_stmt *statement);

/* Reads the first column of the one row there may be; otherwise *integer stays. Resets it. */
MUST_CHECK enum error read_integer(struct store_connection *connection, sqlite3_stmt *select,
                                   int64_t *integer);

/* Reads all rows of a statement into a list of items of that size, which the caller frees, also after an
   error: `count` of them were begun then. Resets it. */
MUST_CHECK enum error read_list(struct store_connection *connection, sqlite3_stmt *select,
                                size_t size, enum error (*read)(sqlite3_stmt *row, void *item),
                                void **items, size_t *count);

/* store_sqlite_wal.c: of a writer, under the write lock and outside a transaction. */
void sqlite_watch_wal(struct store_connection *connection, int64_t page_bytes, int64_t max_bytes);
/* What a process left in it before it ended may be in the system's memory alone: into the database. */
void sqlite_empty_wal(struct store_connection *connection);
/* Where a commit has failed in a way that leaves its frames in doubt: makes sure that no recovery finds
   them. False when that fails too; nothing may be written then. */
MUST_CHECK bool sqlite_mend_wal(struct store_connection *connection);
/* False when it is time for one while this process reads nothing, which is the other's. */
MUST_CHECK bool sqlite_checkpoint_when_due(struct store_connection *connection);
void sqlite_checkpoint_quietly(struct store_connection *connection);
MUST_CHECK bool sqlite_wal_is_full(struct store_connection *connection);
/* The size of a file; 0 where there is none, or no name. */
int64_t sqlite_file_bytes(const char *path);
/* The sizes of the files; any connection. */
int64_t sqlite_wal_bytes(struct store_connection *connection);
int64_t sqlite_database_bytes(struct store_connection *connection);

/* store_sqlite_disk.c: whether less is free than there should be, as of a second ago at most. Of a writer. */
MUST_CHECK bool sqlite_disk_is_full(struct store_connection *connection);

/* store_sqlite_place.c, of a writer. Takes the write lock, in a place where a database may be opened or made;
   `problem` otherwise, and the locks may be held. */
MUST_CHECK bool sqlite_take_place(struct store_connection *connection,
                                  const struct store_options *options, char *problem);
/* There is a database, open; and whether it still is where it was. Under the write lock. */
void sqlite_note_place(struct store_connection *connection);
MUST_CHECK bool sqlite_is_in_place(struct store_connection *connection);

/* store_sqlite_brakes.c: begin comes first in a transaction, flush last; report after its commit. */
void sqlite_begin_brakes(struct store_connection *connection);
MUST_CHECK enum error sqlite_flush_brakes(struct store_connection *connection);
void sqlite_report_brakes(const struct store_connection *connection);

/* store_sqlite_schema.c: the versions of the schema. `problem` has STORE_ERROR_SIZE. */

/* Of a file that is still empty: space that is free can be given back (PRAGMA incremental_vacuum). */
MUST_CHECK bool sqlite_give_space_back(sqlite3 *db, char *problem);

MUST_CHECK bool sqlite_query_number(sqlite3 *db, const char *sql, int64_t *number);

/* The version of a database of ours, 0 of an empty one. False for one that is another program's, or
   newer than this gateway; `problem` then says so. */
MUST_CHECK bool sqlite_read_version(sqlite3 *db, int64_t *version, char *problem);

/* The version that this program knows. */
int64_t sqlite_schema_version(void);

/* Runs the migrations that the file lacks, each in a transaction that also raises the version. */
MUST_CHECK bool sqlite_migrate(sqlite3 *db, char *problem);

/* Back to an older version, likewise; the messages stay. Not every version has a way back. */
MUST_CHECK bool sqlite_migrate_back(sqlite3 *db, int64_t version, char *problem);

/* store_sqlite_move.c: the column `times`, into those that it names. */
enum { SQLITE_TIMES_SIZE = 192 };
void sqlite_read_times(const char *times, int64_t reached_at_ms[MESSAGE_STATUS_COUNT]);

/* store_sqlite_enqueue.c. The table "incoming", for as long as `db`; before statements are prepared. */
MUST_CHECK bool sqlite_register_incoming(sqlite3 *db, struct incoming *incoming);
/* Then they must be flushed before another comes. */
MUST_CHECK bool sqlite_incoming_is_full(const struct store_connection *connection);
/* Inserts them; those that fail have their results. An error when the whole transaction is lost. */
MUST_CHECK enum error sqlite_flush_incoming(struct store_connection *connection);

/* store_sqlite_write.c: one verb, inside its savepoint. */
enum error sqlite_run_write(struct store_connection *connection, struct store_write *write);
MUST_CHECK enum error sqlite_flush_counts(struct store_connection *connection);
/* After the commit. */
void sqlite_report_tally(struct store_connection *connection);

/* store_sqlite_read.c */

/* A status and a count in each row. */
MUST_CHECK enum error read_counts(struct store_connection *connection, sqlite3_stmt *select,
                                  int64_t counts[MESSAGE_STATUS_COUNT]);

/* Begins a read, of one statement or a whole transaction: from now on its time runs. */
void start_read_clock(struct store_connection *connection);

/* COUNT_STUCK or READ_STUCK. */
MUST_CHECK enum error read_stuck(struct store_connection *connection, enum statement id,
                                 int64_t since_ms, int64_t counts[MESSAGE_STATUS_COUNT]);
enum error sqlite_find_message(struct store_connection *connection, const struct message_id *id,
                               struct message *message);
enum error sqlite_read_history(struct store_connection *connection, const struct message_id *id,
                               struct message_event **events, size_t *count);
enum error sqlite_list_messages(struct store_connection *connection,
                                const struct store_query *query, struct store_page *page);
enum error sqlite_find_key(struct store_connection *connection, const char *id, struct api_key *key,
                           bool *found);
enum error sqlite_list_keys(struct store_connection *connection, struct api_key **keys,
                            size_t *count);
enum error sqlite_find_token(struct store_connection *connection, const char *id,
                             struct device_token *token, bool *found);
enum error sqlite_list_tokens(struct store_connection *connection, struct device_token **tokens,
                              size_t *count);
enum error sqlite_read_sending(struct store_connection *connection, struct store_sending *sending);
enum error sqlite_list_devices(struct store_connection *connection, struct device **devices,
                               size_t *count);
enum error sqlite_read_statistics(struct store_connection *connection, int64_t stuck_since_ms,
                                  struct store_statistics *statistics);

#endif
