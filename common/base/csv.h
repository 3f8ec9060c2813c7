/*
 * Reading a table of comma-separated values from a peer (RFC 4180). Its first row, the header, names the columns.
 *
 * A row ends with CRLF, LF or CR. The separator is the first comma, semicolon or tab of the header outside quotes. The text
 * is UTF-8, and may begin with a byte order mark. Empty lines after the last row are ignored; a row with nothing but
 * separators and spaces is an empty line.
 *
 * The text is changed while it is read: names and cells are C strings inside it. Any thread, one reader per thread at a time.
 */
#ifndef COMMON_BASE_CSV_H
#define COMMON_BASE_CSV_H

#include "common/base/base.h"

enum { CSV_MAX_COLUMNS = 256, CSV_REASON_SIZE = 200 };

/* Borrowed from the text. Lines are counted from 1; one inside quotes counts too. */
struct csv_reader {
    const char *columns[CSV_MAX_COLUMNS]; /* all different, without spaces around them */
    size_t column_count;
    const char *cells[CSV_MAX_COLUMNS]; /* of the last row, one for each column; spaces are kept */
    size_t line;                        /* where that row begins */
    char separator;
    char *at, *end; /* what has not been read */
    size_t next_line;
};

/* `reason` is the end of a sentence that begins with the line, or with the name of the whole text where `line` is 0. */
struct csv_problem {
    size_t line;
    char reason[CSV_REASON_SIZE];
};

/* Checks the encoding of the whole text and reads the header. `text[length]` must be NUL. The text must live as long as the
   reader, which has nothing to free. False with *problem. */
MUST_CHECK bool csv_open(struct csv_reader *reader, char *text, size_t length,
                         struct csv_problem *problem);

enum csv_step {
    CSV_ROW,
    CSV_END,
    CSV_BAD_ROW, /* with *problem; the rows after it can be read */
    CSV_BROKEN,  /* with *problem; nothing after it can be read */
};

/* Reads the next row into `cells` and `line`. */
MUST_CHECK enum csv_step csv_next(struct csv_reader *reader, struct csv_problem *problem);

/* The column of that name; column_count: there is none. */
size_t csv_find_column(const struct csv_reader *reader, const char *name);

#endif
