/* A table of comma-separated values: every row that is read, written again with quotes, reads the same. */
#include "common/base/buffer.h"
#include "common/base/csv.h"
#include "common/base/utf8.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_BYTES = 1 << 24 };

static void write_row(struct buffer *out, const struct csv_reader *reader, const char *const *cells)
{
    for (size_t i = 0; i < reader->column_count; i++) {
        if (i > 0)
            buffer_append_char(out, reader->separator);
        buffer_append_char(out, '"');
        for (const char *c = cells[i]; *c; c++) {
            if (*c == '"')
                buffer_append_char(out, '"');
            buffer_append_char(out, *c);
        }
        buffer_append_char(out, '"');
    }
    buffer_append_char(out, '\n');
}

static void check_problem(const struct csv_problem *problem, size_t lines)
{
    CHECK(*problem->reason && utf8_valid(problem->reason, strlen(problem->reason)));
    CHECK(problem->line <= lines);
}

/* Writes what is read to `out`. */
static size_t read_rows(char *text, size_t size, size_t lines, struct buffer *out)
{
    struct csv_reader reader;
    struct csv_problem problem = {0};
    enum csv_step step = CSV_BAD_ROW;
    size_t rows = 0;
    if (!csv_open(&reader, text, size, &problem)) {
        check_problem(&problem, lines);
        return 0;
    }
    CHECK(reader.column_count >= 1 && reader.column_count <= CSV_MAX_COLUMNS);
    write_row(out, &reader, reader.columns);
    while (step == CSV_ROW || step == CSV_BAD_ROW) {
        const char *before = reader.at;
        size_t line = reader.line;
        step = csv_next(&reader, &problem);
        CHECK(reader.at >= before && reader.at <= text + size);
        CHECK(reader.line > line || step == CSV_END || rows == 0);
        if (step == CSV_ROW) {
            write_row(out, &reader, reader.cells);
            rows++;
        } else if (step != CSV_END) {
            check_problem(&problem, lines);
        }
    }
    return rows + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = bytes_of(data, size);
    struct buffer first, second;
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n' || data[i] == '\r';
    buffer_init(&first, MAX_BYTES);
    buffer_init(&second, MAX_BYTES);
    size_t rows = read_rows(text, size, lines, &first);
    if (rows > 0 && !first.failed) {
        char *again = bytes_of((const uint8_t *)first.data, first.length);
        CHECK(read_rows(again, first.length, 2 * lines, &second) == rows);
        CHECK(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
        free(again);
    }
    buffer_fini(&second);
    buffer_fini(&first);
    free(text);
    return 0;
}
