/*
 * An array of rows as one parameter, in PostgreSQL's binary format: "unnest(:rows::a_type[])" gives them back. To the server it is
 * one function and one list; an array for each column would be one of each for every column.
 */
#ifndef COMMON_STORE_POSTGRESQL_RECORDS_H
#define COMMON_STORE_POSTGRESQL_RECORDS_H

#include "common/model/message_id.h"
#include "common/store/postgresql/value.h"

struct records {
    struct buffer bytes; /* without memory it has failed */
    size_t count;
    size_t row_at; /* the beginning of the row that is being written */
};

/* Empties them. `type` is the number of the rows' type in this database. */
void records_begin(struct records *records, uint32_t type);
void records_fini(struct records *records);

/* One row: its columns, in the order of its type, between these two. */
void records_begin_row(struct records *records, unsigned column_count);
void records_add_integer(struct records *records, enum value_type type, int64_t value);
/* NULL instead of 0. */
void records_add_number(struct records *records, enum value_type type, int64_t value);
/* NULL instead of NULL. */
void records_add_bytes(struct records *records, enum value_type type, const void *bytes,
                       size_t length);
/* NULL instead of an id of zeros. */
void records_add_id_if_any(struct records *records, const struct message_id *id);
/* NULL instead of "" and NULL. */
void records_add_text(struct records *records, const char *text);
void records_end_row(struct records *records);

#endif
