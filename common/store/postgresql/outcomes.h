/*
 * The transactions of this writer whose COMMIT got no answer while the store waited, and what became of them: it is read from the
 * writer's row with the next connection, before any other transaction begins.
 */
#ifndef COMMON_STORE_POSTGRESQL_OUTCOMES_H
#define COMMON_STORE_POSTGRESQL_OUTCOMES_H

#include <stdbool.h>
#include <stdint.h>

enum { OUTCOMES_KEPT = 256 };

/* Zeroed at first. */
struct outcomes {
    int64_t last;                  /* the number of the last such transaction; 0: there was none */
    bool is_open;                  /* its outcome is not known yet */
    unsigned topics;               /* of other nodes, if it was committed */
    bool committed[OUTCOMES_KEPT]; /* by its number modulo that; of older ones nothing is known */
};

/* Another one, while none is open, and what others are to be told of if it was committed: its number, from 1 on. */
int64_t outcomes_open(struct outcomes *outcomes, unsigned topics);
/* The open one, if there is one, was committed or not. The topics that others are to be told of. */
unsigned outcomes_settle(struct outcomes *outcomes, bool committed);
/* False also of one that is not known. */
bool outcomes_was_committed(const struct outcomes *outcomes, int64_t transaction);

#endif
