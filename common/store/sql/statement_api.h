/*
 * The parameters, rows and results of a statement, by the names of fields.def. The statement.h of each backend defines the
 * structs and the ids, and then includes this.
 */
#ifndef COMMON_STORE_SQL_STATEMENT_API_H
#define COMMON_STORE_SQL_STATEMENT_API_H

#include "common/access/secret.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/model/message.h"

enum field {
#define FIELD(id, name) FIELD_##id,
#include "common/store/sql/fields.def"
#undef FIELD
    FIELD_TOTAL
};

struct handle;
struct statement;

/* The types of the backend: an enum statement_id is its own. */
/* Parameters. An empty text is NULL. Where there is no memory the parameter stays NULL, which the schema refuses. Texts
   and blobs are borrowed until the statement is reset. */
void statement_bind_integer(struct statement *statement, enum field field, int64_t value);
void statement_bind_double(struct statement *statement, enum field field, double value);
void statement_bind_text(struct statement *statement, enum field field, const char *text);
void statement_bind_blob(struct statement *statement, enum field field, const void *bytes,
                         int length);
void statement_bind_id(struct statement *statement, enum field field, const struct message_id *id);
/* NULL for the nil id. */
void statement_bind_id_if_any(struct statement *statement, enum field field,
                              const struct message_id *id);
void statement_bind_hash(struct statement *statement, enum field field,
                         const unsigned char hash[SECRET_HASH_BYTES]);
/* :id, and :seq as its message_id_seq. */
void statement_bind_message(struct statement *statement, const struct message_id *id);

/* The columns of a message with the times of each status; 0 is NULL. */
void statement_bind_times(struct statement *statement,
                          const int64_t reached_at_ms[MESSAGE_STATUS_COUNT]);

/* Columns of the current row. NULL reads as 0 or "". A text that is too long is cut. */
int64_t statement_integer(const struct statement *statement, enum field field);
double statement_double(const struct statement *statement, enum field field);
bool statement_has_column(const struct statement *statement, enum field field);
bool statement_is_null(const struct statement *statement, enum field field);
void statement_text(const struct statement *statement, enum field field, char *text, size_t size);
/* The caller frees it. NULL for a NULL, or without memory. */
char *statement_copy_text(const struct statement *statement, enum field field);
void statement_append_blob(const struct statement *statement, enum field field,
                           struct buffer *bytes);
/* False, and a nil id, if the column has no valid id. */
bool statement_id(const struct statement *statement, enum field field, struct message_id *id);
MUST_CHECK bool statement_hash(const struct statement *statement, enum field field,
                               unsigned char hash[SECRET_HASH_BYTES]);
/* Exactly `length` bytes; false, and zeroed, where the column has another number of them. */
bool statement_bytes(const struct statement *statement, enum field field, void *bytes, int length);
void statement_request_id(const struct statement *statement, enum field field,
                          struct request_id *id);

void statement_times(const struct statement *statement,
                     int64_t reached_at_ms[MESSAGE_STATUS_COUNT]);

/* Steps to the next row, and sets *row. After the last row it resets the statement. */
MUST_CHECK enum error statement_step(struct handle *handle, struct statement *statement, bool *row);
void statement_reset(struct statement *statement);

/* Runs a statement that gives no rows, or what is left of one that has given some. What the database says against it may be
   known only later, and is the error of what runs then, at the latest of the commit. */
MUST_CHECK enum error statement_run(struct handle *handle, struct statement *statement);
/* The same of a statement that must change one row: anything else is ERROR_INTERNAL. */
MUST_CHECK enum error statement_change_one(struct handle *handle, struct statement *statement);

/* The number of rows that the last statement changed. */
int64_t statement_changes(struct handle *handle);

/* Reads the first column of the first row; without a row *integer stays as it is. */
MUST_CHECK enum error statement_read_integer(struct handle *handle, struct statement *statement,
                                             int64_t *integer);

/* Reads all rows into a list of items of that size, which the caller frees, also after an error: `count` of them
   were begun then. */
MUST_CHECK enum error statement_read_list(
    struct handle *handle, struct statement *statement, size_t size,
    enum error (*read)(const struct statement *row, void *item), void **items, size_t *count);

#endif
