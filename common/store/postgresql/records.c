#include "common/store/postgresql/records.h"

#include <endian.h>
#include <string.h>

enum { COUNT_AT = 12, WORD = 4 }; /* behind dimensions, flags and type of an array */

static void put_word(struct records *records, size_t at, uint32_t word)
{
    word = htobe32(word);
    if (!records->bytes.failed)
        memcpy(records->bytes.data + at, &word, sizeof(word));
}

static void add_word(struct records *records, uint32_t word)
{
    word = htobe32(word);
    buffer_append(&records->bytes, &word, sizeof(word));
}

void records_begin(struct records *records, uint32_t type)
{
    if (records->bytes.max_length == 0)
        buffer_init(&records->bytes, INT32_MAX);
    array_begin(&records->bytes, type, 0);
    records->count = 0;
}

void records_fini(struct records *records)
{
    buffer_fini(&records->bytes);
}

void records_begin_row(struct records *records, unsigned column_count)
{
    records->row_at = records->bytes.length;
    add_word(records, 0); /* its length, once it is known */
    add_word(records, column_count);
}

void records_end_row(struct records *records)
{
    put_word(records, records->row_at, (uint32_t)(records->bytes.length - records->row_at - WORD));
    put_word(records, COUNT_AT, (uint32_t)++records->count);
}

static void add_null(struct records *records, enum value_type type)
{
    add_word(records, type);
    array_add_null(&records->bytes);
}

void records_add_integer(struct records *records, enum value_type type, int64_t value)
{
    add_word(records, type);
    array_add_integer(&records->bytes, type, value);
}

void records_add_number(struct records *records, enum value_type type, int64_t value)
{
    if (value != 0)
        records_add_integer(records, type, value);
    else
        add_null(records, type);
}

void records_add_bytes(struct records *records, enum value_type type, const void *bytes,
                       size_t length)
{
    if (!bytes) {
        add_null(records, type);
        return;
    }
    add_word(records, type);
    array_add_bytes(&records->bytes, bytes, length);
}

void records_add_id_if_any(struct records *records, const struct message_id *id)
{
    static const struct message_id none;
    bool any = !message_id_equal(id, &none);
    records_add_bytes(records, TYPE_BYTEA, any ? id->bytes : NULL, MESSAGE_ID_BYTES);
}

void records_add_text(struct records *records, const char *text)
{
    bool any = text && *text;
    records_add_bytes(records, TYPE_TEXT, any ? text : NULL, any ? strlen(text) : 0);
}
