/*
 * Writes a manual page (man(7)) from a program's own tables.
 *
 * Texts are plain: troff's special characters are escaped here, and text between backquotes is printed bold. Main thread
 * only.
 */
#ifndef COMMON_BASE_MAN_PAGE_H
#define COMMON_BASE_MAN_PAGE_H

#include "common/base/base.h"

#include <stdio.h>

/* The title, and the section NAME. */
void man_begin(FILE *out, const char *name, int section, const char *purpose);

void man_heading(FILE *out, const char *heading);
void man_subheading(FILE *out, const char *heading);

/* A paragraph. */
void man_text(FILE *out, const char *text);

/* A term, its argument in italics ("": none), and below them its meaning. */
void man_item(FILE *out, const char *term, const char *value, const char *text);

/* Items between the two calls are indented below the item before. */
void man_begin_inner(FILE *out);
void man_end_inner(FILE *out);

/* A line break, and another line of the same paragraph or item. */
void man_line(FILE *out, const char *text);

#endif
