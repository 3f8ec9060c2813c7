/*
 * Writing a manual page (man(7)), so that it says what a program's own tables say.
 *
 * Texts are plain: whatever means something to troff is escaped here, and what stands between two
 * backquotes is printed bold. Main thread only.
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

/* A term, what follows it in italics ("": nothing), and below them what it means. */
void man_item(FILE *out, const char *term, const char *value, const char *text);

/* What is between them belongs to the item before, and stands below it. */
void man_begin_inner(FILE *out);
void man_end_inner(FILE *out);

/* Another line of a paragraph or of an item, which begins anew on the left. */
void man_line(FILE *out, const char *text);

#endif
