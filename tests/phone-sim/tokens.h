/* The phones' device tokens, from a file: in each line a device id and its token. */
#ifndef TESTS_PHONE_SIM_TOKENS_H
#define TESTS_PHONE_SIM_TOKENS_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/phone.h"

enum { TOKEN_SIZE = 128 };

struct tokens {
    struct token {
        char id[PHONE_ID_SIZE];
        char text[TOKEN_SIZE];
        size_t line; /* of the file: the last of a device counts */
    } * items;       /* by id, the last lines first */
    size_t count;
};

/* No path: none. False after a line on stderr. */
bool tokens_load(struct tokens *tokens, const char *path);
void tokens_free(struct tokens *tokens);

/* NULL for a device that has none. */
const char *tokens_find(const struct tokens *tokens, const char *id);

#endif
