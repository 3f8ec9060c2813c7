#include "common/store/postgresql/outcomes.h"

int64_t outcomes_open(struct outcomes *outcomes, unsigned topics)
{
    outcomes->is_open = true;
    outcomes->topics = topics;
    outcomes->committed[++outcomes->last % OUTCOMES_KEPT] = false;
    return outcomes->last;
}

unsigned outcomes_settle(struct outcomes *outcomes, bool committed)
{
    if (!outcomes->is_open)
        return 0;
    outcomes->is_open = false;
    outcomes->committed[outcomes->last % OUTCOMES_KEPT] = committed;
    return committed ? outcomes->topics : 0;
}

bool outcomes_was_committed(const struct outcomes *outcomes, int64_t transaction)
{
    return transaction > 0 && transaction <= outcomes->last &&
           transaction > outcomes->last - OUTCOMES_KEPT &&
           outcomes->committed[transaction % OUTCOMES_KEPT];
}
