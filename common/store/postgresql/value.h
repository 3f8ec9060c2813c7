/* Numbers, texts and arrays in PostgreSQL's binary format. */
#ifndef COMMON_STORE_POSTGRESQL_VALUE_H
#define COMMON_STORE_POSTGRESQL_VALUE_H

#include "common/base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum value_type {
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_TEXT = 25,
    TYPE_FLOAT8 = 701,
};

struct value {
    enum value_kind { VALUE_NULL, VALUE_INTEGER, VALUE_REAL, VALUE_BYTES } kind;
    int64_t integer;
    double real;
    const void *bytes; /* borrowed: a text, bytes, an array */
    int length;
};

enum { VALUE_ROOM = 8 };

/* As a parameter of that type, in *bytes and *length; numbers are written into `room`. False: it does not fit. */
bool value_write(const struct value *value, unsigned type, char room[VALUE_ROOM],
                 const char **bytes, int *length);

/* Of a column that is not NULL. */
int64_t value_read_integer(unsigned type, const char *bytes);
double value_read_real(const char *bytes);

/* An array that is being written: array_begin, then `count` items. Without memory bytes.failed is set. */
void array_begin(struct buffer *array, uint32_t type, size_t count);
void array_add_integer(struct buffer *array, enum value_type type, int64_t value);
void array_add_bytes(struct buffer *array, const void *bytes, size_t length);
void array_add_null(struct buffer *array);

#endif
