/* Tables of comma-separated values: what is read of them, and how errors are said. */
#include "common/base/buffer.h"
#include "common/base/csv.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { TEXT_SIZE = 4096 };

static void append_row(struct buffer *out, const char *const *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_append_format(out, "[%s]", cells[i]);
}

/* What the text has: "[a][b] 2[1][2]" is a header, and a row in line 2; "2!reason" is a problem there, and "$" the end. */
static char *read_all(const char *bytes, size_t length)
{
    struct csv_reader reader;
    struct csv_problem problem;
    struct buffer out;
    char *text = malloc(length + 1); /* just its size, for sanitizers */
    enum csv_step step = CSV_BAD_ROW;
    assert_non_null(text);
    memcpy(text, bytes, length);
    text[length] = '\0';
    buffer_init(&out, TEXT_SIZE);
    if (!csv_open(&reader, text, length, &problem)) {
        buffer_append_format(&out, "%zu!%s", problem.line, problem.reason);
    } else {
        append_row(&out, reader.columns, reader.column_count);
        while (step == CSV_ROW || step == CSV_BAD_ROW) {
            step = csv_next(&reader, &problem);
            if (step == CSV_END)
                buffer_append_text(&out, " $");
            else
                buffer_append_format(&out, " %zu", step == CSV_ROW ? reader.line : problem.line);
            if (step == CSV_ROW)
                append_row(&out, reader.cells, reader.column_count);
            else if (step != CSV_END)
                buffer_append_format(&out, "!%s", problem.reason);
        }
    }
    free(text);
    return buffer_take(&out);
}

static void check(const char *bytes, size_t length, const char *expected)
{
    char *got = read_all(bytes, length);
    assert_string_equal(got, expected);
    free(got);
}

static void rows_are_read(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"a,b\n1,2\n", "[a][b] 2[1][2] $"},
        {"a,b\r\n1,2", "[a][b] 2[1][2] $"},
        {"a,b\r1,2\r", "[a][b] 2[1][2] $"},
        {"\xef\xbb\xbf"
         "a;b\n1;2,3\n",
         "[a][b] 2[1][2,3] $"},
        {"a\tb\n1\t2;3\n", "[a][b] 2[1][2;3] $"},
        {"\"a;b\",c\n1,2\n", "[a;b][c] 2[1][2] $"},
        {" a ,b c \n 1 ,\n", "[a][b c] 2[ 1 ][] $"},
        {"a,b\n\"1,\"\"x\"\"\",\"\"\n", "[a][b] 2[1,\"x\"][] $"},
        {"a,b\n\"1\n\r\n2\",x\ny,\"\r\"\nz,z", "[a][b] 2[1\n\r\n2][x] 5[y][\r] 7[z][z] $"},
        {"a,b\n\"1\",\"2\"", "[a][b] 2[1][2] $"},
        {"a,b\n\"\",\"\"", "[a][b] 2[][] $"},
        {"a,b", "[a][b] $"},
        {"a,b\n\n \r\n,,\r, ", "[a][b] $"},
        {"a\n\"\"\n", "[a] 2[] $"},
        {"a,\xc3\xa4\n1,\xf0\x9f\x98\x80\n", "[a][\xc3\xa4] 2[1][\xf0\x9f\x98\x80] $"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        check(cases[i].text, strlen(cases[i].text), cases[i].expected);
}

