/* The parameters and columns of statements. */
#include "common/store/postgresql/statement_plan.h"

#include <assert.h>
#include <string.h>

/* ---- Parameters ---- */

static struct value *parameter_of(const struct statement *statement, enum field field)
{
    static struct value unused;
    if (!statement->plan)
        return &unused; /* without memory; running it fails */
    int number = statement->plan->parameters[field];
    assert(number > 0);
    return &statement->plan->values[number - 1];
}

void statement_bind_integer(struct statement *statement, enum field field, int64_t value)
{
    *parameter_of(statement, field) = (struct value){.kind = VALUE_INTEGER, .integer = value};
}

void statement_bind_double(struct statement *statement, enum field field, double value)
{
    *parameter_of(statement, field) = (struct value){.kind = VALUE_REAL, .real = value};
}

void statement_bind_text(struct statement *statement, enum field field, const char *text)
{
    if (text && *text)
        statement_bind_blob(statement, field, text, (int)strlen(text));
}

void statement_bind_blob(struct statement *statement, enum field field, const void *bytes,
                         int length)
{
    *parameter_of(statement,
                  field) = (struct value){.kind = VALUE_BYTES, .bytes = bytes, .length = length};
}

/* ---- Columns ---- */

static int column_of(const struct statement *statement, enum field field)
{
    assert(statement->plan->columns[field] > 0);
    return statement->plan->columns[field] - 1;
}

bool statement_has_column(const struct statement *statement, enum field field)
{
    return statement->plan->columns[field] > 0;
}

bool statement_is_null(const struct statement *statement, enum field field)
{
    return PQgetisnull(statement->result, statement->row, column_of(statement, field));
}

/* *length of its bytes; NULL for a NULL. */
static const char *bytes_of(const struct statement *statement, enum field field, size_t *length)
{
    int column = column_of(statement, field);
    *length = (size_t)PQgetlength(statement->result, statement->row, column);
    return PQgetisnull(statement->result, statement->row, column)
               ? NULL
               : PQgetvalue(statement->result, statement->row, column);
}

int64_t statement_integer_at(const struct statement *statement, int column)
{
    const PGresult *result = statement->result;
    return PQgetisnull(result, statement->row, column)
               ? 0
               : value_read_integer(PQftype(result, column),
                                    PQgetvalue(result, statement->row, column));
}

int64_t statement_integer(const struct statement *statement, enum field field)
{
    return statement_integer_at(statement, column_of(statement, field));
}

double statement_double(const struct statement *statement, enum field field)
{
    size_t length;
    const char *bytes = bytes_of(statement, field, &length);
    return bytes ? value_read_real(bytes) : 0;
}

void statement_text(const struct statement *statement, enum field field, char *text, size_t size)
{
    size_t length;
    const char *bytes = bytes_of(statement, field, &length);
    length = bytes ? MIN(length, size - 1) : 0;
    if (length > 0)
        memcpy(text, bytes, length);
    text[length] = '\0';
}

char *statement_copy_text(const struct statement *statement, enum field field)
{
    size_t length;
    const char *bytes = bytes_of(statement, field, &length);
    return bytes ? strndup(bytes, length) : NULL;
}

void statement_append_blob(const struct statement *statement, enum field field,
                           struct buffer *bytes)
{
    size_t length;
    const char *blob = bytes_of(statement, field, &length);
    if (blob)
        buffer_append(bytes, blob, length);
}

bool statement_bytes(const struct statement *statement, enum field field, void *bytes, int length)
{
    size_t found;
    const char *blob = bytes_of(statement, field, &found);
    bool fits = blob && found == (size_t)length;
    if (fits)
        memcpy(bytes, blob, (size_t)length);
    else
        memset(bytes, 0, (size_t)length);
    return fits;
}
