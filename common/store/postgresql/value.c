#include "common/store/postgresql/value.h"

#include <endian.h>
#include <string.h>

static int write_integer(unsigned type, int64_t value, char room[VALUE_ROOM])
{
    uint64_t wide = htobe64((uint64_t)value);
    uint32_t narrow = htobe32((uint32_t)value);
    uint16_t short_one = htobe16((uint16_t)value);
    switch (type) {
    case TYPE_INT8:
        memcpy(room, &wide, sizeof(wide));
        return sizeof(wide);
    case TYPE_INT4:
        memcpy(room, &narrow, sizeof(narrow));
        return value == (int32_t)value ? (int)sizeof(narrow) : -1;
    case TYPE_INT2:
        memcpy(room, &short_one, sizeof(short_one));
        return value == (int16_t)value ? (int)sizeof(short_one) : -1;
    case TYPE_BOOL:
        room[0] = value != 0;
        return 1;
    default:
        return -1;
    }
}

static int write_real(double value, char room[VALUE_ROOM])
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    bits = htobe64(bits);
    memcpy(room, &bits, sizeof(bits));
    return sizeof(bits);
}

bool value_write(const struct value *value, unsigned type, char room[VALUE_ROOM],
                 const char **bytes, int *length)
{
    *bytes = room;
    switch (value->kind) {
    case VALUE_NULL:
        *bytes = NULL;
        *length = 0;
        break;
    case VALUE_INTEGER:
        *length = type == TYPE_FLOAT8 ? write_real((double)value->integer, room)
                                      : write_integer(type, value->integer, room);
        break;
    case VALUE_REAL:
        *length = type == TYPE_FLOAT8 ? write_real(value->real, room) : -1;
        break;
    case VALUE_BYTES:
        *bytes = value->bytes;
        *length = type == TYPE_INT8 || type == TYPE_INT4 || type == TYPE_INT2 ? -1 : value->length;
        break;
    }
    return *length >= 0;
}

int64_t value_read_integer(unsigned type, const char *bytes)
{
    uint64_t wide;
    uint32_t narrow;
    uint16_t short_one;
    switch (type) {
    case TYPE_INT8:
        memcpy(&wide, bytes, sizeof(wide));
        return (int64_t)be64toh(wide);
    case TYPE_INT4:
        memcpy(&narrow, bytes, sizeof(narrow));
        return (int32_t)be32toh(narrow);
    case TYPE_INT2:
        memcpy(&short_one, bytes, sizeof(short_one));
        return (int16_t)be16toh(short_one);
    case TYPE_BOOL:
        return bytes[0] != 0;
    case TYPE_FLOAT8:
        return (int64_t)value_read_real(bytes);
    default:
        return 0;
    }
}

double value_read_real(const char *bytes)
{
    uint64_t bits;
    double value;
    memcpy(&bits, bytes, sizeof(bits));
    bits = be64toh(bits);
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* ---- Arrays ---- */

static void add_word(struct buffer *array, uint32_t word)
{
    word = htobe32(word);
    buffer_append(array, (const char *)&word, sizeof(word));
}

void array_begin(struct buffer *array, uint32_t type, size_t count)
{
    enum { DIMENSIONS = 1, MAY_HAVE_NULLS = 1, FIRST = 1 };
    buffer_clear(array);
    add_word(array, DIMENSIONS);
    add_word(array, MAY_HAVE_NULLS);
    add_word(array, type);
    add_word(array, (uint32_t)count);
    add_word(array, FIRST);
}

void array_add_integer(struct buffer *array, enum value_type type, int64_t value)
{
    char room[VALUE_ROOM];
    int length = write_integer(type, value, room);
    if (length > 0)
        array_add_bytes(array, room, (size_t)length);
    else
        array_add_null(array); /* the schema refuses it */
}

void array_add_bytes(struct buffer *array, const void *bytes, size_t length)
{
    add_word(array, (uint32_t)length);
    buffer_append(array, bytes, length);
}

void array_add_null(struct buffer *array)
{
    add_word(array, UINT32_MAX);
}