static void problems_are_named_with_their_line(void **state)
{
#define TEXT(text) text, sizeof(text) - 1
    static const struct {
        const char *text;
        size_t length;
        const char *expected;
    } cases[] = {
        {TEXT(""), "1!must have the names of the columns"},
        /* A second byte order mark, no-break spaces and zero-width characters cannot be seen in a name. */
        {TEXT("\xef\xbb\xbf\xef\xbb\xbf"
              "a,\xc2\xa0 b c\xe2\x80\x8b,\"\xe2\x80\xaa"
              "d\xe2\x80\xac \",e\xc2\xa0"
              "f\n1,2,3,4\n"),
         "[a][b c][d][e\xc2\xa0"
         "f] 2[1][2][3][4] $"},
        {TEXT("a,\xc2\xa0\n"), "1!has no name for column 2; name it, or remove it"},
        {TEXT("\n1,2\n"), "1!must have the names of the columns"},
        {TEXT("\xff\xfe"
              "a\0,\0b\0"),
         "0!is encoded in UTF-16 or UTF-32; save it in UTF-8 (Excel: CSV UTF-8)"},
        {TEXT("a\0,\0b\0"),
         "0!is encoded in UTF-16 or UTF-32; save it in UTF-8 (Excel: CSV UTF-8)"},
        {TEXT("\0a\0,"), "0!is encoded in UTF-16 or UTF-32; save it in UTF-8 (Excel: CSV UTF-8)"},
        {TEXT("PK\x03\x04xxxx"),
         "0!is a ZIP archive, as Excel's .xlsx files are; save it as CSV UTF-8"},
        {TEXT("a,b\r\n1,2\r\n3,\0\r\n"), "3!has a NUL (U+0000); remove it"},
        {TEXT("a,b\n1,\"2\n\xe4\"\n"), "3!is not valid UTF-8; is it in Latin-1 or Windows-1252? "
                                       "Save it in UTF-8 (Excel: CSV UTF-8)"},
        {TEXT("a,b,\n"), "1!has no name for column 3; name it, or remove it"},
        {TEXT("sep=;\na;b\n1;2"), "1!tells Excel the separator; remove the line: it is not needed"},
        {TEXT("a,b, a \n"), "1!has the column a twice; rename or remove one"},
        {TEXT("a,b\n1\n2,3\n4,5,6\n7,8"),
         "[a][b] 2!has only 1 cells for 2 columns, separated by a comma 3[2][3]"
         " 4!has 3 cells for 2 columns; put a cell with a comma in quotes 5[7][8] $"},
        {TEXT("a;b\n1,2\n"), "[a][b] 2!has only 1 cells for 2 columns, separated by a semicolon $"},
        {TEXT("a,b\n\n1,2\n"), "[a][b] 2!is empty, and rows follow it; remove it 3[1][2] $"},
        {TEXT("a,b\n,,\n1,2\n"), "[a][b] 2!is empty, and rows follow it; remove it 3[1][2] $"},
        {TEXT("a,b\n1,\"2\n3,4\n"), "[a][b] 2!has a quote that is never closed"},
        {TEXT("a,b\n1,\""), "[a][b] 2!has a quote that is never closed"},
        {TEXT("a,b\n1,\"2\"\""), "[a][b] 2!has a quote that is never closed"},
        {TEXT("a,b\n1,\"2\n\"x\n"), "[a][b] 3!has the letter \"x\" after a closing quote; write a "
                                    "quote inside a cell twice: \"\""},
        {TEXT("a,b\n1, \"2\"\n"), "[a][b] 2!has a quote inside a cell without quotes; put the cell "
                                  "in quotes, without a space"
                                  " before them, and write a quote inside it twice: \"\""},
        {TEXT("\"a,b\n1,2\n"), "1!has a quote that is never closed"},
    };
#undef TEXT
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        check(cases[i].text, cases[i].length, cases[i].expected);
}

static void columns_have_a_limit(void **state)
{
    char text[2 * CSV_MAX_COLUMNS * 4 + 8] = "";
    struct csv_reader reader;
    struct csv_problem problem;
    size_t length = 0;
    (void)state;
    for (int i = 0; i < CSV_MAX_COLUMNS; i++)
        length += (size_t)sprintf(text + length, "%sc%d", i > 0 ? "," : "", i);
    assert_true(csv_open(&reader, text, length, &problem));
    assert_int_equal(reader.column_count, CSV_MAX_COLUMNS);
    assert_int_equal(csv_find_column(&reader, "c255"), 255);
    assert_int_equal(csv_find_column(&reader, "c256"), CSV_MAX_COLUMNS);
    length = 0;
    for (int i = 0; i <= CSV_MAX_COLUMNS; i++)
        length += (size_t)sprintf(text + length, "%sc%d", i > 0 ? "," : "", i);
    assert_false(csv_open(&reader, text, length, &problem));
    assert_string_equal(problem.reason, "has 257 columns; the limit is 256");
}

UNIT_TESTS(cmocka_unit_test(rows_are_read), cmocka_unit_test(problems_are_named_with_their_line),
           cmocka_unit_test(columns_have_a_limit))
