/* Similar names, for "did you mean". */
#ifndef COMMON_BASE_NAME_MATCH_H
#define COMMON_BASE_NAME_MATCH_H

#include "common/base/base.h"

/* How similar a name is to `meant`, a name of capitals and _; 0: not similar. */
MUST_CHECK int name_match(const char *name, const char *meant);

#endif
