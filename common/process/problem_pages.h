/* What is made out of the table of errors for nginx to serve. */
#ifndef COMMON_PROCESS_PROBLEM_PAGES_H
#define COMMON_PROCESS_PROBLEM_PAGES_H

#include <stdio.h>

/* The part of nginx's configuration that answers nginx's own errors with problems (gateway-problems.conf). */
void problem_pages_print_nginx(FILE *out);

#endif
