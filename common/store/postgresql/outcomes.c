#include "common/store/postgresql/outcomes.h"

int64_t outcomes_open(struct outcomes *outcomes)
{
    outcomes->is_open = true;
    outcomes->committed[++outcomes->last % OUTCOMES_KEPT] = false;
    return outcomes->last;
}

void outcomes_settle(struct outcomes *outcomes, bool committed)
{
    if (outcomes->is_open)
        outcomes->committed[outcomes->last % OUTCOMES_KEPT] = committed;
    outcomes->is_open = false;
}

bool outcomes_was_committed(const struct outcomes *outcomes, int64_t transaction)
{
    return transaction > 0 && transaction <= outcomes->last &&
           transaction > outcomes->last - OUTCOMES_KEPT &&
           outcomes->committed[transaction % OUTCOMES_KEPT];
}
