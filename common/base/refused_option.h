/* What to say of an option that getopt_long refused, with opterr 0. Any thread. */
#ifndef COMMON_BASE_REFUSED_OPTION_H
#define COMMON_BASE_REFUSED_OPTION_H

#include "common/base/base.h"
#include "common/base/errmsg.h"

#include <getopt.h>

/* The word of argv that getopt_long returned '?' for. */
const char *refused_option_word(char **argv);

/* "there is no option --x", "--json takes no value", "--p may be --phone-number or --priority" */
void refused_option_say(char **argv, const struct option *options, char errmsg[ERRMSG_SIZE]);

#endif
