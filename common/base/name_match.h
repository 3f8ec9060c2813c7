/* Names that were probably meant to be another one: for "did you mean". */
#ifndef COMMON_BASE_NAME_MATCH_H
#define COMMON_BASE_NAME_MATCH_H

#include "common/base/base.h"

/* How much a name of capitals and _ looks like a slip of `meant`: 0 for one that is quite another. */
MUST_CHECK int name_match(const char *name, const char *meant);

#endif
